//! How often the bytes of a file are copied in this process, stage by stage; the table in the crate's README is the sum.
//!
//! A copy is seen by where bytes lie: what leaves lies in the slab that was read into, or it does not.

use core::ops::Range;
use std::io::Write as _;

use packhorse_buffer::{HeapPool, NoProbe, Storage as _};
use packhorse_link::{Boundaries, FfStuffing, Framing, LengthPrefixed, Transport, TransportError, Unframed};
use packhorse_transfer::HashKind;

use crate::check::FileCheck;
use crate::feed::Ahead;
use crate::inbox::{Existing, Inbox};
use crate::name::SafePath;
use crate::outlet::{Block, Outlet};
use crate::sink::FileSink;
use crate::slab::{Shape, Slab};
use crate::slab_reader::{Job, SlabReader};

/// Notes where the bytes lie that it is given.
struct Spy {
    boundaries: Boundaries,
    places: Vec<Range<usize>>,
    bytes: Vec<u8>,
}

impl Transport for Spy {
    type Error = std::io::Error;

    fn mtu(&self) -> usize {
        65_536
    }
    fn boundaries(&self) -> Boundaries {
        self.boundaries
    }
    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<std::io::Error>> {
        self.send_gather(&[bytes])
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<std::io::Error>> {
        for piece in pieces {
            self.places.push(place(piece));
            self.bytes.extend_from_slice(piece);
        }
        Ok(())
    }
    fn receive(&mut self, _into: &mut [u8]) -> Result<usize, TransportError<std::io::Error>> {
        Ok(0)
    }
}

fn place(bytes: &[u8]) -> Range<usize> {
    let start = bytes.as_ptr().addr();
    start..start + bytes.len()
}

/// Loads a file of two slabs with the given block and says what came, and whether the loader copied.
fn load(block: usize, staged: bool) -> Vec<Slab> {
    let shape = Shape { room: 20, block, tail: 4 };
    let slab = 64 * 1024;
    let per_slab = shape.blocks_in(slab) * block;
    let mut file = tempfile::tempfile().unwrap();
    let bytes: Vec<u8> = (0..2 * per_slab).map(|i| i.to_le_bytes()[0]).collect();
    file.write_all(&bytes).unwrap();
    let pool = HeapPool::new(2, slab);
    let mut reader =
        SlabReader::new(Ahead { shape, slab, slabs: 2, hash: Some(HashKind::Blake3), staged, prompt: true });
    reader.begin(Job::File { file, size: bytes.len() as u64, passes: 1 });
    (0..2).map(|_| reader.next(pool.take().unwrap()).unwrap().slab).collect()
}

/// Sends all blocks of a slab and returns where the bytes lay that the transport was given.
fn sent<F: Framing>(framing: F, boundaries: Boundaries, slab: &mut Slab) -> Vec<Range<usize>> {
    let spy = Spy { boundaries, places: Vec::new(), bytes: Vec::new() };
    let mut outlet = Outlet::<F, Spy, NoProbe>::new(framing, spy);
    for number in slab.first..slab.first + slab.count {
        let (buf, slot) = slab.packet(number).unwrap();
        let (len, room) = (buf.len(), buf.headroom());
        let offset = u64::from(number) * len as u64;
        outlet.packet_in_slab(buf, Block { number, offset, slot, len, room }).unwrap();
    }
    outlet.flush(Some(slab)).unwrap();
    outlet.into_transport().places
}

fn lies_in(places: &[Range<usize>], memory: &[u8]) -> bool {
    let memory = place(memory);
    places.iter().all(|place| memory.start <= place.start && place.end <= memory.end)
}

#[test]
fn in_place_frames_and_packets_leave_from_the_memory_that_the_file_was_read_into() {
    for slab in &mut load(1000, true) {
        let places = sent(LengthPrefixed::new(70_000), Boundaries::Bytes, slab);
        assert!(lies_in(&places, slab.memory()), "no copy on a byte stream");
        let places = sent(Unframed::new(), Boundaries::Packets, slab);
        assert!(lies_in(&places, slab.memory()), "no copy on a packet link");
        assert_eq!(places.len(), slab.count as usize, "a send a packet");
    }
}

#[test]
fn stuffing_copies_every_byte_once() {
    for slab in &mut load(50, false) {
        let places = sent(FfStuffing::new(300), Boundaries::Bytes, slab);
        assert!(places.iter().all(|place| !lies_in(core::slice::from_ref(place), slab.memory())));
        let bytes: usize = places.iter().map(Range::len).sum();
        assert!(bytes > slab.bytes() && bytes < 2 * slab.bytes(), "each byte once, and marks: {bytes}");
    }
}

#[test]
fn large_received_blocks_are_written_from_where_they_were_received_and_small_ones_gathered_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut inbox = Inbox::open(folder.path(), Existing::Replace).unwrap();
    let memory = HeapPool::new(1, 64 * 1024).take().unwrap();
    for (block, copied) in [(4096, 0), (16_384, 0), (50, 500)] {
        let mut sink = FileSink::new(
            inbox.begin(SafePath::from_wire(b"x")).unwrap(),
            FileCheck::plain(HashKind::Blake3),
        );
        let pieces: Vec<&[u8]> = memory.as_slice().chunks(block).take(10).collect();
        sink.write(0, &pieces).unwrap();
        assert_eq!(sink.gathered(), copied, "blocks of {block} bytes");
        let size: usize = pieces.iter().map(|piece| piece.len()).sum();
        sink.finish(size as u64).unwrap();
    }
}

#[test]
fn reading_straight_into_packets_gives_the_same_bytes_as_staging() {
    for block in [50, 1000, 4096] {
        for (staged, direct) in load(block, true).iter().zip(&load(block, false)) {
            assert_eq!((staged.first, staged.count), (direct.first, direct.count));
        }
        let mut files: Vec<Vec<u8>> = Vec::new();
        for staged in [true, false] {
            let mut bytes = Vec::new();
            for slab in &mut load(block, staged) {
                for number in slab.first..slab.first + slab.count {
                    bytes.extend_from_slice(slab.packet(number).unwrap().0.as_slice());
                }
            }
            files.push(bytes);
        }
        assert!(files[0] == files[1] && !files[0].is_empty());
    }
}

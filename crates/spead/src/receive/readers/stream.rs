//! [`StreamReader`]: packets back to back in a stream of bytes: memory, files, pipes, sockets.
//!
//! ```text
//!   slab  |packet|packet|packet|pack           read until something whole is there
//!   next  |pack|et|packet|...                  the beginning of a packet moves to the next slab
//! ```
//! A packet says its own length: 8 + 8 N + PAYLOAD_LENGTH.

use core::ops::Range;
use std::io::{self, ErrorKind, Read};

use packhorse_buffer::{FreshSlab, Slabs};

use super::super::{Batch, Packet, PacketError, Reader, Reason, Stopper};
use crate::wire::{HeaderError, Prefix};

/// Bytes that are skipped to look for the next packet.
const STEP: usize = 8;
/// Slabs have room for several of the longest packets.
const PACKETS_PER_SLAB: usize = 4;
/// Slabs that heaps may keep, one being filled aside.
const SLABS: usize = 64;

/// What to do when bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Skip 8 bytes and try again: for links that may lose their place.
    Skip,
    /// Count it and end: for memory and files, where nothing that follows can be trusted.
    End,
}

/// Reads packets from anything that is `Read`.
#[derive(Debug)]
pub struct StreamReader<R> {
    source: R,
    slabs: Slabs,
    slab: Option<FreshSlab>,
    /// For the case that heaps keep the slab that was lent last.
    spare: Option<FreshSlab>,
    /// The slab is filled up to `filled`, of which everything in front of `start` is dealt with.
    start: usize,
    filled: usize,
    /// The beginning of a packet whose rest was not there yet.
    tail: Vec<u8>,
    found: Vec<Range<usize>>,
    /// Of a packet that is too long, and what else of it is still to come.
    passing: u64,
    max_packet: usize,
    malformed: Malformed,
    ended: bool,
}

impl<T: AsRef<[u8]> + Send> StreamReader<io::Cursor<T>> {
    /// Reads packets from memory, and ends at the first bytes that are none.
    pub fn memory(bytes: T) -> Self {
        Self::new(io::Cursor::new(bytes), Malformed::End)
    }
}

impl<R: Read + Send> StreamReader<R> {
    /// The longest packet that other implementations read from a stream, in bytes.
    pub const MAX_PACKET: usize = 65_536;

    /// Reads packets of up to [`MAX_PACKET`](Self::MAX_PACKET) bytes.
    pub fn new(source: R, malformed: Malformed) -> Self {
        Self::with_max_packet(source, malformed, Self::MAX_PACKET)
    }

    /// Reads packets of up to `max_packet` bytes; longer ones are skipped and counted.
    pub fn with_max_packet(source: R, malformed: Malformed, max_packet: usize) -> Self {
        let max_packet = max_packet.max(Prefix::LEN);
        let slabs = Slabs::new(max_packet.saturating_mul(PACKETS_PER_SLAB), SLABS);
        Self {
            source,
            slabs,
            slab: None,
            spare: None,
            start: 0,
            filled: 0,
            tail: Vec::new(),
            found: Vec::new(),
            passing: 0,
            max_packet,
            malformed,
            ended: false,
        }
    }

    /// Takes back the slab that was lent, or the spare one when heaps keep it.
    fn reclaim(&mut self, batch: &mut Batch) {
        for slab in batch.clear() {
            match slab.try_fresh() {
                Ok(fresh) => self.slab = Some(fresh),
                Err(kept) => {
                    self.slabs.give(kept);
                    self.slab = self.spare.take();
                }
            }
        }
        if let Some(spare) = self.spare.take() {
            self.slabs.give_back(spare);
        }
    }

    /// Finds the packets between `start` and `filled`.
    fn find(&mut self, bytes: &[u8], batch: &mut Batch) {
        while self.start < self.filled {
            let rest = bytes.get(self.start..self.filled).unwrap_or_default();
            if self.passing > 0 {
                let passed = usize::try_from(self.passing).unwrap_or(usize::MAX).min(rest.len());
                self.passing -= passed as u64;
                self.start += passed;
                continue;
            }
            match whole(rest) {
                Whole::Not { packet } if packet <= self.max_packet as u64 => return,
                Whole::Packet(len) if len <= self.max_packet => {
                    self.found.push(self.start..self.start + len);
                    self.start += len;
                }
                Whole::Packet(len) => self.pass(len as u64, batch),
                Whole::Not { packet } => self.pass(packet, batch),
                Whole::No(_) if rest.len() < STEP => return,
                Whole::No(error) => {
                    batch.dropped(error.into());
                    if self.malformed == Malformed::End {
                        self.ended = true;
                        return;
                    }
                    batch.skipped(STEP as u64);
                    self.start += STEP;
                }
            }
        }
    }

    fn pass(&mut self, len: u64, batch: &mut Batch) {
        batch.dropped(Reason::Oversize);
        self.passing = len;
    }
}

/// What the front of a stream is.
enum Whole {
    /// A packet of so many bytes, which are there.
    Packet(usize),
    /// Perhaps a packet; so many bytes are needed to know, or to have it.
    Not { packet: u64 },
    /// No packet.
    No(PacketError),
}

fn whole(bytes: &[u8]) -> Whole {
    match Packet::parse_first(bytes) {
        Ok((packet, _)) => Whole::Packet(packet.len()),
        Err(PacketError::Header(HeaderError::Short { needed, .. })) => Whole::Not { packet: needed as u64 },
        Err(PacketError::PayloadCut { needed, available }) => {
            Whole::Not { packet: (bytes.len() - available) as u64 + needed }
        }
        // The lengths are known, and what they say is that the packet is of no use: the assembler says why.
        Err(error @ PacketError::BeyondHeap { .. }) => {
            Packet::first_len(bytes).map_or(Whole::No(error), Whole::Packet)
        }
        Err(error) => Whole::No(error),
    }
}

impl<R: Read + Send> Reader for StreamReader<R> {
    fn read(&mut self, batch: &mut Batch) -> io::Result<bool> {
        self.reclaim(batch);
        if self.ended {
            return Ok(false);
        }
        let Some(mut slab) = self.slab.take().or_else(|| self.slabs.take()) else {
            return Err(io::Error::from(ErrorKind::OutOfMemory));
        };
        let memory = slab.as_mut_slice();
        if let Some(front) = memory.get_mut(..self.tail.len()) {
            front.copy_from_slice(&self.tail);
        }
        (self.start, self.filled) = (0, self.tail.len());
        self.found.clear();
        let mut passed = 0;
        while self.found.is_empty() && !self.ended && passed < memory.len() {
            if self.start > 0 {
                passed += self.start;
                memory.copy_within(self.start..self.filled, 0);
                (self.start, self.filled) = (0, self.filled - self.start);
            }
            let read = match self.source.read(memory.get_mut(self.filled..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            };
            self.filled += read;
            self.find(memory, batch);
            if read == 0 && !self.ended {
                self.ended = true;
                if self.start < self.filled {
                    batch.dropped(Reason::Short);
                    self.start = self.filled;
                }
            }
        }
        self.tail.clear();
        self.tail.extend_from_slice(memory.get(self.start..self.filled).unwrap_or_default());
        self.spare = self.slabs.take();
        let number = batch.lend(slab.share(), self.spare.is_some());
        self.found.iter().for_each(|range| batch.packet(number, range.clone()));
        Ok(!self.ended)
    }

    fn stopper(&self) -> Stopper {
        // A source that blocks for ever has to be stopped from outside; `TcpReader` does so.
        Stopper::new(|| ())
    }

    fn is_lossy(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use packhorse_testkit::golden;

    use super::*;

    /// Gives its bytes in pieces of changing length.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 % 61 + 7;
            let len = self.1.min(into.len()).min(self.0.len());
            let (now, later) = self.0.split_at(len);
            into[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    /// The packets that a reader finds, and its statistics.
    fn read(
        bytes: &[u8],
        malformed: Malformed,
        max_packet: usize,
    ) -> (Vec<Vec<u8>>, crate::receive::Statistics) {
        let mut reader = StreamReader::with_max_packet(Dribble(bytes, 0), malformed, max_packet);
        let (mut batch, mut packets) = (Batch::default(), Vec::new());
        let mut stats = crate::receive::Statistics::default();
        loop {
            let more = reader.read(&mut batch).unwrap();
            batch.count(&mut stats);
            packets.extend(batch.packets().map(|(slab, range, _)| slab[range].to_vec()));
            if !more {
                return (packets, stats);
            }
        }
    }

    #[test]
    fn packets_are_found_however_the_stream_is_cut() {
        let all: Vec<u8> = golden::spead::all().iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();
        let (packets, stats) = read(&all, Malformed::End, 65_536);
        assert_eq!(packets.concat(), all);
        assert_eq!((packets.len(), stats.dropped.total(), stats.skipped_bytes), (12, 0, 0));
    }

    #[test]
    fn rubbish_between_packets_is_skipped_by_steps_of_eight() {
        let good = golden::spead::named("heap2");
        let stream = [&[0x53; 24][..], good, &[0; 8], good].concat();
        let (packets, stats) = read(&stream, Malformed::Skip, 65_536);
        assert_eq!(packets, [good, good]);
        assert_eq!((stats.skipped_bytes, stats.dropped.total()), (32, 4));
        let (packets, stats) = read(&stream, Malformed::End, 65_536);
        assert_eq!((packets.len(), stats.dropped[Reason::Version]), (0, 1));
    }

    #[test]
    fn rubbish_without_end_is_counted_and_does_not_keep_the_reader() {
        let mut reader = StreamReader::with_max_packet(io::repeat(0), Malformed::Skip, 1000);
        let (mut batch, mut stats) = (Batch::default(), crate::receive::Statistics::default());
        for _ in 0..10 {
            assert!(reader.read(&mut batch).unwrap());
            batch.count(&mut stats);
        }
        assert!(batch.is_empty() && stats.dropped[Reason::Magic] >= 10 * 4000 / 8 - 10, "{stats:?}");
        assert_eq!(stats.skipped_bytes, 8 * stats.dropped[Reason::Magic]);
        assert_eq!(stats.packets, stats.dropped.total());
    }

    #[test]
    fn a_packet_longer_than_allowed_is_skipped_whole() {
        let long = golden::spead::named("heap1");
        let good = golden::spead::named("heap2");
        let (packets, stats) = read(&[long, good, long, good].concat(), Malformed::Skip, 100);
        assert_eq!(packets, [good, good]);
        assert_eq!((stats.dropped[Reason::Oversize], stats.skipped_bytes), (2, 0));
    }

    #[test]
    fn a_packet_that_the_stream_cuts_is_counted() {
        let good = golden::spead::named("heap2");
        for len in 1..good.len() {
            let (packets, stats) = read(&[good, &good[..len]].concat(), Malformed::Skip, 1000);
            assert_eq!((packets.len(), stats.dropped.total()), (1, 1), "{len}");
        }
    }

    #[test]
    fn heaps_that_keep_every_slab_do_not_stop_the_reader() {
        let stream = golden::spead::named("heap2").repeat(4000);
        let mut reader = StreamReader::with_max_packet(&stream[..], Malformed::End, 100);
        let (mut batch, mut kept, mut packets) = (Batch::default(), Vec::new(), 0);
        loop {
            let more = reader.read(&mut batch).unwrap();
            packets += batch.len();
            for (slab, range, may_keep) in batch.packets() {
                assert_eq!(&slab[range.clone()], golden::spead::named("heap2"));
                if may_keep {
                    kept.push(slab.slice(range));
                }
            }
            if !more {
                break;
            }
        }
        assert_eq!(packets, 4000);
        assert!(kept.len() < 4000);
    }
}

//! Chunks and heaps that are not all alike: descriptors, several items, other lengths. No byte leaves its place.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

mod wire;

use core::time::Duration;

use packhorse_spead::receive::chunk::{
    Chunk, ChunkGroup, ChunkOptions, ChunkRing, ChunkStream, Eviction, Place, PlaceRequest,
};
use packhorse_spead::receive::readers::StreamReader;
use packhorse_spead::receive::{NoHeap, Reader, Statistics, StreamConfig};
use packhorse_spead::send::writers::Octets;
use packhorse_spead::send::{self, Sender};
use packhorse_spead::wire::Pointer;
use packhorse_spead::{Descriptor, Flavour, Format, Heap};
use wire::{Plan, payload_byte, split};

const TIMESTAMP: u64 = 0x1600;
const SAMPLES: u64 = 0x3300;
const OTHER: u64 = 0x3301;
const HEAP: usize = 100;
const HEAPS: usize = 4;

fn place(request: &mut PlaceRequest<'_>) -> Option<Place> {
    let time = request.immediate(TIMESTAMP)?;
    let heap = usize::try_from(time).ok()? % HEAPS;
    Some(Place { chunk: time / HEAPS as u64, heap, offset: heap * HEAP, len: HEAP })
}

/// Heap `time`, whose samples are all `time + 1`, as senders make it.
fn heap(time: u64, packet: usize, descriptors: bool, behind: bool) -> Vec<u8> {
    let mut heap = Heap::new(Flavour::SPEAD_64_40);
    if descriptors {
        let format = [Format::unsigned(40)];
        heap.descriptor(&Descriptor::with_format(TIMESTAMP, "timestamp", "of the first", format)).unwrap();
        heap.descriptor(&Descriptor::array::<u8>(SAMPLES, "samples", "of one antenna", &[100])).unwrap();
    }
    heap.immediate(TIMESTAMP, time).addressed(SAMPLES, vec![time.to_le_bytes()[0] + 1; HEAP]);
    if behind {
        heap.addressed(OTHER, vec![99_u8; 60]);
    }
    let config = send::StreamConfig { packet_size: packet, ..send::StreamConfig::default() };
    let mut sender = Sender::new(Octets::new(Vec::new()), &config);
    let mut heap = config.prebuild(&heap).unwrap();
    heap.set_count(Some(time + 1));
    sender.send(&mut heap).unwrap();
    sender.writer().get_ref().clone()
}

fn memory(bytes: Vec<u8>) -> [Box<dyn Reader>; 1] {
    [Box::new(StreamReader::memory(bytes))]
}

/// Flags and data of a chunk.
type Seen = (Vec<u8>, Vec<u8>);

/// All chunks that a stream makes of these packets, and its statistics.
fn chunks(bytes: Vec<u8>, options: ChunkOptions) -> (Vec<Seen>, Statistics) {
    let ring = ChunkRing::new(4, (0..4).map(|_| Chunk::new(HEAPS * HEAP, HEAPS)));
    let stream = ChunkStream::start(StreamConfig::default(), options, &ring, memory(bytes)).unwrap();
    let mut all = Vec::new();
    while let Some(chunk) = ring.next() {
        all.push((chunk.present().to_vec(), chunk.data().to_vec()));
        ring.give(chunk);
    }
    (all, stream.statistics())
}

/// What samples a chunk has where heaps are present.
fn samples((present, data): &Seen) -> Vec<Option<u8>> {
    let of = |slot: &[u8]| {
        assert!(slot.iter().all(|byte| *byte == slot[0]), "shifted: {slot:?}");
        slot[0]
    };
    data.chunks_exact(HEAP).zip(present).map(|(slot, flag)| (*flag == 1).then(|| of(slot))).collect()
}

#[test]
fn an_item_is_placed_wherever_its_heap_carries_descriptors() {
    // In the first heap, the last of a chunk, one that comes late, and in all.
    for with in [&[0_u64][..], &[3], &[1, 6], &[0, 1, 2, 3, 4, 5, 6, 7]] {
        for packet in [1472, 104] {
            for order in [[0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 0, 5, 4, 7, 6]] {
                let bytes: Vec<u8> = order
                    .iter()
                    .flat_map(|time| heap(*time, packet, with.contains(time), time % 3 == 1))
                    .collect();
                let (chunks, stats) = chunks(bytes, ChunkOptions::new(place).item(SAMPLES));
                let all: Vec<Option<u8>> = chunks.iter().flat_map(samples).collect();
                assert_eq!(all, (1..=8).map(Some).collect::<Vec<_>>(), "{with:?} {packet} {order:?}");
                assert_eq!((stats.heaps, stats.wrong_length_heaps, stats.rejected_heaps), (8, 0, 0));
            }
        }
    }
}

#[test]
fn without_an_item_a_heap_of_another_length_is_counted_and_touches_nothing() {
    for (packet, descriptors, behind) in [(1472, true, false), (104, true, false), (1472, false, true)] {
        let bytes = [
            heap(1, packet, false, false),
            heap(0, packet, descriptors, behind),
            heap(2, packet, false, false),
            heap(3, packet, descriptors, behind),
        ];
        let (chunks, stats) = chunks(bytes.concat(), ChunkOptions::new(place));
        assert_eq!(samples(&chunks[0]), [None, Some(2), Some(3), None]);
        assert_eq!((stats.heaps, stats.wrong_length_heaps), (2, 2));
        assert!(chunks[0].1[..HEAP].iter().chain(&chunks[0].1[3 * HEAP..]).all(|byte| *byte == 0));
    }
}

#[test]
fn an_item_that_is_missing_or_of_another_length_has_no_place() {
    let item = |len: usize, id: u64| {
        let plan = Plan::new(1, 100 + 20, 0, &[7; 120]).with(Pointer::immediate(TIMESTAMP, 1));
        let plan = plan.with(Pointer::address(id, 20 - 10));
        plan.with(Pointer::address(OTHER, 10 + len as u64)).bytes()
    };
    for (len, id, counts) in [(100, SAMPLES, (1, 0, 0)), (99, SAMPLES, (0, 1, 0)), (100, 0x3303, (0, 0, 1))] {
        let (_, stats) = chunks(item(len, id), ChunkOptions::new(place).item(SAMPLES));
        assert_eq!((stats.heaps, stats.wrong_length_heaps, stats.rejected_heaps), counts, "{len} {id:#x}");
    }
}

#[test]
fn a_heap_without_a_length_is_measured_at_its_end() {
    for (len, counts) in [(80, (0, 1)), (100, (1, 0)), (130, (0, 1)), (250, (0, 1))] {
        let mut plans: Vec<Plan> = split(1, len, 30).into_iter().map(Plan::unsized_heap).collect();
        plans[0].pointers.push(Pointer::immediate(TIMESTAMP, 1));
        let bytes = plans.iter().flat_map(Plan::bytes).collect();
        let (chunks, stats) = chunks(bytes, ChunkOptions::new(place));
        assert_eq!((stats.heaps, stats.wrong_length_heaps), counts, "{len}");
        let (present, data) = &chunks[0];
        assert_eq!(u64::from(present[1]), counts.0);
        assert!(data[2 * HEAP..].iter().all(|byte| *byte == 0), "{len} wrote into another place");
        if counts.0 == 1 {
            assert!((0..HEAP).all(|at| data[HEAP + at] == payload_byte(1, at)));
        }
    }
}

#[test]
fn packets_of_an_item_behind_others_are_flagged_when_the_heap_is_whole() {
    let place = |_: &mut PlaceRequest<'_>| Some(Place { chunk: 0, heap: 0, offset: 0, len: HEAP });
    let plans = |skip: usize| {
        let mut plans = split(1, HEAP + 15, 25);
        plans[0].pointers = vec![Pointer::address(OTHER, 0), Pointer::address(SAMPLES, 15)];
        plans.remove(skip);
        plans.push(split(2, 10, 10).remove(0));
        plans.iter().flat_map(Plan::bytes).collect::<Vec<u8>>()
    };
    let config = StreamConfig { out_of_order: true, ..StreamConfig::default() };
    let present = |bytes: Vec<u8>| {
        let ring = ChunkRing::new(1, [Chunk::new(HEAP, HEAPS), Chunk::new(HEAP, HEAPS)]);
        let options = ChunkOptions::new(place).item(SAMPLES).packet_presence(25);
        let _stream = ChunkStream::start(config.clone(), options, &ring, memory(bytes)).unwrap();
        ring.next().unwrap().present().to_vec()
    };
    // Packets end at 25, 50, 75, 100, 115 of the payload: at 10, 35, 60, 85, 100 of the item.
    assert_eq!(present(plans(2)), [0, 0, 0, 0]);
    let whole = [plans(4), split(1, HEAP + 15, 25)[4].bytes()].concat();
    assert_eq!(present(whole), [1; 4]);
}

#[test]
fn a_panic_in_the_place_function_ends_the_stream_and_is_told() {
    let bytes: Vec<u8> = (0..8).flat_map(|time| heap(time, 1472, false, false)).collect();
    let ring = ChunkRing::new(4, (0..4).map(|_| Chunk::new(HEAPS * HEAP, HEAPS)));
    let wild = |request: &mut PlaceRequest<'_>| {
        assert!(request.cnt() < 6, "heap 6 is too much");
        place(request)
    };
    let stream =
        ChunkStream::start(StreamConfig::default(), ChunkOptions::new(wild), &ring, memory(bytes)).unwrap();
    let mut heaps = 0;
    loop {
        match ring.next_timeout(Duration::from_secs(20)) {
            Ok(chunk) => heaps += chunk.count(),
            Err(NoHeap::Ended) => break,
            Err(NoHeap::NotYet) => panic!("the ring does not end"),
        }
    }
    assert_eq!(heaps, 5);
    let error = stream.take_error().unwrap().to_string();
    assert!(error.contains("panic") && error.contains("heap 6 is too much"), "{error}");
}

#[test]
fn a_ring_with_fewer_chunks_than_its_windows_hold_is_refused() {
    let ring = ChunkRing::new(4, [Chunk::new(400, 4)]);
    let start = |chunks: usize| {
        let options = ChunkOptions::new(place).max_chunks(chunks);
        ChunkStream::start(StreamConfig::default(), options, &ring, Vec::new())
    };
    let error = start(2).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("1 chunks") && error.to_string().contains("max_chunks"), "{error}");
    ring.give(Chunk::new(400, 4));
    let two = start(2).unwrap();
    assert!(start(1).is_err(), "the other stream's window holds both");
    drop(two);
    // A ring whose last stream has ended stays ended; another takes its chunks.
    let group = ChunkGroup::new(3, 0, Eviction::Lossless, &ring);
    let options = ChunkOptions::new(place);
    assert!(ChunkStream::start_in(&group, StreamConfig::default(), options, Vec::new()).is_err());
    assert!(start(2).is_ok());
}

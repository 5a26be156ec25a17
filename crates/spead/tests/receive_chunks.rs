//! Chunks: heaps where the place function says, windows that move, rings that streams share.

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
use packhorse_spead::receive::{NoHeap, Reader, StreamConfig};
use packhorse_spead::wire::Pointer;
use wire::{Plan, payload_byte, split};

const TIMESTAMP: u64 = 0x1600;
const HEAP: usize = 100;
const HEAPS: usize = 8;

/// Heap `time` belongs to chunk `time / 8`.
fn by_time(request: &mut PlaceRequest<'_>) -> Option<Place> {
    let time = request.immediate(TIMESTAMP)?;
    request.extra.extend(request.cnt().to_be_bytes());
    let heap = usize::try_from(time).ok()? % HEAPS;
    Some(Place { chunk: time / HEAPS as u64, heap, offset: heap * HEAP, len: HEAP })
}

fn ring(chunks: usize) -> ChunkRing {
    ChunkRing::new(4, (0..chunks).map(|_| Chunk::new(HEAPS * HEAP, HEAPS).with_extra(8)))
}

/// The packets of a heap, the first of which says its time.
fn heap(cnt: u64, time: u64, size: usize) -> Vec<Plan> {
    let mut plans = split(cnt, HEAP, size);
    plans[0].pointers.push(Pointer::immediate(TIMESTAMP, time));
    plans
}

fn reader(plans: &[Plan]) -> Vec<Box<dyn Reader>> {
    let bytes: Vec<u8> = plans.iter().flat_map(Plan::bytes).collect();
    vec![Box::new(StreamReader::memory(bytes))]
}

fn start(plans: &[Plan], options: ChunkOptions, ring: &ChunkRing) -> ChunkStream {
    ChunkStream::start(StreamConfig::default(), options, ring, reader(plans)).unwrap()
}

/// Numbers and flags of all chunks, whose heaps are where they belong; gives the chunks back.
fn collect(ring: &ChunkRing) -> Vec<(u64, Vec<u8>)> {
    let mut seen = Vec::new();
    while let Some(chunk) = ring.next() {
        for (index, _) in chunk.present().iter().enumerate().filter(|(_, flag)| **flag == 1) {
            let cnt = u64::from_be_bytes(chunk.extra(index).try_into().unwrap());
            let data = &chunk.data()[index * HEAP..][..HEAP];
            assert!(
                data.iter().enumerate().all(|(at, byte)| *byte == payload_byte(cnt, at)),
                "{chunk:?} {index}"
            );
        }
        seen.push((chunk.id(), chunk.present().to_vec()));
        ring.give(chunk);
    }
    seen
}

#[test]
fn heaps_of_one_and_of_several_packets_come_to_their_places() {
    for size in [100, 40, 7] {
        let plans: Vec<Plan> = (0..40).flat_map(|time| heap(time + 1, time, size)).collect();
        let ring = ring(4);
        let stream = start(&plans, ChunkOptions::new(by_time), &ring);
        let chunks = collect(&ring);
        assert_eq!(chunks, (0..5).map(|id| (id, vec![1; HEAPS])).collect::<Vec<_>>());
        assert_eq!((stream.statistics().heaps, stream.statistics().dropped.total()), (40, 0));
    }
}

#[test]
fn what_is_missing_is_not_present_and_recycled_chunks_forget() {
    let times = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 19, 33];
    let plans: Vec<Plan> = times.iter().flat_map(|time| heap(time + 1, *time, 50)).collect();
    let ring = ring(2);
    let _stream = start(&plans, ChunkOptions::new(by_time).max_chunks(1), &ring);
    let wanted = [
        (0, vec![1; 8]),
        (1, vec![1, 0, 1, 0, 1, 0, 1, 0]),
        (2, vec![0, 1, 0, 1, 0, 0, 0, 0]),
        (4, vec![0, 1, 0, 0, 0, 0, 0, 0]),
    ];
    assert_eq!(collect(&ring), wanted);
}

#[test]
fn late_heaps_find_their_chunk_while_the_window_has_it() {
    let times = [0, 8, 1, 16, 9, 2, 24, 17, 10];
    let plans: Vec<Plan> = times.iter().flat_map(|time| heap(time + 1, *time, 100)).collect();
    let ring = ring(4);
    let stream = start(&plans, ChunkOptions::new(by_time).max_chunks(2), &ring);
    let present = |id: u64, flags: &[usize]| {
        (id, (0..HEAPS).map(|index| u8::from(flags.contains(&index))).collect::<Vec<_>>())
    };
    assert_eq!(
        collect(&ring),
        [present(0, &[0, 1]), present(1, &[0, 1]), present(2, &[0, 1]), present(3, &[0])]
    );
    assert_eq!(stream.statistics().too_old_heaps, 2);
}

#[test]
fn heaps_that_are_not_wanted_or_do_not_fit_are_counted_once() {
    let mut plans: Vec<Plan> = heap(1, 0, 30);
    // No timestamp, several packets.
    plans.extend(split(2, HEAP, 30));
    let ring = ring(2);
    let too_far = |request: &mut PlaceRequest<'_>| {
        let place = by_time(request)?;
        Some(if request.cnt() == 3 { Place { offset: usize::MAX - 10, ..place } } else { place })
    };
    plans.extend(heap(3, 1, 30));
    plans.extend(heap(4, 2, 30));
    let stream = start(&plans, ChunkOptions::new(too_far), &ring);
    assert_eq!(collect(&ring), [(0, vec![1, 0, 1, 0, 0, 0, 0, 0])]);
    assert_eq!(stream.statistics().rejected_heaps, 2);
}

#[test]
fn a_hostile_chunk_number_is_no_work_and_no_overflow() {
    let plans: Vec<Plan> = (0..4).flat_map(|time| heap(time + 1, time, 100)).collect();
    let ring = ring(3);
    let far = |request: &mut PlaceRequest<'_>| {
        let place = by_time(request)?;
        Some(Place {
            chunk: [0, u64::MAX - 1, u64::MAX, 5][usize::try_from(request.cnt()).ok()? - 1],
            ..place
        })
    };
    let stream = start(&plans, ChunkOptions::new(far), &ring);
    let ids: Vec<u64> = collect(&ring).into_iter().map(|(id, _)| id).collect();
    assert_eq!((ids, stream.statistics().too_old_heaps), (vec![0, u64::MAX - 1], 2));
}

#[test]
fn presence_can_be_told_of_packets() {
    let options = ChunkOptions::new(|request: &mut PlaceRequest<'_>| {
        Some(Place { chunk: 0, heap: 4 * usize::try_from(request.cnt()).ok()?, offset: 0, len: HEAP })
    });
    let mut plans = split(1, HEAP, 30);
    plans.remove(2);
    let ring = ring(2);
    let config = StreamConfig { out_of_order: true, ..StreamConfig::default() };
    let _stream = ChunkStream::start(config, options.packet_presence(30), &ring, reader(&plans)).unwrap();
    assert_eq!(ring.next().unwrap().present(), [0, 0, 0, 0, 1, 1, 0, 1]);
}

#[test]
fn streams_share_a_ring_and_it_ends_with_the_last() {
    let ring = ring(6);
    let plans =
        |from: u64| -> Vec<Plan> { (from..from + 80).flat_map(|time| heap(time + 1, time, 50)).collect() };
    let streams: Vec<ChunkStream> = (0..2_u64)
        .map(|number| start(&plans(number * 800), ChunkOptions::new(by_time).stream_id(number), &ring))
        .collect();
    let mut chunks = collect(&ring);
    chunks.sort();
    let wanted: Vec<(u64, Vec<u8>)> = (0..10).chain(100..110).map(|id| (id, vec![1; HEAPS])).collect();
    assert_eq!(chunks, wanted);
    drop(streams);
}

#[test]
fn a_lossless_group_fills_chunks_from_several_streams_and_loses_nothing() {
    for round in 0..20_u64 {
        let ring = ring(5);
        let group = ChunkGroup::new(3, 9, Eviction::Lossless, &ring);
        let streams: Vec<ChunkStream> = (0..2_u64)
            .map(|number| {
                let times = (0..160).filter(|time| time % 2 == number);
                let plans: Vec<Plan> = times.flat_map(|time| heap(time + 1, time, 50)).collect();
                let options = ChunkOptions::new(by_time).max_chunks(1 + usize::try_from(round % 2).unwrap());
                ChunkStream::start_in(&group, StreamConfig::default(), options, Vec::new())
                    .map(|stream| (stream, plans))
            })
            .collect::<Result<Vec<_>, _>>()
            .unwrap()
            .into_iter()
            .map(|(stream, plans)| {
                let bytes: Vec<u8> = plans.iter().flat_map(Plan::bytes).collect();
                stream.add_reader(StreamReader::memory(bytes)).unwrap();
                stream
            })
            .collect();
        let chunks = collect(&ring);
        assert_eq!(chunks, (0..20).map(|id| (id, vec![1; HEAPS])).collect::<Vec<_>>());
        assert!(streams.iter().all(|stream| stream.statistics().too_old_heaps == 0));
    }
}

#[test]
fn a_lossy_group_does_not_wait_for_a_stream_that_is_silent() {
    let ring = ring(4);
    let group = ChunkGroup::new(2, 0, Eviction::Lossy, &ring);
    let start = |plans: &[Plan]| {
        ChunkStream::start_in(&group, StreamConfig::default(), ChunkOptions::new(by_time), reader(plans))
            .unwrap()
    };
    let silent =
        ChunkStream::start_in(&group, StreamConfig::default(), ChunkOptions::new(by_time), Vec::new())
            .unwrap();
    let plans: Vec<Plan> = (0..80).flat_map(|time| heap(time + 1, time, 50)).collect();
    let busy = start(&plans);
    let mut ids = Vec::new();
    while ids.len() < 8 {
        let chunk = ring.next().unwrap();
        ids.push(chunk.id());
        ring.give(chunk);
    }
    drop(busy);
    drop(silent);
    while let Some(chunk) = ring.next() {
        ids.push(chunk.id());
    }
    assert_eq!(ids, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_stream_without_chunks_waits_and_can_be_stopped() {
    let plans: Vec<Plan> = (0..80).flat_map(|time| heap(time + 1, time, 100)).collect();
    let ring = ring(1);
    let stream = start(&plans, ChunkOptions::new(by_time).max_chunks(1), &ring);
    let first = ring.next().unwrap();
    assert_eq!(first.id(), 0);
    assert_eq!(ring.next_timeout(Duration::from_millis(30)).unwrap_err(), NoHeap::NotYet);
    stream.stop();
    assert!(stream.statistics().too_old_heaps > 0);
    drop(first);
    drop(stream);
    assert!(ring.next().is_none());
}

#[test]
fn a_stream_whose_ring_is_full_can_be_stopped() {
    let plans: Vec<Plan> = (0..800).flat_map(|time| heap(time + 1, time, 100)).collect();
    let ring = ChunkRing::new(1, (0..10).map(|_| Chunk::new(HEAPS * HEAP, HEAPS)));
    let stream = start(&plans, ChunkOptions::new(by_time), &ring);
    std::thread::sleep(Duration::from_millis(30));
    drop(stream);
    assert!(ring.next().is_some() && ring.next().is_none());
}

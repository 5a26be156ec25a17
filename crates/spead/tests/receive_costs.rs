//! Receiving allocates nothing once it runs: a counting allocator watches, on every path.

#![allow(clippy::unwrap_used)] // all of it is tests

mod wire;

use packhorse_buffer::{SharedSlab, Slabs};
use packhorse_spead::receive::chunk::{Chunk, ChunkOptions, ChunkRing, ChunkStream, Place, PlaceRequest};
use packhorse_spead::receive::readers::InProcessReader;
use packhorse_spead::receive::{Batch, DirectStream, Reader, RingOptions, RingStream, Stopper, StreamConfig};
use packhorse_testkit::allocator::{CountingAllocator, Counts, measure, measure_process};
use wire::{Plan, split};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Lends the same slab again and again: a source that costs nothing.
struct Again {
    slab: SharedSlab,
    ranges: Vec<core::ops::Range<usize>>,
}

impl Again {
    fn new(plans: &[Plan]) -> Self {
        let bytes: Vec<Vec<u8>> = plans.iter().map(Plan::bytes).collect();
        let mut fresh = Slabs::new(bytes.concat().len(), 1).take().unwrap();
        fresh.as_mut_slice().copy_from_slice(&bytes.concat());
        let mut start = 0;
        let ranges = bytes
            .iter()
            .map(|packet| {
                start += packet.len();
                start - packet.len()..start
            })
            .collect();
        Self { slab: fresh.share(), ranges }
    }
}

impl Reader for Again {
    fn read(&mut self, batch: &mut Batch) -> std::io::Result<bool> {
        batch.clear().for_each(drop);
        let number = batch.lend(self.slab.clone(), true);
        self.ranges.iter().for_each(|range| batch.packet(number, range.clone()));
        Ok(true)
    }

    fn stopper(&self) -> Stopper {
        Stopper::new(|| ())
    }

    fn is_lossy(&self) -> bool {
        false
    }
}

#[test]
fn heaps_of_one_and_of_several_packets_allocate_nothing() {
    let one: Vec<Plan> = (0..8).flat_map(|cnt| split(cnt, 1000, 1000)).collect();
    let several: Vec<Plan> = (0..8).flat_map(|cnt| split(cnt, 1000, 300)).collect();
    for (plans, out_of_order) in [(one, false), (several.clone(), false), (several, true)] {
        let config = StreamConfig { out_of_order, ..StreamConfig::default() };
        let mut stream = DirectStream::new(Again::new(&plans), config, &RingOptions::default());
        let mut take = |heaps: usize| {
            for _ in 0..heaps {
                let heap = stream.next_heap().unwrap().unwrap();
                assert_eq!(heap.item(0x3300).unwrap().len(), 1000);
                assert_eq!(heap.items().count(), 1);
            }
        };
        take(100);
        assert_eq!(measure(|| take(1000)), Counts::NONE, "out of order: {out_of_order}");
    }
}

#[test]
fn chunks_go_round_without_allocating() {
    let plans: Vec<Plan> = (0..16).flat_map(|cnt| split(cnt, 1000, 400)).collect();
    let ring = ChunkRing::new(4, (0..6).map(|_| Chunk::new(8000, 8)));
    let mut heaps = 0_u64;
    let place = move |_: &mut PlaceRequest<'_>| {
        heaps += 1;
        let heap = usize::try_from((heaps - 1) % 8).ok()?;
        Some(Place { chunk: (heaps - 1) / 8, heap, offset: heap * 1000, len: 1000 })
    };
    let reader: Box<dyn Reader> = Box::new(Again::new(&plans));
    let stream =
        ChunkStream::start(StreamConfig::default(), ChunkOptions::new(place), &ring, [reader]).unwrap();
    let take = |chunks: usize| {
        for _ in 0..chunks {
            let chunk = ring.next().unwrap();
            assert_eq!(chunk.count(), 8);
            ring.give(chunk);
        }
    };
    take(50);
    // Other tests of this program allocate beside it: the least of some tries is what this one needs.
    let least = (0..20).map(|_| measure_process(|| take(50)).allocations).min();
    assert_eq!(least, Some(0));
    drop(stream);
}

#[test]
fn a_ring_stream_from_the_same_process_allocates_nothing() {
    let (mut sender, receiver) = packhorse_spead::in_process::queue(4, 16_384);
    let packets: Vec<Vec<u8>> = split(1, 1000, 1000).iter().map(Plan::bytes).collect();
    let thread = std::thread::spawn(move || {
        while packets.iter().all(|packet| sender.put(packet.len(), [&packet[..]].into_iter()).is_ok()) {}
    });
    let mut stream = RingStream::of(InProcessReader::new(receiver)).unwrap();
    let mut take = |heaps: usize| {
        for _ in 0..heaps {
            assert!(stream.next().unwrap().is_in_place());
        }
    };
    take(20_000);
    let least = (0..20).map(|_| measure_process(|| take(500)).allocations).min();
    assert_eq!(least, Some(0));
    drop(stream);
    thread.join().unwrap();
}

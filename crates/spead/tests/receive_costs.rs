//! Receiving allocates nothing once it runs: a counting allocator watches, on every path.

#![allow(clippy::unwrap_used)] // all of it is tests

mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

use packhorse_buffer::{SharedSlab, Slabs};
use packhorse_spead::receive::chunk::{Chunk, ChunkOptions, ChunkRing, ChunkStream, Place, PlaceRequest};
use packhorse_spead::receive::readers::InProcessReader;
use packhorse_spead::receive::{Batch, DirectStream, Reader, RingOptions, RingStream, Stopper, StreamConfig};
use packhorse_spead::wire::Pointer;
use packhorse_testkit::allocator::{CountingAllocator, Counts, measure, measure_process};
use wire::{Plan, split};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The tests whose threads are counted, and what would disturb them, run one by one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

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
    let _alone = alone();
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

/// Adds `items` immediates to the first packet of each heap.
fn with_items(plans: Vec<Plan>, items: u64, descending: bool) -> Vec<Plan> {
    let id = |n: u64| 0x1000 + if descending { items - n } else { n };
    let add = |plan: Plan| (0..items).fold(plan, |plan, n| plan.with(Pointer::immediate(id(n), n)));
    plans.into_iter().map(|plan| if plan.offset == 0 { add(plan) } else { plan }).collect()
}

#[test]
fn many_items_allocate_nothing_either() {
    let _alone = alone();
    for (size, items, descending) in
        [(1000, 40, false), (300, 40, false), (1000, 40, true), (300, 100, false), (300, 100, true)]
    {
        let plans: Vec<Plan> = (0..8).flat_map(|cnt| split(cnt, 1000, size)).collect();
        let reader = Again::new(&with_items(plans, items, descending));
        let mut stream = DirectStream::new(reader, StreamConfig::default(), &RingOptions::default());
        let mut take = |heaps: usize| {
            for _ in 0..heaps {
                let heap = stream.next_heap().unwrap().unwrap();
                assert_eq!(heap.items().count() as u64, items + 1);
                assert_eq!(heap.item(0x3300).unwrap().len(), 1000);
            }
        };
        take(100);
        assert_eq!(measure(|| take(200)), Counts::NONE, "{items} items, packets of {size}, {descending}");
    }
}

#[test]
fn a_batch_of_many_heaps_allocates_nothing() {
    let _alone = alone();
    // What the kernel may bring at once: sixteen messages of 64 KiB.
    for heaps in [128, 700] {
        let plans: Vec<Plan> = (0..heaps).flat_map(|cnt| split(cnt, 8192, 1366)).collect();
        for out_of_order in [false, true] {
            let config = StreamConfig { out_of_order, ..StreamConfig::default() };
            let mut stream = DirectStream::new(Again::new(&plans), config, &RingOptions::default());
            let mut take = |heaps: u64| {
                for _ in 0..heaps {
                    assert_eq!(stream.next_heap().unwrap().unwrap().payload().len(), 8192);
                }
            };
            take(3 * heaps);
            assert_eq!(measure(|| take(3 * heaps)), Counts::NONE, "{heaps} heaps a batch, {out_of_order}");
        }
        let reader: Box<dyn Reader> = Box::new(Again::new(&plans));
        let mut stream =
            RingStream::start(StreamConfig::default(), &RingOptions::default(), [reader]).unwrap();
        let mut take = |heaps: u64| (0..heaps).for_each(|_| assert!(stream.next().is_some()));
        take(5 * heaps);
        let least = (0..20).map(|_| measure_process(|| take(heaps)).allocations).min();
        assert_eq!(least, Some(0), "{heaps} heaps a batch");
    }
}

#[test]
fn heaps_without_a_length_allocate_nothing() {
    let _alone = alone();
    let unsized_heaps = (0..8).flat_map(|cnt| split(cnt, 1000, 300)).map(Plan::unsized_heap);
    let plans: Vec<Plan> = unsized_heaps.collect();
    let config = StreamConfig { out_of_order: true, ..StreamConfig::default() };
    let mut stream = DirectStream::new(Again::new(&plans), config, &RingOptions::default());
    let mut take = |heaps: usize| (0..heaps).for_each(|_| assert!(stream.next_heap().unwrap().is_some()));
    take(100);
    assert_eq!(measure(|| take(1000)), Counts::NONE);
}

#[test]
fn chunks_go_round_without_allocating() {
    let _alone = alone();
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
    // The harness allocates when a test ends: the least of some tries is what this one needs.
    let least = (0..20).map(|_| measure_process(|| take(50)).allocations).min();
    assert_eq!(least, Some(0));
    drop(stream);
}

#[test]
fn a_ring_stream_from_the_same_process_allocates_nothing() {
    let _alone = alone();
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

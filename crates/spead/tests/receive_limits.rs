//! What hostile packets cannot do: memory stays within the limits of the stream, whatever lengths say.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use packhorse_spead::receive::readers::StreamReader;
use packhorse_spead::receive::{
    Allocator, DirectStream, Heap, HeapMemory, Packet, Reason, RingOptions, StreamConfig,
};
use packhorse_spead::wire::Pointer;
use wire::{Plan, receive, split};

/// Allocates, and knows how much of it is in use now and was at most.
#[derive(Default)]
struct Watched {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Allocator for Watched {
    fn allocate(&self, len: usize, _packet: &Packet<'_>) -> HeapMemory {
        let now = self.now.fetch_add(len, Ordering::Relaxed) + len;
        self.peak.fetch_max(now, Ordering::Relaxed);
        HeapMemory::new(len)
    }

    fn free(&self, memory: HeapMemory) {
        self.now.fetch_sub(memory.len(), Ordering::Relaxed);
    }
}

const LONGEST: usize = 1 << 20;

fn config() -> StreamConfig {
    StreamConfig {
        max_heap_length: LONGEST,
        max_memory: 2 * LONGEST,
        out_of_order: true,
        ..StreamConfig::default()
    }
}

fn watched(incomplete: bool) -> (Arc<Watched>, RingOptions) {
    let watched = Arc::new(Watched::default());
    let allocator: Arc<dyn Allocator> = Arc::clone(&watched) as Arc<dyn Allocator>;
    let options =
        RingOptions { allocator: Some(allocator), incomplete, ranges: incomplete, ..RingOptions::default() };
    (watched, options)
}

#[test]
fn incomplete_heaps_take_no_more_memory_than_arrived_of_them() {
    let plans: Vec<Plan> = (0..70).map(|cnt| Plan::new(cnt, LONGEST as u64, 10, &[7])).collect();
    let (watched, options) = watched(true);
    let (heaps, stats) = receive(&config(), &options, &plans);
    assert_eq!((heaps.len(), stats.dropped.total()), (70, 0));
    for heap in &heaps {
        assert_eq!((heap.length(), heap.received()), (Some(LONGEST as u64), 1));
        assert_eq!(heap.ranges().first(), Some(&(10..11)));
        assert_eq!(heap.payload(), [&[0; 10][..], &[7]].concat());
    }
    let peak = watched.peak.load(Ordering::Relaxed);
    assert!(peak <= 2 * LONGEST + 70 * 11, "{peak}");
    drop(heaps);
    assert_eq!(watched.now.load(Ordering::Relaxed), 0);
}

#[test]
fn heaps_that_the_user_keeps_count_until_they_are_dropped() {
    // The last byte arrives first: all of the heap's memory is needed.
    let far = |cnt| Plan::new(cnt, LONGEST as u64, LONGEST as u64 - 1, &[7]);
    let whole = |cnt| split(cnt, LONGEST, LONGEST / 2);
    let plans = [(0..70).map(far).collect::<Vec<_>>(), (70..80).flat_map(whole).collect()].concat();
    let bytes: Vec<u8> = plans.iter().flat_map(Plan::bytes).collect();
    let (watched, options) = watched(true);
    let reader =
        StreamReader::with_max_packet(&bytes[..], packhorse_spead::receive::readers::Malformed::End, LONGEST);
    let mut stream = DirectStream::new(reader, config(), &options);
    let mut kept: Vec<Heap> = Vec::new();
    let mut seen = 0;
    while let Some(heap) = stream.next_heap().unwrap() {
        seen += 1;
        kept.push(heap);
        if kept.len() == 2 {
            kept.clear();
        }
    }
    let (peak, stats) = (watched.peak.load(Ordering::Relaxed), stream.statistics());
    assert!(peak <= 2 * LONGEST, "{peak} {stats:?}");
    assert!(seen >= 2 && stats.dropped[Reason::MemoryLimit] > 0, "{seen} {stats:?}");
    drop((kept, stream));
    assert_eq!(watched.now.load(Ordering::Relaxed), 0);
}

#[test]
fn a_stream_goes_on_when_the_user_drops_what_it_kept() {
    let (_, options) = watched(false);
    let config = StreamConfig { max_memory: 5000, ..config() };
    let plans: Vec<Plan> = (0..20).flat_map(|cnt| split(cnt, 1000, 600)).collect();
    let bytes: Vec<u8> = plans.iter().flat_map(Plan::bytes).collect();
    // A packet a read, so that heaps come one at a time.
    struct Slow<'a>(&'a [u8]);
    impl std::io::Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let len = Packet::parse_first(self.0).map_or(0, |(packet, _)| packet.len());
            into[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }
    let reader = StreamReader::new(Slow(&bytes), packhorse_spead::receive::readers::Malformed::End);
    let mut stream = DirectStream::new(reader, config, &options);
    let mut kept: Vec<Heap> = (0..5).map(|_| stream.next_heap().unwrap().unwrap()).collect();
    // Five are all that fits: as long as they are kept, nothing else can come.
    kept.truncate(3);
    let rest = stream.by_ref().filter(Result::is_ok).count();
    assert_eq!((rest, stream.statistics().dropped.total()), (15, 0));
    drop(kept);
}

#[test]
fn a_heap_that_can_never_fit_evicts_nobody() {
    let config = StreamConfig { max_memory: 1000, ..config() };
    let plans =
        [Plan::new(1, 20, 0, &[1; 10]), Plan::new(9, 5000, 0, &[1; 10]), Plan::new(1, 20, 10, &[1; 10])];
    let (heaps, stats) = receive(&config, &RingOptions::default(), &plans);
    assert_eq!((heaps.len(), stats.dropped[Reason::MemoryLimit], stats.incomplete_heaps_evicted), (1, 1, 0));
}

#[test]
fn limits_hold_for_heaps_of_one_packet_too() {
    let config = StreamConfig { max_heap_length: 1000, max_items: 10, ..config() };
    let (heaps, stats) = receive(&config, &RingOptions::default(), &split(1, 1001, 1001));
    assert_eq!((heaps.len(), stats.dropped[Reason::HeapTooLong]), (0, 1));
    let items = |count: u64| {
        let plan = Plan::new(1, 10, 0, &[1; 10]);
        vec![(0..count).fold(plan, |plan, n| plan.with(Pointer::immediate(0x1000 + n, n)))]
    };
    let (heaps, stats) = receive(&config, &RingOptions::default(), &items(11));
    assert_eq!((heaps.len(), stats.dropped[Reason::TooManyItems]), (0, 1));
    assert_eq!(receive(&config, &RingOptions::default(), &items(10)).0.len(), 1);
}

#[test]
fn a_heap_without_a_length_grows_within_the_limit() {
    let config = StreamConfig { max_memory: 100_000, out_of_order: false, ..config() };
    let plans: Vec<Plan> =
        (0..100).map(|n| Plan::new(1, 0, n * 1000, &[n as u8; 1000]).unsized_heap()).collect();
    let (watched, options) = watched(false);
    let (heaps, stats) = receive(&config, &options, &plans);
    let peak = watched.peak.load(Ordering::Relaxed);
    assert!(peak <= 100_000, "{peak}");
    // While it moves, the heap is there twice: half of the limit is the longest.
    assert!(heaps[0].payload().len() >= 40_000, "{heaps:?}");
    assert!(stats.dropped[Reason::MemoryLimit] > 0);
}

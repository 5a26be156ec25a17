//! What a stream makes of packets: the rules of the wire, one by one.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

mod wire;

use packhorse_spead::Flavour;
use packhorse_spead::receive::readers::StreamReader;
use packhorse_spead::receive::{
    DirectStream, Heap, MemoryPool, PoolConfig, Reason, RingOptions, RingStream, Statistics, StreamConfig,
};
use packhorse_spead::wire::{Pointer, id};
use packhorse_testkit::golden;
use wire::{Plan, payload_byte, receive, split};

fn config() -> StreamConfig {
    StreamConfig::default()
}

fn any_order() -> StreamConfig {
    StreamConfig { out_of_order: true, ..config() }
}

fn incomplete() -> RingOptions {
    RingOptions { incomplete: true, ranges: true, ..RingOptions::default() }
}

fn run(config: &StreamConfig, plans: &[Plan]) -> (Vec<Heap>, Statistics) {
    receive(config, &RingOptions::default(), plans)
}

fn counts(heaps: &[Heap]) -> Vec<u64> {
    heaps.iter().map(Heap::cnt).collect()
}

/// The items of a captured stream: identifier and length.
fn items_of(name: &str) -> Vec<Vec<(u64, usize)>> {
    let reader = StreamReader::memory(golden::spead::named(name));
    let stream = DirectStream::new(reader, config(), &RingOptions::default());
    stream.map(|heap| heap.unwrap().items().map(|item| (item.id, item.bytes.len())).collect()).collect()
}

#[test]
fn captured_heaps_have_the_items_that_were_sent() {
    assert_eq!(items_of("heap2"), [[(0x1600, 5), (0x3300, 16)]]);
    assert_eq!(items_of("split"), [[(0x1600, 5), (0x3300, 100), (0x3301, 7)]]);
    assert_eq!(items_of("split_repeat"), items_of("split"));
    let immediates: Vec<(u64, usize)> = (0x1000..0x100A).map(|id| (id, 5)).collect();
    assert_eq!(items_of("imm_pad"), [immediates]);
    assert_eq!(items_of("stop"), [[(0, 0); 0]; 0]);
    let with_descriptors = &items_of("heap1")[0];
    assert_eq!(with_descriptors.iter().filter(|(item, _)| *item == id::DESCRIPTOR).count(), 2);
}

#[test]
fn a_heap_of_one_packet_stays_where_it_arrived() {
    let (heaps, stats) = run(&config(), &[split(1, 100, 100), split(2, 100, 60)].concat());
    assert!(heaps[0].is_in_place() && !heaps[1].is_in_place());
    assert_eq!((stats.heaps, stats.single_packet_heaps, stats.copied_heaps), (2, 1, 0));
    for heap in &heaps {
        assert!(heap.payload().iter().enumerate().all(|(at, byte)| *byte == payload_byte(heap.cnt(), at)));
        assert_eq!(heap.item(0x3300).unwrap().len(), 100);
    }
}

#[test]
fn every_flavour_is_received() {
    for flavour in Flavour::all() {
        let plans: Vec<Plan> = split(3, 90, 40).into_iter().map(|plan| Plan { flavour, ..plan }).collect();
        let known = Pointer::immediate(0x21, 7);
        let plans: Vec<Plan> = plans
            .into_iter()
            .map(|plan| {
                // Identifiers of 0x3300 do not fit in every flavour.
                let pointers = plan.pointers.iter().map(|p| Pointer { id: 0x22, ..*p }).collect();
                Plan { pointers, ..plan }.with(known)
            })
            .collect();
        let (heaps, stats) = run(&config(), &plans);
        assert_eq!((heaps.len(), heaps[0].flavour()), (1, flavour), "{stats:?}");
        assert_eq!((heaps[0].immediate(0x21), heaps[0].item(0x22).unwrap().len()), (Some(7), 90));
        assert_eq!(heaps[0].item(0x21).unwrap().len(), flavour.address_bytes());
    }
}

#[test]
fn in_order_a_gap_loses_the_heap_and_any_order_takes_all() {
    let mut plans = split(1, 100, 10);
    plans.swap(3, 6);
    let (heaps, stats) = run(&config(), &plans);
    assert!(heaps.is_empty());
    // Of 3 to 9 only the two that were swapped came too soon or fit nowhere; what follows is never the next.
    assert_eq!((stats.dropped[Reason::OutOfOrder], stats.incomplete_heaps_flushed), (6, 1));
    plans.reverse();
    let (heaps, stats) = run(&any_order(), &plans);
    assert_eq!((heaps.len(), stats.dropped.total()), (1, 0));
    assert!(heaps[0].payload().iter().enumerate().all(|(at, byte)| *byte == payload_byte(1, at)));
    assert_eq!(heaps[0].item(0x3300).unwrap().len(), 100);
}

#[test]
fn what_came_already_is_dropped() {
    for config in [config(), any_order()] {
        let mut plans = split(1, 100, 10);
        plans.insert(4, plans[2].clone());
        let (heaps, stats) = run(&config, &plans);
        assert_eq!((heaps.len(), stats.dropped[Reason::Duplicate]), (1, 1));
    }
    let overlapping =
        [Plan::new(1, 30, 0, &[1; 20]), Plan::new(1, 30, 10, &[2; 20]), Plan::new(1, 30, 20, &[3; 10])];
    let (heaps, stats) = run(&any_order(), &overlapping);
    assert_eq!((heaps[0].payload()[19], stats.dropped[Reason::Duplicate]), (1, 1));
}

#[test]
fn other_lengths_and_flavours_of_the_same_heap_are_dropped() {
    let first = Plan::new(1, 30, 0, &[1; 10]);
    let other_length = Plan::new(1, 40, 10, &[2; 10]);
    let other_flavour = Plan { flavour: Flavour::SPEAD_64_48, ..Plan::new(1, 30, 10, &[2; 10]) };
    let rest = Plan::new(1, 30, 10, &[3; 20]);
    let (heaps, stats) = run(&config(), &[first, other_length, other_flavour, rest]);
    assert_eq!(heaps[0].payload()[10], 3);
    assert_eq!((stats.dropped[Reason::LengthConflict], stats.dropped[Reason::FlavourConflict]), (1, 1));
}

#[test]
fn an_address_beyond_the_heap_keeps_it_from_being_whole() {
    let plan = Plan::new(1, 10, 0, &[1; 10]).with(Pointer::address(0x3300, 11));
    let (heaps, stats) = run(&config(), &[plan]);
    assert_eq!((heaps.len(), stats.incomplete_heaps_flushed), (0, 1));
}

#[test]
fn the_oldest_heap_gives_way_and_substreams_do_not_disturb_each_other() {
    let begin = |cnt| Plan::new(cnt, 20, 0, &[1; 10]);
    let end = |cnt| Plan::new(cnt, 20, 10, &[1; 10]);
    let two = StreamConfig { max_heaps: 2, ..config() };
    let (heaps, stats) = run(&two, &[begin(1), begin(2), begin(3), end(1), end(2), end(3)]);
    assert_eq!(counts(&heaps), [2, 3]);
    assert_eq!((stats.incomplete_heaps_evicted, stats.dropped[Reason::OutOfOrder]), (1, 1));
    // 11 and 21 share a substream, 12 has its own.
    let ten = StreamConfig { max_heaps: 1, substreams: 10, ..config() };
    let (heaps, _) = run(&ten, &[begin(11), begin(12), begin(21), end(11), end(12), end(21)]);
    assert_eq!(counts(&heaps), [12, 21]);
}

#[test]
fn incomplete_heaps_come_on_request_with_their_ranges_and_without_old_bytes() {
    // The first heap leaves its bytes in the memory that the second one gets.
    let whole = split(1, 100, 50);
    let mut plans = whole.clone();
    plans.extend([Plan::new(2, 100, 20, &[7; 30]), Plan::new(2, 100, 60, &[8; 10])]);
    let bytes: Vec<u8> = plans.iter().flat_map(Plan::bytes).collect();
    let mut stream = DirectStream::new(StreamReader::memory(bytes), any_order(), &incomplete());
    drop(stream.next_heap().unwrap().unwrap());
    let heap = stream.next_heap().unwrap().unwrap();
    assert!(!heap.is_complete());
    assert_eq!((heap.cnt(), heap.length(), heap.received()), (2, Some(100), 40));
    assert_eq!(heap.ranges(), [20..50, 60..70]);
    // What is missing behind the last byte that came takes no memory.
    let wanted = [vec![0; 20], vec![7; 30], vec![0; 10], vec![8; 10]].concat();
    assert_eq!(heap.payload(), wanted);
    assert_eq!(heap.items().count(), 0);
}

#[test]
fn heaps_without_a_length_are_whole_when_nothing_is_missing() {
    let plans: Vec<Plan> = split(1, 100, 10).into_iter().map(Plan::unsized_heap).collect();
    let (heaps, stats) = run(&config(), &plans);
    assert_eq!((heaps.len(), heaps[0].payload().len(), stats.heaps), (1, 100, 1));
    assert_eq!(heaps[0].item(0x3300).unwrap().len(), 100);
    let mut gap = plans.clone();
    gap.remove(4);
    let (heaps, stats) = run(&any_order(), &gap);
    assert_eq!((heaps.len(), stats.incomplete_heaps_flushed), (0, 1));
    let (heaps, stats) = run(&StreamConfig { unsized_heaps: false, ..config() }, &plans);
    assert_eq!((heaps.len(), stats.dropped[Reason::Unsized]), (0, 10));
}

#[test]
fn a_length_may_come_late_but_not_below_what_is_there() {
    let first = Plan::new(1, 0, 0, &[1; 20]).unsized_heap();
    let (heaps, stats) =
        run(&config(), &[first.clone(), Plan::new(1, 10, 0, &[]), Plan::new(1, 25, 20, &[2; 5])]);
    assert_eq!((heaps[0].length(), stats.dropped[Reason::LengthConflict]), (Some(25), 1));
}

#[test]
fn a_stop_heap_ends_the_stream_and_is_not_delivered() {
    let stop = |len| Plan::new(2, len, 0, &[0]).with(Pointer::immediate(id::STREAM_CTRL, id::STOP));
    for len in [1, 50] {
        let plans = [split(1, 10, 10), vec![stop(len)], split(3, 10, 10)].concat();
        let (heaps, stats) = run(&config(), &plans);
        assert_eq!((counts(&heaps), stats.dropped[Reason::AfterStop]), (vec![1], 1));
        let (heaps, _) = run(&StreamConfig { stop_on_stop_item: false, ..config() }, &plans);
        assert_eq!(counts(&heaps).last(), Some(&3));
    }
    let start = Plan::new(1, 1, 0, &[0]).with(Pointer::immediate(id::STREAM_CTRL, id::START));
    assert!(run(&config(), &[start]).0[0].is_start());
    let late = [Plan::new(5, 20, 0, &[1; 10]), Plan::new(5, 20, 10, &[1; 10])];
    let late = [late[0].clone(), late[1].clone().with(Pointer::immediate(id::STREAM_CTRL, id::STOP))];
    for plans in [late.to_vec(), late.clone().map(Plan::unsized_heap).to_vec(), vec![late[1].clone()]] {
        let (heaps, stats) = receive(&any_order(), &incomplete(), &plans);
        assert_eq!((heaps.len(), stats.stops, stats.incomplete_heaps_flushed), (0, 1, 0), "{heaps:?}");
    }
    let control = |value| Pointer::immediate(id::STREAM_CTRL, value);
    let both = Plan::new(1, 1, 0, &[0]).with(control(id::STOP)).with(control(id::START));
    assert_eq!(run(&config(), &[both]).1.stops, 1);
}

#[test]
fn hostile_lengths_take_no_memory() {
    let long = StreamConfig { max_heap_length: 1000, max_memory: 2500, ..config() };
    let (_, stats) = run(&long, &[Plan::new(1, Flavour::SPEAD_64_40.max_address(), 0, &[1])]);
    assert_eq!(stats.dropped[Reason::HeapTooLong], 1);
    let far = Plan::new(2, 0, Flavour::SPEAD_64_40.max_address() - 5, &[1]).unsized_heap();
    let (_, stats) = run(&StreamConfig { out_of_order: true, ..long.clone() }, &[far]);
    assert_eq!(stats.dropped[Reason::HeapTooLong], 1);
    // Four of 1000 bytes may be under way by number, but only two fit.
    let plans: Vec<Plan> = (1..=3).map(|cnt| Plan::new(cnt, 1000, 0, &[1])).collect();
    let (_, stats) = run(&long, &plans);
    assert_eq!((stats.incomplete_heaps_evicted, stats.incomplete_heaps_flushed), (1, 2));
    let tiny = StreamConfig { max_memory: 500, ..long };
    let (_, stats) = run(&tiny, &plans);
    assert_eq!(stats.dropped[Reason::MemoryLimit], 3);
}

#[test]
fn more_items_than_allowed_lose_the_heap() {
    let few = StreamConfig { max_items: 100, ..config() };
    let many = |offset: u64| {
        let plan = Plan::new(1, 100, offset, &[0; 10]);
        (0..60).fold(plan, |plan, n| plan.with(Pointer::immediate(0x1000 + offset * 100 + n, n)))
    };
    let (heaps, stats) = run(&few, &[many(0), many(0), many(10), many(20)]);
    assert_eq!((heaps.len(), stats.dropped[Reason::TooManyItems], stats.incomplete_heaps_evicted), (0, 1, 1));
}

#[test]
fn repeated_pointers_count_once_however_many_there_are() {
    let with_all = |offset: u64| {
        let plan = Plan::new(1, 100, offset, &[0; 50]);
        (0..500).fold(plan, |plan, n| plan.with(Pointer::immediate(0x1000 + n, n)))
    };
    let (heaps, _) = run(&config(), &[with_all(0), with_all(50)]);
    assert_eq!(heaps[0].items().count(), 500);
    assert!(heaps[0].items().all(|item| item.immediate == Some(item.id - 0x1000)));
}

#[test]
fn memory_comes_from_the_users_pool() {
    let pool = MemoryPool::new(PoolConfig { lengths: 50..=200, max_free: 4, initial: 4, low_water: 0 });
    let allocator: std::sync::Arc<dyn packhorse_spead::receive::Allocator> =
        std::sync::Arc::new(pool.clone());
    let options = RingOptions { allocator: Some(allocator), ..RingOptions::default() };
    let (heaps, _) = receive(&config(), &options, &[split(1, 100, 50), split(2, 200, 50)].concat());
    assert_eq!((heaps.len(), pool.available()), (2, 2));
    drop(heaps);
    assert_eq!((pool.available(), pool.misses()), (4, 0));
}

#[test]
fn a_ring_stream_delivers_all_heaps_of_several_readers_and_ends_with_the_last() {
    let bytes = |from: u64| -> Vec<u8> {
        (from..from + 300).flat_map(|cnt| split(cnt, 100, 60)).flat_map(|plan| plan.bytes()).collect()
    };
    for capacity in [1, 4, 1000] {
        let readers = [0, 1000, 2000].map(|from| {
            let reader: Box<dyn packhorse_spead::receive::Reader> =
                Box::new(StreamReader::memory(bytes(from)));
            reader
        });
        let options = RingOptions { capacity, ..RingOptions::default() };
        let config = StreamConfig { max_heaps: 64, ..config() };
        let mut stream = RingStream::start(config, &options, readers).unwrap();
        let mut seen: Vec<u64> = (&mut stream).map(|heap| heap.cnt()).collect();
        seen.sort_unstable();
        let wanted: Vec<u64> = [0, 1000, 2000].iter().flat_map(|from| *from..from + 300).collect();
        assert_eq!((seen, stream.statistics().heaps), (wanted, 900));
    }
}

#[test]
fn a_stream_can_be_dropped_while_its_ring_is_full() {
    let bytes: Vec<u8> =
        (0..500).flat_map(|cnt| split(cnt, 100, 100)).flat_map(|plan| plan.bytes()).collect();
    let options = RingOptions { capacity: 2, ..RingOptions::default() };
    let reader = Box::new(StreamReader::memory(bytes)) as Box<dyn packhorse_spead::receive::Reader>;
    let mut stream = RingStream::start(config(), &options, [reader]).unwrap();
    assert_eq!(stream.next().unwrap().cnt(), 0);
    drop(stream);
}

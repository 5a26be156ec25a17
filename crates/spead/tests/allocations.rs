//! Sending allocates nothing once it runs: counted by the allocator, for every way of sending.

#![allow(clippy::unwrap_used)] // all of it is tests

use std::io;

use packhorse_spead::send::writers::{Discard, InProcess, Octets, Udp};
use packhorse_spead::send::{Order, Sender, Stream, StreamConfig, Writer};
use packhorse_spead::{Flavour, Heap, PrebuiltHeap, in_process};
use packhorse_testkit::allocator::{CountingAllocator, Counts, measure, measure_process};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn heaps(count: usize, packet: usize) -> Vec<PrebuiltHeap> {
    let mut heap = Heap::new(Flavour::SPEAD_64_40);
    heap.immediate(0x1600, 0).item(0x3300, vec![0_u8; 8192]);
    (0..count).map(|_| heap.prebuild(packet).unwrap()).collect()
}

/// Refills and sends heaps again and again, and counts from the second round on.
fn reused<W: Writer>(writer: W, packet: usize) {
    let config = StreamConfig { max_heaps: 32, ..StreamConfig::default() };
    let mut sender = Sender::new(writer, &config);
    let mut spare = heaps(32, packet);
    let mut round = |count: u64| {
        for index in 0..count {
            let mut heap = spare.pop().unwrap_or_else(|| sender.reclaim().unwrap().heap);
            heap.set(0x1600, index).unwrap();
            heap.samples_mut::<u8>(0x3300).unwrap().fill(1);
            sender.submit(heap).unwrap();
        }
    };
    round(100);
    assert_eq!(measure(|| round(1000)), Counts::NONE);
    let mut batch = heaps(32, packet);
    let mut round = || {
        sender.send_all(&mut batch, Order::Serial).unwrap();
        sender.send_all(&mut batch, Order::RoundRobin).unwrap();
    };
    round();
    assert_eq!(measure(|| (0..20).for_each(|_| round())), Counts::NONE);
}

#[test]
fn nothing_is_allocated_per_heap() {
    for packet in [9000, 1472] {
        reused(Discard::default(), packet);
        reused(Octets::new(io::sink()), packet);
        reused(Udp::new(([127, 0, 0, 1], 9).into()).unwrap(), packet);
        let (queue, receiver) = in_process::queue(4, 1 << 20);
        let reader = std::thread::spawn(move || while let Ok(Some(_)) = receiver.receive(None) {});
        reused(InProcess::new(queue), packet);
        reader.join().unwrap();
    }

    // The thread of a stream is another, so this counts the whole process.
    let config = StreamConfig { max_heaps: 8, ..StreamConfig::default() };
    let stream = Stream::start(Discard::default(), &config).unwrap();
    let mut heap = heaps(1, 9000).pop();
    let mut round = |count| {
        for _ in 0..count {
            let sent = stream.send_heap(heap.take().unwrap()).unwrap().wait().unwrap();
            heap = Some(sent.heap);
        }
    };
    round(100);
    assert_eq!(measure_process(|| round(1000)).allocations, 0);
}

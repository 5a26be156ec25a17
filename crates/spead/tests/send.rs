//! Streams of heaps through real writers: what arrives, in which order, when, and what happens when writing fails.

#![allow(clippy::unwrap_used)] // all of it is tests

extern crate alloc;

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future as _;
use core::net::Ipv4Addr;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io::{self, Read as _};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc;

use std::thread;
use std::time::Instant;

use packhorse_spead::send::writers::{InProcess, Octets, Udp, UdpOptions};
use packhorse_spead::send::{
    Batch, CountSequence, Order, Rate, RejectReason, Sender, Stream, StreamConfig, Writer,
};
use packhorse_spead::wire::{Pointer, Prefix, id};
use packhorse_spead::{Flavour, Heap, PrebuiltHeap, Split, in_process};

const FLAVOUR: Flavour = Flavour::SPEAD_64_40;

fn heap(len: usize, packet: usize) -> PrebuiltHeap {
    let mut heap = Heap::new(FLAVOUR);
    heap.immediate(0x1600, 5).item(0x3300, vec![7_u8; len]);
    heap.prebuild(packet).unwrap()
}

/// Heap number and payload offset of every packet in bytes that hold them back to back.
fn packets(mut bytes: &[u8]) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (flavour, pointers, rest) = Prefix::split(bytes).unwrap();
        let value = |wanted| {
            let mut pointers = pointers.iter().map(|word| Pointer::from_word(word.get(), flavour));
            pointers.find(|pointer| pointer.id == wanted).unwrap().value
        };
        found.push((value(id::HEAP_CNT), value(id::PAYLOAD_OFFSET)));
        bytes = &rest[usize::try_from(value(id::PAYLOAD_LENGTH)).unwrap()..];
    }
    found
}

/// Numbers of heaps without repeats.
fn numbers(bytes: &[u8]) -> Vec<u64> {
    let mut numbers: Vec<u64> = packets(bytes).into_iter().map(|(number, _)| number).collect();
    numbers.dedup();
    numbers
}

/// Writes to memory that the test can read while the stream has the writer.
#[derive(Clone, Default)]
struct Memory(Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

/// Fails when a packet of this heap comes.
struct FailsAt(u64, Octets<Memory>);

impl Writer for FailsAt {
    fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let bytes: Vec<u8> = batch.slices().iter().flat_map(|slice| slice.iter().copied()).collect();
        if packets(&bytes).iter().any(|(number, _)| *number == self.0) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1.write(batch)
    }

    fn longest_packet(&self) -> usize {
        self.1.longest_packet()
    }
}

#[test]
fn submitted_heaps_leave_in_order_and_come_back_to_be_filled_again() {
    let memory = Memory::default();
    let config = StreamConfig { max_heaps: 3, ..StreamConfig::default() };
    let mut sender = Sender::new(Octets::new(memory.clone()), &config);
    for _ in 0..2 {
        sender.submit(heap(100, 1472)).unwrap();
    }
    assert!(memory.bytes().is_empty() && sender.try_reclaim().is_none());
    let sent = sender.reclaim().unwrap();
    assert_eq!(sent.result.unwrap(), sent.heap.wire_len());
    assert_eq!(numbers(&memory.bytes()), [1, 2]);
    sender.submit(sent.heap).unwrap();
    sender.submit(heap(100, 1472)).unwrap();
    // Two are under way and one waits to be taken back.
    let rejected = sender.submit(heap(100, 1472)).unwrap_err();
    assert_eq!(rejected.reason, RejectReason::Full { heaps: 3 });
    sender.send(&mut heap(100, 1472)).unwrap();
    assert_eq!(numbers(&memory.bytes()), [1, 2, 3, 4, 5]);
    drop(sender);
    assert_eq!(numbers(&memory.bytes()).len(), 5);
}

#[test]
fn queued_heaps_leave_when_the_sender_is_dropped() {
    let memory = Memory::default();
    let mut sender = Sender::new(Octets::new(memory.clone()), &StreamConfig::default());
    sender.submit(heap(100, 1472)).unwrap();
    drop(sender);
    assert_eq!(numbers(&memory.bytes()), [1]);
}

#[test]
fn several_senders_take_turns_in_numbering_and_a_heap_may_have_its_own_number() {
    let memory = Memory::default();
    let mut sender = Sender::new(Octets::new(memory.clone()), &StreamConfig::default());
    sender.set_counts(CountSequence::new(2, 2));
    let mut heaps = [heap(10, 1472), heap(10, 1472), heap(10, 1472)];
    heaps[1].set_count(Some(1 << 40 | 77));
    sender.send_all(&mut heaps, Order::Serial).unwrap();
    assert_eq!(numbers(&memory.bytes()), [2, 77, 4]);
}

#[test]
fn round_robin_sends_a_packet_of_each_heap_in_turn() {
    let memory = Memory::default();
    let mut sender = Sender::new(Octets::new(memory.clone()), &StreamConfig::default());
    let mut heaps = [heap(200, 128), heap(60, 128), heap(200, 128)];
    sender.send_all(&mut heaps, Order::RoundRobin).unwrap();
    let order: Vec<u64> = packets(&memory.bytes()).into_iter().map(|(number, _)| number).collect();
    assert_eq!(order, [1, 2, 3, 1, 3, 1, 3]);
}

#[test]
fn a_packet_of_more_pieces_than_a_system_call_takes_is_copied() {
    let memory = Memory::default();
    let mut many = Heap::new(FLAVOUR);
    for number in 0..2000_u64 {
        many.addressed(0x1000 + number, [number.to_be_bytes()[7]; 8]);
    }
    let mut many = many.prebuild(65_000).unwrap();
    let mut sender = Sender::new(Octets::new(memory.clone()), &StreamConfig::default());
    sender.send_all(&mut [heap(10, 1472)], Order::Serial).unwrap();
    sender.send(&mut many).unwrap();
    assert_eq!(numbers(&memory.bytes()), [1, 2]);
    assert_eq!((sender.statistics().copied_packets, sender.statistics().heaps), (1, 2));
    assert_eq!(memory.bytes()[memory.bytes().len() - 8..], [207; 8]);
}

#[test]
fn what_the_writer_cannot_take_is_refused_with_the_heap() {
    let mut sender = Sender::new(Octets::new(io::sink()), &StreamConfig::default());
    let long = heap(69_900, 70_000);
    let rejected = sender.submit(long).unwrap_err();
    assert!(rejected.to_string().contains("69956") && rejected.to_string().contains("65536"), "{rejected}");
    let mut elsewhere = rejected.heap;
    elsewhere.set_substream(1);
    let mut elsewhere_short = heap(10, 1472);
    elsewhere_short.set_substream(1);
    assert!(sender.submit(elsewhere_short).unwrap_err().to_string().contains("substream 1"));
    assert_eq!(sender.send(&mut elsewhere).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_heap_that_fails_takes_no_other_with_it_that_was_written_before_or_comes_after() {
    let memory = Memory::default();
    // Batches of one packet, so that the failure is the third heap's alone.
    let config =
        StreamConfig { max_heaps: 8, rate: Rate::new(1e12).ok(), burst: 1, ..StreamConfig::default() };
    let mut sender = Sender::new(FailsAt(3, Octets::new(memory.clone())), &config);
    for _ in 0..5 {
        sender.submit(heap(100, 1472)).unwrap();
    }
    let results: Vec<bool> =
        core::iter::from_fn(|| sender.reclaim()).map(|sent| sent.result.is_ok()).collect();
    assert_eq!(results, [true, true, false, true, true]);
    assert_eq!(numbers(&memory.bytes()), [1, 2, 4, 5]);
    assert_eq!((sender.statistics().heaps, sender.statistics().failed_heaps), (4, 1));

    let memory = Memory::default();
    let stream = Stream::start(FailsAt(3, Octets::new(memory.clone())), &config).unwrap();
    let completions: Vec<_> = (0..5).map(|_| stream.send_heap(heap(100, 1472)).unwrap()).collect();
    let results: Vec<bool> =
        completions.into_iter().map(|completion| completion.wait().unwrap().result.is_ok()).collect();
    assert_eq!(results, [true, true, false, true, true]);
}

#[test]
fn the_rate_is_kept_and_a_heap_may_have_its_own() {
    let config = StreamConfig { rate: Rate::new(20e6).ok(), burst: 10_000, ..StreamConfig::default() };
    let mut sender = Sender::new(Octets::new(io::sink()), &config);
    let mut heaps = [heap(1_000_000, 9000)];
    let start = Instant::now();
    sender.send_all(&mut heaps, Order::Serial).unwrap();
    // The last burst is not waited for. No upper bound: other tests want the processor too.
    assert!(start.elapsed() >= Duration::from_millis(47), "{:?}", start.elapsed());
    let mut slower = heap(100_000, 9000);
    slower.set_rate(Rate::new(2e6).ok());
    let start = Instant::now();
    sender.send(&mut slower).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(40), "{:?}", start.elapsed());
}

#[test]
fn substreams_lead_to_several_endpoints() {
    let sockets = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let to = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    let mut sender =
        Sender::new(Udp::with_options(&to, &UdpOptions::default()).unwrap(), &StreamConfig::default());
    let mut heaps = [heap(10, 1472), heap(10, 1472), heap(10, 1472)];
    heaps[1].set_substream(1);
    sender.send_all(&mut heaps, Order::Serial).unwrap();
    let mut memory = [0; 2000];
    let mut next = |socket: &UdpSocket| {
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let len = socket.recv(&mut memory).unwrap();
        numbers(&memory[..len])
    };
    assert_eq!([next(&sockets[0]), next(&sockets[0]), next(&sockets[1])], [[1], [3], [2]]);
}

#[test]
fn datagrams_are_whole_packets_however_they_are_split_and_sent() {
    for (split, without_segments) in [(Split::Even, false), (Split::Full, false), (Split::Even, true)] {
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let options = UdpOptions { without_segments, ..UdpOptions::default() };
        let udp = Udp::with_options(&[receiver.local_addr().unwrap()], &options).unwrap();
        let mut sender = Sender::new(udp, &StreamConfig::default());
        let mut plan = Heap::new(FLAVOUR);
        plan.immediate(0x1600, 5).item(0x3300, vec![7_u8; 8192]);
        let mut heaps: Vec<_> = (0..4).map(|_| plan.prebuild_with(1472, split).unwrap()).collect();
        sender.send_all(&mut heaps, Order::Serial).unwrap();
        let mut bytes = Vec::new();
        for _ in 0..24 {
            let mut memory = [0; 65_536];
            let len = receiver.recv(&mut memory).unwrap();
            assert!(len <= 1472);
            assert_eq!(packets(&memory[..len]).len(), 1);
            bytes.extend_from_slice(&memory[..len]);
        }
        assert_eq!(numbers(&bytes), [1, 2, 3, 4]);
    }
}

#[test]
fn tcp_carries_the_bytes_of_memory() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut bytes).unwrap();
        bytes
    });
    let memory = Memory::default();
    let mut tcp = Sender::new(Octets::connect(to).unwrap(), &StreamConfig::default());
    let mut copy = Sender::new(Octets::new(memory.clone()), &StreamConfig::default());
    for len in [10, 3_000_000, 100_000] {
        tcp.send(&mut heap(len, 9000)).unwrap();
        copy.send(&mut heap(len, 9000)).unwrap();
    }
    drop(tcp);
    assert!(reader.join().unwrap() == memory.bytes());
}

#[test]
fn a_process_sends_to_itself_and_the_end_is_known() {
    let (queue, receiver) = in_process::queue(4, 1 << 16);
    let reader = thread::spawn(move || {
        let mut found = Vec::new();
        while let Ok(Some(slice)) = receiver.receive(None) {
            found.extend(numbers(&slice));
        }
        found
    });
    let mut sender = Sender::new(InProcess::new(queue), &StreamConfig::default());
    let mut heaps: Vec<_> = (0..100).map(|_| heap(8192, 9000)).collect();
    sender.send_all(&mut heaps, Order::Serial).unwrap();
    drop(sender);
    assert_eq!(reader.join().unwrap(), (1..=100).collect::<Vec<_>>());
}

#[test]
fn completions_are_awaited_polled_waited_for_and_called_back() {
    struct Count(AtomicU64);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let memory = Memory::default();
    // The pace holds the stream up long enough for the future to be asked before it is ready.
    let config =
        StreamConfig { max_heaps: 10, rate: Rate::new(1e6).ok(), burst: 1, ..StreamConfig::default() };
    let stream = Stream::start(Octets::new(memory.clone()), &config).unwrap();
    stream.send_heap(heap(20_000, 9000)).unwrap().wait().unwrap().result.unwrap();

    let count = Arc::new(Count(AtomicU64::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut future = pin!(stream.send_heap(heap(20_000, 9000)).unwrap());
    let mut polls = 0;
    let sent = loop {
        polls += 1;
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(sent) => break sent.unwrap(),
            Poll::Pending => {
                while count.0.load(Relaxed) == 0 {
                    thread::yield_now();
                }
            }
        }
    };
    assert!(sent.result.is_ok() && polls <= 2);

    let mut polled = stream.send_heap(sent.heap).unwrap();
    let sent = loop {
        match polled.try_take() {
            Some(sent) => break sent,
            None => thread::yield_now(),
        }
    };
    assert!(polled.try_take().is_none() && polled.wait().is_none());

    let (tell, told) = mpsc::channel();
    stream.send_heap_then(sent.heap, move |sent| tell.send(sent.heap.wire_len()).unwrap()).unwrap();
    assert!(told.recv_timeout(Duration::from_secs(10)).unwrap() > 20_000);

    // Nobody waits for this one, and it leaves all the same.
    drop(stream.send_heap(heap(10, 1472)).unwrap());
    stream.flush();
    assert_eq!(numbers(&memory.bytes()), [1, 2, 3, 4, 5]);
    assert_eq!(stream.statistics().heaps, 5);
}

#[test]
fn a_full_stream_gives_heaps_back_and_a_batch_ends_together() {
    let memory = Memory::default();
    let config =
        StreamConfig { max_heaps: 4, rate: Rate::new(1e6).ok(), burst: 1, ..StreamConfig::default() };
    let stream = Stream::start(Octets::new(memory.clone()), &config).unwrap();
    let batch = (0..4).map(|_| heap(5000, 1472)).collect();
    let completion = stream.send_heaps(batch, Order::RoundRobin).unwrap();
    let rejected = stream.send_heap(heap(10, 1472)).unwrap_err();
    assert_eq!(rejected.reason, RejectReason::Full { heaps: 4 });
    stream.wait_for_room();
    stream.send_heap(rejected.heap).unwrap();
    let sent = completion.wait().unwrap();
    assert_eq!(sent.result.unwrap(), sent.heaps.iter().map(PrebuiltHeap::wire_len).sum::<usize>());
    let refused = stream.send_heaps((0..5).map(|_| heap(10, 1472)).collect(), Order::Serial).unwrap_err();
    assert_eq!(refused.heaps.len(), 5);
    drop(stream);
    assert_eq!(numbers(&memory.bytes()).last(), Some(&5));
}

/// A writer that does what it should not.
struct Panics(u32);

impl Writer for Panics {
    fn write(&mut self, _batch: &Batch<'_>) -> io::Result<()> {
        self.0 -= 1;
        assert!(self.0 > 0, "a writer of mine");
        Ok(())
    }

    fn longest_packet(&self) -> usize {
        65_507
    }
}

#[test]
fn a_panic_in_a_callback_or_a_writer_leaves_nobody_waiting() {
    let memory = Memory::default();
    let stream = Stream::start(Octets::new(memory.clone()), &StreamConfig::default()).unwrap();
    stream.send_heap_then(heap(10, 1472), |_| panic!("a callback of mine")).unwrap();
    stream.send_heap(heap(10, 1472)).unwrap().wait().unwrap().result.unwrap();
    stream.flush();
    assert_eq!(numbers(&memory.bytes()), [1, 2]);

    let stream = Stream::start(Panics(2), &StreamConfig::default()).unwrap();
    stream.send_heap(heap(10, 1472)).unwrap().wait().unwrap().result.unwrap();
    let failed = stream.send_heap(heap(10, 1472)).unwrap().wait().unwrap().result.unwrap_err();
    assert!(failed.to_string().contains("a writer of mine"), "{failed}");
    stream.flush();
    let refused = stream.send_heap(heap(10, 1472)).unwrap_err();
    assert_eq!(refused.reason, RejectReason::Stopped);
}

#[test]
fn waiting_in_a_callback_returns_at_once() {
    let stream = Arc::new(Stream::start(Octets::new(io::sink()), &StreamConfig::default()).unwrap());
    let (told, tells) = mpsc::channel();
    let own = Arc::clone(&stream);
    let then = move |_| {
        own.flush();
        told.send(()).unwrap();
    };
    stream.send_heap_then(heap(10, 1472), then).unwrap();
    tells.recv_timeout(Duration::from_secs(20)).unwrap();
}

#[test]
fn what_is_refused_spends_no_numbers() {
    let memory = Memory::default();
    let mut sender = Sender::new(Octets::new(memory.clone()), &StreamConfig::default());
    let mut heaps = [heap(10, 1472), heap(10, 1472)];
    heaps[1].set_substream(3);
    assert_eq!(sender.send_all(&mut heaps, Order::Serial).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    sender.send(&mut heaps[0]).unwrap();
    assert_eq!(numbers(&memory.bytes()), [1]);
}

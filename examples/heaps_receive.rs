//! Receiving sample streams: heaps from a ring, with their descriptors, in one thread, as a future.
//!
//! ```text
//!   sender thread --UDP--> reader thread --ring--> main: heaps whose payload lies where it arrived
//! ```

#![allow(clippy::std_instead_of_alloc, reason = "a program has std")]

use core::error::Error;
use core::net::{Ipv4Addr, SocketAddr};
use std::thread;

use packhorse::spead::receive::readers::{UdpOptions, UdpReader};
use packhorse::spead::receive::{
    self, Descriptions, DirectStream, MemoryPool, NoHeap, PoolConfig, Reader, RingOptions, RingStream,
    StreamConfig,
};
use packhorse::spead::send::writers::Udp;
use packhorse::spead::send::{self, Sender};
use packhorse::spead::{Descriptor, Flavour, Format, Heap, ItemGroup};

const TIMESTAMP: u64 = 0x1600;
const SAMPLES: u64 = 0x3300;
const HEAP_SIZE: usize = 8192;
const HEAPS: u64 = 100;

/// The sender of the tutorial: descriptors first, then heaps, then a stop heap.
fn send(to: SocketAddr) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Slow enough for a receiver on a busy machine.
    let rate = Some(send::Rate::new(50e6)?);
    let config = send::StreamConfig { packet_size: 3000, rate, ..send::StreamConfig::default() };
    let mut sender = Sender::new(Udp::new(to)?, &config);
    for number in 0..HEAPS {
        let mut heap = Heap::new(Flavour::default());
        if number == 0 {
            heap.descriptor(&Descriptor::with_format(TIMESTAMP, "timestamp", "", [Format::unsigned(40)]))?;
            heap.descriptor(&Descriptor::array::<i8>(SAMPLES, "adc_samples", "", &[HEAP_SIZE as u64]))?;
        }
        heap.immediate(TIMESTAMP, number * HEAP_SIZE as u64).item(SAMPLES, vec![1_i8; HEAP_SIZE]);
        sender.send(&mut config.prebuild(&heap)?)?;
    }
    sender.send(&mut config.prebuild(&Heap::stop(Flavour::default()))?)?;
    Ok(())
}

/// A reader on a free port of this machine, and that port.
fn bind() -> Result<(UdpReader, SocketAddr), Box<dyn Error>> {
    // ANCHOR: bind
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let reader = UdpReader::bind(address, &UdpOptions::default())?;
    let address = reader.local_address()?;
    // ANCHOR_END: bind
    Ok((reader, address))
}

fn blocking() -> Result<u64, Box<dyn Error>> {
    let (reader, address) = bind()?;
    let sender = thread::spawn(move || send(address));
    // ANCHOR: ring
    let mut stream = RingStream::of(reader)?;
    let mut known = Descriptions::default();
    let mut heaps = 0;
    while let Some(heap) = stream.next() {
        known.learn(&heap);
        let timestamp = heap.immediate(TIMESTAMP).ok_or("a heap without a timestamp")?;
        let samples = heap.item(SAMPLES).ok_or("a heap without samples")?;
        assert_eq!(timestamp, heaps * samples.len() as u64);
        assert_eq!(sum(&heap, &known)?, HEAP_SIZE as i64);
        heaps += 1;
        // Dropping the heap gives its memory back to be received into.
    }
    println!("{heaps} heaps, {:?}", stream.statistics().dropped);
    // ANCHOR_END: ring
    assert_eq!(known.get(SAMPLES).map(|descriptor| descriptor.name.as_str()), Some("adc_samples"));
    sender.join().map_err(|_| "the sender failed")?.map_err(|error| error.to_string())?;
    Ok(heaps)
}

// ANCHOR: typed
/// The samples as numbers of this machine, whatever the sender's: borrowed when they lie like that already.
fn sum(heap: &receive::Heap, known: &Descriptions) -> Result<i64, Box<dyn Error>> {
    let item = heap.items().find(|item| item.id == SAMPLES).ok_or("a heap without samples")?;
    let samples = known.describe(&item).samples::<i8>()?;
    Ok(samples.iter().map(|sample| i64::from(*sample)).sum())
}
// ANCHOR_END: typed

fn configured() -> Result<u64, Box<dyn Error>> {
    let (reader, address) = bind()?;
    let sender = thread::spawn(move || send(address));
    // ANCHOR: configured
    // Buffers made before the first packet: no page is mapped while samples arrive.
    let pool =
        MemoryPool::new(PoolConfig { lengths: 4096..=16_384, max_free: 64, initial: 64, low_water: 8 });
    let options = RingOptions {
        capacity: 32,
        allocator: Some(std::sync::Arc::new(pool)),
        incomplete: true,
        ranges: true,
    };
    let config = StreamConfig { max_heaps: 8, out_of_order: true, ..StreamConfig::default() };
    let mut stream = RingStream::start(config, &options, [Box::new(reader) as Box<dyn Reader>])?;
    let (mut whole, mut bytes) = (0, 0);
    loop {
        match stream.try_next() {
            Ok(heap) if heap.is_complete() => whole += 1,
            // What arrived of it, and where; the rest of the payload is zero.
            Ok(heap) => bytes += heap.ranges().iter().map(|range| range.end - range.start).sum::<u64>(),
            Err(NoHeap::NotYet) => thread::yield_now(), // Time for something else.
            Err(NoHeap::Ended) => break,
        }
    }
    // ANCHOR_END: configured
    println!("{whole} whole heaps, {bytes} bytes of others");
    sender.join().map_err(|_| "the sender failed")?.map_err(|error| error.to_string())?;
    Ok(whole)
}

fn on_this_thread() -> Result<usize, Box<dyn Error>> {
    let (reader, address) = bind()?;
    let sender = thread::spawn(move || send(address));
    // ANCHOR: direct
    let mut stream = DirectStream::new(reader, StreamConfig::default(), &RingOptions::default());
    let mut group = ItemGroup::new(Flavour::default());
    let mut values = 0;
    while let Some(heap) = stream.next_heap()? {
        // Descriptors and copies of the values, by name: for streams that are slow and change.
        values += group.update(&heap).len();
    }
    let timestamp = group.by_name("timestamp").and_then(packhorse::spead::Item::as_u64);
    // ANCHOR_END: direct
    assert_eq!(timestamp, Some((HEAPS - 1) * HEAP_SIZE as u64));
    sender.join().map_err(|_| "the sender failed")?.map_err(|error| error.to_string())?;
    Ok(values)
}

// ANCHOR: async
/// Runs on any executor: the stream has threads of its own and only wakes the task.
async fn awaited(stream: &mut RingStream) -> u64 {
    let mut heaps = 0;
    while let Some(heap) = stream.next_async().await {
        heaps += u64::from(heap.is_complete());
    }
    heaps
}
// ANCHOR_END: async

/// The smallest executor there is.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = core::task::Waker::from(std::sync::Arc::new(Unpark(thread::current())));
    let mut context = core::task::Context::from_waker(&waker);
    let mut future = core::pin::pin!(future);
    loop {
        if let core::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    assert_eq!(blocking()?, HEAPS);
    assert_eq!(configured()?, HEAPS);
    assert_eq!(on_this_thread()?, 2 * usize::try_from(HEAPS)?);
    let (reader, address) = bind()?;
    let sender = thread::spawn(move || send(address));
    assert_eq!(block_on(awaited(&mut RingStream::of(reader)?)), HEAPS);
    sender.join().map_err(|_| "the sender failed")?.map_err(|error| error.to_string())?;
    Ok(())
}

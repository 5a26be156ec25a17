//! What receiving costs without a socket: a heap of 8 KiB taken from a slab, put together, placed in a chunk, and
//! sent through this process. Lines of `name value unit`, medians.
//!
//! `cargo run --release -p packhorse-spead --example receive_speed`, or `cargo xtask bench heaps-recv`, which runs it.

use core::error::Error;
use core::hint::black_box;
use core::ops::Range;
use std::io;
use std::thread;
use std::time::Instant;

use packhorse_buffer::{SharedSlab, Slabs};
use packhorse_spead::in_process;
use packhorse_spead::receive::chunk::{
    Chunk, ChunkGroup, ChunkOptions, ChunkRing, ChunkStream, Eviction, Place, PlaceRequest,
};
use packhorse_spead::receive::readers::InProcessReader;
use packhorse_spead::receive::{
    Batch, DirectStream, Packet, Reader, RingOptions, RingStream, Stopper, StreamConfig,
};
use packhorse_spead::send::writers::{InProcess, Octets};
use packhorse_spead::send::{self, Order, Sender};
use packhorse_spead::{Flavour, Heap, PrebuiltHeap};

const TIMESTAMP: u64 = 0x1600;
const SAMPLES: u64 = 0x3300;
const HEAP: usize = 8192;
/// Heaps in a slab: what GRO brings in one message.
const HEAPS: usize = 7;
/// Heaps in a chunk, and chunks that go round: 4 MiB in all.
const IN_CHUNK: usize = 128;
const CHUNKS: usize = 4;
const ROUNDS: usize = 15;

/// Lends one slab again and again.
struct Again {
    slab: SharedSlab,
    packets: Vec<Range<usize>>,
    left: usize,
}

impl Reader for Again {
    fn read(&mut self, batch: &mut Batch) -> io::Result<bool> {
        batch.clear().for_each(drop);
        let number = batch.lend(self.slab.clone(), true);
        self.packets.iter().for_each(|packet| batch.packet(number, packet.clone()));
        self.left -= 1;
        Ok(self.left > 0)
    }

    fn stopper(&self) -> Stopper {
        Stopper::new(|| ())
    }

    fn is_lossy(&self) -> bool {
        false
    }
}

fn heap(config: &send::StreamConfig, number: u64) -> Result<PrebuiltHeap, Box<dyn Error>> {
    let mut heap = Heap::new(Flavour::default());
    heap.immediate(TIMESTAMP, number).addressed(SAMPLES, vec![1_u8; HEAP]);
    Ok(config.prebuild(&heap)?)
}

/// Packets of seven heaps in a slab, to be read `times` times.
fn again(packet_size: usize, times: usize) -> Result<Again, Box<dyn Error>> {
    let config = send::StreamConfig { packet_size, ..send::StreamConfig::default() };
    let (mut bytes, mut packets) = (Vec::new(), Vec::new());
    for number in 0..HEAPS as u64 {
        let mut wire = Vec::new();
        let mut sender = Sender::new(Octets::new(&mut wire), &config);
        let mut heap = heap(&config, number)?;
        heap.set_count(Some(number + 1));
        sender.send(&mut heap)?;
        drop(sender);
        let mut rest = &wire[..];
        while !rest.is_empty() {
            let (packet, behind) = Packet::parse_first(rest)?;
            let start = bytes.len() + wire.len() - rest.len();
            packets.push(start..start + packet.len());
            rest = behind;
        }
        bytes.append(&mut wire);
    }
    let mut fresh = Slabs::new(bytes.len(), 1).take().ok_or("no slab")?;
    fresh.as_mut_slice().copy_from_slice(&bytes);
    Ok(Again { slab: fresh.share(), packets, left: times })
}

/// Nanoseconds a heap on the caller's thread.
fn direct(packet_size: usize) -> Result<f64, Box<dyn Error>> {
    let times = 20_000;
    let mut stream =
        DirectStream::new(again(packet_size, times)?, StreamConfig::default(), &RingOptions::default());
    let start = Instant::now();
    let mut heaps = 0;
    while let Some(heap) = stream.next_heap()? {
        black_box(heap.item(SAMPLES).map(<[u8]>::len));
        heaps += 1;
    }
    assert_eq!(heaps, HEAPS * times);
    Ok(nanoseconds(start, heaps))
}

/// Nanoseconds a heap into chunks, the consumer doing nothing.
fn chunks() -> Result<f64, Box<dyn Error>> {
    let times = 20_000;
    let ring = ChunkRing::new(CHUNKS, (0..CHUNKS).map(|_| Chunk::new(IN_CHUNK * HEAP, IN_CHUNK)));
    let mut count = 0_u64;
    let place = move |request: &mut PlaceRequest<'_>| {
        black_box(request.immediate(TIMESTAMP)?);
        count += 1;
        let heap = usize::try_from((count - 1) % IN_CHUNK as u64).ok()?;
        Some(Place { chunk: (count - 1) / IN_CHUNK as u64, heap, offset: heap * HEAP, len: HEAP })
    };
    let reader: Box<dyn Reader> = Box::new(again(9000, times)?);
    let start = Instant::now();
    let stream = ChunkStream::start(StreamConfig::default(), ChunkOptions::new(place), &ring, [reader])?;
    while let Some(chunk) = ring.next() {
        ring.give(chunk);
    }
    let took = nanoseconds(start, HEAPS * times);
    assert_eq!(stream.statistics().heaps, (HEAPS * times) as u64);
    Ok(took)
}

/// Nanoseconds a heap into chunks that two streams fill together, a thread each.
fn group() -> Result<f64, Box<dyn Error>> {
    let times = 10_000;
    let ring = ChunkRing::new(CHUNKS, (0..CHUNKS).map(|_| Chunk::new(IN_CHUNK * HEAP, IN_CHUNK)));
    let group = ChunkGroup::new(2, 0, Eviction::Lossless, &ring);
    let streams = (0..2).map(|half| {
        let mut count = 0_u64;
        let share = IN_CHUNK / 2;
        let place = move |request: &mut PlaceRequest<'_>| {
            black_box(request.immediate(TIMESTAMP)?);
            count += 1;
            let heap = half * share + usize::try_from((count - 1) % share as u64).ok()?;
            Some(Place { chunk: (count - 1) / share as u64, heap, offset: heap * HEAP, len: HEAP })
        };
        ChunkStream::start_in(&group, StreamConfig::default(), ChunkOptions::new(place), Vec::new())
    });
    let streams = streams.collect::<io::Result<Vec<_>>>()?;
    let readers = [again(9000, times)?, again(9000, times)?];
    let start = Instant::now();
    for (stream, reader) in streams.iter().zip(readers) {
        stream.add_reader(reader)?;
    }
    while let Some(chunk) = ring.next() {
        ring.give(chunk);
    }
    let took = nanoseconds(start, 2 * HEAPS * times);
    let heaps: u64 = streams.iter().map(|stream| stream.statistics().heaps).sum();
    assert_eq!(heaps, (2 * HEAPS * times) as u64);
    Ok(took)
}

/// Nanoseconds to copy a heap to where such chunks are.
fn copy() -> f64 {
    let source = vec![1_u8; HEAPS * HEAP];
    let mut into = vec![0_u8; CHUNKS * IN_CHUNK * HEAP];
    let times = 100_000;
    let start = Instant::now();
    for number in 0..times {
        let from = &source[number % HEAPS * HEAP..][..HEAP];
        into[number % (CHUNKS * IN_CHUNK) * HEAP..][..HEAP].copy_from_slice(black_box(from));
        black_box(&mut into);
    }
    nanoseconds(start, times)
}

/// GB/s from a thread that fills every heap, through the queue, to this one.
fn in_process(ring: bool) -> Result<f64, Box<dyn Error>> {
    let total = 200_000_u64;
    let (queue, receiver) = in_process::queue(4, 1 << 18);
    let start = Instant::now();
    let sender = thread::spawn(move || -> Result<(), String> {
        let config = send::StreamConfig { packet_size: 9000, ..send::StreamConfig::default() };
        let mut sender = Sender::new(InProcess::new(queue), &config);
        let heaps: Result<Vec<_>, _> = (0..24).map(|_| heap(&config, 0)).collect();
        let mut heaps = heaps.map_err(|error| error.to_string())?;
        let mut number = 0_u64;
        while number < total {
            for heap in &mut heaps {
                heap.set(TIMESTAMP, number).map_err(|error| error.to_string())?;
                heap.samples_mut::<u8>(SAMPLES).ok_or("no samples")?.fill(number.to_le_bytes()[0]);
                number += 1;
            }
            sender.send_all(&mut heaps, Order::Serial).map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    let reader = InProcessReader::new(receiver);
    let mut heaps = 0_u64;
    if ring {
        let options = RingOptions { capacity: 512, ..RingOptions::default() };
        let mut stream =
            RingStream::start(StreamConfig::default(), &options, [Box::new(reader) as Box<dyn Reader>])?;
        heaps += (&mut stream).map(|heap| u64::from(black_box(heap.item(SAMPLES)).is_some())).sum::<u64>();
    } else {
        let mut stream = DirectStream::new(reader, StreamConfig::default(), &RingOptions::default());
        while let Some(heap) = stream.next_heap()? {
            heaps += u64::from(black_box(heap.item(SAMPLES)).is_some());
        }
    }
    let took = nanoseconds(start, 1);
    sender.join().map_err(|_| "the sender failed")??;
    assert!(heaps >= total);
    Ok(per_second(heaps, took))
}

fn nanoseconds(start: Instant, times: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let times = times as f64;
    start.elapsed().as_secs_f64() * 1e9 / times
}

fn per_second(heaps: u64, nanoseconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let bytes = (heaps * HEAP as u64) as f64;
    bytes / nanoseconds
}

fn median(mut measure: impl FnMut() -> Result<f64, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut values = (0..ROUNDS).map(|_| measure()).collect::<Result<Vec<f64>, _>>()?;
    values.sort_by(f64::total_cmp);
    Ok(values[ROUNDS / 2])
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("copy {:.0} ns", median(|| Ok(copy()))?);
    println!("one-packet {:.0} ns", median(|| direct(9000))?);
    println!("six-packets {:.0} ns", median(|| direct(1472))?);
    println!("chunk {:.0} ns", median(chunks)?);
    println!("chunk-group {:.0} ns", median(group)?);
    println!("in-process-direct {:.2} GB/s", median(|| in_process(false))?);
    println!("in-process-ring {:.2} GB/s", median(|| in_process(true))?);
    Ok(())
}

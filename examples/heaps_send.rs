//! Sends heaps of samples, step by step: one after the other, in a pipeline, reused, in batches. The book explains it.

use core::error::Error;
use core::net::SocketAddr;
use std::net::UdpSocket;
use std::time::Instant;

use packhorse::spead::send::writers::Udp;
use packhorse::spead::send::{Completion, Order, Sender, Stream, StreamConfig};
use packhorse::spead::{Descriptor, Flavour, Format, Heap, ItemGroup, PrebuiltHeap, Select};

type Done = Result<(), Box<dyn Error>>;

// ANCHOR: items
const TIMESTAMP: u64 = 0x1600;
const SAMPLES: u64 = 0x3300;

fn items(heap_size: usize) -> ItemGroup {
    let mut items = ItemGroup::new(Flavour::SPEAD_64_40);
    let unsigned_40_bits = [Format::unsigned(40)];
    items.add(Descriptor::with_format(TIMESTAMP, "timestamp", "Index of the first sample", unsigned_40_bits));
    items.add(Descriptor::array::<i8>(SAMPLES, "adc_samples", "ADC converter output", &[heap_size as u64]));
    items
}
// ANCHOR_END: items

/// A sample that tells which heap it is in.
fn sample(heap: u64) -> i8 {
    i8::from_le_bytes([heap.to_le_bytes()[0]])
}

// ANCHOR: send
fn one_by_one(to: SocketAddr, heaps: u64, heap_size: usize) -> Done {
    let config = StreamConfig { packet_size: 9000, ..StreamConfig::default() };
    let mut sender = Sender::new(Udp::new(to)?, &config);
    let mut items = items(heap_size);
    for heap in 0..heaps {
        items.set_immediate(TIMESTAMP, heap * heap_size as u64)?;
        items.set(SAMPLES, vec![sample(heap); heap_size])?;
        // What has changed since the last heap; in the first one also the descriptors.
        let heap = items.get_heap(Select::Stale, Select::Stale)?;
        sender.send(&mut config.prebuild(&heap)?)?;
    }
    // ANCHOR_END: send
    // ANCHOR: stop
    let mut stop = config.prebuild(&Heap::stop(items.flavour()))?;
    sender.send(&mut stop)?;
    // ANCHOR_END: stop
    assert_eq!(sender.statistics().heaps, heaps + 1);
    Ok(())
}

// ANCHOR: pipeline
fn pipeline(to: SocketAddr, heaps: u64, heap_size: usize) -> Done {
    let config = StreamConfig { packet_size: 9000, max_heaps: 2, ..StreamConfig::default() };
    let stream = Stream::start(Udp::new(to)?, &config)?;
    let mut items = items(heap_size);
    let mut under_way: [Option<Completion>; 2] = [None, None];
    for heap in 0..heaps {
        let state = &mut under_way[usize::from(heap % 2 == 1)];
        // While this heap is filled, the other one is on its way.
        if let Some(sent) = state.take().and_then(Completion::wait) {
            sent.result?;
        }
        items.set_immediate(TIMESTAMP, heap * heap_size as u64)?;
        items.set(SAMPLES, vec![sample(heap); heap_size])?;
        let heap = items.get_heap(Select::Stale, Select::Stale)?;
        *state = Some(stream.send_heap(config.prebuild(&heap)?)?);
    }
    stream.flush();
    // ANCHOR_END: pipeline
    assert_eq!(stream.statistics().heaps, heaps);
    Ok(())
}

// ANCHOR: prebuilt
/// The first heap, with descriptors, and as many without as are to be under way.
fn prebuilt(
    config: &StreamConfig,
    heap_size: usize,
    count: usize,
) -> Result<(PrebuiltHeap, Vec<PrebuiltHeap>), Box<dyn Error>> {
    let mut items = items(heap_size);
    items.set_immediate(TIMESTAMP, 0)?;
    items.set(SAMPLES, vec![0_i8; heap_size])?;
    let first = config.prebuild(&items.get_heap(Select::All, Select::All)?)?;
    let later = items.get_heap(Select::None, Select::All)?;
    let later = (0..count).map(|_| config.prebuild(&later)).collect::<Result<_, _>>()?;
    Ok((first, later))
}

/// Everything that is new in a heap.
fn fill(heap: &mut PrebuiltHeap, number: u64, heap_size: usize) -> Done {
    heap.set(TIMESTAMP, number * heap_size as u64)?;
    heap.samples_mut(SAMPLES).ok_or("no samples")?.fill(sample(number));
    Ok(())
}
// ANCHOR_END: prebuilt

// ANCHOR: reuse
fn reused(to: SocketAddr, heaps: u64, heap_size: usize) -> Done {
    let max_heaps = (1024 * 1024 / heap_size).max(2);
    let config = StreamConfig { packet_size: 9000, max_heaps, ..StreamConfig::default() };
    let mut sender = Sender::new(Udp::new(to)?, &config);
    let (mut first, mut spare) = prebuilt(&config, heap_size, max_heaps)?;
    fill(&mut first, 0, heap_size)?;
    sender.send(&mut first)?;
    for number in 1..heaps {
        // A heap that was not used yet, or the one that left longest ago.
        let mut heap = match spare.pop() {
            Some(heap) => heap,
            None => {
                let sent = sender.reclaim().ok_or("no heap came back")?;
                sent.result?;
                sent.heap
            }
        };
        fill(&mut heap, number, heap_size)?;
        sender.submit(heap)?;
    }
    sender.flush();
    // ANCHOR_END: reuse
    assert_eq!(sender.statistics().heaps, heaps);
    Ok(())
}

// ANCHOR: batch
fn batched(to: SocketAddr, heaps: u64, heap_size: usize) -> Done {
    let config = StreamConfig { packet_size: 9000, ..StreamConfig::default() };
    let mut sender = Sender::new(Udp::new(to)?, &config);
    let (mut first, mut batch) = prebuilt(&config, heap_size, (256 * 1024 / heap_size).max(1))?;
    fill(&mut first, 0, heap_size)?;
    sender.send(&mut first)?;
    let mut number = 1;
    while number < heaps {
        let mut filled = 0;
        for heap in batch.iter_mut().take(usize::try_from(heaps - number)?) {
            fill(heap, number, heap_size)?;
            number += 1;
            filled += 1;
        }
        sender.send_all(&mut batch[..filled], Order::Serial)?;
    }
    // ANCHOR_END: batch
    assert_eq!(sender.statistics().heaps, heaps);
    Ok(())
}

/// A step of the tutorial: to whom, how many heaps, bytes of each.
type Step = fn(SocketAddr, u64, usize) -> Done;

fn main() -> Done {
    // Somebody to send to. It does not read: what does not fit in its buffer is lost, as with any slow receiver.
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    let to = receiver.local_addr()?;
    let (heaps, heap_size) = (2000, 8192);
    let steps: [(&str, Step); 4] = [
        ("one by one", one_by_one),
        ("in a pipeline", pipeline),
        ("reused", reused),
        ("in batches", batched),
    ];
    for (name, step) in steps {
        let start = Instant::now();
        step(to, heaps, heap_size)?;
        let bytes = heaps as f64 * heap_size as f64;
        println!("{name:<14} {:.2} GB/s", bytes / start.elapsed().as_secs_f64() / 1e9);
    }
    Ok(())
}

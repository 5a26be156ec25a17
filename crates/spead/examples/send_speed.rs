//! What sending costs without a system: prebuilt heaps of 8 KiB through a writer that throws them away. Medians.
//!
//! `cargo run --release -p packhorse-spead --example send_speed`, or `cargo xtask bench heaps`, which runs it.

use core::error::Error;
use std::time::Instant;

use packhorse_spead::send::writers::Discard;
use packhorse_spead::send::{Order, Sender, Stream, StreamConfig};
use packhorse_spead::{Flavour, Heap, PrebuiltHeap};

const TIMESTAMP: u64 = 0x1600;
const SAMPLES: u64 = 0x3300;
const ROUNDS: usize = 15;
const HEAPS: u32 = 200_000;

fn main() -> Result<(), Box<dyn Error>> {
    for packet_size in [9000, 1472] {
        let config = StreamConfig { max_heaps: 128, packet_size, ..StreamConfig::default() };
        let packets = heaps(&config, 1)?[0].packets();

        let mut sender = Sender::new(Discard::default(), &config);
        let mut spare = heaps(&config, 128)?;
        let reused = median(|| {
            for index in 0..HEAPS {
                let mut heap = match spare.pop() {
                    Some(heap) => heap,
                    None => sender.reclaim().ok_or("no heap came back")?.heap,
                };
                heap.set(TIMESTAMP, index.into())?;
                sender.submit(heap).map_err(|rejected| rejected.reason)?;
            }
            Ok(())
        })?;
        println!("prebuilt heap of 8 KiB, {packets} packets, reused: {reused:.1} ns");

        let mut batch = heaps(&config, 32)?;
        let batched = median(|| {
            for index in 0..HEAPS / 32 {
                for heap in &mut batch {
                    heap.set(TIMESTAMP, index.into())?;
                }
                sender.send_all(&mut batch, Order::Serial)?;
            }
            Ok(())
        })?;
        println!("prebuilt heap of 8 KiB, {packets} packets, batched: {batched:.1} ns");
    }

    let config = StreamConfig { max_heaps: 128, packet_size: 9000, ..StreamConfig::default() };
    let stream = Stream::start(Discard::default(), &config)?;
    let mut states: Vec<_> = Vec::new();
    for heap in heaps(&config, 128)? {
        states.push(Some(stream.send_heap(heap)?));
    }
    let threaded = median(|| {
        for index in 0..HEAPS {
            let state = &mut states[index as usize % 128];
            let sent =
                state.take().and_then(packhorse_spead::send::Completion::wait).ok_or("taken already")?;
            *state = Some(stream.send_heap(sent.heap)?);
        }
        Ok(())
    })?;
    println!("prebuilt heap of 8 KiB, 1 packet, by a thread with a completion each: {threaded:.1} ns");
    Ok(())
}

fn heaps(config: &StreamConfig, count: usize) -> Result<Vec<PrebuiltHeap>, Box<dyn Error>> {
    let mut heap = Heap::new(Flavour::default());
    heap.immediate(TIMESTAMP, 0).item(SAMPLES, vec![1_u8; 8192]);
    (0..count).map(|_| Ok(config.prebuild(&heap)?)).collect()
}

/// Nanoseconds a heap: the middle of several rounds.
fn median(mut round: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round()?;
        times.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(HEAPS));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

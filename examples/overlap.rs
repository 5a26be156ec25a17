//! Overlapping communication and computation: the same frame, made by the plain loop and by the one that keeps the device
//! busy while data moves.
//!
//! `cargo run --release --example overlap` prints how long both take on a simulated device, and with a folder behind it
//! draws both as `serial.svg` and `overlapped.svg`.

extern crate alloc;

use alloc::sync::Arc;
use core::error::Error;
use core::time::Duration;
use std::path::PathBuf;
use std::time::Instant;

use packhorse::compress::accelerator::{Simulated, Speed};
use packhorse::compress::frame::BlockSize;
use packhorse::compress::{
    BLOCKS, CompressKernel, CompressOptions, DecompressOptions, Input, Plan, Schedule, Timeline, compress_on,
    decompress_to_vec, unwatched,
};

// ANCHOR: device
/// A device whose transfers take as long as its computation: 100 MB/s to it and from it, 50 MB/s in it.
fn device(kernel: &CompressKernel, timeline: &Arc<Timeline>) -> Result<Simulated, Box<dyn Error>> {
    let link = Speed { latency: Duration::from_micros(50), rate: 100_000_000 };
    let compute = Speed { latency: Duration::from_micros(100), rate: 50_000_000 };
    Ok(Simulated::new(kernel, link, compute, Some(timeline))?)
}
// ANCHOR_END: device

// ANCHOR: run
/// The frame, the time that it took, and what was done meanwhile.
type Run = (Vec<u8>, Duration, Arc<Timeline>);

/// Compresses `content` on the device, in bricks of 8 blocks. The schedule is all that differs.
fn run(content: &[u8], schedule: Schedule) -> Result<Run, Box<dyn Error>> {
    let options = CompressOptions { block_size: BlockSize::Kib64, ..CompressOptions::default() };
    let timeline = Arc::new(Timeline::new());
    let device = device(&CompressKernel::new(&options), &timeline)?;
    let plan = Plan { schedule, blocks: BLOCKS, timeline: Some(Arc::clone(&timeline)), ..Plan::default() };

    let mut frame = Vec::new();
    let start = Instant::now();
    compress_on(&device, Input::stream(content), &mut frame, &options, &plan, &mut unwatched)?;
    Ok((frame, start.elapsed(), timeline))
}
// ANCHOR_END: run

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let content = incompressible();
    let mut times = Vec::new();
    for (name, schedule) in [("serial", Schedule::Serial), ("overlapped", Schedule::Overlapped { sets: 2 })] {
        let (frame, took, timeline) = run(&content, schedule)?;
        assert_eq!(decompress_to_vec(&frame, &DecompressOptions::default())?, content);
        println!("{name:<10} {:6.1} ms", took.as_secs_f64() * 1e3);
        if let Some(folder) = &folder {
            let title = format!("simulated device, {name}: {:.0} ms", took.as_secs_f64() * 1e3);
            std::fs::write(folder.join(format!("{name}.svg")), timeline.to_svg(&title))?;
        }
        times.push(took.as_secs_f64());
    }
    println!("overlapping gains {:.2} times", times[0] / times[1]);
    Ok(())
}

/// Bytes that do not compress, so that as many leave the device as enter it (SplitMix64; public domain by S. Vigna).
fn incompressible() -> Vec<u8> {
    let mut state = 0_u64;
    let mut bytes = Vec::with_capacity(24 * BLOCKS * BlockSize::Kib64.bytes());
    while bytes.len() < bytes.capacity() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes
}

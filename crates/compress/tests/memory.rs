//! Memory is allocated once: a long stream asks the allocator for no more than a short one, and both for less than
//! (2 * buffer sets + 2) bricks, and a history of 64 KiB for each block where blocks are linked.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

use std::io::{self, Read};

use packhorse_compress::frame::BlockSize;
use packhorse_compress::{
    BLOCKS, CompressOptions, DecompressOptions, Plan, Schedule, compress, compress_to_vec, decompress,
};
use packhorse_testkit::allocator::{CountingAllocator, Counts, measure_process};
use packhorse_testkit::patterns;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const BRICK: usize = BLOCKS * 64 * 1024;
const SETS: usize = 3;

/// So many bytes of the same text, without holding them.
struct Repeated<'a> {
    text: &'a [u8],
    left: usize,
}

impl Read for Repeated<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.left).min(self.text.len());
        into[..count].copy_from_slice(&self.text[..count]);
        self.left -= count;
        Ok(count)
    }
}

#[track_caller]
fn bounded(short: Counts, long: Counts, linked: bool) {
    let histories = if linked { SETS * BLOCKS * 64 * 1024 } else { 0 };
    let most = (2 * SETS + 2) * BRICK + histories;
    assert!(long.bytes < u64::try_from(most).unwrap(), "{long:?} of {most}");
    // Threads that wait on a channel now and then ask for a few bytes, however long the stream is.
    assert!(long.allocations < short.allocations + 50, "{short:?} {long:?}");
}

// One test: counts are those of the whole process.
#[test]
fn a_long_stream_needs_no_more_memory_than_a_short_one() {
    let text = patterns::text(1, 100_000);
    for linked in [false, true] {
        let options = CompressOptions {
            block_size: BlockSize::Kib64,
            linked,
            content_checksum: true,
            ..Default::default()
        };
        let schedule = Schedule::Overlapped { sets: SETS };
        let plan = Plan { threads: 2, schedule, blocks: BLOCKS, timeline: None };
        let compressing = |bricks: usize| {
            let reader = Repeated { text: &text, left: bricks * BRICK };
            measure_process(|| _ = compress(reader, io::sink(), &options, &plan).unwrap())
        };
        bounded(compressing(10), compressing(60), linked);

        let decompressing = |bricks: usize| {
            let mut content = Vec::new();
            Repeated { text: &text, left: bricks * BRICK }.read_to_end(&mut content).unwrap();
            let frame = compress_to_vec(&content, &options);
            let reading = DecompressOptions::default();
            measure_process(|| _ = decompress(frame.as_slice(), io::sink(), &reading, &plan).unwrap())
        };
        bounded(decompressing(10), decompressing(60), linked);
    }
}

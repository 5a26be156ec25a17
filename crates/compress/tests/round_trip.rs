//! Everything that is compressed comes back: every option, pattern, schedule and accelerator, every size around the
//! borders of blocks and bricks.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

extern crate alloc;

use alloc::sync::Arc;
use core::time::Duration;
use std::io::Write as _;

use packhorse_compress::accelerator::{CpuPool, Inline, Simulated, Speed};
use packhorse_compress::frame::{BlockSize, Dictionary};
use packhorse_compress::{
    BLOCKS, CompressKernel, CompressOptions, DecompressKernel, DecompressOptions, Expansion, Input, Level,
    Plan, Schedule, compress, compress_input, compress_on, compress_to_vec, decompress, decompress_on,
    decompress_to_vec, unwatched,
};
use packhorse_testkit::patterns;
use proptest::prelude::*;

const BLOCK: usize = 64 * 1024;

fn options() -> CompressOptions {
    CompressOptions { block_size: BlockSize::Kib64, ..CompressOptions::default() }
}

/// Content of which a part repeats and a part does not.
fn mixed(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = patterns::text(seed, len / 2);
    bytes.extend(patterns::random(seed, len / 5));
    let copied = bytes.get(..len / 8).unwrap_or_default().to_vec();
    bytes.extend(copied);
    bytes.resize(len, 7);
    bytes
}

#[track_caller]
fn comes_back(content: &[u8], options: &CompressOptions) {
    let plan = Plan::default();
    let mut frame = Vec::new();
    let done = compress(content, &mut frame, options, &plan).unwrap();
    assert_eq!(done.content, u64::try_from(content.len()).unwrap());
    assert_eq!(done.coded, u64::try_from(frame.len()).unwrap());
    let reading =
        DecompressOptions { dictionary: options.dictionary.clone(), ..DecompressOptions::default() };
    let mut back = Vec::new();
    let undone = decompress(frame.as_slice(), &mut back, &reading, &plan).unwrap();
    assert!(back == content, "{options:?}, {} bytes", content.len());
    assert_eq!(undone, done, "both ways count the same");
}

#[test]
fn every_pattern_at_every_border_comes_back() {
    let mut lengths = vec![0, 1, 2, 100];
    for border in [BLOCK, 2 * BLOCK, BLOCKS * BLOCK, 2 * BLOCKS * BLOCK] {
        lengths.extend([border - 1, border, border + 1]);
    }
    for len in lengths {
        for (_, content) in patterns::all(3, len) {
            comes_back(&content, &options());
        }
    }
}

#[test]
fn every_combination_of_flags_comes_back() {
    let content = mixed(5, 3 * BLOCK + 777);
    for bits in 0..32_u32 {
        let flag = |bit: u32| bits & (1 << bit) != 0;
        let dictionary = Dictionary::new(&content[..5000]).with_id(77);
        let options = CompressOptions {
            linked: flag(0),
            block_checksum: flag(1),
            content_checksum: flag(2),
            content_size: flag(3).then(|| u64::try_from(content.len()).unwrap()),
            dictionary: flag(4).then_some(dictionary),
            ..options()
        };
        comes_back(&content, &options);
        comes_back(&[], &CompressOptions { content_size: flag(3).then_some(0), ..options });
    }
}

#[test]
fn every_level_comes_back_and_high_ones_are_smaller() {
    let content = mixed(6, 2 * BLOCK + 99);
    let mut sizes = Vec::new();
    for number in [-100, -3, -1, 0, 1, 2, 3, 6, 9, 10, 12] {
        let level = Level::new(number).unwrap();
        for linked in [false, true] {
            let dictionary = Some(Dictionary::new(&content[..3000]));
            comes_back(&content, &CompressOptions { level, linked, dictionary, ..options() });
        }
        let options = CompressOptions { level, ..options() };
        comes_back(&content, &options);
        sizes.push(compress_to_vec(&content, &options).len());
    }
    assert!(sizes[0] > sizes[4] && sizes[4] > sizes[10], "{sizes:?}");
}

#[test]
fn every_block_size_comes_back() {
    for block_size in BlockSize::ALL {
        for len in [block_size.bytes() - 1, block_size.bytes(), 2 * block_size.bytes() + 1] {
            comes_back(&mixed(7, len), &CompressOptions { block_size, ..options() });
        }
    }
}

#[test]
fn linked_blocks_and_dictionaries_make_a_frame_smaller() {
    let content = patterns::text(8, 50_000).repeat(6);
    let alone = compress_to_vec(&content, &options()).len();
    let linked = compress_to_vec(&content, &CompressOptions { linked: true, ..options() }).len();
    assert!(linked < alone / 3, "{linked} of {alone}");
    let dictionary = Some(Dictionary::new(&content[..50_000]));
    let known = compress_to_vec(&content, &CompressOptions { dictionary, ..options() }).len();
    assert!(known < alone / 3, "{known} of {alone}");
}

#[test]
fn the_seed_of_a_frame_is_its_seven_bytes_and_an_empty_one_has_eleven() {
    let frame = compress_to_vec(&[], &CompressOptions::default());
    assert_eq!(frame, b"\x04\x22\x4D\x18\x60\x60\x51\0\0\0\0");
    assert_eq!(decompress_to_vec(&frame, &DecompressOptions::default()).unwrap(), b"");
}

#[test]
fn every_schedule_and_accelerator_writes_the_same_bytes() {
    let content = mixed(9, 21 * BLOCK + 5);
    for linked in [false, true] {
        let options = CompressOptions { linked, content_checksum: true, ..options() };
        let expected = compress_to_vec(&content, &options);
        for schedule in [Schedule::Serial, Schedule::Overlapped { sets: 2 }, Schedule::Overlapped { sets: 5 }]
        {
            for blocks in [1, 3, 8] {
                let plan = Plan { threads: 3, schedule, blocks, timeline: None };
                let (kernel, back) =
                    (CompressKernel::new(&options), DecompressKernel::new(&Default::default()));
                let speed = Speed { latency: Duration::from_micros(200), rate: 2_000_000_000 };
                let run = |which: usize| {
                    let mut frame = Vec::new();
                    let input = Input::stream(content.as_slice());
                    let done = match which {
                        0 => {
                            let pool = CpuPool::new(&kernel, 3, None).unwrap();
                            compress_on(&pool, input, &mut frame, &options, &plan, &mut unwatched)
                        }
                        1 => {
                            let inline = Inline::new(&kernel);
                            compress_on(&inline, input, &mut frame, &options, &plan, &mut unwatched)
                        }
                        _ => {
                            let device = Simulated::new(&kernel, speed, speed, None).unwrap();
                            compress_on(&device, input, &mut frame, &options, &plan, &mut unwatched)
                        }
                    };
                    done.unwrap();
                    frame
                };
                for which in 0..3 {
                    assert!(run(which) == expected, "{plan:?}, accelerator {which}");
                }
                let pool = CpuPool::new(&back, 3, None).unwrap();
                let mut again = Vec::new();
                let input = Input::stream(expected.as_slice());
                decompress_on(&pool, input, &mut again, &DecompressOptions::default(), &plan, &mut unwatched)
                    .unwrap();
                assert!(again == content, "{plan:?}");
            }
        }
    }
}

#[test]
fn workers_that_read_a_file_themselves_write_what_those_of_a_stream_do() {
    // Parts that do not shrink, parts that shrink to nothing, and a last block that is not whole.
    let mut content = mixed(10, 9 * BLOCK);
    content.extend(patterns::random(11, 3 * BLOCK));
    content.resize(content.len() + 5 * BLOCK, 0);
    content.extend(mixed(12, 6 * BLOCK + 77));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&content).unwrap();
    let narrow = Expansion { free: 0, ratio: 3 };
    for (content_checksum, expansion) in [(false, None), (true, None), (false, Some(narrow))] {
        let options = CompressOptions { content_checksum, expansion, ..options() };
        let expected = compress_to_vec(&content, &options);
        for (threads, sets, blocks) in [(1, 2, 1), (2, 4, 1), (3, 3, 8)] {
            let plan = Plan { threads, schedule: Schedule::Overlapped { sets }, blocks, timeline: None };
            let input = Input::File { file: Arc::new(file.reopen().unwrap()), start: 0 };
            let mut frame = Vec::new();
            compress_input(input, &mut frame, &options, &plan, &mut unwatched).unwrap();
            assert!(frame == expected, "{options:?}, {plan:?}");
        }
        assert!(decompress_to_vec(&expected, &DecompressOptions::default()).unwrap() == content);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_content_with_any_options_comes_back(
        seed: u64, len in 0_usize..300_000, linked: bool, block_checksum: bool, content_checksum: bool,
        level in -5_i32..=9, dictionary in prop::option::of(0_usize..100_000), blocks in 1_usize..=8,
        sets in 0_usize..4,
    ) {
        let content = mixed(seed, len);
        let dictionary = dictionary.map(|len| Dictionary::new(&mixed(seed, len)));
        let level = Level::new(level).unwrap();
        let options = CompressOptions {
            linked, block_checksum, content_checksum, dictionary: dictionary.clone(), level, ..options()
        };
        let schedule = if sets == 0 { Schedule::Serial } else { Schedule::Overlapped { sets } };
        let plan = Plan { threads: 2, schedule, blocks, timeline: None };
        let mut frame = Vec::new();
        compress(content.as_slice(), &mut frame, &options, &plan).unwrap();
        let mut back = Vec::new();
        let reading = DecompressOptions { dictionary, limit: Some(300_000), ..DecompressOptions::default() };
        decompress(frame.as_slice(), &mut back, &reading, &plan).unwrap();
        prop_assert!(back == content);
    }
}

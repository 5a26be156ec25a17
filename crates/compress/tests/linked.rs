//! Linked blocks, of which one is bad: all before it come out, the error is told, and nobody waits for ever.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::sync::mpsc;
use std::thread;

use packhorse_compress::accelerator::Inline;
use packhorse_compress::frame::{BlockSize, FrameErrorKind};
use packhorse_compress::{
    CompressOptions, DecompressKernel, DecompressOptions, Error, Input, Plan, Schedule, compress_to_vec,
    decompress, decompress_on, read, unwatched, write,
};
use packhorse_testkit::patterns;

/// Bytes of content in a block.
const BLOCK: usize = 64 * 1024;

/// How a frame is read: its content as far as it came, and why it ended.
type Way = fn(&[u8], &Plan) -> (Vec<u8>, Option<Error>);

const WAYS: [(&str, Way); 4] = [
    ("inline", |frame, plan| {
        let options = DecompressOptions::default();
        let inline = Inline::new(&DecompressKernel::new(&options));
        let mut out = Vec::new();
        let result = decompress_on(&inline, Input::stream(frame), &mut out, &options, plan, &mut unwatched);
        (out, result.err())
    }),
    ("pool", |frame, plan| {
        let mut out = Vec::new();
        let result = decompress(frame, &mut out, &DecompressOptions::default(), plan);
        (out, result.err())
    }),
    ("read adapter", |frame, plan| {
        let mut decoder = read::FrameDecoder::new(frame, &DecompressOptions::default(), plan).unwrap();
        let mut out = Vec::new();
        let result = decoder.read_to_end(&mut out);
        (out, result.err().map(|error| error.downcast().unwrap()))
    }),
    ("write adapter", |frame, plan| {
        let mut decoder = write::FrameDecoder::new(Vec::new(), &DecompressOptions::default(), plan).unwrap();
        let result = decoder.write_all(frame).and_then(|()| decoder.flush());
        (decoder.get_ref().clone(), result.err().map(|error| error.downcast().unwrap()))
    }),
];

/// What `way` answers, which has to come.
fn answer(name: &str, way: Way, frame: &[u8], plan: &Plan) -> (Vec<u8>, Option<Error>) {
    let (sender, receiver) = mpsc::channel();
    let (frame, plan_of_it) = (frame.to_vec(), plan.clone());
    thread::spawn(move || sender.send(way(&frame, &plan_of_it)));
    let answer = receiver.recv_timeout(Duration::from_secs(20));
    answer.unwrap_or_else(|error| panic!("{name}, {plan:?}: {error}"))
}

fn plans() -> impl Iterator<Item = Plan> {
    [Schedule::Serial, Schedule::Overlapped { sets: 3 }].into_iter().flat_map(|schedule| {
        [(1, 1), (1, 3), (3, 3), (3, 8)].map(|(threads, blocks)| Plan {
            threads,
            blocks,
            schedule,
            timeline: None,
        })
    })
}

/// A frame of six linked blocks with checksums, and where each block begins.
fn frame(content: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let options = CompressOptions {
        block_size: BlockSize::Kib64,
        linked: true,
        block_checksum: true,
        ..CompressOptions::default()
    };
    let frame = compress_to_vec(content, &options);
    assert_eq!(frame[4], 0x50, "linked, with checksums of blocks");
    let mut starts = vec![7];
    loop {
        let at = *starts.last().unwrap();
        let len = u32::from_le_bytes(frame[at..at + 4].try_into().unwrap()) & 0x7FFF_FFFF;
        if len == 0 {
            starts.pop();
            return (frame, starts);
        }
        starts.push(at + 8 + usize::try_from(len).unwrap());
    }
}

#[test]
fn a_bad_checksum_of_a_linked_block_ends_every_way_of_reading() {
    let content = patterns::text(3, 5 * BLOCK + 1000);
    let (whole, starts) = frame(&content);
    assert_eq!(starts.len(), 6);
    for bad in [0, 2, 5] {
        let mut frame = whole.clone();
        // The last byte of the block is one of its checksum.
        let end = starts.get(bad + 1).copied().unwrap_or(frame.len() - 4);
        frame[end - 1] ^= 1;
        for plan in plans() {
            for (name, way) in WAYS {
                let (out, error) = answer(name, way, &frame, &plan);
                let Some(Error::Frame(error)) = error else { panic!("{name}, {plan:?}: {error:?}") };
                assert!(matches!(error.kind, FrameErrorKind::BlockChecksum { .. }), "{name}: {error}");
                assert_eq!(error.offset, u64::try_from(starts[bad]).unwrap(), "{name}, {plan:?}");
                assert!(out == content[..bad * BLOCK], "{name}, {plan:?}: {} bytes", out.len());
            }
        }
    }
}

#[test]
fn a_linked_block_that_cannot_be_decoded_ends_every_way_of_reading() {
    let content = patterns::text(4, 5 * BLOCK);
    let options =
        CompressOptions { block_size: BlockSize::Kib64, linked: true, ..CompressOptions::default() };
    let mut frame = compress_to_vec(&content, &options);
    // Literals without an end, in the first block.
    let len = u32::from_le_bytes(frame[7..11].try_into().unwrap());
    frame[11..11 + usize::try_from(len).unwrap()].fill(0xFF);
    for plan in plans() {
        for (name, way) in WAYS {
            let (out, error) = answer(name, way, &frame, &plan);
            assert!(out.is_empty() && error.is_some_and(|error| error.is_damage()), "{name}, {plan:?}");
        }
    }
}

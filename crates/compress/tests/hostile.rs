//! Frames on which other decoders fail: each is answered with the right bytes, or with an error that says what is wrong and
//! at which byte; and the same on every run, however many threads there are.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

use packhorse_compress::frame::{
    BlockSize, Checksum, Descriptor, Dictionary, FrameError, FrameErrorKind, LEGACY_MAGIC, SKIPPABLE_MAGIC,
};
use packhorse_compress::{
    BlockError, CompressOptions, DecompressOptions, Error, Plan, Schedule, block, compress_to_vec,
    decompress, decompress_to_vec,
};
use packhorse_testkit::patterns;

/// A frame by hand: header, whatever blocks, whatever end.
fn frame(descriptor: Descriptor, blocks: &[(u32, &[u8])], end: &[u8]) -> Vec<u8> {
    let mut bytes = [0; Descriptor::LONGEST];
    let len = descriptor.encode(&mut bytes);
    let mut frame = bytes[..len].to_vec();
    for (header, block) in blocks {
        frame.extend_from_slice(&header.to_le_bytes());
        frame.extend_from_slice(block);
    }
    frame.extend_from_slice(end);
    frame
}

fn skippable(digit: u32, bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    [&(SKIPPABLE_MAGIC | digit).to_le_bytes(), &len.to_le_bytes(), bytes].concat()
}

fn stored(len: usize) -> u32 {
    u32::try_from(len).unwrap() | 0x8000_0000
}

const SMALL: Descriptor = Descriptor {
    block_size: BlockSize::Kib64,
    linked: false,
    block_checksum: false,
    content_checksum: false,
    content_size: None,
    dictionary_id: None,
};
const END: &[u8] = &[0; 4];

/// The content before the error, and the error: on one thread and on three, serial and overlapped, all the same.
fn answer(bytes: &[u8], options: &DecompressOptions) -> (Vec<u8>, Result<(), FrameError>) {
    let mut answers = Vec::new();
    for (threads, schedule) in
        [(1, Schedule::Serial), (3, Schedule::Overlapped { sets: 2 }), (2, Schedule::Overlapped { sets: 4 })]
    {
        let plan = Plan { threads, schedule, blocks: 3, timeline: None };
        let mut out = Vec::new();
        let result = match decompress(bytes, &mut out, options, &plan) {
            Ok(_) => Ok(()),
            Err(Error::Frame(error)) => Err(error),
            Err(other) => panic!("{other}"),
        };
        answers.push((out, result));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "the same on every run");
    answers.pop().unwrap()
}

#[track_caller]
fn refused(bytes: &[u8], before: &[u8], offset: usize, kind: FrameErrorKind) {
    let (out, result) = answer(bytes, &DecompressOptions::default());
    assert_eq!(result, Err(FrameError { offset: u64::try_from(offset).unwrap(), kind }));
    assert!(out == before, "{} bytes before the error, {} wanted", out.len(), before.len());
}

#[track_caller]
fn accepted(bytes: &[u8], content: &[u8]) {
    let (out, result) = answer(bytes, &DecompressOptions::default());
    assert_eq!(result, Ok(()));
    assert!(out == content);
}

#[test]
fn a_missing_end_mark_is_an_error() {
    let bytes = frame(SMALL, &[(stored(3), b"abc")], b"");
    refused(&bytes, b"abc", bytes.len(), FrameErrorKind::CutShort);
}

#[test]
fn a_frame_cut_at_any_byte_is_an_error_at_its_end_with_all_whole_blocks_before_it() {
    let content = patterns::text(4, 200_000);
    let options = CompressOptions {
        block_size: BlockSize::Kib64,
        content_checksum: true,
        block_checksum: true,
        content_size: Some(200_000),
        ..CompressOptions::default()
    };
    let bytes = compress_to_vec(&content, &options);
    for len in (0..40).chain((40..bytes.len()).step_by(1999)).chain(bytes.len() - 12..bytes.len()) {
        let (out, result) = answer(&bytes[..len], &DecompressOptions::default());
        let kind = if len == 0 { FrameErrorKind::Empty } else { FrameErrorKind::CutShort };
        assert_eq!(result, Err(FrameError { offset: u64::try_from(len).unwrap(), kind }), "{len}");
        assert!(content.starts_with(&out) && out.len() % 65_536 == 0 || out == content, "{len}");
    }
}

#[test]
fn every_flipped_bit_of_a_checked_frame_is_noticed() {
    let content = patterns::text(5, 400);
    let options = CompressOptions {
        content_checksum: true,
        block_checksum: true,
        block_size: BlockSize::Kib64,
        ..CompressOptions::default()
    };
    let bytes = compress_to_vec(&content, &options);
    for at in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        assert!(decompress_to_vec(&damaged, &DecompressOptions::default()).is_err(), "bit {at}");
    }
}

#[test]
fn a_stored_block_without_a_byte_loses_nothing_that_follows() {
    let bytes = frame(SMALL, &[(stored(2), b"ab"), (stored(0), b""), (stored(2), b"cd")], END);
    accepted(&bytes, b"abcd");
    // With checksums an empty block has one too.
    let checked = Descriptor { block_checksum: true, ..SMALL };
    let empty = Checksum::of(b"").to_le_bytes();
    let two = [b"cd".as_slice(), &Checksum::of(b"cd").to_le_bytes()].concat();
    accepted(&frame(checked, &[(stored(0), &empty), (stored(2), &two)], END), b"cd");
    // A coded block of one token decodes to nothing.
    accepted(&frame(SMALL, &[(1, &[0]), (stored(1), b"x")], END), b"x");
}

#[test]
fn skippable_frames_and_frames_in_a_row_are_all_read() {
    let one = compress_to_vec(b"one ", &CompressOptions::default());
    let two = compress_to_vec(b"two", &CompressOptions { linked: true, ..CompressOptions::default() });
    let skip = |digit| skippable(digit, b"to be skipped");
    accepted(&[skip(0), one.clone(), skip(7), skip(15), two.clone(), skippable(3, b"")].concat(), b"one two");
    accepted(&[one.clone(), one.clone(), two].concat(), b"one one two");
    accepted(&skip(5), b"");
    let cut = [one, skip(1)].concat();
    refused(&cut[..cut.len() - 1], b"one ", cut.len() - 1, FrameErrorKind::CutShort);
}

#[test]
fn a_skippable_frame_that_announces_4_gib_is_not_waited_for_in_memory() {
    let bytes = [&SKIPPABLE_MAGIC.to_le_bytes()[..], &u32::MAX.to_le_bytes(), b"and ends"].concat();
    refused(&bytes, b"", bytes.len(), FrameErrorKind::CutShort);
}

#[test]
fn a_match_at_distance_0_is_an_error() {
    let block = [0x14, b'a', 0, 0, 0x50, 1, 2, 3, 4, 5];
    let bytes = frame(SMALL, &[(stored(1), b"x"), (10, &block)], END);
    refused(&bytes, b"x", 12, FrameErrorKind::Block(BlockError::ZeroOffset));
}

#[test]
fn matches_before_the_start_are_an_error_unless_there_is_a_history() {
    // A match of 8 at distance 6.
    let block = [0x14, b'a', 6, 0, 0x50, 1, 2, 3, 4, 5];
    let bytes = frame(SMALL, &[(10, &block)], END);
    refused(&bytes, b"", 7, FrameErrorKind::Block(BlockError::Offset));
    let linked = frame(Descriptor { linked: true, ..SMALL }, &[(stored(5), b"12345"), (10, &block)], END);
    accepted(&linked, b"12345a12345a12\x01\x02\x03\x04\x05");
    let options =
        DecompressOptions { dictionary: Some(Dictionary::new(b"12345")), ..DecompressOptions::default() };
    assert_eq!(answer(&bytes, &options), (b"a12345a12\x01\x02\x03\x04\x05".to_vec(), Ok(())));
}

#[test]
fn a_failed_block_ends_a_linked_frame_and_what_depends_on_it_is_not_written() {
    let blocks = [(stored(3), &b"abc"[..]), (3, &[0x70, 1, 2][..]), (stored(3), b"def"), (stored(3), b"ghi")];
    let bytes = frame(Descriptor { linked: true, ..SMALL }, &blocks, END);
    refused(&bytes, b"abc", 14, FrameErrorKind::Block(BlockError::Literals));
}

#[test]
fn trailing_bytes_are_an_error_after_the_content() {
    for junk in [&b"junk"[..], &[0; 4], b"\x04\x22\x4D\x19", &[0xFF; 9]] {
        let whole = compress_to_vec(b"content", &CompressOptions::default());
        let bytes = [&whole, junk].concat();
        let word = u32::from_le_bytes(*junk.first_chunk().unwrap());
        refused(&bytes, b"content", whole.len(), FrameErrorKind::Trailing(word));
    }
    // Too few to be anything.
    let whole = compress_to_vec(b"content", &CompressOptions::default());
    let bytes = [&whole[..], b"\x04\x22"].concat();
    refused(&bytes, b"content", bytes.len(), FrameErrorKind::CutShort);
    refused(b"no frame at all", b"", 0, FrameErrorKind::NotLz4(u32::from_le_bytes(*b"no f")));
}

#[test]
fn a_block_longer_than_the_header_allows_is_an_error_before_it_is_read() {
    let bytes = frame(SMALL, &[(stored(65_537), b"...")], b"");
    refused(&bytes, b"", 7, FrameErrorKind::BlockTooLong { len: 65_537, most: 65_536 });
    let bytes = frame(SMALL, &[(0x7FFF_FFFF, b"...")], b"");
    refused(&bytes, b"", 7, FrameErrorKind::BlockTooLong { len: 0x7FFF_FFFF, most: 65_536 });
    // A short block that decodes to more than the header allows.
    let mut coded = vec![0; block::max_len(65_537)];
    let len = block::compress_into(&[7; 65_537], &mut coded).unwrap();
    let bytes = frame(SMALL, &[(u32::try_from(len).unwrap(), &coded[..len])], END);
    refused(&bytes, b"", 7, FrameErrorKind::Block(BlockError::TooLong { room: 65_536 }));
}

#[test]
fn a_content_size_that_lies_is_an_error() {
    for (promised, before) in [(4, &b"abc"[..]), (2, b""), (0, b"")] {
        let lying = Descriptor { content_size: Some(promised), ..SMALL };
        let bytes = frame(lying, &[(stored(3), b"abc")], END);
        let offset = if promised == 4 { bytes.len() - 4 } else { 15 };
        refused(&bytes, before, offset, FrameErrorKind::ContentSize { expected: promised, found: 3 });
    }
}

#[test]
fn a_frame_that_never_ends_is_read_in_bounded_memory_up_to_the_limit() {
    let mut endless = frame(SMALL, &[], b"");
    let mut coded = vec![0; 1000];
    let len = block::compress_into(&[0; 65_536], &mut coded).unwrap();
    for _ in 0..1000 {
        endless.extend_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
        endless.extend_from_slice(&coded[..len]);
    }
    let options = DecompressOptions { limit: Some(1_000_000), ..DecompressOptions::default() };
    let (out, result) = answer(&endless, &options);
    assert_eq!(result.unwrap_err().kind, FrameErrorKind::Limit(1_000_000));
    assert!(out.len() <= 1_000_000);
}

#[test]
fn the_wrong_dictionary_is_noticed_by_its_id_or_by_the_checksum() {
    let content = patterns::text(9, 20_000);
    let right = Dictionary::new(&content[..10_000]).with_id(1);
    let options = CompressOptions {
        dictionary: Some(right.clone()),
        content_checksum: true,
        ..CompressOptions::default()
    };
    let bytes = compress_to_vec(&content, &options);
    let read =
        |dictionary| answer(&bytes, &DecompressOptions { dictionary, ..DecompressOptions::default() }).1;
    assert_eq!(read(Some(right)), Ok(()));
    assert_eq!(read(Some(Dictionary::new(&content[..10_000]))), Ok(()), "without an id it is tried");
    let other = Dictionary::new(&patterns::text(10, 10_000));
    assert_eq!(read(Some(other.clone().with_id(2))).unwrap_err().kind, FrameErrorKind::Dictionary(1));
    assert_eq!(read(None).unwrap_err().kind, FrameErrorKind::Dictionary(1));
    assert!(read(Some(other)).is_err());
}

#[test]
fn dictionaries_of_every_length_work() {
    for len in [1, 3, 4, 100, 65_535, 65_536, 65_537, 200_000] {
        let dictionary = Dictionary::new(&patterns::text(11, len));
        let content = [patterns::text(11, len), patterns::text(12, 70_000)].concat();
        for linked in [false, true] {
            let options = CompressOptions {
                dictionary: Some(dictionary.clone()),
                linked,
                block_size: BlockSize::Kib64,
                ..CompressOptions::default()
            };
            let bytes = compress_to_vec(&content, &options);
            let reading =
                DecompressOptions { dictionary: Some(dictionary.clone()), ..DecompressOptions::default() };
            assert!(decompress_to_vec(&bytes, &reading).unwrap() == content, "{len} {linked}");
        }
    }
}

#[test]
fn legacy_frames_are_read_alone_in_a_row_and_before_others() {
    let content = patterns::text(13, 100_000);
    let mut coded = vec![0; block::max_len(content.len())];
    let len = block::compress_into(&content, &mut coded).unwrap();
    let block = [&u32::try_from(len).unwrap().to_le_bytes()[..], &coded[..len]].concat();
    let legacy = [&LEGACY_MAGIC.to_le_bytes()[..], &block].concat();
    accepted(&legacy, &content);
    accepted(&LEGACY_MAGIC.to_le_bytes(), b"");
    let modern = compress_to_vec(b"behind", &CompressOptions::default());
    let all = [&legacy[..], &legacy, &block, &skippable(2, b"x"), &modern].concat();
    accepted(&all, &[&content[..], &content, &content, b"behind"].concat());
    refused(&legacy[..legacy.len() - 1], b"", legacy.len() - 1, FrameErrorKind::CutShort);
    let junk = [&legacy[..], b"\xFF\xFF\xFF\xFF"].concat();
    refused(&junk, &content, legacy.len(), FrameErrorKind::Trailing(u32::MAX));
}

#[test]
fn damaged_checksums_are_told_with_their_place() {
    let checked = Descriptor { block_checksum: true, content_checksum: true, ..SMALL };
    let good = [b"abc".as_slice(), &Checksum::of(b"abc").to_le_bytes()].concat();
    let expected = Checksum::of(b"abc");
    let bytes = frame(checked, &[(stored(3), &good)], &[END, &1_u32.to_le_bytes()].concat());
    refused(&bytes, b"abc", bytes.len() - 4, FrameErrorKind::ContentChecksum { expected, found: 1 });
    let bad = [b"abc".as_slice(), &7_u32.to_le_bytes()].concat();
    let bytes = frame(checked, &[(stored(3), &bad)], END);
    refused(&bytes, b"", 7, FrameErrorKind::BlockChecksum { expected, found: 7 });
}

#[test]
fn lengths_that_overflow_32_bits_are_refused() {
    // A literal length of 15 + 255 * 40,000: more than the block has.
    let mut block = vec![0xF0];
    block.resize(40_001, 0xFF);
    block.push(0);
    let bytes = frame(SMALL, &[(u32::try_from(block.len()).unwrap(), &block)], END);
    refused(&bytes, b"", 7, FrameErrorKind::Block(BlockError::Literals));
    // A match of as many.
    let mut block = vec![0x1F, b'a', 1, 0];
    block.resize(40_001, 0xFF);
    block.push(0);
    let bytes = frame(SMALL, &[(u32::try_from(block.len()).unwrap(), &block)], END);
    refused(&bytes, b"", 7, FrameErrorKind::Block(BlockError::TooLong { room: 65_536 }));
}

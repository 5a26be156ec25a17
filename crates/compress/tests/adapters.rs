//! The adapters: the same bytes as the functions, however they are cut, and errors where they belong.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

use std::io::{self, ErrorKind, Read, Write};

use packhorse_compress::frame::BlockSize;
use packhorse_compress::{
    CompressOptions, DecompressOptions, Error, Plan, Schedule, compress_to_vec, decompress_to_vec, read,
    write,
};
use packhorse_testkit::patterns;

fn options() -> CompressOptions {
    CompressOptions { block_size: BlockSize::Kib64, content_checksum: true, ..CompressOptions::default() }
}

fn plans() -> [Plan; 3] {
    let plan =
        |threads, sets| Plan { threads, blocks: 2, schedule: Schedule::Overlapped { sets }, timeline: None };
    [plan(1, 2), plan(2, 3), Plan { schedule: Schedule::Serial, ..plan(3, 2) }]
}

fn content() -> Vec<u8> {
    [patterns::text(1, 200_000), patterns::random(2, 150_000), patterns::zeros(99_999)].concat()
}

/// Reads at most `most` bytes at once.
struct Pieces<'a> {
    bytes: &'a [u8],
    most: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.most);
        self.bytes.read(&mut into[..most])
    }
}

#[test]
fn all_four_give_the_same_bytes_however_they_are_cut() {
    let content = content();
    let frame = compress_to_vec(&content, &options());
    for plan in plans() {
        for most in [7, 1000, 65_536, 1 << 20] {
            let mut encoder = write::FrameEncoder::new(Vec::new(), &options(), &plan).unwrap();
            content.chunks(most).for_each(|piece| encoder.write_all(piece).unwrap());
            assert!(encoder.finish().unwrap() == frame, "{plan:?} {most}");

            let mut decoder =
                write::FrameDecoder::new(Vec::new(), &DecompressOptions::default(), &plan).unwrap();
            frame.chunks(most).for_each(|piece| decoder.write_all(piece).unwrap());
            assert!(decoder.finish().unwrap() == content, "{plan:?} {most}");

            let mut read = Vec::new();
            let pieces = Pieces { bytes: &content, most };
            read::FrameEncoder::new(pieces, &options(), &plan).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == frame, "{plan:?} {most}");

            let mut read = Vec::new();
            let pieces = Pieces { bytes: &frame, most };
            let mut decoder = read::FrameDecoder::new(pieces, &DecompressOptions::default(), &plan).unwrap();
            decoder.read_to_end(&mut read).unwrap();
            assert!(read == content, "{plan:?} {most}");
            assert_eq!(decoder.read(&mut [0; 9]).unwrap(), 0, "the end stays the end");
        }
    }
}

#[test]
fn flushed_bytes_can_be_read_before_the_frame_ends() {
    for linked in [false, true] {
        let options = CompressOptions { linked, ..options() };
        let mut encoder = write::FrameEncoder::new(Vec::new(), &options, &plans()[1]).unwrap();
        let mut decoder =
            write::FrameDecoder::new(Vec::new(), &DecompressOptions::default(), &plans()[1]).unwrap();
        let mut passed = 0;
        for number in 0..50 {
            writeln!(encoder, "line {number} of a log that somebody watches").unwrap();
            encoder.flush().unwrap();
            decoder.write_all(&encoder.get_ref()[passed..]).unwrap();
            passed = encoder.get_ref().len();
            decoder.flush().unwrap();
            let text = String::from_utf8(decoder.get_ref().clone()).unwrap();
            assert!(text.ends_with(&format!("line {number} of a log that somebody watches\n")), "{text}");
        }
        let frame = encoder.finish().unwrap();
        decoder.write_all(&frame[passed..]).unwrap();
        assert_eq!(
            decoder.finish().unwrap(),
            decompress_to_vec(&frame, &DecompressOptions::default()).unwrap()
        );
    }
}

#[test]
fn a_frame_cut_anywhere_is_never_a_whole_one() {
    let frame = compress_to_vec(&content()[..70_000], &options());
    let plan = &plans()[0];
    for len in (0..frame.len()).step_by(997).chain([frame.len() - 1]) {
        let mut read = Vec::new();
        let mut decoder =
            read::FrameDecoder::new(&frame[..len], &DecompressOptions::default(), plan).unwrap();
        let error = decoder.read_to_end(&mut read).unwrap_err();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert!(inner.is_some_and(Error::is_damage), "{len}: {error}");
        assert!(content().starts_with(&read), "what came before is right");

        let mut decoder = write::FrameDecoder::new(Vec::new(), &DecompressOptions::default(), plan).unwrap();
        decoder.write_all(&frame[..len]).unwrap();
        assert!(decoder.finish().is_err(), "{len}");
    }
}

#[test]
fn what_follows_a_frame_is_told_after_its_content() {
    let mut frame = compress_to_vec(b"content", &options());
    frame.extend_from_slice(b"junk");
    let mut read = Vec::new();
    let mut decoder =
        read::FrameDecoder::new(frame.as_slice(), &DecompressOptions::default(), &plans()[1]).unwrap();
    let error = decoder.read_to_end(&mut read).unwrap_err();
    assert_eq!((error.kind(), read.as_slice()), (ErrorKind::InvalidData, b"content".as_slice()));
    assert!(error.to_string().contains(&format!("at byte {}", frame.len() - 4)), "{error}");
    assert!(decoder.read(&mut [0; 9]).is_err(), "an error does not turn into an end");
}

/// Fails once, at a call that it is told, as a disk does that is full for a moment.
struct FailsOnce {
    calls: usize,
    at: usize,
}

impl Write for FailsOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls == self.at { Err(ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_a_failed_write_nothing_is_called_whole() {
    let content = content();
    let frame = compress_to_vec(&content, &options());
    for plan in plans() {
        for at in [1, 2, 3] {
            let writer = FailsOnce { calls: 0, at };
            let mut encoder = write::FrameEncoder::new(writer, &options(), &plan).unwrap();
            let results: Vec<_> = content.chunks(50_000).map(|piece| encoder.write_all(piece)).collect();
            assert!(results.iter().any(Result::is_err), "{plan:?} {at}");
            assert!(encoder.finish().is_err(), "{plan:?} {at}: a frame without a part is no frame");
        }
        let mut decoder =
            write::FrameDecoder::new(FailsOnce { calls: 0, at: 1 }, &DecompressOptions::default(), &plan)
                .unwrap();
        let results: Vec<_> = frame.chunks(10_000).map(|piece| decoder.write_all(piece)).collect();
        let failed = results.iter().any(Result::is_err);
        assert!(decoder.finish().is_err(), "{plan:?} {failed}");
    }
}

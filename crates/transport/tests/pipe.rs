//! Pipes through real OS pipes, with threads where both ends work at once.
#![cfg(all(feature = "std", unix))]

use core::time::Duration;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;

use packhorse_link::{Boundaries, Transport as _, TransportError};
use packhorse_testkit::patterns;
use packhorse_transport::{Pipe, PipeReader, PipeWriter, StreamReader, StreamWriter};

/// Everything up to the end of the stream, in reads of at most `size` bytes.
fn drain(mut reader: PipeReader, size: usize) -> Vec<u8> {
    let mut into = vec![patterns::FRESH; size];
    let mut all = Vec::new();
    loop {
        match reader.receive(&mut into) {
            Ok(0) => return all,
            Ok(len) => all.extend_from_slice(&into[..len]),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_stream_many_times_the_pipe_arrives_in_order() {
    let (reader, mut writer) = PipeWriter::pair().unwrap();
    let bytes = patterns::random(1, 5_000_000);
    let far = thread::spawn(move || drain(reader, 70_001));
    for chunk in bytes.chunks(1_234_567) {
        writer.send(chunk).unwrap();
    }
    drop(writer);
    assert!(far.join().unwrap() == bytes);
}

#[test]
fn pieces_arrive_as_one_run_however_many_and_however_empty() {
    let (reader, mut writer) = PipeWriter::pair().unwrap();
    let bytes = patterns::random(2, 3_000_000);
    let far = thread::spawn(move || drain(reader, 4096));
    // 5000 pieces of 0 to 1199 bytes in one call: above IOV_MAX, above the pipe, with empty ones.
    let mut rest = bytes.as_slice();
    let mut pieces = Vec::new();
    for index in 0..5000_usize {
        let (piece, behind) = rest.split_at((index * 7 % 1200).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    writer.send_gather(&pieces).unwrap();
    writer.send_gather(&[]).unwrap();
    writer.send_gather(&[b"", b""]).unwrap();
    writer.send(b"").unwrap();
    drop(writer);
    assert!(far.join().unwrap() == bytes);
}

#[test]
fn descriptors_that_do_not_block_are_waited_for() {
    let (here, there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    there.set_nonblocking(true).unwrap();
    let mut writer = PipeWriter::new(here);
    let bytes = patterns::random(3, 4_000_000);
    let far = thread::spawn(move || drain(PipeReader::new(there), 10_007));
    let (front, behind) = bytes.split_at(1_500_000);
    writer.send(front).unwrap();
    writer.send_gather(&behind.chunks(999).collect::<Vec<_>>()).unwrap();
    drop(writer);
    assert!(far.join().unwrap() == bytes);
}

#[test]
fn a_closed_reader_is_closed_and_not_an_error_of_the_system() {
    let (reader, mut writer) = PipeWriter::pair().unwrap();
    drop(reader);
    assert!(matches!(writer.send(b"x"), Err(TransportError::Closed)));
    assert!(matches!(writer.send_gather(&[b"x", b"y"]), Err(TransportError::Closed)));
}

#[test]
fn a_reader_that_leaves_while_the_writer_waits_ends_the_write() {
    let (mut reader, mut writer) = PipeWriter::pair().unwrap();
    let far = thread::spawn(move || {
        let mut into = [0; 1000];
        reader.receive(&mut into).unwrap()
    });
    let result = writer.send(&patterns::zeros(8 << 20));
    assert!(matches!(result, Err(TransportError::Closed)));
    assert_eq!(far.join().unwrap(), 1000);
}

#[test]
fn without_blocking_nothing_there_is_said_at_once_and_the_end_is_still_seen() {
    let (mut reader, mut writer) = PipeWriter::pair().unwrap();
    let mut into = [0; 10];
    reader.set_blocking(false);
    assert!(matches!(reader.receive(&mut into), Err(TransportError::WouldBlock)));
    assert!(!reader.wait(Some(Duration::from_millis(5))).unwrap());
    writer.send(b"abc").unwrap();
    assert!(reader.wait(Some(Duration::from_secs(5))).unwrap());
    assert_eq!(reader.receive(&mut into).unwrap(), 3);
    assert!(matches!(reader.receive(&mut into), Err(TransportError::WouldBlock)));
    drop(writer);
    assert!(reader.wait(None).unwrap());
    assert_eq!(reader.receive(&mut into).unwrap(), 0);
}

#[test]
fn no_room_to_receive_is_not_taken_for_the_end() {
    let (mut reader, _writer) = PipeWriter::pair().unwrap();
    match reader.receive(&mut []) {
        Err(TransportError::Io(error)) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_wrong_direction_is_closed() {
    let (mut reader, mut writer) = PipeWriter::pair().unwrap();
    assert!(matches!(reader.send(b"x"), Err(TransportError::Closed)));
    assert!(matches!(writer.receive(&mut [0; 4]), Ok(0)));
}

#[test]
fn two_ends_talk_both_ways_and_split_into_halves_for_threads() {
    let (mut here, there) = Pipe::pair().unwrap();
    assert_eq!(here.boundaries(), Boundaries::Bytes);
    let (mut reader, mut writer) = there.split();
    let far = thread::spawn(move || {
        let mut into = [0; 64];
        let len = reader.receive(&mut into).unwrap();
        writer.send_gather(&[b"echo ", &into[..len]]).unwrap();
    });
    here.send(b"hello").unwrap();
    far.join().unwrap();
    let mut into = [0; 64];
    assert_eq!(here.receive(&mut into).unwrap(), 10);
    assert_eq!(&into[..10], b"echo hello");
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_are_enlarged_and_files_are_left_alone() {
    let (reader, writer) = PipeWriter::pair().unwrap();
    let size = rustix::pipe::fcntl_getpipe_size(writer.into_fd()).unwrap();
    // Users over their share of pipe memory get less, but never less than they had.
    assert!(size >= 4096, "{size}");
    drop(reader);
    let mut zero = PipeReader::new(std::fs::File::open("/dev/zero").unwrap());
    assert_eq!(zero.receive(&mut [1; 100]).unwrap(), 100);
    let mut full = PipeWriter::new(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    match full.send(b"x") {
        Err(TransportError::Io(error)) => assert_eq!(error.kind(), ErrorKind::StorageFull),
        other => panic!("{other:?}"),
    }
}

#[test]
fn any_read_and_write_is_a_transport() {
    let mut writer = StreamWriter(Vec::new());
    writer.send(b"one ").unwrap();
    writer.send_gather(&[b"two", b"", b" three"]).unwrap();
    let mut reader = StreamReader(writer.0.as_slice());
    let mut into = [0; 64];
    assert_eq!(reader.receive(&mut into).unwrap(), 13);
    assert_eq!(&into[..13], b"one two three");
    assert_eq!(reader.receive(&mut into).unwrap(), 0);
}

#[test]
fn a_stream_writer_holds_nothing_back() {
    let (mut here, there) = UnixStream::pair().unwrap();
    let mut writer = StreamWriter(std::io::BufWriter::new(there));
    writer.send_gather(&[b"at ", b"once"]).unwrap();
    let mut into = [0; 7];
    here.read_exact(&mut into).unwrap();
    assert_eq!(&into, b"at once");
    drop(here);
    assert!(matches!(writer.send(b"x"), Err(TransportError::Closed)));
    writer.0.get_mut().flush().unwrap();
}

#[test]
fn descriptors_come_back_unharmed() {
    let (reader, writer) = PipeWriter::pair().unwrap();
    let (reader, writer): (OwnedFd, OwnedFd) = (reader.into_fd(), writer.into_fd());
    std::fs::File::from(writer).write_all(b"still open").unwrap();
    let mut text = String::new();
    std::fs::File::from(reader).read_to_string(&mut text).unwrap();
    assert_eq!(text, "still open");
}

//! Taps show what passed, and captures are well-formed files.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap in a test is the test's failure")]

use packhorse_buffer::Instant;
use packhorse_link::{Transport as _, TransportError};
use packhorse_transport::{Capture, Direction, Loopback, Recorder, StreamReader, Tap};

#[test]
fn what_did_not_pass_is_not_recorded() {
    let mut seen = 0;
    let mut link = Tap::new(Loopback::<4, 1>::new(), |_: Instant, _: Direction, _: &[&[u8]]| seen += 1);
    link.send(b"1").unwrap();
    assert_eq!(link.send(b"2"), Err(TransportError::WouldBlock));
    assert!(link.send(b"12345").is_err());
    link.receive(&mut [0; 4]).unwrap();
    assert!(link.receive(&mut [0; 4]).is_err());
    assert_eq!(seen, 2);
}

#[test]
fn the_end_of_a_stream_is_not_recorded_and_an_empty_packet_is() {
    let mut seen = Vec::new();
    let mut stream = Tap::new(StreamReader(&b"abc"[..]), |_: Instant, _: Direction, pieces: &[&[u8]]| {
        seen.push(pieces.concat());
    });
    while stream.receive(&mut [0; 2]).unwrap() > 0 {}
    assert_eq!(seen, [&b"ab"[..], b"c"]);

    let mut seen = 0;
    let mut link = Tap::new(Loopback::<4, 1>::new(), |_: Instant, _: Direction, _: &[&[u8]]| seen += 1);
    link.send(b"").unwrap();
    link.receive(&mut []).unwrap();
    assert_eq!(seen, 2);
}

/// The blocks of a pcapng file: type and body, after checking both lengths of each.
fn blocks(file: &[u8]) -> Vec<(u32, &[u8])> {
    let word = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    let (mut at, mut blocks) = (0, Vec::new());
    while at < file.len() {
        let len = usize::try_from(word(at + 4)).unwrap();
        assert_eq!(len % 4, 0);
        assert_eq!(word(at + 4), word(at + len - 4));
        blocks.push((word(at), &file[at + 8..at + len - 4]));
        at += len;
    }
    blocks
}

#[test]
fn a_capture_holds_every_packet_with_its_time_and_way() {
    let mut link = Tap::new(Loopback::<64, 4>::new(), Capture::new(Vec::new()).unwrap());
    link.set_now(Instant::from_nanos(0x0102_0304_0506_0708));
    for len in 0..=4 {
        link.send_gather(&[&b"ab"[..len.min(2)], &b"cd"[..len.saturating_sub(2)]]).unwrap();
        link.receive(&mut [0; 64]).unwrap();
    }
    let (_, capture) = link.into_parts();
    assert_eq!(capture.packets(), 10);
    let file = capture.finish().unwrap();
    let blocks = blocks(&file);
    assert_eq!(blocks.len(), 12);
    assert_eq!((blocks[0].0, &blocks[0].1[..4]), (0x0A0D_0D0A, &[0x1A, 0x2B, 0x3C, 0x4D][..]));
    assert_eq!((blocks[1].0, &blocks[1].1[..2]), (1, &[0, 147][..]));
    for (index, &(kind, body)) in blocks[2..].iter().enumerate() {
        let len = index / 2;
        let padded = len.next_multiple_of(4);
        assert_eq!(kind, 6);
        assert_eq!(body[4..12], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(body[12..20], [0, 0, 0, u8::try_from(len).unwrap(), 0, 0, 0, u8::try_from(len).unwrap()]);
        assert_eq!(&body[20..20 + len], &b"abcd"[..len]);
        let way = if index % 2 == 0 { 2 } else { 1 };
        assert_eq!(body[20 + padded..], [0, 2, 0, 4, 0, 0, 0, way, 0, 0, 0, 0]);
    }
}

#[test]
fn a_capture_that_cannot_be_written_says_so_at_the_end() {
    // Room for the file's header and a bit.
    let mut room = [0; 70];
    let mut capture = Capture::new(&mut room[..]).unwrap();
    capture.record(Instant::ZERO, Direction::Sent, &[&[0; 100]]);
    capture.record(Instant::ZERO, Direction::Sent, &[b"x"]);
    assert_eq!(capture.packets(), 0);
    assert!(capture.finish().is_err());
}

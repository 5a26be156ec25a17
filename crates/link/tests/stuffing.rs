//! The rules of FF/FE stuffing, one by one.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

use common::receive;
use packhorse_buffer::{DecodeErrorKind, Layer, PacketBuf};
use packhorse_link::{Crc16SpiFujitsu, FfStuffing, FrameStats, Framing, LengthCheck};
use proptest::prelude::*;

fn take(stream: &[u8]) -> (Vec<Vec<u8>>, FrameStats) {
    receive(&mut FfStuffing::new(10), stream, &[usize::MAX], 100, |_| true)
}

fn frame(packet: &[u8]) -> Vec<u8> {
    common::frames(&mut FfStuffing::ftag(), &[packet.to_vec()]).remove(0)
}

#[test]
fn special_bytes_are_sent_as_two() {
    assert_eq!(frame(&[1, 0xFF, 2, 0xFE, 0xFD]), [0xFF, 1, 0xFE, 0xFD, 2, 0xFE, 0xFE, 0xFD, 0xFF]);
}

#[test]
fn an_escape_before_any_other_byte_gives_that_byte() {
    let (packets, stats) = take(&[0xFF, 0xFE, 0x41, 0xFE, 0xFD, 0xFE, 0xFE, 0xFF]);
    assert_eq!(packets, [[0x41, 0xFF, 0xFE]]);
    assert_eq!(stats, FrameStats { frames: 1, ..FrameStats::new() });
}

#[test]
fn an_escape_before_the_flag_drops_the_packet_and_the_flag_opens_the_next() {
    let (packets, stats) = take(&[0xFF, 1, 0xFE, 0xFF, 2, 3, 0xFF]);
    assert_eq!(packets, [[2, 3]]);
    assert_eq!(stats, FrameStats { frames: 1, bad_length: 1, ..FrameStats::new() });
}

#[test]
fn runs_of_flags_are_one_border() {
    let (packets, stats) = take(&[0xFF, 0xFF, 0xFF, 1, 0xFF, 0xFF, 0xFF, 2, 0xFF, 0xFF]);
    assert_eq!(packets, [[1], [2]]);
    assert_eq!(stats, FrameStats { frames: 2, ..FrameStats::new() });
}

#[test]
fn a_lost_flag_between_two_frames_costs_neither() {
    let (packets, _) = take(&[0xFF, 1, 0xFF, 2, 0xFF]);
    assert_eq!(packets, [[1], [2]]);
}

#[test]
fn two_lost_flags_merge_two_packets_into_one_that_the_check_refuses() {
    let mut check = LengthCheck::<Crc16SpiFujitsu>::new();
    let mut stream = Vec::new();
    for packet in [&b"first"[..], b"second"] {
        let mut buf = PacketBuf::<[u8; 32]>::for_stack::<LengthCheck<Crc16SpiFujitsu>, 29>();
        buf.put_slice(packet).unwrap();
        check.push((), &mut buf).unwrap();
        stream.push(frame(buf.as_slice()));
    }
    let merged = [&stream[0][..stream[0].len() - 1], &stream[1][1..]].concat();
    let (packets, _) = receive(&mut FfStuffing::ftag(), &merged, &[usize::MAX], 600, |_| true);
    assert_eq!(packets.len(), 1);
    let error = check.pull(&mut PacketBuf::filled(packets[0].clone())).unwrap_err();
    assert!(matches!(error.kind, DecodeErrorKind::BadLength { stated: 7, .. }), "{error:?}");
}

#[test]
fn bytes_before_the_first_flag_are_junk() {
    let (packets, stats) = take(&[1, 2, 0xFE, 0xFF, 3, 0xFF]);
    assert_eq!(packets, [[3]]);
    assert_eq!(stats, FrameStats { frames: 1, junk_bytes: 3, ..FrameStats::new() });
}

#[test]
fn a_frame_that_is_too_long_is_counted_once_wherever_it_is_cut() {
    let mut stream = vec![0xFF];
    stream.extend([7; 50]);
    stream.extend([0xFF, 0xFF, 8, 0xFF]);
    stream.extend([9; 11]);
    stream.push(0xFF);
    for cut in 1..stream.len() {
        let (packets, stats) = receive(&mut FfStuffing::new(10), &stream, &[cut], 100, |_| true);
        assert_eq!(packets, [[8]]);
        assert_eq!(stats, FrameStats { frames: 1, long: 2, ..FrameStats::new() });
    }
}

#[test]
fn the_end_of_the_stream_counts_the_frame_it_cuts() {
    let (packets, stats) = take(&[0xFF, 1, 2]);
    assert!(packets.is_empty());
    assert_eq!(stats, FrameStats { short: 1, ..FrameStats::new() });
}

#[test]
fn an_empty_packet_has_no_frame() {
    assert_eq!(frame(&[]), [0xFF, 0xFF]);
    assert!(take(&[0xFF, 0xFF]).0.is_empty());
}

/// Byte by byte, as a specification would say it.
fn by_the_book(packet: &[u8]) -> Vec<u8> {
    let body = packet.iter().flat_map(|byte| match byte {
        0xFF => vec![0xFE, 0xFD],
        0xFE => vec![0xFE, 0xFE],
        other => vec![*other],
    });
    [0xFF].into_iter().chain(body).chain([0xFF]).collect()
}

proptest! {
    #[test]
    fn frames_are_those_of_the_book(packet in common::awkward(300)) {
        prop_assert_eq!(frame(&packet), by_the_book(&packet));
        // In a buffer without a byte to spare, too.
        let mut exact = vec![0; by_the_book(&packet).len()];
        FfStuffing::ftag().enframe(&packet, &mut exact).unwrap();
        prop_assert_eq!(exact, by_the_book(&packet));
    }
}

//! What rugged frames survive, and what they cost when they do not.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

extern crate alloc;

use alloc::collections::BTreeSet;

use common::{checked, frames, holds, receive};
use packhorse_buffer::{Layer as _, PacketBuf};
use packhorse_link::rugged::{Code, FRONT};
use packhorse_link::{FrameStats, Framing as _, Rugged, RuggedLayer, StreamBuf};
use proptest::prelude::*;

const PACKET_MAX: usize = 4000;

fn code(parity: usize, depth: usize) -> Code {
    Code::new(parity, depth).unwrap()
}

/// Packets of these lengths with a check, and their frames.
fn some(code: Code, lengths: &[usize]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let packet = |(n, length): (usize, &usize)| {
        checked(&(0..*length).map(|at| (at * 37 + at / 11 + n * 5).to_le_bytes()[0]).collect::<Vec<_>>())
    };
    let packets: Vec<_> = lengths.iter().enumerate().map(packet).collect();
    let frames = frames(&mut Rugged::new(PACKET_MAX, code), &packets);
    (packets, frames)
}

fn take(stream: &[u8]) -> (Vec<Vec<u8>>, FrameStats) {
    receive(&mut Rugged::new(PACKET_MAX, code(2, 1)), stream, &[usize::MAX], 40_000, holds)
}

#[test]
fn a_frame_is_marker_header_packet_and_parity() {
    let (packets, frames) = some(code(8, 4), &[500]);
    assert_eq!(frames[0].len(), FRONT + packets[0].len() + 4 * 8);
    assert_eq!(frames[0][..4], [0x1A, 0xCF, 0xFC, 0x1D]);
    assert_eq!(Rugged::peek(&frames[0]), Some(frames[0].len()));
    assert_eq!(Rugged::frame_len(504, code(8, 4)), Some(frames[0].len()));
}

#[test]
fn a_short_packet_has_less_depth_and_a_long_one_more() {
    assert_eq!(Rugged::frame_len(100, code(8, 8)), Some(FRONT + 100 + 3 * 8));
    assert_eq!(Rugged::frame_len(1000, code(8, 1)), Some(FRONT + 1000 + 5 * 8));
    assert_eq!(Rugged::frame_len(20_000, code(8, 64)), None);
}

#[test]
fn marker_and_header_may_lose_any_five_bytes_of_thirteen_if_no_more_than_three_are_the_headers() {
    let (packets, frames) = some(code(4, 2), &[300, 200]);
    for first in 0..4 {
        for second in 0..4 {
            for third in 4..FRONT {
                let mut stream = [b"noise", &frames.concat()[..]].concat();
                for at in [first, second, third, 4 + third * 5 % 9, 4 + third * 7 % 9] {
                    stream[5 + at] = stream[5 + at].wrapping_add(99);
                }
                let (received, stats) = take(&stream);
                assert_eq!(received, packets, "{first} {second} {third}: {stats:?}");
                assert_eq!((stats.junk_bytes, stats.bad_length), (5, 0));
            }
        }
    }
}

#[test]
fn a_header_is_believed_without_its_marker_where_a_frame_is_due() {
    let (packets, mut frames) = some(code(4, 2), &[300, 200, 100]);
    frames[1][..4].fill(0);
    let (received, stats) = take(&frames.concat());
    assert_eq!(received, packets);
    assert_eq!(stats, FrameStats { frames: 3, corrected: 4, ..FrameStats::new() });
}

#[test]
fn a_byte_lost_anywhere_costs_at_most_its_frame() {
    let (packets, frames) = some(code(4, 3), &[200, 150, 90, 180]);
    let stream = frames.concat();
    let border = frames[0].len();
    for at in border..border + frames[1].len() {
        let mut hurt = stream.clone();
        hurt.remove(at);
        let (received, stats) = take(&hurt);
        let others = [&packets[..1], &packets[2..]].concat();
        assert!(received == others || received == packets, "{at}: {} packets, {stats:?}", received.len());
    }
}

#[test]
fn a_byte_inserted_anywhere_costs_at_most_its_frame() {
    let (packets, frames) = some(code(4, 3), &[200, 150, 90, 180]);
    let stream = frames.concat();
    let border = frames[0].len();
    for at in border..border + frames[1].len() {
        let mut hurt = stream.clone();
        hurt.insert(at, 0x1A);
        let (received, stats) = take(&hurt);
        let others = [&packets[..1], &packets[2..]].concat();
        assert!(received == others || received == packets, "{at}: {} packets, {stats:?}", received.len());
    }
}

#[test]
fn what_is_wrong_is_counted_by_its_cause() {
    let (packets, frames) = some(code(4, 1), &[100, 100, 100, 100]);
    let mut stream = frames.concat();
    let length = frames[0].len();
    stream[FRONT + 20] ^= 1;
    stream[FRONT + 60] ^= 1;
    // Three in one codeword of the second frame; four in the header of the third.
    for at in [10, 20, 30] {
        stream[length + FRONT + at] ^= 0x40;
    }
    for at in [4, 6, 8, 11] {
        stream[2 * length + at] ^= 0x40;
    }
    let (received, stats) = take(&stream);
    assert_eq!(received, [&packets[..1], &packets[3..]].concat());
    let expected =
        FrameStats { frames: 2, corrected: 2, uncorrectable: 1, bad_length: 1, ..FrameStats::new() };
    assert_eq!(FrameStats { junk_bytes: 0, ..stats }, expected);
    assert_eq!(stats.junk_bytes, 2 * length as u64);
}

#[test]
fn a_recording_in_a_payload_gives_nothing_away_when_its_frame_is_lost() {
    let (_, inner) = some(code(4, 2), &[100; 12]);
    let recording = inner.concat();
    for cut in [1, 2, 255] {
        let packet = checked(&recording);
        let mut stream =
            frames(&mut Rugged::new(PACKET_MAX, code(4, 8)), &[packet.clone(), packet])[0].clone();
        stream.drain(FRONT + 30..FRONT + 30 + cut);
        assert_eq!(take(&stream).0, Vec::<Vec<u8>>::new(), "{cut} bytes lost");
    }
}

#[test]
fn packets_longer_than_the_receiver_takes_are_counted_and_passed_over() {
    let long = frames(&mut Rugged::new(8000, code(8, 8)), &[vec![7; 5000]]).concat();
    let (packets, frames) = some(code(8, 8), &[100]);
    let (received, stats) = take(&[&long[..], &frames[0]].concat());
    assert_eq!(received, packets);
    assert_eq!((stats.long, stats.frames), (1, 1));
}

#[test]
fn headers_that_all_point_far_ahead_do_not_cost_their_product() {
    // Every frame's header says 4,000 bytes, and the next one begins 13 bytes on. Without a bound each would be decoded.
    let front =
        frames(&mut Rugged::new(PACKET_MAX, code(32, 18)), &[vec![1; 4000]]).concat()[..FRONT].to_vec();
    let stream = front.repeat(20_000);
    let mut framing = Rugged::new(PACKET_MAX, code(2, 1));
    let mut memory = StreamBuf::new(vec![0; 20_000]);
    let mut rest = &stream[..];
    while !rest.is_empty() {
        let taken = memory.extend(rest);
        rest = &rest[taken..];
        while memory.next(&mut framing).is_some() {}
    }
    // Each decoded frame is one count; 16 looks at each byte are allowed.
    let looked = framing.stats().uncorrectable * 4000;
    assert!(looked <= 17 * stream.len() as u64, "{looked} of {}", stream.len());
}

#[test]
fn the_layer_makes_the_same_frame_in_place() {
    type Layer = RuggedLayer<8, 4>;
    for length in [0, 1, 100, 500, 988] {
        let packet: Vec<u8> = (0..length).map(|at: usize| (at * 3).to_le_bytes()[0]).collect();
        let mut buf = PacketBuf::<[u8; 1100]>::for_stack::<Layer, 988>();
        buf.put_slice(&packet).unwrap();
        RuggedLayer::<8, 4>.push((), &mut buf).unwrap();
        let frame =
            frames(&mut Rugged::new(PACKET_MAX, code(8, 4)), core::slice::from_ref(&packet)).remove(0);
        assert_eq!(buf.as_slice(), frame);
        buf.as_mut_slice()[FRONT / 2] ^= 9;
        buf.as_mut_slice()[FRONT] ^= 9;
        assert_eq!(RuggedLayer::<8, 4>.pull(&mut buf), Ok(2));
        assert_eq!(buf.as_slice(), packet);
    }
    let mut buf = PacketBuf::<[u8; 1200]>::for_stack::<Layer, 1000>();
    buf.put_slice(&[0; 989]).unwrap();
    assert!(RuggedLayer::<8, 4>.push((), &mut buf).is_err());
}

fn codes() -> impl Strategy<Value = Code> {
    (1..=16usize, 1..=64usize).prop_map(|(half, depth)| code(2 * half, depth))
}

proptest! {
    #[test]
    fn as_many_wrong_bytes_as_the_code_corrects_in_each_codeword_are_corrected(
        code in codes(), length in 1..1500usize, seed in any::<u64>()
    ) {
        let packet = checked(&vec![seed.to_be_bytes()[0]; length]);
        let mut frame = frames(&mut Rugged::new(PACKET_MAX, code), core::slice::from_ref(&packet)).remove(0);
        let body = frame.len() - FRONT;
        let depth = (body - packet.len()) / code.parity();
        let mut state = seed | 1;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut wrong = BTreeSet::new();
        for lane in 0..depth {
            let own = (body - lane).div_ceil(depth);
            for _ in 0..random(code.parity() / 2 + 1) {
                wrong.insert(FRONT + lane + random(own) * depth);
            }
        }
        for at in &wrong {
            frame[*at] ^= u8::try_from(1 + random(255)).unwrap();
        }
        let (received, stats) = take(&frame);
        prop_assert_eq!(received, [packet]);
        prop_assert_eq!(stats.corrected, wrong.len() as u64);
    }

    #[test]
    fn a_burst_of_the_depth_times_the_errors_of_a_codeword_is_corrected(
        code in codes(), length in 1..1500usize, at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let packet = checked(&vec![byte; length]);
        let mut frame = frames(&mut Rugged::new(PACKET_MAX, code), core::slice::from_ref(&packet)).remove(0);
        let depth = (frame.len() - FRONT - packet.len()) / code.parity();
        let from = FRONT + at.index(frame.len() - FRONT);
        let to = frame.len().min(from + depth * code.parity() / 2);
        frame[from..to].iter_mut().for_each(|byte| *byte = !*byte);
        prop_assert_eq!(take(&frame).0, [packet]);
    }
}

//! Frames with a checked length in front: their bytes, what is refused, and what a damaged length costs.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

use common::{awkward, checked, frames, holds, receive};
use packhorse_buffer::{DecodeErrorKind, Layer, NoRoom, PacketBuf, Side};
use packhorse_link::{FrameStats, Framing, LengthPrefixed, Reject, Step};
use proptest::prelude::*;

fn frame(packet: &[u8]) -> Vec<u8> {
    frames(&mut LengthPrefixed::new(70_000), &[packet.to_vec()]).remove(0)
}

fn take(stream: &[u8]) -> (Vec<Vec<u8>>, FrameStats) {
    receive(&mut LengthPrefixed::new(500), stream, &[usize::MAX], 2000, holds)
}

#[test]
fn the_header_is_that_of_the_wire_format() {
    // CRC-16/SPI-FUJITSU of 50 48 01 01 02 03, computed by a separate implementation
    let header = LengthPrefixed::new(usize::MAX).header(0x01_0203).unwrap();
    assert_eq!(header[..6], [0x50, 0x48, 1, 1, 2, 3]);
    assert_eq!(header[6..], bit_by_bit(&header[..6]).to_be_bytes());
    assert_eq!(bit_by_bit(b"123456789"), 0xE5CC);
}

fn bit_by_bit(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0x1D0F, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            (crc << 1) ^ if crc >> 15 == 1 { 0x1021 } else { 0 }
        })
    })
}

#[test]
fn the_layer_pushes_what_the_framing_writes() {
    let mut layer = LengthPrefixed::new(500);
    let mut buf = PacketBuf::<[u8; 64]>::for_stack::<LengthPrefixed, 56>();
    buf.put_slice(b"packet").unwrap();
    layer.push((), &mut buf).unwrap();
    assert_eq!(buf.as_slice(), frame(b"packet"));
    layer.pull(&mut buf).unwrap();
    assert_eq!(buf.as_slice(), b"packet");
}

#[test]
fn framing_in_place_gives_the_same_frame_and_needs_its_headroom() {
    let mut framing = LengthPrefixed::new(500);
    let mut buf = PacketBuf::with_headroom(vec![0xA5; 30], LengthPrefixed::IN_PLACE.unwrap()).unwrap();
    buf.put_slice(b"packet").unwrap();
    framing.frame_in_place(&mut buf).unwrap();
    assert_eq!(buf.as_slice(), frame(b"packet"));
    let error = NoRoom { side: Side::Head, needed: 8, available: 0 };
    assert_eq!(framing.frame_in_place(&mut buf), Err(error));
}

#[test]
fn the_layer_refuses_each_damaged_field_by_name() {
    let refused = |at: usize, flip: u8| {
        let mut bytes = frame(b"packet");
        bytes[at] ^= flip;
        LengthPrefixed::new(500).pull(&mut PacketBuf::filled(bytes)).unwrap_err()
    };
    assert!(matches!(refused(1, 1).kind, DecodeErrorKind::BadValue { .. }));
    assert!(matches!(refused(4, 1).kind, DecodeErrorKind::BadCheck { .. }));
    assert!(matches!(refused(7, 1).kind, DecodeErrorKind::BadCheck { .. }));
    let mut longer = frame(b"packet");
    longer.push(0);
    let error = LengthPrefixed::new(500).pull(&mut PacketBuf::filled(longer)).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::BadLength { stated: 6, expected: 7 });
    let error = LengthPrefixed::new(500).pull(&mut PacketBuf::filled(vec![b'P'; 7])).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Truncated { needed: 8, available: 7 });
}

#[test]
fn another_version_is_told_from_damage() {
    let mut bytes = frame(b"packet");
    bytes[2] = 2;
    let check = bit_by_bit(&bytes[..6]).to_be_bytes();
    bytes[6..8].copy_from_slice(&check);
    let error = LengthPrefixed::new(500).pull(&mut PacketBuf::filled(bytes)).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::Unsupported { value: 2 });
}

#[test]
fn a_packet_above_the_maximum_is_not_sent() {
    let error = NoRoom { side: Side::Tail, needed: 501, available: 500 };
    assert_eq!(LengthPrefixed::new(500).enframe(&[0; 501], &mut [0; 600]), Err(error));
    assert!(LengthPrefixed::new(usize::MAX).header(1 << 24).is_err());
}

#[test]
fn a_damaged_length_does_not_swallow_the_stream() {
    let (first, second) = (checked(b"first"), checked(b"second"));
    let mut stream = frame(&first);
    stream[3] = 0xFF;
    let junk = stream.len() as u64;
    stream.extend(frame(&second));
    let (packets, stats) = take(&stream);
    assert_eq!(packets, [second]);
    assert_eq!(stats, FrameStats { frames: 1, bad_length: 1, junk_bytes: junk, ..FrameStats::new() });
}

#[test]
fn a_lost_byte_costs_only_the_packet_that_lost_it() {
    let packets: Vec<_> = (0..5u8).map(|n| checked(&[n; 40])).collect();
    let frames = frames(&mut LengthPrefixed::new(500), &packets);
    for lost in 8..frames[1].len() {
        let mut stream = frames.concat();
        stream.remove(frames[0].len() + lost);
        let (received, _) = take(&stream);
        assert_eq!(received, [&packets[..1], &packets[2..]].concat());
    }
}

/// What a flipped bit in a packet must not do: let out the frames that the packet carries as its payload.
#[test]
fn a_flipped_bit_lets_nothing_out_of_a_payload_that_is_a_recorded_stream() {
    let recording: Vec<_> = (0..4u8).flat_map(|n| frame(&checked(&[n; 30]))).collect();
    let carrier = frame(&checked(&recording));
    let last = checked(b"last");
    for behind in [frame(&last), vec![]] {
        for bit in 8 * 8..8 * carrier.len() {
            let mut stream = carrier.clone();
            stream[bit / 8] ^= 1 << (bit % 8);
            stream.extend(&behind);
            for cuts in [&[usize::MAX][..], &[1], &[carrier.len(), 3]] {
                let (packets, stats) = receive(&mut LengthPrefixed::new(500), &stream, cuts, 2000, holds);
                assert_eq!(packets, if behind.is_empty() { vec![] } else { vec![last.clone()] });
                assert_eq!(stats.junk_bytes, carrier.len() as u64 - 2);
            }
        }
    }
}

#[test]
fn a_refused_frame_waits_for_eight_bytes_behind_it_and_no_longer() {
    let inside = checked(b"inside");
    let mut stream = frame(&[&[0; 40][..], &frame(&inside), &[0; 9]].concat());
    let end = stream.len();
    stream.extend([0; 20]);
    let mut framing = LengthPrefixed::new(500);
    let Step::Frame { consumed, .. } = framing.deframe(&mut stream[..end]) else { panic!("a frame") };
    let front = consumed - framing.reject(Reject::Damaged);
    assert_eq!(framing.deframe(&mut stream[front..end + 7]), Step::More { consumed: 0 });
    let Step::Frame { packet, .. } = framing.deframe(&mut stream[front..end + 8]) else { panic!("a frame") };
    assert_eq!(stream[front..][packet], inside);
}

#[test]
fn memory_that_cannot_hold_what_stands_behind_a_refused_frame_makes_it_look_inside() {
    let inside = checked(b"inside");
    let stream = frame(&[&frame(&inside)[..], &[0; 9]].concat());
    let next = frame(&checked(b"next"));
    let whole = [&stream[..], &next].concat();
    let (packets, _) = receive(&mut LengthPrefixed::new(500), &whole, &[1], stream.len(), holds);
    assert_eq!(packets.last(), Some(&checked(b"next")));
}

#[test]
fn at_the_end_of_the_stream_frames_inside_an_unfinished_one_are_found() {
    let inside = checked(b"inside");
    let mut stream = LengthPrefixed::new(500).header(400).unwrap().to_vec();
    stream.extend(frame(&inside));
    let (packets, stats) = take(&stream);
    assert_eq!(packets, [inside]);
    assert_eq!(stats.short, 1);
}

#[test]
fn a_valid_header_of_a_packet_that_is_too_long_is_not_waited_for() {
    let mut stream = LengthPrefixed::new(70_000).header(501).unwrap().to_vec();
    stream.extend(frame(&checked(b"next")));
    let (packets, stats) = take(&stream);
    assert_eq!(packets, [checked(b"next")]);
    assert_eq!((stats.long, stats.junk_bytes), (1, 8));
}

/// A stream of nothing but headers, each of which claims the whole rest, must not be read once for each of them.
#[test]
fn headers_that_point_far_ahead_cost_a_bounded_number_of_looks() {
    let mut framing = LengthPrefixed::new(10_000);
    let header = framing.header(10_000).unwrap();
    let mut bytes = header.repeat(50_000);
    let (mut front, mut handed_on) = (0, 0);
    while let Step::Frame { packet, consumed } = framing.deframe(&mut bytes[front..]) {
        handed_on += packet.len();
        front += consumed;
        front -= framing.reject(Reject::Damaged);
    }
    assert!(handed_on < 40 * bytes.len(), "{handed_on} bytes handed on of {}", bytes.len());
}

proptest! {
    #[test]
    fn streams_full_of_headers_give_the_same_packets_however_they_are_cut(
        pieces in proptest::collection::vec(prop_oneof![
            (0..520usize).prop_map(|n| LengthPrefixed::new(600).header(n).unwrap().to_vec()),
            awkward(40),
            awkward(60).prop_map(|packet| frame(&checked(&packet))),
        ], 0..30),
        cuts in common::cuts()
    ) {
        let stream = pieces.concat();
        let whole = take(&stream);
        let cut = receive(&mut LengthPrefixed::new(500), &stream, &cuts, 2000, holds);
        prop_assert_eq!(whole.0, cut.0);
        prop_assert_eq!(whole.1, cut.1);
    }
}

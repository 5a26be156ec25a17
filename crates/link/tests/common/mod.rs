//! What the tests of all framings share: a receiver that cuts the stream, and a generator of awkward bytes.
#![allow(dead_code, reason = "not every test uses all of it")]

use packhorse_link::{Checksum, Crc32c, FrameStats, Framing, StreamBuf};
use proptest::prelude::*;

/// Longest packet in the tests.
pub(crate) const PACKET_MAX: usize = 700;

/// Bytes in which those that framings treat specially are frequent, and so are long runs without any.
pub(crate) fn awkward(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..=max),
        proptest::collection::vec(
            proptest::sample::select(vec![0, 1, 0xFC, 0xFD, 0xFE, 0xFF, b'P', b'H', 1, 2]),
            0..=max.min(60)
        ),
        (any::<u8>(), 0..=max).prop_map(|(byte, length)| vec![byte; length]),
        (0..=max, any::<u8>(), any::<prop::sample::Index>()).prop_map(|(length, byte, at)| {
            let mut bytes = vec![0x55; length];
            if !bytes.is_empty() {
                let at = at.index(length);
                bytes[at] = byte;
            }
            bytes
        }),
    ]
}

/// Lengths to cut a stream into, used in turn.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), Just(vec![usize::MAX]), proptest::collection::vec(1..900usize, 1..20)]
}

/// The packet with its check behind.
pub(crate) fn checked(packet: &[u8]) -> Vec<u8> {
    [packet, &Crc32c::checksum(packet).to_be_bytes()].concat()
}

/// Whether the check behind the packet holds.
pub(crate) fn holds(packet: &[u8]) -> bool {
    let Some((body, check)) = packet.split_last_chunk::<4>() else {
        return false;
    };
    Crc32c::checksum(body).to_be_bytes() == *check
}

/// The frames of the packets, each one alone.
pub(crate) fn frames<F: Framing>(framing: &mut F, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    packets
        .iter()
        .map(|packet| {
            let mut frame = vec![0xA5; framing.frame_len_max(packet.len())];
            let length = framing.enframe(packet, &mut frame).unwrap();
            frame.truncate(length);
            frame
        })
        .collect()
}

/// What a receiver gets from `stream` cut into these pieces. Packets that `accept` refuses are rejected.
pub(crate) fn receive<F: Framing>(
    framing: &mut F,
    stream: &[u8],
    cuts: &[usize],
    capacity: usize,
    accept: impl Fn(&[u8]) -> bool,
) -> (Vec<Vec<u8>>, FrameStats) {
    let mut buf = StreamBuf::new(vec![0xA5; capacity]);
    let mut packets = Vec::new();
    let mut rest = stream;
    let mut turn = 0;
    while !rest.is_empty() {
        let piece = rest.len().min(cuts[turn % cuts.len()]);
        turn += 1;
        let mut piece_rest = &rest[..piece];
        rest = &rest[piece..];
        while !piece_rest.is_empty() {
            let taken = buf.extend(piece_rest);
            assert!(taken > 0, "no memory is left although all packets were taken");
            piece_rest = &piece_rest[taken..];
            while let Some(packet) = buf.next(framing) {
                if accept(packet) {
                    packets.push(packet.to_vec());
                } else {
                    buf.reject(framing);
                }
            }
        }
    }
    while let Some(packet) = buf.finish(framing) {
        if accept(packet) {
            packets.push(packet.to_vec());
        } else {
            buf.reject(framing);
        }
    }
    assert_eq!(buf.pending(), 0);
    (packets, *framing.stats())
}

//! The rules of COBS, and the same bytes as the `cobs` crate.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

use common::{awkward, frames, receive};
use packhorse_link::{Cobs, FrameStats, Framing as _};
use proptest::prelude::*;

fn frame(packet: &[u8]) -> Vec<u8> {
    frames(&mut Cobs::new(5000), &[packet.to_vec()]).remove(0)
}

fn take(stream: &[u8]) -> (Vec<Vec<u8>>, FrameStats) {
    receive(&mut Cobs::new(300), stream, &[usize::MAX], 1000, |_| true)
}

#[test]
fn the_published_examples_hold() {
    assert_eq!(frame(&[0]), [0, 1, 1, 0]);
    assert_eq!(frame(&[0x11, 0x22, 0, 0x33]), [0, 3, 0x11, 0x22, 2, 0x33, 0]);
    let run: Vec<u8> = (1..=254).collect();
    assert_eq!(frame(&run), [&[0, 0xFF], &run[..], &[0]].concat());
    assert_eq!(frame(&[&run[..], &[0xFF]].concat()), [&[0, 0xFF], &run[..], &[2, 0xFF, 0]].concat());
}

#[test]
fn an_empty_packet_comes_back() {
    assert_eq!(frame(&[]), [0, 1, 0]);
    assert_eq!(take(&[0, 1, 0]).0, [vec![]]);
}

#[test]
fn a_frame_without_the_zero_in_front_is_taken_at_the_start_of_the_stream() {
    assert_eq!(take(&[2, 7, 0]).0, [[7]]);
}

#[test]
fn back_to_back_frames_share_their_zeros() {
    let packets: Vec<Vec<u8>> = vec![vec![0], vec![0x11, 0x22], vec![]];
    let sent = frames(&mut Cobs::back_to_back(300), &packets);
    assert_eq!(sent.concat(), [0, 1, 1, 0, 3, 0x11, 0x22, 0, 1, 0]);
    assert_eq!(take(&sent.concat()).0, packets);
    // Without the zero between them two frames are one that contradicts itself or its check.
    assert_eq!(take(&[0, 1, 1, 3, 0x11, 0x22, 0, 1, 0]).0.last(), Some(&vec![]));
    let mut framing = Cobs::back_to_back(300);
    for (packet, frame) in packets.iter().zip(&sent) {
        let error = framing.clone().enframe(packet, &mut vec![0; frame.len() - 1]).unwrap_err();
        assert_eq!((error.needed, error.available), (frame.len(), frame.len() - 1));
        assert_eq!(framing.enframe(packet, &mut vec![0; frame.len()]), Ok(frame.len()));
    }
}

#[test]
fn a_code_that_points_behind_its_frame_drops_it() {
    let (packets, stats) = take(&[0, 9, 7, 0, 2, 8, 0]);
    assert_eq!(packets, [[8]]);
    assert_eq!(stats, FrameStats { frames: 1, bad_length: 1, ..FrameStats::new() });
}

#[test]
fn a_frame_that_is_too_long_is_counted_once_wherever_it_is_cut() {
    let mut stream = frame(&[7; 301]);
    stream.extend(frame(&[7; 900]));
    stream.extend(frame(&[8]));
    for cut in 1..stream.len() {
        let (packets, stats) = receive(&mut Cobs::new(300), &stream, &[cut], 1000, |_| true);
        assert_eq!(packets, [[8]]);
        assert_eq!(stats, FrameStats { frames: 1, long: 2, ..FrameStats::new() });
    }
}

proptest! {
    #[test]
    fn the_bytes_are_those_of_the_cobs_crate(packet in awkward(2000)) {
        let ours = frame(&packet);
        let theirs = cobs::encode_vec(&packet);
        // A full run that ends the packet may be followed by an empty one: both forms are read by everybody.
        let body = &ours[1..ours.len() - 1];
        prop_assert!(body == theirs || [body, &[1]].concat() == theirs);
        prop_assert_eq!(cobs::decode_vec(body).unwrap(), packet.clone());
        let (packets, _) = receive(&mut Cobs::new(2000), &[&theirs[..], &[0]].concat(), &[100], 5000, |_| true);
        prop_assert_eq!(packets, [packet]);
    }

    #[test]
    fn bodies_are_refused_as_the_cobs_crate_refuses_them(body in proptest::collection::vec(1..9u8, 1..40)) {
        let (packets, stats) = take(&[&body[..], &[0]].concat());
        match cobs::decode_vec(&body) {
            Ok(packet) => prop_assert_eq!(packets, [packet]),
            Err(_) => prop_assert_eq!((packets.len(), stats.bad_length), (0, 1)),
        }
    }
}

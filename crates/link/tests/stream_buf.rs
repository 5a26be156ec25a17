//! The receive memory: overflow, moving, and handing the storage on.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

use common::{checked, frames, holds, receive};
use packhorse_link::{Cobs, FfStuffing, Framing, LengthPrefixed, StreamBuf, Unframed};

#[test]
fn it_needs_no_heap() {
    let mut framing = FfStuffing::ftag();
    let mut buf = StreamBuf::new([0; 16]);
    assert_eq!(buf.extend(&[0xFF, 1, 2, 0xFF]), 4);
    assert_eq!(buf.next(&mut framing), Some(&mut [1, 2][..]));
    assert_eq!(buf.next(&mut framing), None);
}

fn overflows<F: Framing + Clone>(framing: &F) {
    let packets = [checked(&[7; 90]), checked(b"next")];
    let stream = frames(&mut framing.clone(), &packets).concat();
    for cut in [1, 3, 64] {
        let (received, stats) = receive(&mut framing.clone(), &stream, &[cut], 64, holds);
        assert_eq!(received, packets[1..]);
        assert_eq!((stats.overflow, stats.long, stats.short), (1, 0, 0));
    }
}

#[test]
fn a_frame_larger_than_the_memory_is_counted_and_the_next_one_found() {
    overflows(&FfStuffing::new(500));
    overflows(&Cobs::new(500));
    overflows(&LengthPrefixed::new(500));
}

#[test]
fn bytes_that_arrive_one_by_one_are_moved_less_than_once_on_average() {
    let packet = checked(&[7; 150]);
    let mut framing = LengthPrefixed::new(500);
    let frame = frames(&mut framing, &[packet]).remove(0);
    // Room for a frame and a bit: the hardest case.
    let mut buf = StreamBuf::new(vec![0; frame.len() + 10]);
    let (mut moved, mut taken) = (0, 0);
    for _ in 0..100 {
        for byte in &frame {
            let pending = buf.pending();
            let before = buf.spare().as_ptr() as usize;
            buf.spare()[0] = *byte;
            buf.commit(1);
            while buf.next_range(&mut framing).is_some() {
                taken += 1;
            }
            let after = buf.spare().as_ptr() as usize;
            if after < before {
                moved += pending;
            }
        }
    }
    assert_eq!(taken, 100);
    assert!(moved <= 100 * frame.len(), "{moved} bytes moved");
}

#[test]
fn a_packet_given_back_is_found_again_and_only_once() {
    let (outer, inner) = (vec![0x55; 3], checked(b"inner"));
    let mut framing = LengthPrefixed::new(500);
    let inner = frames(&mut framing, &[inner]).concat();
    let mut stream = frames(&mut framing, &[[outer, inner.clone()].concat()]).concat();
    stream.extend([0; 8]); // no header: bytes are missing
    let mut buf = StreamBuf::new(stream);
    buf.commit(usize::MAX);
    assert!(buf.next(&mut framing).is_some());
    buf.reject(&mut framing);
    assert_eq!(buf.next(&mut framing), Some(&mut inner[8..].to_vec()[..]));
    buf.spare();
    buf.reject(&mut framing);
    assert_eq!(buf.next(&mut framing), None);
}

#[test]
fn the_old_storage_keeps_the_packets_and_the_new_one_goes_on() {
    let mut framing = FfStuffing::ftag();
    let mut buf = StreamBuf::new(vec![0; 32]);
    buf.extend(&[0xFF, 1, 0xFE, 0xFD, 3, 0xFF, 0xFF, 4, 0xFE]);
    let first = buf.next_range(&mut framing).unwrap();
    assert_eq!(buf.next_range(&mut framing), None);

    assert_eq!(buf.replace_storage(vec![0; 1]), Err(vec![0; 1]), "two bytes are pending");
    let old = buf.replace_storage(vec![0; 64]).unwrap();
    assert_eq!(old[first], [1, 0xFF, 3]);
    assert_eq!((buf.pending(), buf.capacity()), (2, 64));
    buf.extend(&[0xFE, 0xFF]);
    assert_eq!(buf.next(&mut framing), Some(&mut [4, 0xFE][..]));
}

#[test]
fn a_reset_forgets_what_is_pending_and_counts_it() {
    let mut framing = FfStuffing::ftag();
    let mut buf = StreamBuf::new([0; 32]);
    buf.extend(&[0xFF, 1, 2]);
    assert_eq!(buf.next(&mut framing), None);
    buf.reset(&mut framing);
    assert_eq!((buf.pending(), framing.stats().short), (0, 1));
    buf.extend(&[3, 0xFF, 4, 0xFF]);
    assert_eq!(buf.next(&mut framing), Some(&mut [4][..]));
    assert_eq!(framing.stats().junk_bytes, 1);
}

#[test]
fn without_framing_what_was_received_is_the_packet() {
    let mut framing = Unframed::new();
    let mut buf = StreamBuf::new([0; 32]);
    for packet in [&b"one"[..], b"three"] {
        buf.extend(packet);
        assert_eq!(buf.next(&mut framing).as_deref(), Some(packet));
        assert_eq!(buf.next(&mut framing), None);
    }
    assert_eq!(framing.stats().frames, 2);
}

#[test]
fn no_memory_at_all_does_no_harm() {
    let mut buf = StreamBuf::new([0; 0]);
    assert!(buf.spare().is_empty());
    assert_eq!(buf.next(&mut FfStuffing::ftag()), None);
    assert_eq!(buf.finish(&mut LengthPrefixed::new(9)), None);
}

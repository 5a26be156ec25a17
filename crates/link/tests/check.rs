//! The checking layers: their bytes, and each cause of refusal counted by itself.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

use packhorse_buffer::{DecodeErrorKind, Layer, NoRoom, PacketBuf, Side};
use packhorse_link::{Check, CheckStats, Crc16SpiFujitsu, Crc32c, LengthCheck};
use proptest::prelude::*;

type Native = Check<Crc32c>;
type Ftag = LengthCheck<Crc16SpiFujitsu>;

fn pushed<L: Layer<Tx = ()>>(mut layer: L, packet: &[u8]) -> PacketBuf<Vec<u8>> {
    let room = vec![0xA5; L::HEADROOM + packet.len() + L::TAILROOM];
    let mut buf = PacketBuf::with_headroom(room, L::HEADROOM).unwrap();
    buf.put_slice(packet).unwrap();
    layer.push((), &mut buf).unwrap();
    buf
}

#[test]
fn the_check_stands_behind_the_packet_big_endian() {
    assert_eq!(pushed(Native::new(), b"123456789").as_slice(), b"123456789\xE3\x06\x92\x83");
}

#[test]
fn the_length_counts_what_follows_it_and_is_checked_too() {
    // The first message of golden/ftag/one.stream's tail: END on the control channel, sequence number 12.
    let message = pushed(Ftag::new(), &[0x0C, 0x80, 0, 0, 0xFF]);
    assert_eq!(message.as_slice(), [0x07, 0x0C, 0x80, 0, 0, 0xFF, 0xB1, 0x9C]);
}

#[test]
fn the_longest_packet_of_the_length_byte_goes_and_one_more_has_no_room() {
    assert_eq!(pushed(Ftag::new(), &[1; 253]).len(), 256);
    let mut buf = PacketBuf::with_headroom(vec![0; 400], 1).unwrap();
    buf.put_slice(&[1; 254]).unwrap();
    let error = NoRoom { side: Side::Tail, needed: 256, available: 255 };
    assert_eq!(Ftag::new().push((), &mut buf), Err(error));
    assert_eq!(buf.len(), 254);
}

#[test]
fn a_push_without_tailroom_leaves_the_packet_as_it_was() {
    let mut buf = PacketBuf::with_headroom(vec![0; 6], 1).unwrap();
    buf.put_slice(&[1; 4]).unwrap();
    let error = NoRoom { side: Side::Tail, needed: 2, available: 1 };
    assert_eq!(Ftag::new().push((), &mut buf), Err(error));
    assert_eq!((buf.headroom(), buf.len()), (1, 4));
}

#[test]
fn every_cause_is_counted_by_itself() {
    let mut native = Native::new();
    let mut ftag = Ftag::new();
    let mut pull_native =
        |bytes: &[u8]| native.pull(&mut PacketBuf::filled(bytes.to_vec())).map_err(|e| e.kind);
    let mut pull_ftag = |bytes: &[u8]| ftag.pull(&mut PacketBuf::filled(bytes.to_vec())).map_err(|e| e.kind);

    assert_eq!(pull_native(&[1; 3]), Err(DecodeErrorKind::Truncated { needed: 4, available: 3 }));
    assert!(matches!(pull_native(&[1; 9]), Err(DecodeErrorKind::BadCheck { stated: 0x0101_0101, .. })));
    assert_eq!(pull_native(b"123456789\xE3\x06\x92\x83"), Ok(()));

    assert_eq!(pull_ftag(&[]), Err(DecodeErrorKind::Truncated { needed: 3, available: 0 }));
    assert_eq!(pull_ftag(&[9, 1, 2]), Err(DecodeErrorKind::BadLength { stated: 9, expected: 2 }));
    assert!(matches!(pull_ftag(&[2, 1, 2]), Err(DecodeErrorKind::BadCheck { stated: 0x0102, .. })));
    assert_eq!(pull_ftag(&[0x07, 0x0C, 0x80, 0, 0, 0xFF, 0xB1, 0x9C]), Ok(()));

    assert_eq!(*native.stats(), CheckStats { good: 1, short: 1, bad_length: 0, bad_check: 1 });
    assert_eq!(*ftag.stats(), CheckStats { good: 1, short: 1, bad_length: 1, bad_check: 1 });
}

proptest! {
    #[test]
    fn what_was_pushed_is_pulled(packet in common::awkward(253)) {
        let mut buf = pushed(Ftag::new(), &packet);
        Ftag::new().pull(&mut buf).unwrap();
        prop_assert_eq!(buf.as_slice(), &packet[..]);
        let mut buf = pushed(Native::new(), &packet);
        Native::new().pull(&mut buf).unwrap();
        prop_assert_eq!(buf.as_slice(), &packet[..]);
    }

    #[test]
    fn any_flipped_bits_are_refused(packet in common::awkward(253), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let mut bytes = pushed(Ftag::new(), &packet).as_slice().to_vec();
        let place = at.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert!(Ftag::new().pull(&mut PacketBuf::filled(bytes)).is_err());
        let mut bytes = pushed(Native::new(), &packet).as_slice().to_vec();
        let place = at.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert!(Native::new().pull(&mut PacketBuf::filled(bytes)).is_err());
    }
}

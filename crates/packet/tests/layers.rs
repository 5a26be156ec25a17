//! The layers push exactly the bytes of their tables, and pull what they pushed.

use packhorse_buffer::{DecodeErrorKind, Layer, NoRoom, Over, PacketBuf, Side};
use packhorse_packet::{Address, Channel, Fragment, MessageLayer, Order, ftag, native};
use proptest::prelude::*;

#[test]
fn the_native_header_is_channel_and_sequence_number_in_big_endian() {
    let mut layer = native::PacketLayer::new();
    let mut buf = PacketBuf::with_headroom([0xA5; 32], 6).unwrap();
    layer.push(Channel::new(0x1234).unwrap().control(), &mut buf).unwrap();
    assert_eq!(buf.as_slice(), [0x92, 0x34, 0, 0, 0, 0]);
    buf.reset(6).unwrap();
    layer.push(Channel::TELEMETRY.data(), &mut buf).unwrap();
    assert_eq!(buf.as_slice(), [0, 2, 0, 0, 0, 1]);
}

#[test]
fn the_ftag_header_is_sequence_number_and_channel() {
    let mut layer = ftag::PacketLayer::new();
    let mut buf = PacketBuf::with_headroom([0xA5; 32], 2).unwrap();
    for sequence in 0..=255 {
        buf.reset(2).unwrap();
        layer.push(Channel::LINK.control(), &mut buf).unwrap();
        assert_eq!(buf.as_slice(), [sequence, 0x80]);
    }
    buf.reset(2).unwrap();
    layer.push(Channel::new(0x7F).unwrap().data(), &mut buf).unwrap();
    assert_eq!(buf.as_slice(), [0, 0x7F], "the sequence number wraps");
}

#[test]
fn a_channel_that_ftag_cannot_say_is_refused_and_takes_no_sequence_number() {
    let mut layer = ftag::PacketLayer::new();
    let mut buf = PacketBuf::with_headroom([0xA5; 32], 2).unwrap();
    let error = layer.push(Channel::new(0x80).unwrap().data(), &mut buf).unwrap_err();
    assert_eq!(error, NoRoom { side: Side::Head, needed: 2, available: 1 });
    layer.push(Channel::LINK.data(), &mut buf).unwrap();
    assert_eq!(buf.as_slice(), [0, 0]);
    assert_eq!(layer.stats().sent, 1);
}

#[test]
fn a_push_without_room_takes_no_sequence_number() {
    let mut layer = native::PacketLayer::new();
    let mut buf = PacketBuf::with_headroom([0xA5; 32], 5).unwrap();
    layer.push(Channel::LINK.data(), &mut buf).unwrap_err();
    buf.reset(6).unwrap();
    layer.push(Channel::LINK.data(), &mut buf).unwrap();
    assert_eq!(buf.as_slice(), [0; 6]);
}

#[test]
fn a_header_that_is_cut_short_says_where_and_how_much() {
    for len in 0..6 {
        let mut layer = native::PacketLayer::new();
        let error = layer.pull(&mut PacketBuf::filled(&mut [0; 6][..len])).unwrap_err();
        assert_eq!((error.layer, error.offset), ("packet", 0));
        assert_eq!(error.kind, DecodeErrorKind::Truncated { needed: 6, available: len });
        assert_eq!((layer.stats().short, layer.stats().received), (1, 0));
    }
    let mut layer = ftag::PacketLayer::new();
    layer.pull(&mut PacketBuf::filled([0])).unwrap_err();
    MessageLayer.pull(&mut PacketBuf::filled([0; 3])).unwrap_err();
}

#[test]
fn lost_and_repeated_packets_are_counted() {
    let mut layer = native::PacketLayer::new();
    let mut orders = Vec::new();
    for sequence in [7_u32, 8, 8, 11, 10] {
        let mut bytes = [0, 1, 0, 0, 0, 0];
        bytes[2..].copy_from_slice(&sequence.to_be_bytes());
        let arrival = layer.pull(&mut PacketBuf::filled(bytes)).unwrap();
        assert_eq!(arrival.sequence, sequence);
        orders.push(arrival.order);
    }
    assert_eq!(orders, [Order::First, Order::Next, Order::Duplicate, Order::Gap(2), Order::Old]);
    let stats = layer.stats();
    assert_eq!((stats.received, stats.gaps, stats.missed, stats.duplicates, stats.old), (5, 1, 1, 1, 1));
}

proptest! {
    #[test]
    fn what_was_pushed_is_pulled(word: u16, body: [u8; 9], message: u8, index: u8, more in 0_u8..=255) {
        let address = Address::from_word(word);
        let fragment = Fragment { message, index, last: index.saturating_add(more) };
        let mut stack = Over::new(MessageLayer, native::PacketLayer::new());
        let mut buf = PacketBuf::with_headroom([0xA5; 64], 20).unwrap();
        buf.put_slice(&body).unwrap();
        stack.push((fragment, address), &mut buf).unwrap();
        prop_assert_eq!(buf.len(), 4 + 6 + 9);
        let (pulled, arrival) = stack.pull(&mut buf).unwrap();
        prop_assert_eq!((pulled, arrival.address), (fragment, address));
        prop_assert_eq!(buf.as_slice(), &body);

        let mut layer = ftag::PacketLayer::new();
        let address = Address::from_word(word & 0x807F);
        layer.push(address, &mut buf).unwrap();
        prop_assert_eq!(layer.pull(&mut buf).unwrap().address, address);
        prop_assert_eq!(buf.as_slice(), &body);
    }

    #[test]
    fn arbitrary_bytes_are_pulled_or_refused(bytes: Vec<u8>) {
        let _ = native::PacketLayer::new().pull(&mut PacketBuf::filled(bytes.clone()));
        let _ = ftag::PacketLayer::new().pull(&mut PacketBuf::filled(bytes.clone()));
        let _ = MessageLayer.pull(&mut PacketBuf::filled(bytes));
    }
}

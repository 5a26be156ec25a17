//! Control messages from any bytes. Promise: no panic, and what decodes can be encoded, and decodes to the same,
//! unless it is about an object that cannot be (decoding reads what the wire says; the receiver refuses it).

use packhorse_buffer::PacketBuf;
use packhorse_transfer::{Control, ControlCodec, ftag, native};

/// Any bytes as a control message of the native profile.
pub fn control_native(data: &[u8]) {
    round_trip::<native::Codec>(data, native::NAME_MAX);
}

/// Any bytes as a control message of the ftag profile.
pub fn control_ftag(data: &[u8]) {
    round_trip::<ftag::Codec>(data, ftag::NAME_SENT_MAX);
}

fn round_trip<C: ControlCodec>(data: &[u8], name_max: usize) {
    let Ok(control) = C::decode(data) else { return };
    let (mut possible, mut shortened) = (true, false);
    if let Control::Meta(meta) = &control {
        // Names longer than we would send are read, and shortened when they are sent.
        shortened = meta.name.len() > name_max;
        // Whatever it claims, working out its blocks neither overflows nor panics.
        match meta.layout() {
            Ok(Some(layout)) => {
                let last = layout.blocks().checked_sub(1).and_then(|last| layout.place(last));
                let end = last.map_or(0, |place| place.offset + u64::from(place.len));
                assert_eq!(end, layout.size(), "the blocks cover the object");
            }
            Ok(None) => {}
            Err(_) => possible = false,
        }
    }
    // Unknown options are dropped, so the bytes may be fewer, never more.
    let mut buf = PacketBuf::new(vec![0xA5; data.len() + C::MESSAGE_MAX]);
    if let Err(error) = C::encode(&control, &mut buf) {
        assert!(!possible, "what was decoded can be encoded: {error} {control:?}");
        return;
    }
    let again = C::decode(buf.as_slice());
    assert!(again.is_ok(), "what was encoded can be decoded: {again:?}");
    if !shortened {
        assert_eq!(again, Ok(control), "and reads as the same");
    }
}

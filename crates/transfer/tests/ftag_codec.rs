//! What the ftag codec writes it reads; what it cannot say it refuses; what it reads never panics.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use packhorse_buffer::{Layer, NoRoom, PacketBuf, Side};
use packhorse_transfer::ftag::{BlockLayer, Codec, NAME_MAX, NAME_SENT_MAX};
use packhorse_transfer::{
    BlockHeader, Compression, CompressionMethod, Control, ControlCodec, EncodeError, End, HashKind, Meta,
    ObjectKind, SessionEnd,
};
use proptest::prelude::*;

fn encode(control: &Control<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut buf = PacketBuf::with_headroom(vec![0xA5; 5000], 3).unwrap();
    let result = Codec::encode(control, &mut buf);
    assert!(result.is_ok() || buf.is_empty(), "a refused message leaves the buffer as it was");
    assert!(buf.len() <= Codec::MESSAGE_MAX);
    result.map(|()| buf.as_slice().to_vec())
}

fn ftag_meta(size: u64, block_size: u32, name: &[u8]) -> Meta<'_> {
    let hash = Some([7; 32]);
    Meta {
        objects: 1,
        block_size,
        size: Some(size),
        hash_kind: HashKind::Sha256,
        hash,
        name,
        ..Meta::default()
    }
}

#[test]
fn ftag_says_up_to_65_535_full_blocks_of_255_bytes_and_one_shorter() {
    let encode = |size, block_size| encode(&Control::Meta(ftag_meta(size, block_size, b"n")));
    for block_size in [1, 50, 255] {
        let most = 65_536 * u64::from(block_size) - 1;
        for size in [0, 1, most] {
            let bytes = encode(size, block_size).unwrap();
            let Control::Meta(meta) = Codec::decode(&bytes).unwrap() else { panic!("not a META") };
            assert_eq!(meta.size, Some(size));
            assert!(meta.layout().unwrap().unwrap().blocks() <= 65_536, "numbers fit 16 bits");
        }
        assert_eq!(encode(most + 1, block_size), Err(EncodeError::TooLarge { size: most + 1, most }));
        assert!(encode(u64::MAX, block_size).is_err());
    }
    assert_eq!(encode(9, 0), Err(EncodeError::BlockSize { block_size: 0, most: 255 }));
    assert_eq!(encode(9, 256), Err(EncodeError::BlockSize { block_size: 256, most: 255 }));
}

#[test]
fn what_ftag_cannot_say_is_refused_by_name() {
    let good = ftag_meta(1, 50, b"n");
    let refused = |meta: Meta<'_>| encode(&Control::Meta(meta)).unwrap_err();
    assert_eq!(refused(Meta { size: None, ..good }), EncodeError::Unknown("size"));
    assert_eq!(refused(Meta { hash: None, ..good }), EncodeError::Unknown("hash"));
    assert_eq!(refused(Meta { name: b"a\0b", ..good }), EncodeError::BadName);
    assert!(matches!(refused(Meta { kind: ObjectKind::Folder, ..good }), EncodeError::Unsupported(_)));
    assert!(matches!(refused(Meta { hash_kind: HashKind::Blake3, ..good }), EncodeError::Unsupported(_)));
    let compression = Some(Compression { method: CompressionMethod::Lz4, content: None, growing: false });
    assert!(matches!(refused(Meta { compression, ..good }), EncodeError::Unsupported(_)));
    let end = Control::SessionEnd(SessionEnd::default());
    assert!(matches!(encode(&end), Err(EncodeError::Unsupported(_))));
}

#[test]
fn a_name_too_long_for_ftag_loses_folders_then_stem_but_not_its_extension() {
    let name = |name: &[u8]| {
        let bytes = encode(&Control::Meta(ftag_meta(1, 50, name))).unwrap();
        assert!(bytes.len() + 6 <= 255, "it fits a link message");
        match Codec::decode(&bytes) {
            Ok(Control::Meta(meta)) => meta.name.to_vec(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(name(&[b'x'; NAME_SENT_MAX]), [b'x'; NAME_SENT_MAX]);
    let folders = [&[b'd'; 300][..], b"/photo.jpg"].concat();
    assert_eq!(name(&folders), b"photo.jpg");
    let short = name(&[&[b'x'; 300][..], b".jpg"].concat());
    assert_eq!((short.len(), &short[short.len() - 5..]), (NAME_SENT_MAX, &b"x.jpg"[..]));
    // Characters of three bytes are not cut.
    let short = name(format!("{}.png", "\u{20AC}".repeat(100)).as_bytes());
    assert!(core::str::from_utf8(&short).unwrap().ends_with("\u{20AC}.png"));
    assert_eq!(name(&[0xFF; 300]).len(), NAME_SENT_MAX, "not UTF-8: cut at a byte");
    assert_eq!(name(&[&b"a."[..], &[b'x'; 300]].concat()).len(), NAME_SENT_MAX, "that is no extension");
    assert_eq!(name(b""), b"");
}

#[test]
fn an_impossible_ftag_meta_is_refused() {
    let good = encode(&Control::Meta(ftag_meta(173, 50, b"n"))).unwrap();
    for len in 0..good.len() {
        assert!(Codec::decode(&good[..len]).is_err(), "cut at {len}");
    }
    for (offset, value) in [(0, 2), (3, 0), (4, 50), (4, 255)] {
        let mut bad = good.clone();
        bad[offset] = value;
        assert_eq!(Codec::decode(&bad).unwrap_err().offset, offset);
    }
}

#[test]
fn a_name_as_long_as_a_link_message_is_read() {
    let meta = encode(&Control::Meta(ftag_meta(1, 50, b""))).unwrap();
    let long = [&meta[..37], &[b'x'; NAME_MAX], &[0]].concat();
    assert_eq!(long.len(), Codec::MESSAGE_MAX);
    assert!(matches!(Codec::decode(&long), Ok(Control::Meta(meta)) if meta.name == [b'x'; NAME_MAX]));
}

proptest! {
    #[test]
    fn ftag_reads_what_it_writes(size in 0_u64..65_535, block_size in 1_u32..=255, name in "[^\\x00]{0,18}") {
        let control = Control::Meta(ftag_meta(size, block_size, name.as_bytes()));
        let bytes = encode(&control).unwrap();
        prop_assert_eq!(Codec::decode(&bytes), Ok(control));
        let end = Control::End(End::default());
        prop_assert_eq!(encode(&end).unwrap(), [0xFF]);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(mut bytes: Vec<u8>, kind in prop_oneof![Just(1_u8), Just(255)]) {
        let _ = Codec::decode(&bytes);
        if let [first, ..] = &mut bytes[..] {
            *first = kind;
        }
        let _ = Codec::decode(&bytes);
    }

    #[test]
    fn the_block_layer_pulls_what_it_pushed_and_refuses_what_needs_more_than_16_bits(
        tag: u16,
        number in prop_oneof![0_u32..=0xFFFF, any::<u32>()],
        body: [u8; 1],
    ) {
        let mut buf = PacketBuf::with_headroom([0xA5; 32], 6).unwrap();
        buf.put_slice(&body).unwrap();
        let pushed = BlockLayer.push(BlockHeader { tag, number }, &mut buf);
        if number > 0xFFFF {
            prop_assert_eq!(pushed, Err(NoRoom { side: Side::Head, needed: 4, available: 2 }));
        } else {
            prop_assert_eq!(&buf.as_slice()[..2], &number.to_be_bytes()[2..]);
            prop_assert_eq!(BlockLayer.pull(&mut buf), Ok(BlockHeader { tag: 0, number }));
        }
        prop_assert_eq!(buf.as_slice(), &body);
        prop_assert!(BlockLayer.pull(&mut buf).is_err(), "one byte is too few");
    }
}

//! What the native codec writes it reads; what it cannot say it refuses; what it reads never panics.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use packhorse_buffer::{DecodeErrorKind, Layer, PacketBuf};
use packhorse_transfer::fountain::Shape;
use packhorse_transfer::native::{BlockLayer, Codec};
use packhorse_transfer::{
    Ack, AckState, AckWriter, BlockHeader, Compression, CompressionMethod, Control, ControlCodec,
    EncodeError, End, HashKind, Meta, ObjectKind, SessionEnd,
};
use proptest::prelude::*;

fn encode(control: &Control<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut buf = PacketBuf::with_headroom(vec![0xA5; 5000], 3).unwrap();
    let result = Codec::encode(control, &mut buf);
    assert!(result.is_ok() || buf.is_empty(), "a refused message leaves the buffer as it was");
    assert!(buf.len() <= Codec::MESSAGE_MAX);
    result.map(|()| buf.as_slice().to_vec())
}

#[test]
fn the_native_meta_lies_as_its_table_says() {
    let meta = Meta {
        object_id: 0x0102_0304_0506_0708,
        session: 0x1112_1314_1516_1718,
        index: 0x2122_2324,
        objects: 0x3132_3334,
        kind: ObjectKind::Stream,
        block_size: 0x4142_4344,
        size: Some(0x51_5253_5455_5657),
        hash_kind: HashKind::Blake3,
        hash: Some([0x66; 32]),
        name: b"a/b",
        mode: Some(0o644),
        mtime: Some((-2, 999_999_999)),
        fountain: Some(Shape { symbols: 0x0102, interleave: 3, index_bits: 20 }),
        compression: Some(Compression {
            method: CompressionMethod::Lz4,
            content: Some(0x7172_7374_7576_7778),
            growing: true,
        }),
        answers: true,
        carousel: true,
    };
    let bytes = encode(&Control::Meta(meta)).unwrap();
    assert_eq!(bytes[..4], [1, 1, 0, 15]);
    assert_eq!(bytes[4..12], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(bytes[12..20], [0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]);
    assert_eq!(bytes[20..28], [0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33, 0x34]);
    assert_eq!(bytes[28..36], [3, 2, 0, 0, 0x41, 0x42, 0x43, 0x44]);
    assert_eq!(bytes[36..44], [0, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57]);
    assert_eq!(bytes[44..76], [0x66; 32]);
    assert_eq!(bytes[76..82], [1, 0, 3, b'a', b'/', b'b']);
    assert_eq!(bytes[82..89], [2, 0, 4, 0, 0, 1, 0o244]);
    assert_eq!(bytes[89..92], [3, 0, 12]);
    assert_eq!(bytes[92..104], [255, 255, 255, 255, 255, 255, 255, 254, 0x3B, 0x9A, 0xC9, 0xFF]);
    assert_eq!(bytes[104..111], [4, 0, 4, 1, 2, 3, 20]);
    assert_eq!(bytes[111..116], [5, 0, 10, 1, 3]);
    assert_eq!(bytes[116..], [0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78]);
    assert_eq!(meta.tag(), 0x0708);
}

#[test]
fn the_native_ends_lie_as_their_tables_say() {
    let end = End { object_id: 5, size: Some(6), hash: Some([7; 32]) };
    let bytes = encode(&Control::End(end)).unwrap();
    assert_eq!(bytes[..20], [0xFF, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6]);
    assert_eq!(bytes[20..], [7; 32]);
    let end = SessionEnd { session: 8, objects: 9, heard: false };
    let bytes = encode(&Control::SessionEnd(end)).unwrap();
    assert_eq!(bytes, [0xFE, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 9]);
}

#[test]
fn unknown_options_are_skipped_and_bad_ones_refused_where_they_are() {
    let good = encode(&Control::Meta(Meta { block_size: 1, name: b"n", ..Meta::default() })).unwrap();
    let with = |option: &[u8]| [&good, option].concat();
    let kind = |bytes: &[u8]| {
        let error = Codec::decode(bytes).unwrap_err();
        assert_eq!(error.layer, "transfer");
        (error.offset, error.kind)
    };
    let bytes = with(&[200, 0, 2, 1, 2, 2, 0, 4, 0, 0, 0, 1]);
    let Control::Meta(meta) = Codec::decode(&bytes).unwrap() else { panic!("not a META") };
    assert_eq!((meta.name, meta.mode), (&b"n"[..], Some(1)));
    // The options start at 76, with the name of 4 bytes.
    assert_eq!(kind(&with(&[1, 0, 1, b'm'])), (80, DecodeErrorKind::BadValue { value: 1 }));
    assert_eq!(kind(&with(&[2, 0])), (80, DecodeErrorKind::Truncated { needed: 3, available: 2 }));
    assert_eq!(kind(&with(&[2, 0, 4, 0])), (80, DecodeErrorKind::Truncated { needed: 7, available: 4 }));
    assert_eq!(kind(&with(&[2, 0, 1, 0])), (81, DecodeErrorKind::BadLength { stated: 1, expected: 4 }));
    assert_eq!(kind(&with(&[3, 0, 0])), (81, DecodeErrorKind::BadLength { stated: 0, expected: 12 }));
    let late = [3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0x3B, 0x9A, 0xCA, 0x00];
    assert_eq!(kind(&with(&late)), (91, DecodeErrorKind::BadValue { value: 1_000_000_000 }));
    let name = |option: &[u8]| kind(&[&good[..76], option].concat());
    assert_eq!(name(&[1, 0, 2, b'n', 0xFF]), (80, DecodeErrorKind::BadValue { value: 0xFF }));
    assert_eq!(name(&[1, 0, 0]), (77, DecodeErrorKind::BadLength { stated: 0, expected: 4096 }));
}

#[test]
fn what_native_cannot_say_is_refused_by_name() {
    let refused = |meta: Meta<'_>| encode(&Control::Meta(meta)).unwrap_err();
    let good = Meta { block_size: 1, ..Meta::default() };
    assert_eq!(
        refused(Meta { name: &[b'n'; 4097], ..good }),
        EncodeError::NameTooLong { len: 4097, most: 4096 }
    );
    assert_eq!(refused(Meta { name: &[0xFF], ..good }), EncodeError::BadName);
    assert_eq!(refused(Meta { mtime: Some((0, 1_000_000_000)), ..good }), EncodeError::BadTime);
    assert!(matches!(refused(Meta { block_size: 0, ..good }), EncodeError::BlockSize { .. }));
    assert!(matches!(refused(Meta { size: Some(1 << 32), ..good }), EncodeError::TooLarge { .. }));
    assert!(matches!(refused(Meta { hash_kind: HashKind::Sha256, ..good }), EncodeError::Unsupported(_)));
    assert_eq!(encode(&Control::End(End::default())), Err(EncodeError::Unknown("size")));
    let mut small = PacketBuf::new([0; 70]);
    assert!(matches!(Codec::encode(&Control::Meta(good), &mut small), Err(EncodeError::NoRoom(_))));
}

#[test]
fn a_version_or_kind_from_the_future_is_unsupported() {
    let mut bytes = encode(&Control::Meta(Meta { block_size: 1, ..Meta::default() })).unwrap();
    for (offset, value) in [(0, 3), (1, 2), (28, 0), (28, 4), (29, 0), (29, 2)] {
        let known = core::mem::replace(&mut bytes[offset], value);
        let error = Codec::decode(&bytes).unwrap_err();
        assert_eq!(
            (error.offset, error.kind),
            (offset, DecodeErrorKind::Unsupported { value: value.into() })
        );
        bytes[offset] = known;
    }
}

#[test]
fn compression_that_a_receiver_could_overlook_or_does_not_know_is_refused() {
    let compression = Compression { method: CompressionMethod::Lz4, content: None, growing: false };
    let meta = Meta { block_size: 1, compression: Some(compression), ..Meta::default() };
    let good = encode(&Control::Meta(meta)).unwrap();
    assert_eq!(good[76..], [5, 0, 10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Codec::decode(&good), Ok(Control::Meta(meta)));
    let refused = |offset: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[offset] = value;
        Codec::decode(&bytes).unwrap_err()
    };
    // The option with the hash of the object, no option with the hash of the content, another method, a folder.
    assert_eq!(refused(29, 1).offset, 29);
    assert_eq!(refused(76, 200).offset, 29);
    assert_eq!(refused(79, 2).kind, DecodeErrorKind::Unsupported { value: 2 });
    assert_eq!(refused(28, 2).offset, 28);
    assert_eq!(refused(78, 9).offset, 77);
    let folder = Meta { kind: ObjectKind::Folder, ..meta };
    assert!(matches!(encode(&Control::Meta(folder)), Err(EncodeError::Unsupported(_))));
}

fn any_meta() -> impl Strategy<Value = (Meta<'static>, String)> {
    let ids = (any::<u64>(), any::<u64>(), any::<u32>(), any::<u32>(), 1_u32..);
    let kind = prop_oneof![Just(ObjectKind::File), Just(ObjectKind::Folder), Just(ObjectKind::Stream)];
    let size = prop::option::of(0..=u64::from(u32::MAX));
    let times = prop::option::of((any::<i64>(), 0_u32..1_000_000_000));
    let known = (kind, size, any::<Option<[u8; 32]>>(), any::<Option<u32>>(), times);
    (ids, known, "\\PC{0,300}").prop_map(|(ids, known, name)| {
        let (object_id, session, index, objects, block_size) = ids;
        let (kind, size, hash, mode, mtime) = known;
        let hash_kind = HashKind::Blake3;
        let meta = Meta {
            object_id,
            session,
            index,
            objects,
            kind,
            block_size,
            size,
            hash_kind,
            hash,
            mode,
            mtime,
            name: b"",
            fountain: mode.map(|mode| Shape {
                symbols: u16::try_from(mode % 8192).unwrap() + 1,
                interleave: mode.to_be_bytes()[1] % 4 + 1,
                index_bits: mode.to_be_bytes()[0] % 24 + 1,
            }),
            compression: (kind != ObjectKind::Folder && index % 3 == 0).then_some(Compression {
                method: CompressionMethod::Lz4,
                content: size,
                growing: index % 2 == 0,
            }),
            answers: index % 2 == 1,
            carousel: index % 4 > 1,
        };
        (meta, name)
    })
}

proptest! {
    #[test]
    fn native_reads_what_it_writes((meta, name) in any_meta(), end: (u64, u64, [u8; 32]), objects: u32) {
        let meta = Meta { name: name.as_bytes(), ..meta };
        let end = End { object_id: end.0, size: Some(end.1), hash: Some(end.2) };
        let session = SessionEnd { session: meta.session, objects, heard: false };
        for control in [Control::Meta(meta), Control::End(end), Control::SessionEnd(session)] {
            let bytes = encode(&control).unwrap();
            prop_assert_eq!(Codec::decode(&bytes), Ok(control));
            // Cut anywhere it is refused, except where an option ends.
            for len in 0..bytes.len().min(76) {
                prop_assert!(Codec::decode(&bytes[..len]).is_err());
            }
        }
    }

    #[test]
    fn an_ack_reads_as_it_was_written(
        fields: [u32; 7],
        session: u64,
        session_ended: bool,
        objects in prop::collection::vec((any::<u32>(), 0..5_u8, any::<bool>(), any::<u32>(),
            prop::collection::vec(any::<(u32, u16)>(), 0..20)), 0..8),
        room in 0..400_usize,
    ) {
        let states = [AckState::Receiving, AckState::Whole, AckState::Verified, AckState::Failed, AckState::Refused];
        let mut memory = vec![0xA5; room];
        let mut writer = AckWriter::new(&mut memory);
        let mut written = 0;
        for (index, state, symbols, end, items) in &objects {
            let state = states[usize::from(*state)];
            if writer.entry((*index, state), *symbols, *end, items.iter().copied()) {
                written += 1;
            }
        }
        let [receiver, sequence, held_us, clock_us, bytes, packets, damaged] = fields;
        let ack = Ack {
            session_ended, session, receiver, sequence, held_us, clock_us, bytes, packets, damaged, list: writer.finish() };
        let bytes = encode(&Control::Ack(ack)).unwrap();
        prop_assert!(bytes.len() <= Ack::HEADER + room);
        prop_assert_eq!(Codec::decode(&bytes), Ok(Control::Ack(ack)));
        prop_assert_eq!(ack.entries().count(), written);
        for len in 0..Ack::HEADER {
            prop_assert!(Codec::decode(&bytes[..len]).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(mut bytes: Vec<u8>, kind in prop_oneof![Just(1_u8), Just(2), Just(254), Just(255)]) {
        let _ = Codec::decode(&bytes);
        if let [first, second, ..] = &mut bytes[..] {
            (*first, *second) = (kind, 1);
        }
        let _ = Codec::decode(&bytes);
    }

    #[test]
    fn a_damaged_native_meta_is_read_or_refused(
        (meta, name) in any_meta(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = encode(&Control::Meta(Meta { name: name.as_bytes(), ..meta })).unwrap();
        for (index, byte) in damage {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(control) = Codec::decode(&bytes)
            && let Ok(again) = encode(&control)
        {
            prop_assert_eq!(Codec::decode(&again), Ok(control), "what was read can be written and read");
        }
    }

    #[test]
    fn the_block_layer_pulls_what_it_pushed(tag: u16, number: u32, body: [u8; 5]) {
        let mut buf = PacketBuf::with_headroom([0xA5; 32], 6).unwrap();
        buf.put_slice(&body).unwrap();
        BlockLayer.push(BlockHeader { tag, number }, &mut buf).unwrap();
        prop_assert_eq!(&buf.as_slice()[..6], [&tag.to_be_bytes()[..], &number.to_be_bytes()].concat());
        prop_assert_eq!(BlockLayer.pull(&mut buf), Ok(BlockHeader { tag, number }));
        prop_assert_eq!(buf.as_slice(), &body);
        prop_assert!(BlockLayer.pull(&mut buf).is_err(), "five bytes are too few");
    }
}

//! [`Codec`]: the control messages of the `native` profile. Fixed parts are `zerocopy` structs; what follows META
//! is in `options`.

use packhorse_buffer::{DecodeError, DecodeErrorKind, PacketBuf, Storage, TooShort};
use zerocopy::byteorder::{BE, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::options::{self, Options};
use crate::ack::Ack;
use crate::{Control, ControlCodec, EncodeError, End, HashKind, Meta, ObjectKind, SessionEnd};

const META: u8 = 0x01;
const ACK: u8 = 0x02;
const SESSION_END: u8 = 0xFE;
const END: u8 = 0xFF;
const VERSION: u8 = 1;

const SIZE_KNOWN: u16 = 1;
const HASH_KNOWN: u16 = 2;
const ANSWERS: u16 = 4;
const CAROUSEL: u16 = 8;
const HEARD: u16 = 1;

const BLAKE3: u8 = 1;
/// Of the content of a compressed object: who does not know that such objects are refuses them by it.
const BLAKE3_OF_CONTENT: u8 = 2;

/// The control messages of the `native` profile, version 1. All integers are big-endian.
///
/// META:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | kind of message: 01 |
/// | 1 | 1 | version: 1 |
/// | 2 | 2 | flags: bit 0 the size is known, bit 1 the hash is known, bit 2 the sender listens to ACKs, bit 3 it goes on without end; others are sent as 0 and ignored |
/// | 4 | 8 | object id; its low 16 bits are the tag of the object's packets |
/// | 12 | 8 | session id |
/// | 20 | 4 | index of the object in its session |
/// | 24 | 4 | objects in the session, 0 when not known yet |
/// | 28 | 1 | kind of object: 1 file, 2 folder, 3 byte stream |
/// | 29 | 1 | kind of hash: 1 BLAKE3 of the object, 2 BLAKE3 of the content of a compressed object |
/// | 30 | 2 | 0; ignored |
/// | 32 | 4 | block size in bytes, not 0 |
/// | 36 | 8 | size in bytes, 0 unless known |
/// | 44 | 32 | hash, 0 unless known |
/// | 76 | | options: type (1), length (2), value, until the end of the message |
///
/// Options: 1 name (UTF-8, 1 to 4,096 bytes, a relative path with `/` between its parts), 2 mode (u32, unix
/// permission bits), 3 time of modification (i64 seconds since 1970, u32 nanoseconds), 4 the
/// [shape](crate::fountain::Shape) of the fountain code (u16 symbols, u8 interleave, u8 bits of the index),
/// 5 [compression](crate::Compression) (u8 method: 1 LZ4; u8 flags: bit 0 the size of the content is known, bit 1 the object
/// grows while it is sent; u64 size of the content), which is there exactly when the kind of hash is 2. Unknown types are
/// skipped, a type that comes twice is refused.
///
/// END:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | kind of message: FF |
/// | 1 | 1 | version: 1 |
/// | 2 | 2 | 0; ignored |
/// | 4 | 8 | object id |
/// | 12 | 8 | size in bytes |
/// | 20 | 32 | hash |
///
/// SESSION END:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | kind of message: FE |
/// | 1 | 1 | version: 1 |
/// | 2 | 2 | flags: bit 0 the sender has heard all that it needs to know; others are sent as 0 and ignored |
/// | 4 | 8 | session id |
/// | 12 | 4 | objects in the session |
///
/// Bytes behind END and SESSION END are ignored, so that a later version can add some.
///
/// ACK, kind 02: see [`Ack`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Codec;

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct MetaFields {
    message: u8,
    version: u8,
    flags: U16<BE>,
    object_id: U64<BE>,
    session: U64<BE>,
    index: U32<BE>,
    objects: U32<BE>,
    kind: u8,
    hash_kind: u8,
    zero: U16<BE>,
    block_size: U32<BE>,
    size: U64<BE>,
    hash: [u8; 32],
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct EndFields {
    message: u8,
    version: u8,
    zero: U16<BE>,
    object_id: U64<BE>,
    size: U64<BE>,
    hash: [u8; 32],
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SessionEndFields {
    message: u8,
    version: u8,
    flags: U16<BE>,
    session: U64<BE>,
    objects: U32<BE>,
}

impl ControlCodec for Codec {
    const HASH: HashKind = HashKind::Blake3;
    const FRAGMENTED: bool = true;
    const SESSIONS: bool = true;
    const MESSAGE_MAX: usize = size_of::<MetaFields>() + options::LEN_MAX;

    // Inlined: who encodes one kind of message needs no program for the others.
    #[inline(always)]
    fn encode<S: Storage>(control: &Control<'_>, buf: &mut PacketBuf<S>) -> Result<(), EncodeError> {
        match control {
            Control::Meta(meta) => encode_meta(meta, buf),
            Control::End(end) => {
                let fields = EndFields {
                    message: END,
                    version: VERSION,
                    zero: U16::ZERO,
                    object_id: end.object_id.into(),
                    size: end.size.ok_or(EncodeError::Unknown("size"))?.into(),
                    hash: end.hash.ok_or(EncodeError::Unknown("hash"))?,
                };
                Ok(buf.put_slice(fields.as_bytes())?)
            }
            Control::SessionEnd(end) => {
                let fields = SessionEndFields {
                    message: SESSION_END,
                    version: VERSION,
                    flags: u16::from(end.heard).into(),
                    session: end.session.into(),
                    objects: end.objects.into(),
                };
                Ok(buf.put_slice(fields.as_bytes())?)
            }
            Control::Ack(ack) => ack.write(ACK, VERSION, buf),
        }
    }

    fn decode(message: &[u8]) -> Result<Control<'_>, DecodeError> {
        let [kind, version, ..] = *message else {
            return Err(TooShort { needed: 2, available: message.len() }.at("transfer", 0));
        };
        if !matches!(kind, META | ACK | END | SESSION_END) {
            return Err(unsupported(0, kind.into()));
        }
        if version != VERSION {
            return Err(unsupported(1, version.into()));
        }
        match kind {
            META => decode_meta(message).map(Control::Meta),
            ACK => Ack::read(message).map(Control::Ack),
            END => {
                let (fields, _) = fixed::<EndFields>(message)?;
                Ok(Control::End(End {
                    object_id: fields.object_id.get(),
                    size: Some(fields.size.get()),
                    hash: Some(fields.hash),
                }))
            }
            _ => {
                let (fields, _) = fixed::<SessionEndFields>(message)?;
                Ok(Control::SessionEnd(SessionEnd {
                    session: fields.session.get(),
                    objects: fields.objects.get(),
                    heard: fields.flags.get() & HEARD != 0,
                }))
            }
        }
    }
}

fn encode_meta<S: Storage>(meta: &Meta<'_>, buf: &mut PacketBuf<S>) -> Result<(), EncodeError> {
    if meta.block_size == 0 {
        return Err(EncodeError::BlockSize { block_size: 0, most: u32::MAX });
    }
    if let Some(size) = meta.size {
        let most = u64::from(meta.block_size) * u64::from(u32::MAX);
        if size > most {
            return Err(EncodeError::TooLarge { size, most });
        }
    }
    if meta.hash_kind != HashKind::Blake3 {
        return Err(EncodeError::Unsupported("hash but BLAKE3"));
    }
    if meta.compression.is_some() && meta.kind == ObjectKind::Folder {
        return Err(EncodeError::Unsupported("compressed folders"));
    }
    let Meta { name, mode, mtime, fountain, compression, .. } = *meta;
    let options = Options { name, mode, mtime, fountain, compression };
    options.check()?;
    let size_flag = if meta.size.is_some() { SIZE_KNOWN } else { 0 };
    let hash_flag = if meta.hash.is_some() { HASH_KNOWN } else { 0 };
    let answers_flag = if meta.answers { ANSWERS } else { 0 } | if meta.carousel { CAROUSEL } else { 0 };
    // One `put` for all of it: either everything is there or nothing.
    let memory = buf.put(size_of::<MetaFields>() + options.len())?;
    let (fixed, rest) = memory.split_at_mut(size_of::<MetaFields>());
    // In place: a microcontroller's stack has no room for another one.
    if let Ok(place) = MetaFields::mut_from_bytes(fixed) {
        *place = MetaFields {
            message: META,
            version: VERSION,
            flags: (size_flag | hash_flag | answers_flag).into(),
            object_id: meta.object_id.into(),
            session: meta.session.into(),
            index: meta.index.into(),
            objects: meta.objects.into(),
            kind: match meta.kind {
                ObjectKind::File => 1,
                ObjectKind::Folder => 2,
                ObjectKind::Stream => 3,
            },
            hash_kind: if compression.is_some() { BLAKE3_OF_CONTENT } else { BLAKE3 },
            zero: U16::ZERO,
            block_size: meta.block_size.into(),
            size: meta.size.unwrap_or(0).into(),
            hash: meta.hash.unwrap_or([0; 32]),
        };
    }
    options.write(rest);
    Ok(())
}

fn decode_meta(message: &[u8]) -> Result<Meta<'_>, DecodeError> {
    let (fields, rest) = fixed::<MetaFields>(message)?;
    let kind = match fields.kind {
        1 => ObjectKind::File,
        2 => ObjectKind::Folder,
        3 => ObjectKind::Stream,
        other => return Err(unsupported(28, other.into())),
    };
    if !matches!(fields.hash_kind, BLAKE3 | BLAKE3_OF_CONTENT) {
        return Err(unsupported(29, fields.hash_kind.into()));
    }
    let block_size = fields.block_size.get();
    if block_size == 0 {
        let kind = DecodeErrorKind::BadValue { value: 0 };
        return Err(DecodeError { layer: "transfer", offset: 32, kind });
    }
    let options = Options::parse(rest, size_of::<MetaFields>())?;
    let Options { name, mode, mtime, fountain, compression } = options;
    if compression.is_some() != (fields.hash_kind == BLAKE3_OF_CONTENT) {
        return Err(unsupported(29, fields.hash_kind.into()));
    }
    if compression.is_some() && kind == ObjectKind::Folder {
        return Err(unsupported(28, fields.kind.into()));
    }
    let flags = fields.flags.get();
    Ok(Meta {
        object_id: fields.object_id.get(),
        session: fields.session.get(),
        index: fields.index.get(),
        objects: fields.objects.get(),
        kind,
        block_size,
        size: (flags & SIZE_KNOWN != 0).then_some(fields.size.get()),
        hash_kind: HashKind::Blake3,
        hash: (flags & HASH_KNOWN != 0).then_some(fields.hash),
        name,
        mode,
        mtime,
        fountain,
        compression,
        answers: flags & ANSWERS != 0,
        carousel: flags & CAROUSEL != 0,
    })
}

fn fixed<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    message: &[u8],
) -> Result<(&T, &[u8]), DecodeError> {
    T::ref_from_prefix(message)
        .map_err(|_| TooShort { needed: size_of::<T>(), available: message.len() }.at("transfer", 0))
}

const fn unsupported(offset: usize, value: u64) -> DecodeError {
    DecodeError { layer: "transfer", offset, kind: DecodeErrorKind::Unsupported { value } }
}

//! [`Codec`]: the control messages of the `ftag` profile.

use packhorse_buffer::{DecodeError, DecodeErrorKind, PacketBuf, Storage, TooShort};
use zerocopy::byteorder::{BE, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Control, ControlCodec, EncodeError, End, HashKind, Meta, ObjectKind};

const META: u8 = 0x01;
const END: u8 = 0xFF;

/// Most bytes of a block.
pub const BLOCK_SIZE_MAX: u32 = 255;
/// Most full blocks of an object; one shorter block may follow.
pub const FULL_BLOCKS_MAX: u32 = 65_535;
/// Most bytes of a name that is read: what one link message holds besides the rest of META.
pub const NAME_MAX: usize = MESSAGE_MAX - size_of::<MetaFields>() - 1;
/// Most bytes of a name that is written: the public toolkit's receiver fails on longer ones (tried with names of 72,
/// 73, 74 bytes and more).
pub const NAME_SENT_MAX: usize = 73;

/// Most bytes of a message: the link's length byte (255) counts sequence number, channel, block number, message
/// and check.
const MESSAGE_MAX: usize = 255 - 1 - 1 - 2 - 2;

/// The control messages of the `ftag` profile. All integers are big-endian.
///
/// META:
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 1 | kind of message: 01 |
/// | 1 | 2 | full blocks |
/// | 3 | 1 | block size |
/// | 4 | 1 | size of the shorter last block, 0 for none |
/// | 5 | 32 | SHA-256 of the file |
/// | 37 | n | file name, any bytes but NUL, at most [`NAME_MAX`] |
/// | 37+n | 1 | 00 |
///
/// END is the one byte FF. There are no ids, sessions, folders, streams, modes and times: ids are read as 0, and
/// what META cannot say is left out. A size and a hash are needed beforehand. A name longer than [`NAME_SENT_MAX`] is
/// shortened: first its folders go, then the end of its stem; the extension stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Codec;

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct MetaFields {
    message: u8,
    full_blocks: U16<BE>,
    block_size: u8,
    last: u8,
    hash: [u8; 32],
}

impl ControlCodec for Codec {
    const HASH: HashKind = HashKind::Sha256;
    const FRAGMENTED: bool = false;
    const SESSIONS: bool = false;
    const MESSAGE_MAX: usize = MESSAGE_MAX;

    // Inlined: who encodes one kind of message needs no program for the others.
    #[inline(always)]
    fn encode<S: Storage>(control: &Control<'_>, buf: &mut PacketBuf<S>) -> Result<(), EncodeError> {
        match control {
            Control::Meta(meta) => encode_meta(meta, buf),
            Control::End(_) => Ok(buf.put_slice(&[END])?),
            Control::SessionEnd(_) => Err(EncodeError::Unsupported("sessions")),
            Control::Ack(_) => Err(EncodeError::Unsupported("acknowledgements")),
        }
    }

    fn decode(message: &[u8]) -> Result<Control<'_>, DecodeError> {
        match message {
            [META, ..] => decode_meta(message).map(Control::Meta),
            [END, ..] => Ok(Control::End(End::default())),
            [other, ..] => Err(error(0, DecodeErrorKind::Unsupported { value: (*other).into() })),
            [] => Err(TooShort { needed: 1, available: 0 }.at("transfer", 0)),
        }
    }
}

fn encode_meta<S: Storage>(meta: &Meta<'_>, buf: &mut PacketBuf<S>) -> Result<(), EncodeError> {
    if meta.kind != ObjectKind::File {
        return Err(EncodeError::Unsupported("objects but files"));
    }
    if meta.hash_kind != HashKind::Sha256 {
        return Err(EncodeError::Unsupported("hash but SHA-256"));
    }
    if meta.compression.is_some() {
        return Err(EncodeError::Unsupported("compressed objects"));
    }
    let size = meta.size.ok_or(EncodeError::Unknown("size"))?;
    let hash = meta.hash.ok_or(EncodeError::Unknown("hash"))?;
    let bad_block_size = EncodeError::BlockSize { block_size: meta.block_size, most: BLOCK_SIZE_MAX };
    let Ok(block_size @ 1..) = u8::try_from(meta.block_size) else {
        return Err(bad_block_size);
    };
    let wide = u64::from(block_size);
    // The last block, if it is short, is besides the full ones.
    let most = u64::from(FULL_BLOCKS_MAX) * wide + (wide - 1);
    let too_large = EncodeError::TooLarge { size, most };
    let full_blocks = u16::try_from(size / wide).map_err(|_| too_large)?;
    let last = u8::try_from(size % wide).map_err(|_| too_large)?;
    if meta.name.contains(&0) {
        return Err(EncodeError::BadName);
    }
    let (stem, extension) = shorten(meta.name);
    let fields = MetaFields { message: META, full_blocks: full_blocks.into(), block_size, last, hash };
    let memory = buf.put(size_of::<MetaFields>() + stem.len() + extension.len() + 1)?;
    let (fixed, rest) = memory.split_at_mut(size_of::<MetaFields>());
    let (front, rest) = rest.split_at_mut(stem.len());
    let (back, nul) = rest.split_at_mut(extension.len());
    fixed.copy_from_slice(fields.as_bytes());
    front.copy_from_slice(stem);
    back.copy_from_slice(extension);
    nul.fill(0);
    Ok(())
}

fn decode_meta(message: &[u8]) -> Result<Meta<'_>, DecodeError> {
    let (fields, rest) = MetaFields::ref_from_prefix(message).map_err(|_| {
        TooShort { needed: size_of::<MetaFields>(), available: message.len() }.at("transfer", 0)
    })?;
    if fields.block_size == 0 || fields.last >= fields.block_size {
        let (offset, value) = if fields.block_size == 0 { (3, 0) } else { (4, fields.last.into()) };
        return Err(error(offset, DecodeErrorKind::BadValue { value }));
    }
    let Some(end) = rest.iter().position(|byte| *byte == 0) else {
        let (needed, available) = (rest.len() + 1, rest.len());
        return Err(error(size_of::<MetaFields>(), DecodeErrorKind::Truncated { needed, available }));
    };
    let full = u64::from(fields.full_blocks.get()) * u64::from(fields.block_size);
    Ok(Meta {
        objects: 1,
        block_size: fields.block_size.into(),
        size: Some(full + u64::from(fields.last)),
        hash_kind: HashKind::Sha256,
        hash: Some(fields.hash),
        name: rest.get(..end).unwrap_or(rest),
        ..Meta::default()
    })
}

/// A name that fits, in two parts: its stem, shortened if it must be, and its extension.
///
/// UTF-8 is not cut inside a character; other names are cut at a byte.
fn shorten(name: &[u8]) -> (&[u8], &[u8]) {
    if name.len() <= NAME_SENT_MAX {
        return (name, &[]);
    }
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    if name.len() <= NAME_SENT_MAX {
        return (name, &[]);
    }
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
    // An "extension" as long as a name is none.
    let (stem, extension) = match dot {
        Some(dot) if name.len() - dot <= NAME_SENT_MAX / 2 => name.split_at(dot),
        _ => (name, &[][..]),
    };
    let mut len = (NAME_SENT_MAX - extension.len()).min(stem.len());
    if core::str::from_utf8(stem).is_ok() {
        while len > 0 && stem.get(len).is_some_and(|byte| byte & 0xC0 == 0x80) {
            len -= 1;
        }
    }
    (stem.split_at(len).0, extension)
}

const fn error(offset: usize, kind: DecodeErrorKind) -> DecodeError {
    DecodeError { layer: "transfer", offset, kind }
}

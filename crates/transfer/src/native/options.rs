//! [`Options`]: what follows the fixed part of META, one after another: type, length, value.
//!
//! ```text
//!   0      1          3
//!   | type | length   | value, length bytes ... | next option ...
//! ```

use nom::bytes::complete::take;
use nom::number::complete::{be_i64, be_u8, be_u16, be_u32, be_u64};
use nom::{IResult, Parser};
use packhorse_buffer::{DecodeError, DecodeErrorKind};

use crate::fountain::Shape;
use crate::{Compression, CompressionMethod, EncodeError, MTime};

const NAME: u8 = 1;
const MODE: u8 = 2;
const MTIME: u8 = 3;
const FOUNTAIN: u8 = 4;
const COMPRESSION: u8 = 5;

/// Most bytes of a name.
pub const NAME_MAX: usize = 4096;

const HEADER: usize = 3;
const MODE_LEN: u16 = 4;
const MTIME_LEN: u16 = 12;
const FOUNTAIN_LEN: u16 = 4;
const COMPRESSION_LEN: u16 = 10;
const SECOND: u32 = 1_000_000_000;

/// Bytes of all options together.
pub(super) const LEN_MAX: usize =
    5 * HEADER + NAME_MAX + (MODE_LEN + MTIME_LEN + FOUNTAIN_LEN + COMPRESSION_LEN) as usize;

const LZ4: u8 = 1;
const CONTENT_KNOWN: u8 = 1;
const GROWING: u8 = 2;

/// The options that we know.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options<'a> {
    pub(super) name: &'a [u8],
    pub(super) mode: Option<u32>,
    pub(super) mtime: Option<MTime>,
    pub(super) fountain: Option<Shape>,
    pub(super) compression: Option<Compression>,
}

impl<'a> Options<'a> {
    /// Whether they can be written.
    pub(super) fn check(&self) -> Result<(), EncodeError> {
        if self.name.len() > NAME_MAX {
            return Err(EncodeError::NameTooLong { len: self.name.len(), most: NAME_MAX });
        }
        if core::str::from_utf8(self.name).is_err() {
            return Err(EncodeError::BadName);
        }
        if self.mtime.is_some_and(|(_, nanos)| nanos >= SECOND) {
            return Err(EncodeError::BadTime);
        }
        if self.fountain.is_some_and(|shape| !shape.is_valid()) {
            return Err(EncodeError::Unsupported("source blocks of this shape"));
        }
        Ok(())
    }

    /// Bytes that [`write`](Self::write) fills.
    pub(super) fn len(&self) -> usize {
        let mut writer = Writer { memory: &mut [], len: 0 };
        self.put(&mut writer);
        writer.len
    }

    /// Fills `memory`, of [`len`](Self::len) bytes.
    pub(super) fn write(&self, memory: &mut [u8]) {
        self.put(&mut Writer { memory, len: 0 });
    }

    /// Counts and writes by the same lines, so that they cannot disagree.
    fn put(&self, writer: &mut Writer<'_>) {
        if let Ok(len @ 1..) = u16::try_from(self.name.len()) {
            writer.header(NAME, len);
            writer.put(self.name);
        }
        if let Some(mode) = self.mode {
            writer.header(MODE, MODE_LEN);
            writer.put(&mode.to_be_bytes());
        }
        if let Some((seconds, nanos)) = self.mtime {
            writer.header(MTIME, MTIME_LEN);
            writer.put(&seconds.to_be_bytes());
            writer.put(&nanos.to_be_bytes());
        }
        if let Some(Shape { symbols, interleave, index_bits }) = self.fountain {
            writer.header(FOUNTAIN, FOUNTAIN_LEN);
            writer.put(&symbols.to_be_bytes());
            writer.put(&[interleave, index_bits]);
        }
        if let Some(Compression { method, content, growing }) = self.compression {
            let method = match method {
                CompressionMethod::Lz4 => LZ4,
            };
            let flags = if content.is_some() { CONTENT_KNOWN } else { 0 } | if growing { GROWING } else { 0 };
            writer.header(COMPRESSION, COMPRESSION_LEN);
            writer.put(&[method, flags]);
            writer.put(&content.unwrap_or(0).to_be_bytes());
        }
    }

    /// Reads all options of a message; `at` is where they start in it, for the error's offset.
    pub(super) fn parse(bytes: &'a [u8], at: usize) -> Result<Self, DecodeError> {
        let mut options = Self::default();
        let mut seen = [false; 256];
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = at + bytes.len() - rest.len();
            let error = |offset, kind| DecodeError { layer: "transfer", offset, kind };
            let (after, (kind, value)) = option(rest).map_err(|_| {
                // The parser asks for the header or for as many bytes as the header says.
                let needed = match *rest {
                    [_, high, low, ..] => HEADER + usize::from(u16::from_be_bytes([high, low])),
                    _ => HEADER,
                };
                error(offset, DecodeErrorKind::Truncated { needed, available: rest.len() })
            })?;
            if core::mem::replace(&mut seen[usize::from(kind)], true) {
                return Err(error(offset, DecodeErrorKind::BadValue { value: kind.into() }));
            }
            let bad_length =
                |expected| error(offset + 1, DecodeErrorKind::BadLength { stated: value.len(), expected });
            match kind {
                NAME => {
                    if value.is_empty() || value.len() > NAME_MAX {
                        return Err(bad_length(NAME_MAX));
                    }
                    if let Err(bad) = core::str::from_utf8(value) {
                        let at = bad.valid_up_to();
                        let value = value.get(at).copied().unwrap_or_default().into();
                        return Err(error(offset + HEADER + at, DecodeErrorKind::BadValue { value }));
                    }
                    options.name = value;
                }
                MODE => {
                    let mode = whole(be_u32, value).ok_or_else(|| bad_length(MODE_LEN.into()))?;
                    options.mode = Some(mode);
                }
                MTIME => {
                    let mtime = whole((be_i64, be_u32), value).ok_or_else(|| bad_length(MTIME_LEN.into()))?;
                    if mtime.1 >= SECOND {
                        let kind = DecodeErrorKind::BadValue { value: mtime.1.into() };
                        return Err(error(offset + HEADER + 8, kind));
                    }
                    options.mtime = Some(mtime);
                }
                FOUNTAIN => {
                    let (symbols, interleave, index_bits) = whole((be_u16, be_u8, be_u8), value)
                        .ok_or_else(|| bad_length(FOUNTAIN_LEN.into()))?;
                    let shape = Shape { symbols, interleave, index_bits };
                    if !shape.is_valid() {
                        let kind = DecodeErrorKind::BadValue { value: symbols.into() };
                        return Err(error(offset + HEADER, kind));
                    }
                    options.fountain = Some(shape);
                }
                COMPRESSION => {
                    let (method, flags, content) = whole((be_u8, be_u8, be_u64), value)
                        .ok_or_else(|| bad_length(COMPRESSION_LEN.into()))?;
                    let method = match method {
                        LZ4 => CompressionMethod::Lz4,
                        other => {
                            let kind = DecodeErrorKind::Unsupported { value: other.into() };
                            return Err(error(offset + HEADER, kind));
                        }
                    };
                    options.compression = Some(Compression {
                        method,
                        content: (flags & CONTENT_KNOWN != 0).then_some(content),
                        growing: flags & GROWING != 0,
                    });
                }
                _ => {}
            }
            rest = after;
        }
        Ok(options)
    }
}

/// Type and value of the option at the front.
fn option(bytes: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (rest, (kind, len)) = (be_u8, be_u16).parse(bytes)?;
    let (rest, value) = take(len)(rest)?;
    Ok((rest, (kind, value)))
}

/// A value that takes all of its bytes.
fn whole<'a, T>(
    mut parser: impl Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
    value: &'a [u8],
) -> Option<T> {
    match parser.parse(value) {
        Ok(([], value)) => Some(value),
        _ => None,
    }
}

/// Counts, and writes as far as there is memory.
struct Writer<'m> {
    memory: &'m mut [u8],
    len: usize,
}

impl Writer<'_> {
    fn header(&mut self, kind: u8, len: u16) {
        self.put(&[kind]);
        self.put(&len.to_be_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(memory) = self.memory.get_mut(self.len..self.len + bytes.len()) {
            memory.copy_from_slice(bytes);
        }
        self.len += bytes.len();
    }
}

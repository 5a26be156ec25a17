//! [`Method`]: which compressor, and the two halves of each behind one face.
//!
//! Not where messages are laid out: here bytes become fewer bytes and back.

use core::fmt;
use core::str::FromStr;

#[cfg(feature = "lz4")]
use packhorse_compress::block;

use super::CompressError;

/// What LZ4 calls acceleration: how much faster it gives up looking for what came before.
#[cfg(feature = "lz4")]
const FAST: u32 = 8;

/// A compressor with its level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// Messages stay as they are.
    #[default]
    None,
    /// LZ4 blocks, searching less: about a third faster, a little larger.
    Lz4Fast,
    /// LZ4 blocks.
    Lz4,
    /// Zstandard, level 1.
    Zstd1,
    /// Zstandard, level 3: its default.
    Zstd3,
    /// Snappy, the raw format.
    Snappy,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::None, Self::Lz4Fast, Self::Lz4, Self::Zstd1, Self::Zstd3, Self::Snappy];

    /// The name, as [`FromStr`] reads it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4Fast => "lz4-fast",
            Self::Lz4 => "lz4",
            Self::Zstd1 => "zstd-1",
            Self::Zstd3 => "zstd-3",
            Self::Snappy => "snappy",
        }
    }

    /// What stands in the flags: the format, since a receiver need not know the level.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4Fast | Self::Lz4 => 1,
            Self::Zstd1 | Self::Zstd3 => 2,
            Self::Snappy => 3,
        }
    }

    pub(super) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            2 => Some(Self::Zstd3),
            3 => Some(Self::Snappy),
            _ => None,
        }
    }

    const fn available(self) -> bool {
        match self {
            Self::None => true,
            Self::Lz4Fast | Self::Lz4 => cfg!(feature = "lz4"),
            Self::Zstd1 | Self::Zstd3 => cfg!(feature = "zstd"),
            Self::Snappy => cfg!(feature = "snappy"),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        Self::ALL.into_iter().find(|method| method.name() == text).ok_or(UnknownMethod)
    }
}

/// No method is called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("compression is none, lz4-fast, lz4, zstd-1, zstd-3 or snappy")]
pub struct UnknownMethod;

/// What a method keeps between messages, so that running allocates nothing.
pub(super) struct Encoder {
    method: Method,
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::bulk::Compressor<'static>>,
    #[cfg(feature = "snappy")]
    snappy: snap::raw::Encoder,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Encoder {
    pub(super) fn new(method: Method) -> Result<Self, CompressError> {
        let unavailable = CompressError::Unavailable { method };
        if !method.available() {
            return Err(unavailable);
        }
        Ok(Self {
            method,
            #[cfg(feature = "zstd")]
            zstd: match method {
                Method::Zstd1 => Some(zstd::bulk::Compressor::new(1).map_err(|_| unavailable)?),
                Method::Zstd3 => Some(zstd::bulk::Compressor::new(3).map_err(|_| unavailable)?),
                _ => None,
            },
            #[cfg(feature = "snappy")]
            snappy: snap::raw::Encoder::new(),
        })
    }

    /// Compresses into `out`, which grows to the worst case once; tells how many bytes there are, or `None` when it
    /// is no use.
    #[cfg_attr(not(feature = "lz4"), expect(unused_variables, reason = "the method is left out"))]
    pub(super) fn encode(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        match self.method {
            Method::None => None,
            #[cfg(feature = "lz4")]
            Method::Lz4Fast | Method::Lz4 => {
                grow(out, block::max_len(plain.len()));
                let acceleration = if self.method == Method::Lz4Fast { FAST } else { 1 };
                block::compress_fast_into(plain, out, acceleration)
            }
            #[cfg(feature = "zstd")]
            Method::Zstd1 | Method::Zstd3 => {
                grow(out, zstd::zstd_safe::compress_bound(plain.len()));
                self.zstd.as_mut()?.compress_to_buffer(plain, out.as_mut_slice()).ok()
            }
            #[cfg(feature = "snappy")]
            Method::Snappy => {
                grow(out, snap::raw::max_compress_len(plain.len()));
                self.snappy.compress(plain, out).ok()
            }
            #[cfg(not(all(feature = "lz4", feature = "zstd", feature = "snappy")))]
            _ => None,
        }
    }
}

fn grow(out: &mut Vec<u8>, len: usize) {
    if out.len() < len {
        out.resize(len, 0);
    }
}

/// The other way.
#[derive(Default)]
pub(super) struct Decoder {
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    #[cfg(feature = "snappy")]
    snappy: snap::raw::Decoder,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    /// Decompresses into `plain`, which is exactly as long as the message.
    ///
    /// # Errors
    /// [`CompressError::Damaged`] and [`CompressError::Unavailable`].
    pub(super) fn decode(
        &mut self,
        method: Method,
        bytes: &[u8],
        plain: &mut [u8],
    ) -> Result<(), CompressError> {
        let damaged = CompressError::Damaged { method };
        let len = match method {
            Method::None => None,
            #[cfg(feature = "lz4")]
            Method::Lz4Fast | Method::Lz4 => block::decompress_into(bytes, plain).ok(),
            #[cfg(feature = "zstd")]
            Method::Zstd1 | Method::Zstd3 => {
                if self.zstd.is_none() {
                    self.zstd = zstd::bulk::Decompressor::new().ok();
                }
                let zstd = self.zstd.as_mut().ok_or(damaged)?;
                zstd.decompress_to_buffer(bytes, plain).ok()
            }
            #[cfg(feature = "snappy")]
            Method::Snappy => match snap::raw::decompress_len(bytes) {
                Ok(len) if len == plain.len() => self.snappy.decompress(bytes, plain).ok(),
                _ => None,
            },
            #[cfg(not(all(feature = "lz4", feature = "zstd", feature = "snappy")))]
            _ => return Err(CompressError::Unavailable { method }),
        };
        if len == Some(plain.len()) { Ok(()) } else { Err(damaged) }
    }
}

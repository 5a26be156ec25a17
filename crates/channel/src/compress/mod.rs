//! [`Compressor`] and [`Decompressor`]: messages made smaller where that helps.
//!
//! ```text
//!   stored        | message, as it is | check u32? |              flags u8 |
//!   compressed    | smaller           | check u32? | length u32 | flags u8 |     numbers big-endian
//!                                        CRC-32C      of the message
//!                                       of the message
//!   flags   bits 0-2 method (0 stored, 1 LZ4 block, 2 Zstandard frame, 3 Snappy raw)
//!           bits 3-4 shuffled elements (0 none, 1 two, 2 four, 3 eight bytes), bit 7 a check is there, others 0
//! ```
//!
//! What is said about a message stands behind it, so that a stored one begins where the channel put it: aligned, and
//! readable in place. Each message stands for itself; nothing is remembered from one to the next.
//! Not for streams of files: those are compressed as LZ4 frames by the crate `packhorse-compress`.

mod method;
mod shuffle;

use packhorse_link::{Checksum as _, Crc32c};
use zerocopy::IntoBytes as _;

pub use method::{Method, UnknownMethod};
pub use shuffle::Shuffle;

/// Messages shorter than this are stored unless said otherwise.
pub const THRESHOLD: usize = 128;

/// Most bytes that are said behind a message.
pub const TRAILER_MAX: usize = 9;

/// Bit 7 of the flags.
const CHECKED: u8 = 0x80;

/// How the messages of a channel are compressed. The receiving half needs none of this: each message says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    method: Method,
    shuffle: Option<Shuffle>,
    threshold: usize,
    checksum: bool,
}

impl Compression {
    /// Compression by `method` from [`THRESHOLD`] bytes on, without shuffling and without a check.
    #[must_use]
    pub const fn new(method: Method) -> Self {
        Self { method, shuffle: None, threshold: THRESHOLD, checksum: false }
    }

    /// Shuffles the bytes of elements of this width first: what makes measured floats compressible at all.
    #[must_use]
    pub const fn shuffle(mut self, shuffle: Shuffle) -> Self {
        self.shuffle = Some(shuffle);
        self
    }

    /// Stores messages shorter than `bytes`.
    #[must_use]
    pub const fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Puts a CRC-32C of the message behind it. On tcp and udp the link layer has one already.
    #[must_use]
    pub const fn checksum(mut self, checksum: bool) -> Self {
        self.checksum = checksum;
        self
    }
}

/// The sending half.
#[derive(Debug)]
pub struct Compressor {
    compression: Compression,
    codec: method::Encoder,
    shuffled: Vec<u8>,
    compressed: Vec<u8>,
    stats: CompressStats,
}

/// What a [`Compressor`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompressStats {
    /// Messages that became smaller.
    pub compressed: u64,
    /// Messages below the threshold.
    pub small: u64,
    /// Messages that would not have become smaller.
    pub incompressible: u64,
    /// Bytes in all messages.
    pub bytes_in: u64,
    /// Bytes that became of them.
    pub bytes_out: u64,
}

/// A message on its way into a channel: what to send, in two pieces.
#[derive(Clone, Copy, Debug)]
pub struct Compressed<'a> {
    /// The message, or the smaller form of it.
    pub body: &'a [u8],
    trailer: [u8; TRAILER_MAX],
    trailer_len: usize,
}

impl Compressed<'_> {
    /// What has to stand behind the body.
    #[must_use]
    pub fn trailer(&self) -> &[u8] {
        self.trailer.get(..self.trailer_len).unwrap_or(&self.trailer)
    }

    /// Bytes of both.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.body.len() + self.trailer_len
    }

    /// Never: there is at least a byte of flags.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes both to the front of `out`, which has at least [`len`](Self::len) bytes, and returns how many.
    ///
    /// # Panics
    /// When `out` is shorter.
    pub fn write_to(&self, out: &mut [u8]) -> usize {
        let (body, trailer) = out[..self.len()].split_at_mut(self.body.len());
        body.copy_from_slice(self.body);
        trailer.copy_from_slice(self.trailer());
        self.len()
    }
}

impl Compressor {
    /// A compressor; memory is taken as the first messages need it, and kept.
    ///
    /// # Errors
    /// [`CompressError::Unavailable`] when the method was left out of this build.
    pub fn new(compression: Compression) -> Result<Self, CompressError> {
        Ok(Self {
            compression,
            codec: method::Encoder::new(compression.method)?,
            shuffled: Vec::new(),
            compressed: Vec::new(),
            stats: CompressStats::default(),
        })
    }

    /// What was done so far.
    #[must_use]
    pub const fn stats(&self) -> &CompressStats {
        &self.stats
    }

    /// Compresses `message` where that makes it smaller, and stores it otherwise.
    pub fn compress<'a>(&'a mut self, message: &'a [u8]) -> Compressed<'a> {
        let Compression { method, shuffle, threshold, checksum } = self.compression;
        let length = u32::try_from(message.len()).ok();
        let mut body = None;
        if method == Method::None || message.len() < threshold {
            self.stats.small += 1;
        } else if let Some(length) = length {
            let plain = match shuffle {
                Some(shuffle) => {
                    self.shuffled.resize(message.len(), 0);
                    shuffle.apply(message, &mut self.shuffled);
                    self.shuffled.as_slice()
                }
                None => message,
            };
            // The length that has to be said makes it longer again.
            let most = message.len().saturating_sub(4);
            match self.codec.encode(plain, &mut self.compressed) {
                Some(len) if len < most => {
                    self.stats.compressed += 1;
                    body = self.compressed.get(..len).map(|bytes| (bytes, length));
                }
                _ => self.stats.incompressible += 1,
            }
        } else {
            self.stats.incompressible += 1;
        }
        let mut out =
            Compressed { body: body.map_or(message, |(bytes, _)| bytes), trailer: [0; 9], trailer_len: 0 };
        let mut flags = 0;
        if checksum {
            out.say(&Crc32c::checksum(message).to_be_bytes());
            flags |= CHECKED;
        }
        if let Some((_, length)) = body {
            out.say(&length.to_be_bytes());
            flags |= method.code() | (shuffle_code(shuffle) << 3);
        }
        out.say(&[flags]);
        self.stats.bytes_in += message.len() as u64;
        self.stats.bytes_out += out.len() as u64;
        out
    }
}

impl Compressed<'_> {
    fn say(&mut self, bytes: &[u8]) {
        self.trailer[self.trailer_len..][..bytes.len()].copy_from_slice(bytes);
        self.trailer_len += bytes.len();
    }
}

/// The receiving half. Takes memory for no message longer than allowed, whatever a message says of itself.
#[derive(Debug)]
pub struct Decompressor {
    most: usize,
    codec: method::Decoder,
    // Words, so that what comes out is aligned for any number.
    plain: Vec<u64>,
    shuffled: Vec<u64>,
}

impl Decompressor {
    /// Accepts messages of at most `most` bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, codec: method::Decoder::default(), plain: Vec::new(), shuffled: Vec::new() }
    }

    /// The message in `bytes`: in place when it was stored, otherwise in memory that the next call writes over.
    ///
    /// # Errors
    /// [`CompressError`]: nothing of such a message can be used.
    pub fn decompress<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8], CompressError> {
        let short = CompressError::Truncated { len: bytes.len() };
        let (&flags, mut rest) = bytes.split_last().ok_or(short)?;
        let mut word = |wanted: bool| -> Result<Option<u32>, CompressError> {
            if !wanted {
                return Ok(None);
            }
            let (front, word) = rest.split_last_chunk::<4>().ok_or(short)?;
            rest = front;
            Ok(Some(u32::from_be_bytes(*word)))
        };
        let bad_flags = CompressError::Flags { flags };
        let method = Method::from_code(flags & 7).ok_or(bad_flags)?;
        let shuffle = shuffle_from((flags >> 3) & 3);
        if flags & 0x60 != 0 || (method == Method::None && shuffle.is_some()) {
            return Err(bad_flags);
        }
        let length = word(method != Method::None)?;
        let check = word(flags & CHECKED != 0)?;
        let message = match length {
            None if rest.len() > self.most => {
                return Err(CompressError::TooLong { len: rest.len(), most: self.most });
            }
            None => rest,
            Some(length) => {
                let len = usize::try_from(length).unwrap_or(usize::MAX);
                if len > self.most {
                    return Err(CompressError::TooLong { len, most: self.most });
                }
                let plain = room(&mut self.plain, len);
                match shuffle {
                    None => self.codec.decode(method, rest, plain)?,
                    Some(shuffle) => {
                        let shuffled = room(&mut self.shuffled, len);
                        self.codec.decode(method, rest, shuffled)?;
                        shuffle.undo(shuffled, plain);
                    }
                }
                &*plain
            }
        };
        let computed = check.map(|_| Crc32c::checksum(message));
        match (check, computed) {
            (Some(stated), Some(computed)) if stated != computed => {
                Err(CompressError::Check { stated, computed })
            }
            _ => Ok(message),
        }
    }
}

/// `len` bytes of `memory`, which grows but never shrinks.
fn room(memory: &mut Vec<u64>, len: usize) -> &mut [u8] {
    let words = len.div_ceil(8);
    if memory.len() < words {
        memory.resize(words, 0);
    }
    &mut memory.as_mut_bytes()[..len]
}

const fn shuffle_code(shuffle: Option<Shuffle>) -> u8 {
    match shuffle {
        None => 0,
        Some(Shuffle::Two) => 1,
        Some(Shuffle::Four) => 2,
        Some(Shuffle::Eight) => 3,
    }
}

const fn shuffle_from(code: u8) -> Option<Shuffle> {
    match code {
        1 => Some(Shuffle::Two),
        2 => Some(Shuffle::Four),
        3 => Some(Shuffle::Eight),
        _ => None,
    }
}

/// Why a message is not one that a [`Compressor`] made, or cannot be made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// Too short for what its flags say, or empty.
    #[error("a message of {len} bytes is too short to be a compressed one: does the sender compress?")]
    Truncated {
        /// Bytes in the message.
        len: usize,
    },
    /// Flags that no sender of this version writes.
    #[error(
        "the flags of a message are {flags:#04x}, which this version does not know: does the sender compress?"
    )]
    Flags {
        /// The flags.
        flags: u8,
    },
    /// A message longer than allowed. Nothing was decompressed.
    #[error("a message says that it is {len} bytes long, where {most} are allowed")]
    TooLong {
        /// Bytes in the message.
        len: usize,
        /// Most bytes that are allowed.
        most: usize,
    },
    /// The compressed bytes contradict themselves, or are not as long as was said.
    #[error("{method} cannot decompress a message: it is damaged")]
    Damaged {
        /// The method that the message names.
        method: Method,
    },
    /// The check disagrees.
    #[error("the check of a message is {stated:08x}, of its bytes {computed:08x}: it is damaged")]
    Check {
        /// What the message says.
        stated: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The method was left out of this build.
    #[error("{method} was left out of this build: switch on the feature of packhorse-channel")]
    Unavailable {
        /// The method.
        method: Method,
    },
}

#[cfg(test)]
mod tests;

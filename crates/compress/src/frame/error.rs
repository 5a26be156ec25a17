//! [`FrameError`]: what is wrong with a frame, and at which byte of the input.

use super::BlockSize;
use crate::codec::BlockError;

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset} of the compressed input: {kind}")]
pub struct FrameError {
    /// Bytes of the input, from its start, before what is wrong begins.
    pub offset: u64,
    /// What is wrong.
    pub kind: FrameErrorKind,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameErrorKind {
    /// The first bytes are no magic number of a frame.
    #[error("this is no LZ4 frame (it begins with {0:#010x})")]
    NotLz4(u32),
    /// Bytes behind the last frame that begin no other.
    #[error("the frame before is whole, but what follows is no LZ4 frame (it begins with {0:#010x})")]
    Trailing(u32),
    /// There is no input at all.
    #[error("the input is empty; an LZ4 frame has at least 11 bytes")]
    Empty,
    /// The input ends inside a frame.
    #[error("the input ends here, inside a frame; it was cut short")]
    CutShort,
    /// A version of the format that this is not.
    #[error("version {0} of the frame format; only version 1 is known")]
    Version(u8),
    /// Reserved bits are set.
    #[error(
        "reserved bits are set in the header (FLG {flg:#04x}, BD {bd:#04x}): damaged, or of a later format"
    )]
    Reserved {
        /// The flags.
        flg: u8,
        /// The block descriptor.
        bd: u8,
    },
    /// A code that is no block size.
    #[error("block size code {0}; known are 4 to 7")]
    BlockSizeCode(u8),
    /// The header's checksum does not hold.
    #[error("the header is damaged: its checksum is {found:#04x} and should be {expected:#04x}")]
    HeaderChecksum {
        /// As computed.
        expected: u8,
        /// As read.
        found: u8,
    },
    /// A block that is longer than the header allows.
    #[error("a block of {len} bytes; this frame's blocks have at most {most}")]
    BlockTooLong {
        /// Bytes of the block as stored.
        len: u32,
        /// Most that it may have.
        most: u32,
    },
    /// A block that does not decode.
    #[error("the block {0}")]
    Block(BlockError),
    /// A block whose checksum does not hold.
    #[error("the block is damaged: its checksum is {found:#010x} and should be {expected:#010x}")]
    BlockChecksum {
        /// As computed.
        expected: u32,
        /// As read.
        found: u32,
    },
    /// The content's checksum does not hold.
    #[error("the content is damaged: its checksum is {found:#010x} and should be {expected:#010x}")]
    ContentChecksum {
        /// As computed over what was decoded.
        expected: u32,
        /// As read.
        found: u32,
    },
    /// The content is longer or shorter than the header says.
    #[error("the content has {found} bytes or more and the header promises {expected}")]
    ContentSize {
        /// As the header says.
        expected: u64,
        /// Bytes decoded so far.
        found: u64,
    },
    /// The frame names a dictionary and none was given, or another one.
    #[error("the frame needs the dictionary with id {0:#010x}; give it with -D")]
    Dictionary(u32),
    /// A legacy frame where those are not taken.
    #[error("a legacy frame, which is not taken here")]
    Legacy,
    /// More came out than the caller allows.
    #[error("the content exceeds the limit of {0} bytes")]
    Limit(u64),
}

impl FrameErrorKind {
    pub(crate) const fn at(self, offset: u64) -> FrameError {
        FrameError { offset, kind: self }
    }

    pub(crate) fn too_long(len: u32, size: BlockSize) -> Self {
        Self::BlockTooLong { len, most: u32::try_from(size.bytes()).unwrap_or(u32::MAX) }
    }
}

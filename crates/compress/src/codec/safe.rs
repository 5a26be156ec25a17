//! Decoding a block, in safe Rust. Any bytes may come in.

use lz4_flex::block::{DecompressError, decompress_into, decompress_into_with_dict};

/// What is wrong with the bytes of a compressed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// It decodes to more bytes than there is room for.
    #[error("decodes to more than the {room} bytes it may")]
    TooLong {
        /// Bytes there was room for.
        room: usize,
    },
    /// It ends inside a length or a match.
    #[error("ends too early")]
    CutShort,
    /// Literals reach beyond its end.
    #[error("announces more literal bytes than it has")]
    Literals,
    /// A match at distance 0, which copies nothing from nowhere.
    #[error("holds a match at distance 0")]
    ZeroOffset,
    /// A match reaches back before all that was decoded: damage, or another dictionary.
    #[error("refers to bytes before its start; it may be damaged or need another dictionary")]
    Offset,
}

/// Decodes `input` into the front of `output`, which holds nothing before it.
pub(crate) fn decode(input: &[u8], output: &mut [u8]) -> Result<usize, BlockError> {
    let room = output.len();
    decompress_into(input, output).map_err(|error| name(&error, room))
}

/// Decodes `input` into the front of `output`; `history` are the bytes before it.
pub(crate) fn decode_after(history: &[u8], input: &[u8], output: &mut [u8]) -> Result<usize, BlockError> {
    let room = output.len();
    decompress_into_with_dict(input, output, history).map_err(|error| name(&error, room))
}

fn name(error: &DecompressError, room: usize) -> BlockError {
    match error {
        DecompressError::OutputTooSmall { .. } => BlockError::TooLong { room },
        DecompressError::LiteralOutOfBounds => BlockError::Literals,
        DecompressError::OffsetZero => BlockError::ZeroOffset,
        DecompressError::OffsetOutOfBounds => BlockError::Offset,
        // `ExpectedAnotherByte`, and whatever a later version adds.
        _ => BlockError::CutShort,
    }
}

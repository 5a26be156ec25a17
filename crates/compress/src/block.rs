//! Single LZ4 blocks without a frame: for those who frame by themselves, such as message channels.
//!
//! ```
//! use packhorse_compress::block;
//!
//! let message = b"the same again, the same again, the same again";
//! let mut wire = vec![0; block::max_len(message.len())];
//! let coded = block::compress_into(message, &mut wire).ok_or("no room")?;
//! let mut back = vec![0; message.len()];
//! let len = block::decompress_into(&wire[..coded], &mut back)?;
//! assert_eq!(&back[..len], message);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! A block carries neither its length nor a checksum: its carrier has to. Neither function allocates.
//! Format: LZ4 block format (`lz4_Block_format.md` of the LZ4 project).

use crate::codec::{self, LONGEST};

pub use crate::codec::BlockError;

/// Most bytes that `len` bytes are compressed to.
///
/// Saturates at `usize::MAX` for lengths that no encoder takes (more than 2,113,929,216 bytes).
#[must_use]
pub const fn max_len(len: usize) -> usize {
    if len > LONGEST { usize::MAX } else { len + len / 255 + 16 }
}

/// Compresses `input` into the front of `output`, fast (level 1), and returns how many bytes that took.
///
/// `None` when they do not fit; with [`max_len`] bytes they always do. A shorter `output` is the way to ask "only if it
/// pays": with room for `input.len() - 1` bytes, `None` means that the input is better sent as it is.
#[must_use]
pub fn compress_into(input: &[u8], output: &mut [u8]) -> Option<usize> {
    compress_fast_into(input, output, 1)
}

/// As [`compress_into`], with an `acceleration` from 1 on: every step skips more, which is faster and compresses less.
#[must_use]
pub fn compress_fast_into(input: &[u8], output: &mut [u8], acceleration: u32) -> Option<usize> {
    codec::compress_fast(input, output, acceleration)
}

/// Decodes the block `input` into the front of `output` and returns how many bytes came out.
///
/// Never writes beyond `output`, whatever `input` says; what is left in `output` behind the result, or after an error,
/// is unspecified.
///
/// # Errors
/// When `input` is no block, or decodes to more than `output.len()` bytes.
pub fn decompress_into(input: &[u8], output: &mut [u8]) -> Result<usize, BlockError> {
    codec::decode(input, output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use packhorse_testkit::patterns;

    #[test]
    fn every_pattern_and_length_comes_back() {
        for len in patterns::LENGTHS.iter().copied() {
            for (name, bytes) in patterns::all(7, len) {
                let mut wire = vec![0xA5; max_len(len)];
                let coded = compress_into(&bytes, &mut wire).unwrap();
                let fast = compress_fast_into(&bytes, &mut vec![0; max_len(len)], 50).unwrap();
                assert!(fast + 300 >= coded, "{name} {len}: skipping is no gain");
                let mut back = vec![0xA5; len];
                assert_eq!(decompress_into(&wire[..coded], &mut back), Ok(len), "{name} {len}");
                assert!(back == bytes, "{name} {len}");
            }
        }
    }

    #[test]
    fn what_does_not_pay_is_said_so() {
        let bytes = patterns::random(1, 1000);
        assert_eq!(compress_into(&bytes, &mut vec![0; 999]), None);
        assert!(compress_into(&patterns::zeros(1000), &mut vec![0; 999]).is_some());
    }

    #[test]
    fn a_match_at_distance_0_is_refused() {
        // Token: 1 literal, match of 4; distance 0; then the last literals.
        let block = [0x10, b'a', 0, 0, 0x50, 1, 2, 3, 4, 5];
        assert_eq!(decompress_into(&block, &mut [0; 100]), Err(BlockError::ZeroOffset));
    }

    #[test]
    fn a_block_that_decodes_to_more_than_there_is_room_for_is_refused() {
        let mut wire = vec![0; max_len(1000)];
        let coded = compress_into(&[7; 1000], &mut wire).unwrap();
        assert_eq!(decompress_into(&wire[..coded], &mut [0; 999]), Err(BlockError::TooLong { room: 999 }));
        assert_eq!(decompress_into(&[], &mut [0; 9]), Err(BlockError::CutShort));
    }
}

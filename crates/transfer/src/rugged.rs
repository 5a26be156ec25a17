//! The `rugged` profile: the native block header, made small. The control messages are those of [`native`](crate::native).
//!
//! ```text
//!   0     2                3 to 7
//!   | tag | number, LEB128 | block, symbol, or piece of a message ...
//! ```
//! The number is turned left by one bit, so that its highest bit, by which repair symbols of a fountain differ from blocks,
//! stands lowest; then it is sent in groups of seven bits, lowest first, with bit 7 set in all bytes but the last (LEB128;
//! DWARF 5, section 7.6). Small numbers take one byte, any takes at most five. The tag is big-endian.

use packhorse_buffer::{DecodeError, DecodeErrorKind, Layer, NoRoom, PacketBuf, Storage, TooShort};

pub use crate::native::Codec;

use crate::BlockHeader;

const TAG: usize = 2;
/// Bytes of the longest number.
const NUMBER_MAX: usize = 5;
const MORE: u8 = 0x80;

/// Pushes and pulls the rugged block header, 3 to 7 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockLayer;

impl Layer for BlockLayer {
    const HEADROOM: usize = TAG + NUMBER_MAX;
    const TAILROOM: usize = 0;
    type Tx = BlockHeader;
    type Rx = BlockHeader;
    type Error = DecodeError;

    #[inline]
    fn push<S: Storage>(&mut self, block: BlockHeader, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let mut rest = block.number.rotate_left(1);
        let mut header = [0; TAG + NUMBER_MAX];
        header[..TAG].copy_from_slice(&block.tag.to_be_bytes());
        let mut len = TAG;
        loop {
            let [low, ..] = rest.to_le_bytes();
            rest >>= 7;
            header[len] = low & !MORE | if rest > 0 { MORE } else { 0 };
            len += 1;
            if rest == 0 {
                break;
            }
        }
        buf.push(len)?.copy_from_slice(&header[..len]);
        Ok(())
    }

    /// # Errors
    /// A header that is not whole, or a number of more than 32 bits or with needless bytes: every number has one form.
    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<BlockHeader, DecodeError> {
        let bytes = buf.as_slice();
        let cut = |needed| TooShort { needed, available: bytes.len() }.at("transfer", 0);
        let tag = bytes.first_chunk().map(|tag| u16::from_be_bytes(*tag)).ok_or_else(|| cut(TAG + 1))?;
        let mut number = 0_u64;
        let mut len = TAG;
        loop {
            let byte = *bytes.get(len).ok_or_else(|| cut(len + 1))?;
            number |= u64::from(byte & !MORE) << (7 * (len - TAG));
            len += 1;
            if byte & MORE == 0 {
                if byte == 0 && len > TAG + 1 {
                    return Err(bad(number));
                }
                break;
            }
            if len == TAG + NUMBER_MAX {
                return Err(bad(number));
            }
        }
        let number = u32::try_from(number).map_err(|_| bad(number))?.rotate_right(1);
        buf.pull(len).map_err(|short| short.at("transfer", 0))?;
        Ok(BlockHeader { tag, number })
    }
}

const fn bad(value: u64) -> DecodeError {
    DecodeError { layer: "transfer", offset: TAG, kind: DecodeErrorKind::BadValue { value } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(number: u32) -> PacketBuf<[u8; 7]> {
        let mut buf = PacketBuf::with_headroom([0; 7], 7).unwrap();
        BlockLayer.push(BlockHeader { tag: 0xABCD, number }, &mut buf).unwrap();
        buf
    }

    #[test]
    fn numbers_come_back_and_small_ones_of_both_kinds_are_short() {
        for (number, len) in [
            (0, 3),
            (63, 3),
            (64, 4),
            (8191, 4),
            (1 << 20, 6),
            (0x7FFF_FFFF, 7),
            (1 << 31, 3),
            (1 << 31 | 63, 3),
            (1 << 31 | 64, 4),
            (u32::MAX, 7),
        ] {
            let mut buf = header(number);
            assert_eq!(buf.len(), len, "{number}");
            assert_eq!(BlockLayer.pull(&mut buf), Ok(BlockHeader { tag: 0xABCD, number }));
            assert!(buf.is_empty());
        }
    }

    #[test]
    fn cut_overlong_and_needlessly_long_numbers_are_refused() {
        for bytes in [&[][..], &[1], &[1, 2], &[1, 2, 0x80], &[1, 2, 0x80, 0x80, 0x80, 0x80]] {
            let error = BlockLayer.pull(&mut PacketBuf::filled(bytes.to_vec())).unwrap_err();
            assert!(matches!(error.kind, DecodeErrorKind::Truncated { .. }), "{bytes:?}");
        }
        for bytes in [
            &[1, 2, 0x80, 0x00][..],
            &[1, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
            &[1, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        ] {
            let error = BlockLayer.pull(&mut PacketBuf::filled(bytes.to_vec())).unwrap_err();
            assert!(matches!(error.kind, DecodeErrorKind::BadValue { .. }), "{bytes:?}");
        }
    }
}

//! The header of a frame: what lies behind it, in a code of its own that corrects any three of its nine bytes.
//!
//! ```text
//!   bit     23 ... 10   | 9 ... 4   | 3 ... 0         | 6 bytes of parity, Reed-Solomon as in the body
//!           data bytes  | depth - 1 | parity / 2 - 1  |
//!   all of it XORed with the first nine bytes of the whitening sequence; big-endian
//! ```

use super::body::{DATA_MAX, Geometry};
use super::correct::errors;
use super::remainder::of_lanes;
use super::whiten::whiten;
use super::{Code, PARITY_MAX};

/// Bytes in a header.
pub(super) const HEADER: usize = 9;
const STATED: usize = 3;
const PARITY: usize = HEADER - STATED;

/// The header of a frame of this geometry.
pub(super) fn encode(geometry: Geometry) -> [u8; HEADER] {
    let Geometry { data, code } = geometry;
    let word = data << 10 | (code.depth() - 1) << 4 | (code.parity() / 2 - 1);
    let [.., high, middle, low] = word.to_be_bytes();
    let stated = [high, middle, low];
    let [remainder] = of_lanes::<1>(PARITY, &stated, 1, 0, &[]);
    let mut header = [0; HEADER];
    header[..STATED].copy_from_slice(&stated);
    header[STATED..].copy_from_slice(&remainder[..PARITY]);
    whiten(&mut header);
    header
}

/// What a header says, with up to three wrong bytes, and how many were; `None` when that is no header.
pub(super) fn decode(header: &[u8; HEADER]) -> Option<(Geometry, usize)> {
    let mut header = *header;
    whiten(&mut header);
    let [remainder] = of_lanes::<1>(PARITY, &header, 1, 0, &[]);
    let mut corrected = 0;
    if remainder != [0; PARITY_MAX] {
        let errors = errors(&remainder, PARITY, HEADER)?;
        corrected = errors.count();
        errors.iter().for_each(|(at, change)| header[at] ^= change);
    }
    let word = usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
    let code = Code::new(2 * (word & 15) + 2, (word >> 4 & 63) + 1)?;
    let geometry = Geometry::new(word >> 10, code)?;
    debug_assert!(geometry.data <= DATA_MAX);
    Some((geometry, corrected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_three_wrong_bytes_are_corrected() {
        let code = Code::new(8, 16).unwrap();
        let geometry = Geometry::new(3000, code).unwrap();
        let header = encode(geometry);
        assert_eq!(decode(&header), Some((geometry, 0)));
        for first in 0..HEADER {
            for second in 0..HEADER {
                for third in 0..HEADER {
                    let mut hurt = header;
                    hurt[first] = !hurt[first];
                    hurt[second] ^= 0x5A;
                    hurt[third] = hurt[third].wrapping_add(1);
                    let wrong = hurt.iter().zip(&header).filter(|(hurt, byte)| hurt != byte).count();
                    assert_eq!(decode(&hurt), Some((geometry, wrong)));
                }
            }
        }
    }

    #[test]
    fn random_bytes_are_hardly_ever_a_header() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let taken = (0..20_000)
            .filter(|_| {
                let mut bytes = [0; HEADER];
                for byte in &mut bytes {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    [*byte, ..] = state.to_be_bytes();
                }
                decode(&bytes).is_some()
            })
            .count();
        assert!(taken <= 3, "{taken} of 20,000");
    }

    #[test]
    fn runs_of_one_byte_are_no_header() {
        for byte in 0..=255 {
            assert_eq!(decode(&[byte; HEADER]), None);
        }
    }
}

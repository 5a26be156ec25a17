//! The sync marker: four bytes in front of every frame, found when two of them are right.
//!
//! The value is that of CCSDS links (CCSDS 131.0-B, "Attached sync marker"). Bytes are compared, not bits: on lines and
//! behind demodulators errors come as wrong bytes, and one of them is four wrong bits on average. In random bytes two
//! right ones stand at one place in 10,900, where the header's own code then finds no header.

use core::ops::Range;

/// The marker.
pub(super) const MARKER: [u8; 4] = [0x1A, 0xCF, 0xFC, 0x1D];
/// Bytes of it that must be right.
const RIGHT: u8 = 2;
/// Places that are looked at in one go.
const STRIDE: usize = 64;

/// Whether a marker stands at the front of `bytes`.
pub(super) fn is_at_front(bytes: &[u8]) -> bool {
    bytes.first_chunk::<4>().is_some_and(|front| right(front) >= RIGHT)
}

/// Whether what stands at the front of `bytes` is hardly by chance so like a marker: three right bytes.
pub(super) fn is_certain(bytes: &[u8]) -> bool {
    bytes.first_chunk::<4>().is_some_and(|front| right(front) > RIGHT)
}

/// The first place in `range` where a marker begins; those for which three more bytes are not there are left out.
pub(super) fn find(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let end = range.end.min(bytes.len().saturating_sub(MARKER.len() - 1));
    let mut at = range.start;
    while at < end {
        if let Some(run) = bytes[at..].first_chunk()
            && !may_hold_one(run)
        {
            at += STRIDE;
            continue;
        }
        let stop = end.min(at + STRIDE);
        if let Some(found) = (at..stop).find(|at| is_at_front(&bytes[*at..])) {
            return Some(found);
        }
        at = stop;
    }
    None
}

fn right(bytes: &[u8; 4]) -> u8 {
    bytes.iter().zip(&MARKER).map(|(byte, marker)| u8::from(byte == marker)).sum()
}

/// Whether a marker begins at one of the first places. Without branches, so that compilers make vectors of it.
fn may_hold_one(run: &[u8; STRIDE + 3]) -> bool {
    let mut most = 0;
    for at in 0..STRIDE {
        let count = u8::from(run[at] == MARKER[0])
            + u8::from(run[at + 1] == MARKER[1])
            + u8::from(run[at + 2] == MARKER[2])
            + u8::from(run[at + 3] == MARKER[3]);
        most = if count > most { count } else { most };
    }
    most >= RIGHT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_right_bytes_are_enough_at_every_place() {
        for at in 0..200 {
            for wrong in 0..16_u8 {
                let mut bytes = [0x55; 204];
                for (i, byte) in MARKER.into_iter().enumerate() {
                    bytes[at + i] = if wrong >> i & 1 == 1 { byte ^ 0x81 } else { byte };
                }
                let found = find(&bytes, 0..204);
                assert_eq!(found, (wrong.count_ones() <= 2).then_some(at));
            }
        }
    }

    #[test]
    fn a_marker_overlapping_itself_is_none() {
        for shift in 1..4 {
            let mut bytes = [0x55; 8];
            bytes[..4].copy_from_slice(&MARKER);
            assert!(!is_at_front(&bytes[shift..]));
        }
    }

    #[test]
    fn places_outside_the_range_do_not_count() {
        let mut bytes = [0; 100];
        bytes[50..54].copy_from_slice(&MARKER);
        assert_eq!(find(&bytes, 0..50), None);
        assert_eq!(find(&bytes, 51..100), None);
        assert_eq!(find(&bytes, 50..51), Some(50));
        assert_eq!(find(&bytes[..53], 0..53), None);
    }
}

//! The shuffle filter: all first bytes of the elements, then all second bytes, and so on.
//!
//! ```text
//!   elements of 4    | a0 a1 a2 a3 | b0 b1 b2 b3 | c0 c1 c2 c3 | rest |
//!   shuffled         | a0 b0 c0 | a1 b1 c1 | a2 b2 c2 | a3 b3 c3 | rest |
//! ```
//!
//! Neighbouring numbers share their sign, exponent and upper digits. Shuffled, those bytes stand together, and a
//! compressor that looks for repeated runs finds them. The bytes behind the last whole element stay where they are.
//! Not a compressor: as many bytes come out as went in.

/// Bytes of the elements that can be shuffled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shuffle {
    /// Elements of 2 bytes: `i16`, half-precision floats.
    Two,
    /// Elements of 4 bytes: `f32`, `i32`.
    Four,
    /// Elements of 8 bytes: `f64`, `i64`.
    Eight,
}

impl Shuffle {
    /// Bytes of an element.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Shuffles `from` into `to`.
    ///
    /// # Panics
    /// When the two are not of one length.
    pub fn apply(self, from: &[u8], to: &mut [u8]) {
        match self {
            Self::Two => apply::<2>(from, to),
            Self::Four => apply::<4>(from, to),
            Self::Eight => apply::<8>(from, to),
        }
    }

    /// Undoes [`apply`](Self::apply).
    ///
    /// # Panics
    /// When the two are not of one length.
    pub fn undo(self, from: &[u8], to: &mut [u8]) {
        match self {
            Self::Two => undo::<2>(from, to),
            Self::Four => undo::<4>(from, to),
            Self::Eight => undo::<8>(from, to),
        }
    }
}

fn apply<const W: usize>(from: &[u8], to: &mut [u8]) {
    assert_eq!(from.len(), to.len(), "shuffling keeps the length");
    let (elements, rest) = from.as_chunks::<W>();
    let (planes, tail) = to.split_at_mut(elements.len() * W);
    tail.copy_from_slice(rest);
    if elements.is_empty() {
        return;
    }
    for (at, plane) in planes.chunks_exact_mut(elements.len()).enumerate() {
        for (byte, element) in plane.iter_mut().zip(elements) {
            *byte = element[at];
        }
    }
}

fn undo<const W: usize>(from: &[u8], to: &mut [u8]) {
    assert_eq!(from.len(), to.len(), "shuffling keeps the length");
    let (elements, tail) = to.as_chunks_mut::<W>();
    let (planes, rest) = from.split_at(elements.len() * W);
    tail.copy_from_slice(rest);
    if elements.is_empty() {
        return;
    }
    for (at, plane) in planes.chunks_exact(elements.len()).enumerate() {
        for (byte, element) in plane.iter().zip(elements.iter_mut()) {
            element[at] = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_what_happens() {
        let mut shuffled = [0; 14];
        Shuffle::Four.apply(b"aAxXbByYcCzZ!?", &mut shuffled);
        assert_eq!(&shuffled, b"abcABCxyzXYZ!?");
        let mut back = [0; 14];
        Shuffle::Four.undo(&shuffled, &mut back);
        assert_eq!(&back, b"aAxXbByYcCzZ!?");
    }

    #[test]
    fn every_width_and_length_comes_back() {
        let bytes: Vec<u8> = (0..100_u8).map(|n| n.wrapping_mul(37)).collect();
        for shuffle in [Shuffle::Two, Shuffle::Four, Shuffle::Eight] {
            for len in 0..bytes.len() {
                let (mut there, mut back) = (vec![0; len], vec![0; len]);
                shuffle.apply(&bytes[..len], &mut there);
                shuffle.undo(&there, &mut back);
                assert_eq!(back, bytes[..len], "{shuffle:?} {len}");
            }
        }
    }
}

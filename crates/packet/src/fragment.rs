//! [`Fragment`] and [`Fragments`]: a message that is longer than a packet, cut into pieces.
//!
//! ```text
//!   fragment word, u32 big-endian:   | message u8 | index u8 | last index u8 | 0 |
//!
//!   message   |------ n ------|------ n ------|------ n ------|- rest -|      last index 3
//!   piece     0               1               2               3               offset = index * n
//! ```
//! Pieces are equally long but for the last, so that a piece needs no offset. Nothing is copied here.

use packhorse_buffer::{DecodeError, DecodeErrorKind};

/// Which piece of which message a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Counts messages, modulo 256. A repeat of the same message has the same number.
    pub message: u8,
    /// The piece, from 0.
    pub index: u8,
    /// The index of the message's last piece.
    pub last: u8,
}

impl Fragment {
    /// A message that fits one packet.
    #[must_use]
    pub const fn whole(message: u8) -> Self {
        Self { message, index: 0, last: 0 }
    }

    /// The word on the wire, as a number; big-endian on the wire.
    #[must_use]
    pub const fn to_word(self) -> u32 {
        u32::from_be_bytes([self.message, self.index, self.last, 0])
    }

    /// Reads the word.
    ///
    /// # Errors
    /// `BadValue` when the index is above the last one, `Unsupported` when the last byte is not zero.
    pub const fn from_word(word: u32) -> Result<Self, DecodeError> {
        let [message, index, last, zero] = word.to_be_bytes();
        if index > last {
            let kind = DecodeErrorKind::BadValue { value: index as u64 };
            return Err(DecodeError { layer: "packet", offset: 1, kind });
        }
        if zero != 0 {
            let kind = DecodeErrorKind::Unsupported { value: zero as u64 };
            return Err(DecodeError { layer: "packet", offset: 3, kind });
        }
        Ok(Self { message, index, last })
    }
}

/// A message that needs more than 256 pieces, or pieces of no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyFragments {
    /// Bytes of the message.
    pub len: usize,
    /// Most bytes of the message that the given piece size carries.
    pub most: usize,
}

impl core::fmt::Display for TooManyFragments {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a message of {} bytes, where 256 fragments carry {}", self.len, self.most)
    }
}

impl core::error::Error for TooManyFragments {}

/// Cuts a message into pieces: an iterator of the fragment's place and its bytes.
///
/// ```
/// use packhorse_packet::{Fragment, Fragments};
/// let mut pieces = Fragments::new(7, b"hello world", 4).unwrap();
/// assert_eq!(pieces.next(), Some((Fragment { message: 7, index: 0, last: 2 }, &b"hell"[..])));
/// assert_eq!(pieces.last(), Some((Fragment { message: 7, index: 2, last: 2 }, &b"rld"[..])));
/// ```
#[derive(Clone, Debug)]
pub struct Fragments<'a> {
    message: u8,
    rest: Option<&'a [u8]>,
    piece: usize,
    index: u8,
    last: u8,
}

impl<'a> Fragments<'a> {
    /// Cuts `bytes` into as few pieces of at most `max` bytes as will do, and makes those equally long.
    /// An empty message is one empty piece.
    ///
    /// # Errors
    /// [`TooManyFragments`] when 256 pieces of `max` bytes are not enough.
    pub fn new(message: u8, bytes: &'a [u8], max: usize) -> Result<Self, TooManyFragments> {
        let most = max.saturating_mul(256);
        if bytes.len() > most {
            return Err(TooManyFragments { len: bytes.len(), most });
        }
        let wanted = bytes.len().div_ceil(max.max(1)).max(1);
        let piece = bytes.len().div_ceil(wanted).max(1);
        let count = bytes.len().div_ceil(piece).max(1);
        let last = u8::try_from(count - 1).map_err(|_| TooManyFragments { len: bytes.len(), most })?;
        Ok(Self { message, rest: Some(bytes), piece, index: 0, last })
    }
}

impl<'a> Iterator for Fragments<'a> {
    type Item = (Fragment, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let (piece, rest) = rest.split_at(self.piece.min(rest.len()));
        let fragment = Fragment { message: self.message, index: self.index, last: self.last };
        if self.index == self.last {
            self.rest = None;
        } else {
            self.rest = Some(rest);
            self.index += 1;
        }
        Some((fragment, piece))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = if self.rest.is_some() { usize::from(self.last - self.index) + 1 } else { 0 };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Fragments<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_refused_or_comes_back() {
        for word in (0..=u32::MAX).step_by(4099) {
            if let Ok(fragment) = Fragment::from_word(word) {
                assert_eq!(fragment.to_word(), word);
            }
        }
        assert!(Fragment::from_word(0x0702_0100).is_err());
        assert!(Fragment::from_word(0x0700_0101).is_err());
    }

    #[test]
    fn an_empty_message_is_one_empty_piece() {
        let mut pieces = Fragments::new(1, &[], 10).unwrap();
        assert_eq!(pieces.len(), 1);
        assert_eq!(pieces.next(), Some((Fragment::whole(1), &[][..])));
        assert_eq!(pieces.next(), None);
    }

    #[test]
    fn a_message_that_needs_257_pieces_is_refused() {
        assert!(Fragments::new(0, &[0; 256], 1).is_ok());
        assert_eq!(Fragments::new(0, &[0; 257], 1).unwrap_err(), TooManyFragments { len: 257, most: 256 });
        assert!(Fragments::new(0, &[0; 1], 0).is_err());
    }
}

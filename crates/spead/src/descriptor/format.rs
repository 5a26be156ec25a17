//! [`Format`]: the fields of an element in SPEAD's own words, for what numpy has no type for, such as 40-bit integers.
//!
//! ```text
//!   per field   | kind: ASCII | bits: id_bytes, big-endian |        75 00 00 28 in SPEAD-64-40: u40
//! ```
//! Elements lie bit by bit, most significant first, without gaps; only the end of the array is filled up to a byte.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// One field of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// What the bits are.
    pub kind: FormatKind,
    /// How many bits.
    pub bits: u32,
}

/// What the bits of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormatKind {
    /// `u`: unsigned integer.
    Unsigned,
    /// `i`: signed integer, two's complement.
    Signed,
    /// `f`: IEEE 754 number of 32 or 64 bits.
    Float,
    /// `b`: truth value.
    Boolean,
    /// `c`: character of 8 bits.
    Character,
    /// `0`: nothing, filling.
    Padding,
}

impl Format {
    /// An unsigned integer of so many bits.
    #[must_use]
    pub const fn unsigned(bits: u32) -> Self {
        Self { kind: FormatKind::Unsigned, bits }
    }

    /// A signed integer of so many bits.
    #[must_use]
    pub const fn signed(bits: u32) -> Self {
        Self { kind: FormatKind::Signed, bits }
    }
}

impl FormatKind {
    const ALL: [(Self, u8); 6] = [
        (Self::Unsigned, b'u'),
        (Self::Signed, b'i'),
        (Self::Float, b'f'),
        (Self::Boolean, b'b'),
        (Self::Character, b'c'),
        (Self::Padding, b'0'),
    ];

    /// The letter on the wire.
    #[must_use]
    pub fn letter(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(b'0', |(_, letter)| *letter)
    }

    /// The kind with this letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == letter).map(|(kind, _)| *kind)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.kind.letter()), self.bits)
    }
}

impl FromStr for Format {
    type Err = BadFormat;

    /// Reads a letter and a number of bits: `u40`.
    fn from_str(text: &str) -> Result<Self, BadFormat> {
        let bad = || BadFormat { text: text.to_owned() };
        let letter = text.bytes().next().ok_or_else(bad)?;
        let kind = FormatKind::from_letter(letter).ok_or_else(bad)?;
        let bits =
            text.get(1..).and_then(|bits| bits.parse().ok()).filter(|bits| *bits > 0).ok_or_else(bad)?;
        Ok(Self { kind, bits })
    }
}

/// A text that is no field.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no field: write a letter (u i f b c 0) and a number of bits, such as u40")]
pub struct BadFormat {
    /// The text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_are_printed() {
        for text in ["u40", "i12", "f32", "b1", "c8", "04"] {
            assert_eq!(text.parse::<Format>().unwrap().to_string(), text);
        }
        for text in ["", "u", "u0", "x8", "u-1", "ü8"] {
            assert!(text.parse::<Format>().is_err(), "{text}");
        }
    }
}

//! [`BlockSize`]: the four block sizes that a header can name.

use core::fmt;

/// Most bytes of content in one block of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockSize {
    /// 64 KiB, `-B4`.
    Kib64,
    /// 256 KiB, `-B5`.
    Kib256,
    /// 1 MiB, `-B6`.
    #[default]
    Mib1,
    /// 4 MiB, `-B7`.
    Mib4,
}

impl BlockSize {
    /// All of them, smallest first.
    pub const ALL: [Self; 4] = [Self::Kib64, Self::Kib256, Self::Mib1, Self::Mib4];

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        1 << (8 + 2 * self.code())
    }

    /// The number in the header, and after `-B`: 4 to 7.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Kib64 => 4,
            Self::Kib256 => 5,
            Self::Mib1 => 6,
            Self::Mib4 => 7,
        }
    }

    /// The size with this number.
    ///
    /// # Errors
    /// When the number is not 4, 5, 6 or 7.
    pub const fn from_code(code: u8) -> Result<Self, NoSuchBlockSize> {
        match code {
            4 => Ok(Self::Kib64),
            5 => Ok(Self::Kib256),
            6 => Ok(Self::Mib1),
            7 => Ok(Self::Mib4),
            _ => Err(NoSuchBlockSize),
        }
    }
}

impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kib64 => "64 KiB",
            Self::Kib256 => "256 KiB",
            Self::Mib1 => "1 MiB",
            Self::Mib4 => "4 MiB",
        })
    }
}

/// A frame cannot have blocks of this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block sizes are 64 KiB, 256 KiB, 1 MiB and 4 MiB (4, 5, 6 and 7)")]
pub struct NoSuchBlockSize;

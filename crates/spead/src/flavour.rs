//! [`Flavour`]: how the 64 bits of an item pointer are shared out between identifier and heap address.
//!
//! ```text
//!   bit 63     62 ........ A   A-1 ......... 0
//!   | mode   | identifier    | value or address |      A = heap address bits: 8, 16 .. 56
//! ```
//! Not the header that carries it: that is [`wire::Prefix`](crate::wire::Prefix).

use core::fmt;
use core::ops::BitOr;

use thiserror::Error;

/// A variant of SPEAD-64: the width of a heap address, and which mistakes of an old implementation to make.
///
/// The default is SPEAD-64-40 without mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flavour {
    address_bytes: u8,
    bug_compat: BugCompat,
}

impl Flavour {
    /// SPEAD-64-40: identifiers of 23 bits, addresses and immediate values of 40. What most streams use.
    pub const SPEAD_64_40: Self = Self { address_bytes: 5, bug_compat: BugCompat::NONE };
    /// SPEAD-64-48: identifiers of 15 bits, addresses and immediate values of 48.
    pub const SPEAD_64_48: Self = Self { address_bytes: 6, bug_compat: BugCompat::NONE };

    /// The flavour with heap addresses of `bits` bits: a multiple of 8 from 8 to 56.
    ///
    /// # Errors
    /// [`BadFlavour`] for every other width.
    pub const fn new(bits: u32) -> Result<Self, BadFlavour> {
        match bits {
            8 | 16 | 24 | 32 | 40 | 48 | 56 => {
                // At most 7, by the line above.
                #[expect(clippy::cast_possible_truncation)]
                let address_bytes = (bits / 8) as u8;
                Ok(Self { address_bytes, bug_compat: BugCompat::NONE })
            }
            bits => Err(BadFlavour { bits }),
        }
    }

    /// The same widths, with these mistakes.
    #[must_use]
    pub const fn with_bug_compat(self, bug_compat: BugCompat) -> Self {
        Self { bug_compat, ..self }
    }

    /// All flavours without mistakes, from SPEAD-64-8 to SPEAD-64-56.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=7).map(|address_bytes| Self { address_bytes, bug_compat: BugCompat::NONE })
    }

    /// Width of a heap address and of an immediate value, in bytes: 1 to 7.
    #[must_use]
    pub const fn address_bytes(self) -> usize {
        self.address_bytes as usize
    }

    /// Width of a heap address and of an immediate value, in bits: 8 to 56.
    #[must_use]
    pub const fn address_bits(self) -> u32 {
        self.address_bytes as u32 * 8
    }

    /// Width of an item identifier together with the mode bit, in bytes: 1 to 7.
    #[must_use]
    pub const fn id_bytes(self) -> usize {
        8 - self.address_bytes as usize
    }

    /// Width of an item identifier, in bits: 7 to 55.
    #[must_use]
    pub const fn id_bits(self) -> u32 {
        63 - self.address_bits()
    }

    /// The largest address, immediate value, heap length and heap count.
    #[must_use]
    pub const fn max_address(self) -> u64 {
        (1 << self.address_bits()) - 1
    }

    /// The largest item identifier.
    #[must_use]
    pub const fn max_id(self) -> u64 {
        (1 << self.id_bits()) - 1
    }

    /// The mistakes that are made on purpose.
    #[must_use]
    pub const fn bug_compat(self) -> BugCompat {
        self.bug_compat
    }
}

impl Default for Flavour {
    fn default() -> Self {
        Self::SPEAD_64_40
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SPEAD-64-{}", self.address_bits())?;
        if self.bug_compat != BugCompat::NONE {
            write!(f, " with bug compatibility {}", self.bug_compat.bits())?;
        }
        Ok(())
    }
}

/// Mistakes of old implementations, to be made on purpose so that they understand. A set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BugCompat(u8);

impl BugCompat {
    /// None: the protocol as it is written.
    pub const NONE: Self = Self(0);
    /// Descriptors have the field widths of SPEAD-64-40 (formats of 4 bytes, dimensions of 8), whatever the flavour.
    pub const DESCRIPTOR_WIDTHS: Self = Self(1);
    /// A variable dimension is marked by bit 1 of its first byte instead of bit 0.
    pub const SHAPE_BIT_1: Self = Self(2);
    /// Arrays with a numpy header have the opposite byte order of what the header says.
    pub const SWAP_ENDIAN: Self = Self(4);
    /// All that PySPEAD 0.5.2 does.
    pub const PYSPEAD_0_5_2: Self = Self(7);

    /// The flags of a mask as other implementations write it; `None` when it has unknown ones.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits <= Self::PYSPEAD_0_5_2.0 { Some(Self(bits)) } else { None }
    }

    /// The mask.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all flags of `other` are set here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for BugCompat {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// There is no flavour with such addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("heap addresses of {bits} bits do not exist; choose 8, 16, 24, 32, 40, 48 or 56")]
pub struct BadFlavour {
    /// What was asked for.
    pub bits: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_add_up_to_64_bits() {
        for flavour in Flavour::all() {
            assert_eq!(flavour.id_bytes() + flavour.address_bytes(), 8);
            assert_eq!(flavour.id_bits() + flavour.address_bits() + 1, 64);
            assert_eq!(Flavour::new(flavour.address_bits()), Ok(flavour));
        }
        assert_eq!(Flavour::SPEAD_64_40.max_id(), 0x7f_ffff);
        assert_eq!(Flavour::SPEAD_64_48.max_address(), 0xffff_ffff_ffff);
    }

    #[test]
    fn other_widths_are_refused() {
        for bits in [0, 1, 7, 39, 41, 57, 64, 72, 8 + (1 << 31)] {
            assert_eq!(Flavour::new(bits), Err(BadFlavour { bits }));
        }
    }

    #[test]
    fn flags_are_found_in_a_mask() {
        let both = BugCompat::SHAPE_BIT_1 | BugCompat::SWAP_ENDIAN;
        assert_eq!(both.bits(), 6);
        assert!(BugCompat::PYSPEAD_0_5_2.contains(both) && !both.contains(BugCompat::DESCRIPTOR_WIDTHS));
        assert_eq!((BugCompat::from_bits(6), BugCompat::from_bits(8)), (Some(both), None));
    }
}

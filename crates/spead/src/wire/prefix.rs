//! [`Prefix`]: the first 8 bytes of every packet.
//!
//! ```text
//!   0       1         2          3               4          6               8
//!   | magic | version | id bytes | address bytes | reserved | item pointers |      53 04 03 05 0000 N: SPEAD-64-40
//! ```

use thiserror::Error;
use zerocopy::byteorder::{BE, U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Pointer;
use crate::Flavour;

/// The first byte of every packet.
pub const MAGIC: u8 = 0x53;
/// The second byte of every packet that this crate knows.
pub const VERSION: u8 = 4;

/// The first 8 bytes of a packet, as they lie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Prefix {
    magic: u8,
    version: u8,
    id_bytes: u8,
    address_bytes: u8,
    reserved: U16<BE>,
    pointers: U16<BE>,
}

impl Prefix {
    /// Bytes of the prefix on the wire.
    pub const LEN: usize = size_of::<Self>();

    /// The prefix of a packet with so many item pointers.
    #[must_use]
    pub const fn new(flavour: Flavour, pointers: u16) -> Self {
        // Both are at most 7.
        #[expect(clippy::cast_possible_truncation)]
        let (id_bytes, address_bytes) = (flavour.id_bytes() as u8, flavour.address_bytes() as u8);
        Self {
            magic: MAGIC,
            version: VERSION,
            id_bytes,
            address_bytes,
            reserved: U16::ZERO,
            pointers: U16::new(pointers),
        }
    }

    /// How many item pointers follow.
    #[must_use]
    pub const fn pointers(&self) -> usize {
        self.pointers.get() as usize
    }

    /// The flavour, without mistakes: those are agreed on elsewhere. The reserved bytes may hold anything.
    ///
    /// # Errors
    /// [`HeaderError`]: another magic, another version, or widths that are no flavour.
    pub fn flavour(&self) -> Result<Flavour, HeaderError> {
        let Self { magic, version, id_bytes, address_bytes, .. } = *self;
        if magic != MAGIC {
            return Err(HeaderError::Magic { magic });
        }
        if version != VERSION {
            return Err(HeaderError::Version { version });
        }
        if u16::from(id_bytes) + u16::from(address_bytes) != 8 {
            return Err(HeaderError::Widths { id_bytes, address_bytes });
        }
        Flavour::new(u32::from(address_bytes) * 8)
            .map_err(|_| HeaderError::Widths { id_bytes, address_bytes })
    }

    /// Splits a packet into flavour, item pointers, and what follows them. The pointers' meaning is not looked at.
    ///
    /// # Errors
    /// [`HeaderError`]: as [`flavour`](Self::flavour), or the packet is shorter than its header.
    pub fn split(packet: &[u8]) -> Result<Split<'_>, HeaderError> {
        let short = HeaderError::Short { needed: Self::LEN, available: packet.len() };
        let (prefix, rest) = Self::ref_from_prefix(packet).map_err(|_| short)?;
        let flavour = prefix.flavour()?;
        let pointers = prefix.pointers();
        let (pointers, payload) = <[U64<BE>]>::ref_from_prefix_with_elems(rest, pointers).map_err(|_| {
            HeaderError::Short { needed: Self::LEN + pointers * Pointer::LEN, available: packet.len() }
        })?;
        Ok((flavour, pointers, payload))
    }
}

/// Flavour, item pointers, and the bytes behind them.
pub type Split<'a> = (Flavour, &'a [U64<BE>], &'a [u8]);

/// Why the first bytes of a packet are not those of SPEAD-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The packet ends before its item pointers do.
    #[error("the packet has {available} bytes, its header needs {needed}")]
    Short {
        /// Bytes of the header.
        needed: usize,
        /// Bytes of the packet.
        available: usize,
    },
    /// The first byte is not [`MAGIC`].
    #[error("the packet begins with {magic:#04x} instead of {MAGIC:#04x}: it is not SPEAD")]
    Magic {
        /// The first byte.
        magic: u8,
    },
    /// Not version 4.
    #[error("version {version} of SPEAD is not known here, only {VERSION}")]
    Version {
        /// The second byte.
        version: u8,
    },
    /// Identifier and address do not share 8 bytes, or one of them has none.
    #[error("identifiers of {id_bytes} bytes and addresses of {address_bytes} are no flavour of SPEAD-64")]
    Widths {
        /// Bytes of an identifier.
        id_bytes: u8,
        /// Bytes of an address.
        address_bytes: u8,
    },
}

#[cfg(test)]
mod tests {
    use packhorse_testkit::golden;

    use super::*;
    use crate::wire::id;

    #[test]
    fn a_captured_packet_splits_into_its_parts() {
        let (flavour, pointers, payload) = Prefix::split(golden::spead::named("heap2")).unwrap();
        assert_eq!((flavour, payload.len()), (Flavour::SPEAD_64_40, 16));
        let pointers: Vec<_> = pointers.iter().map(|word| Pointer::from_word(word.get(), flavour)).collect();
        assert_eq!(pointers[0], Pointer::immediate(id::HEAP_CNT, 1));
        assert_eq!(pointers[4..], [Pointer::immediate(0x1600, 5), Pointer::address(0x3300, 0)]);
        assert_eq!(Prefix::new(flavour, 6).as_bytes(), [0x53, 4, 3, 5, 0, 0, 0, 6]);
    }

    #[test]
    fn every_way_to_spoil_a_header_has_its_own_error() {
        let good = golden::spead::named("stop");
        let spoiled = |at: usize, byte: u8| {
            let mut packet = good.to_vec();
            packet[at] = byte;
            Prefix::split(&packet).map(|_| ()).unwrap_err()
        };
        assert_eq!(spoiled(0, 0x54), HeaderError::Magic { magic: 0x54 });
        assert_eq!(spoiled(1, 5), HeaderError::Version { version: 5 });
        assert_eq!(spoiled(2, 0xfb), HeaderError::Widths { id_bytes: 0xfb, address_bytes: 5 });
        assert_eq!(spoiled(7, 7), HeaderError::Short { needed: 64, available: 57 });
        for len in 0..56 {
            assert!(matches!(Prefix::split(&good[..len]), Err(HeaderError::Short { .. })), "{len}");
        }
        for (id_bytes, address_bytes) in [(8, 0), (0, 8)] {
            let mut packet = good.to_vec();
            (packet[2], packet[3]) = (id_bytes, address_bytes);
            let error = Prefix::split(&packet).map(|_| ()).unwrap_err();
            assert_eq!(error, HeaderError::Widths { id_bytes, address_bytes });
        }
    }

    #[test]
    fn the_reserved_bytes_may_hold_anything() {
        let mut packet = golden::spead::named("stop").to_vec();
        packet[4..6].fill(0xff);
        assert!(Prefix::split(&packet).is_ok());
    }
}

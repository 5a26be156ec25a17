//! The packet header of the `native` profile: a channel of 15 bits and a sequence number of 32.
//!
//! ```text
//!   0        2                4            6
//!   | C  channel | sequence number         | body ...
//!     bit 15 (C): control message of the channel; all integers big-endian
//! ```

use packhorse_buffer::NoRoom;
use zerocopy::byteorder::{BE, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Address, PacketHeader, SequenceTracker};

/// The header, 6 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    address: U16<BE>,
    sequence: U32<BE>,
}

/// Pushes and pulls the native packet header.
pub type PacketLayer = crate::PacketLayer<Header>;

impl PacketHeader for Header {
    const TRACKER: SequenceTracker = SequenceTracker::modulo_32_bits();

    #[inline]
    fn new(address: Address, sequence: u32) -> Result<Self, NoRoom> {
        Ok(Self { address: address.to_word().into(), sequence: sequence.into() })
    }

    #[inline]
    fn address(&self) -> Address {
        Address::from_word(self.address.get())
    }

    #[inline]
    fn sequence(&self) -> u32 {
        self.sequence.get()
    }
}

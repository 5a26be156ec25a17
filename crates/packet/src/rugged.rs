//! The packet header of the `rugged` profile: the native one, made small for slow and bad links.
//!
//! ```text
//!   0            1                 3
//!   | C  channel | sequence number | body ...
//!     bit 7 (C): control message of the channel; all integers big-endian
//! ```

use packhorse_buffer::NoRoom;
use zerocopy::byteorder::{BE, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Address, PacketHeader, SequenceTracker};

pub use crate::address::SHORT_CHANNEL_MAX as CHANNEL_MAX;

/// The header, 3 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    address: u8,
    sequence: U16<BE>,
}

/// Pushes and pulls the rugged packet header. A channel above [`CHANNEL_MAX`] is refused.
pub type PacketLayer = crate::PacketLayer<Header>;

impl PacketHeader for Header {
    const TRACKER: SequenceTracker = SequenceTracker::modulo_16_bits();

    #[inline]
    fn new(address: Address, sequence: u32) -> Result<Self, NoRoom> {
        let [_, _, high, low] = sequence.to_be_bytes();
        Ok(Self { address: address.to_byte()?, sequence: U16::from_bytes([high, low]) })
    }

    #[inline]
    fn address(&self) -> Address {
        Address::from_byte(self.address)
    }

    #[inline]
    fn sequence(&self) -> u32 {
        self.sequence.get().into()
    }
}

//! The packet header of the `ftag` profile: one byte sequence number, one byte channel.
//!
//! ```text
//!   0                 1            2
//!   | sequence number | C  channel | body ...
//!     bit 7 (C): control message of the channel
//! ```

use packhorse_buffer::NoRoom;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Address, PacketHeader, SequenceTracker};

pub use crate::address::SHORT_CHANNEL_MAX as CHANNEL_MAX;

/// The header, 2 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    sequence: u8,
    address: u8,
}

/// Pushes and pulls the ftag packet header. A channel above [`CHANNEL_MAX`] is refused.
pub type PacketLayer = crate::PacketLayer<Header>;

impl PacketHeader for Header {
    const TRACKER: SequenceTracker = SequenceTracker::modulo_8_bits();

    #[inline]
    fn new(address: Address, sequence: u32) -> Result<Self, NoRoom> {
        let [.., sequence] = sequence.to_be_bytes();
        Ok(Self { sequence, address: address.to_byte()? })
    }

    #[inline]
    fn address(&self) -> Address {
        Address::from_byte(self.address)
    }

    #[inline]
    fn sequence(&self) -> u32 {
        self.sequence.into()
    }
}

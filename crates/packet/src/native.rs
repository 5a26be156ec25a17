//! The packet layer of the `native` profile: a channel of 15 bits and a sequence number of 32.
//!
//! ```text
//!   0        2                4            6
//!   | C  channel | sequence number         | body ...
//!     bit 15 (C): control message of the channel; all integers big-endian
//! ```

use packhorse_buffer::{DecodeError, Layer, NoRoom, PacketBuf, Storage, log_debug, log_trace};
use zerocopy::byteorder::{BE, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Address, Arrival, PacketStats, SequenceTracker};

/// The header as it lies in the packet.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    address: U16<BE>,
    sequence: U32<BE>,
}

const LEN: usize = size_of::<Header>();

/// Pushes and pulls the native packet header, 6 bytes. One per link and direction (or one for both), since it
/// holds the sequence number, which counts over all channels.
#[derive(Clone, Debug)]
pub struct PacketLayer {
    next: u32,
    tracker: SequenceTracker,
    stats: PacketStats,
}

impl PacketLayer {
    /// Starts with sequence number 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: 0, tracker: SequenceTracker::modulo_32_bits(), stats: PacketStats::ZERO }
    }

    /// What was sent and received so far.
    #[must_use]
    pub const fn stats(&self) -> &PacketStats {
        &self.stats
    }
}

impl Default for PacketLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl Layer for PacketLayer {
    const HEADROOM: usize = LEN;
    const TAILROOM: usize = 0;
    type Tx = Address;
    type Rx = Arrival;
    type Error = DecodeError;

    #[inline]
    fn push<S: Storage>(&mut self, address: Address, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let header = Header { address: address.to_word().into(), sequence: self.next.into() };
        buf.push(LEN)?.copy_from_slice(header.as_bytes());
        self.next = self.next.wrapping_add(1);
        self.stats.sent += 1;
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<Arrival, DecodeError> {
        let bytes = buf.pull(LEN).map_err(|short| {
            log_debug!("packet of {} bytes is shorter than its header", short.available);
            self.stats.short += 1;
            short.at("packet", 0)
        })?;
        let header = Header::ref_from_bytes(bytes).map_err(|_| crate::short(bytes.len(), LEN))?;
        let (address, sequence) = (Address::from_word(header.address.get()), header.sequence.get());
        let order = self.tracker.track(sequence);
        self.stats.count(order);
        log_trace!("packet {} on channel {}", sequence, address.channel.get());
        Ok(Arrival { address, sequence, order })
    }
}

//! The packet layer of the `rugged` profile: the native one, made small for slow and bad links.
//!
//! ```text
//!   0            1                 3
//!   | C  channel | sequence number | body ...
//!     bit 7 (C): control message of the channel; all integers big-endian
//! ```

use packhorse_buffer::{DecodeError, Layer, NoRoom, PacketBuf, Side, Storage, log_debug, log_trace};
use zerocopy::byteorder::{BE, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Address, Arrival, PacketStats, SequenceTracker};

/// The header as it lies in the packet.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    address: u8,
    sequence: U16<BE>,
}

const LEN: usize = size_of::<Header>();
const CONTROL: u8 = 0x80;

/// The largest channel number of this profile.
pub const CHANNEL_MAX: u8 = 0x7F;

/// Pushes and pulls the rugged packet header, 3 bytes. One per link and direction: the sequence number counts over all
/// channels.
#[derive(Clone, Debug)]
pub struct PacketLayer {
    next: u16,
    tracker: SequenceTracker,
    stats: PacketStats,
}

impl PacketLayer {
    /// Starts with sequence number 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: 0, tracker: SequenceTracker::modulo_16_bits(), stats: PacketStats::ZERO }
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

    /// A channel above [`CHANNEL_MAX`] needs two bytes where the header has one: [`NoRoom`] at the head says so.
    #[inline]
    fn push<S: Storage>(&mut self, address: Address, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let channel = u8::try_from(address.channel.get()).ok().filter(|channel| *channel <= CHANNEL_MAX);
        let channel = channel.ok_or(NoRoom { side: Side::Head, needed: 2, available: 1 })?;
        let address = if address.control { channel | CONTROL } else { channel };
        let header = Header { address, sequence: self.next.into() };
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
        let word = u16::from(header.address & CHANNEL_MAX) | u16::from(header.address & CONTROL) << 8;
        let (address, sequence) = (Address::from_word(word), u32::from(header.sequence.get()));
        let order = self.tracker.track(sequence);
        self.stats.count(order);
        log_trace!("packet {} on channel {}", sequence, address.channel.get());
        Ok(Arrival { address, sequence, order })
    }
}

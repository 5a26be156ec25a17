//! [`PacketLayer`]: numbers packets and says whose they are, with the header of a profile.
//!
//! ```text
//!   | header: address and sequence number, as the profile lays them out | body ...
//! ```
//! Not the header itself: [`native`](crate::native), [`ftag`](crate::ftag) and [`rugged`](crate::rugged) say how it lies.

use core::marker::PhantomData;

use packhorse_buffer::{DecodeError, Layer, NoRoom, PacketBuf, Storage, log_debug, log_trace};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Address, Arrival, PacketStats, SequenceTracker};

/// A packet header as it lies in the packet.
pub trait PacketHeader: Sized + FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned {
    /// Follows sequence numbers of as many bits as it has.
    const TRACKER: SequenceTracker;

    /// The header of packet `sequence`, of which it keeps as many bits as it has.
    ///
    /// # Errors
    /// [`NoRoom`] at the head: the channel's number needs more bytes than it has.
    fn new(address: Address, sequence: u32) -> Result<Self, NoRoom>;

    /// Where the packet belongs.
    fn address(&self) -> Address;

    /// Its sequence number.
    fn sequence(&self) -> u32;
}

/// Pushes and pulls a packet header. One per link and direction (or one for both), since it holds the sequence number,
/// which counts over all channels.
#[derive(Clone, Debug)]
pub struct PacketLayer<H> {
    next: u32,
    tracker: SequenceTracker,
    stats: PacketStats,
    header: PhantomData<fn() -> H>,
}

impl<H: PacketHeader> PacketLayer<H> {
    /// Starts with sequence number 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: 0, tracker: H::TRACKER, stats: PacketStats::ZERO, header: PhantomData }
    }

    /// What was sent and received so far.
    #[must_use]
    pub const fn stats(&self) -> &PacketStats {
        &self.stats
    }
}

impl<H: PacketHeader> Default for PacketLayer<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: PacketHeader> Layer for PacketLayer<H> {
    const HEADROOM: usize = size_of::<H>();
    const TAILROOM: usize = 0;
    type Tx = Address;
    type Rx = Arrival;
    type Error = DecodeError;

    /// A channel whose number does not fit in the header needs more bytes than there are: [`NoRoom`] at the head says so.
    #[inline]
    fn push<S: Storage>(&mut self, address: Address, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let header = H::new(address, self.next)?;
        buf.push(size_of::<H>())?.copy_from_slice(header.as_bytes());
        self.next = self.next.wrapping_add(1);
        self.stats.sent += 1;
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<Arrival, DecodeError> {
        let bytes = buf.pull(size_of::<H>()).map_err(|short| {
            log_debug!("packet of {} bytes is shorter than its header", short.available);
            self.stats.short += 1;
            short.at("packet", 0)
        })?;
        let header = H::ref_from_bytes(bytes).map_err(|_| crate::short(bytes.len(), size_of::<H>()))?;
        let (address, sequence) = (header.address(), header.sequence());
        let order = self.tracker.track(sequence);
        self.stats.count(order);
        log_trace!("packet {} on channel {}", sequence, address.channel.get());
        Ok(Arrival { address, sequence, order })
    }
}

//! [`TransferStats`]: how a transfer went, on either side, in integers (microcontrollers have no floats to spare).

use core::time::Duration;

use packhorse_buffer::Instant;

/// Counters of one transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferStats {
    /// The first packet.
    pub started: Option<Instant>,
    /// The last packet so far.
    pub ended: Option<Instant>,
    /// Blocks of the object that were sent or received for the first time.
    pub blocks: u64,
    /// Bytes in those blocks.
    pub bytes: u64,
    /// Blocks that were sent or received once more.
    pub repeats: u64,
    /// META messages.
    pub metas: u64,
    /// END messages.
    pub ends: u64,
    /// Packets, repeats and control messages included.
    pub packets: u64,
    /// Bytes on the wire, as far as the caller told: everything included.
    pub wire_bytes: u64,
}

impl TransferStats {
    /// From the first packet to the last.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match (self.started, self.ended) {
            (Some(started), Some(ended)) => ended.since(started),
            _ => Duration::ZERO,
        }
    }

    /// Packets a second, rounded down; 0 while no time has passed.
    #[must_use]
    pub fn packets_per_s(&self) -> u64 {
        self.per_second(self.packets)
    }

    /// Bytes of the object a second, repeats not counted; rounded down, 0 while no time has passed.
    #[must_use]
    pub fn bytes_per_s(&self) -> u64 {
        self.per_second(self.bytes)
    }

    /// Bytes on the wire a second; rounded down, 0 while no time has passed.
    #[must_use]
    pub fn wire_bytes_per_s(&self) -> u64 {
        self.per_second(self.wire_bytes)
    }

    fn per_second(&self, count: u64) -> u64 {
        let rate = (u128::from(count) * 1_000_000_000).checked_div(self.elapsed().as_nanos());
        u64::try_from(rate.unwrap_or(0)).unwrap_or(u64::MAX)
    }

    pub(crate) fn touch(&mut self, now: Instant) {
        self.started.get_or_insert(now);
        self.ended = Some(now);
    }
}

/// What a receiver did not take, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefusedStats {
    /// Blocks with a number beyond the end of the object.
    pub out_of_range: u64,
    /// Blocks that were longer or shorter than they must be.
    pub wrong_length: u64,
    /// Blocks for which the block set had no memory left.
    pub set_full: u64,
    /// META messages that say something else than the first one.
    pub conflicting_metas: u64,
    /// END messages that say something else than what is known.
    pub conflicting_ends: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_counts_over_elapsed_time() {
        let mut stats = TransferStats { packets: 300, bytes: 1 << 60, ..TransferStats::default() };
        assert_eq!(stats.packets_per_s(), 0);
        stats.touch(Instant::from_millis(1_000));
        assert_eq!((stats.packets_per_s(), stats.elapsed()), (0, Duration::ZERO));
        stats.touch(Instant::from_millis(3_000));
        assert_eq!((stats.packets_per_s(), stats.bytes_per_s()), (150, 1 << 59));
    }
}

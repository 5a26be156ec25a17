//! [`Senders`]: what is missing of the packets of each sender, where several of them share a link: each counts its own.

use std::collections::HashMap;

use packhorse_packet::{PacketStats, SequenceTracker};

/// Senders that are followed at a time.
const SENDERS_MAX: usize = 1024;

/// Sequence numbers by their sender.
#[derive(Default)]
pub(super) struct Senders {
    trackers: HashMap<u64, SequenceTracker>,
    stats: PacketStats,
}

impl Senders {
    /// A packet came.
    pub(super) fn came(&mut self, source: u64, sequence: u32, bits: u32) {
        if self.trackers.len() >= SENDERS_MAX && !self.trackers.contains_key(&source) {
            // Whoever floods with new names makes the counts of others begin anew, no more.
            self.trackers.clear();
        }
        let fresh = || match bits {
            8 => SequenceTracker::modulo_8_bits(),
            16 => SequenceTracker::modulo_16_bits(),
            _ => SequenceTracker::modulo_32_bits(),
        };
        let order = self.trackers.entry(source).or_insert_with(fresh).track(sequence);
        self.stats.count(order);
    }

    /// All of them together, where packets named their senders; `short` ones had no number.
    pub(super) fn stats(&self, short: u64) -> Option<PacketStats> {
        (!self.trackers.is_empty()).then_some(PacketStats { short, ..self.stats })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_whose_packets_alternate_miss_nothing() {
        let mut senders = Senders::default();
        for sequence in 0..100 {
            senders.came(1, sequence, 32);
            senders.came(2, 5_000 + sequence, 32);
            if sequence != 50 {
                senders.came(3, sequence, 16);
            }
        }
        let stats = senders.stats(0).unwrap();
        assert_eq!((stats.missed, stats.restarts), (1, 0), "{stats:?}");
        assert!(Senders::default().stats(0).is_none());
    }

    #[test]
    fn a_flood_of_senders_is_bounded() {
        let mut senders = Senders::default();
        (0..100_000).for_each(|source| senders.came(source, 0, 32));
        assert!(senders.trackers.len() <= SENDERS_MAX);
    }
}

//! [`SequenceTracker`]: what the sequence numbers of a link tell about packets that did not come.
//!
//! Not a reorder buffer and not a filter: it counts, and every packet goes on upwards. The layers above
//! accept blocks in any order.
//!
//! ```text
//!   numbers modulo 2^bits, seen from the one expected next:
//!
//!   ... restart | old ... old | duplicate | NEXT | gap of 1 | gap of 2 ...
//!               |<-- window -------------->|      a jump is counted and the tracker goes on from it
//! ```

use packhorse_buffer::log_debug;

/// How a packet's sequence number follows those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first packet: nothing to compare with.
    First,
    /// The number that was expected.
    Next,
    /// So many packets are missing before this one; they may still come, late.
    Gap(u32),
    /// The number of the packet before, once more.
    Duplicate,
    /// A number from the window behind: late, or an older packet once more.
    Old,
    /// A number from far behind: the sender began anew. The tracker goes on from it.
    Restart,
}

/// Follows the sequence numbers of a link.
#[derive(Clone, Copy, Debug)]
pub struct SequenceTracker {
    /// All ones below the modulus.
    mask: u32,
    /// Numbers behind the expected one that count as old instead of a jump.
    window: u32,
    expected: Option<u32>,
}

impl SequenceTracker {
    /// For numbers modulo 256. Up to 16 behind counts as old, everything else as a jump forward.
    #[must_use]
    pub const fn modulo_8_bits() -> Self {
        Self { mask: 0xFF, window: 16, expected: None }
    }

    /// For numbers modulo 2^32. Up to 1,024 behind counts as old, half the circle forward as a gap, the rest
    /// as a restart.
    #[must_use]
    pub const fn modulo_32_bits() -> Self {
        Self { mask: u32::MAX, window: 1024, expected: None }
    }

    /// Takes the next packet's number and says how it follows. Bits above the modulus are ignored.
    #[inline]
    pub fn track(&mut self, sequence: u32) -> Order {
        let sequence = sequence & self.mask;
        let Some(expected) = self.expected else {
            self.expected = Some(sequence.wrapping_add(1) & self.mask);
            return Order::First;
        };
        let ahead = sequence.wrapping_sub(expected) & self.mask;
        if ahead == 0 {
            self.expected = Some(sequence.wrapping_add(1) & self.mask);
            return Order::Next;
        }
        let behind = expected.wrapping_sub(sequence) & self.mask;
        if behind == 1 {
            return Order::Duplicate;
        }
        if behind <= self.window {
            return Order::Old;
        }
        self.expected = Some(sequence.wrapping_add(1) & self.mask);
        // With 8 bits nothing is far behind: a radio that slept through 200 packets is likelier than a restart.
        if self.mask == u32::MAX && behind <= u32::MAX / 2 { Order::Restart } else { Order::Gap(ahead) }
    }
}

/// Counters of a packet layer. None of them ever ends a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketStats {
    /// Packets pushed.
    pub sent: u64,
    /// Packets pulled, repeated and late ones included.
    pub received: u64,
    /// Packets too short for the header.
    pub short: u64,
    /// Jumps forward in the sequence number.
    pub gaps: u64,
    /// Packets missing in those gaps, less those that came late.
    pub missed: u64,
    /// Packets with the number of the one before.
    pub duplicates: u64,
    /// Packets that came late or repeat an older one.
    pub old: u64,
    /// Times that the sender began anew.
    pub restarts: u64,
}

impl PacketStats {
    /// Nothing yet; `Default`, for constants.
    pub(crate) const ZERO: Self =
        Self { sent: 0, received: 0, short: 0, gaps: 0, missed: 0, duplicates: 0, old: 0, restarts: 0 };

    /// Counts a packet that came in.
    #[inline]
    pub(crate) fn count(&mut self, order: Order) {
        self.received += 1;
        match order {
            Order::First | Order::Next => {}
            Order::Gap(missed) => {
                log_debug!("{} packets missing", missed);
                self.gaps += 1;
                self.missed += u64::from(missed);
            }
            Order::Duplicate => self.duplicates += 1,
            Order::Old => {
                self.old += 1;
                self.missed = self.missed.saturating_sub(1);
            }
            Order::Restart => {
                log_debug!("the other end began anew");
                self.restarts += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders<const N: usize>(mut tracker: SequenceTracker, numbers: [u32; N]) -> [Order; N] {
        numbers.map(|number| tracker.track(number))
    }

    #[test]
    fn a_jump_is_counted_and_the_tracker_goes_on_from_it() {
        use Order::{First, Gap, Next};
        for tracker in [SequenceTracker::modulo_8_bits(), SequenceTracker::modulo_32_bits()] {
            assert_eq!(orders(tracker, [5, 6, 9, 10, 110]), [First, Next, Gap(2), Next, Gap(99)]);
        }
    }

    #[test]
    fn numbers_wrap() {
        use Order::{First, Gap, Next};
        let tracker = SequenceTracker::modulo_8_bits();
        assert_eq!(orders(tracker, [254, 255, 0, 2]), [First, Next, Next, Gap(1)]);
        let tracker = SequenceTracker::modulo_32_bits();
        assert_eq!(orders(tracker, [u32::MAX - 1, u32::MAX, 0, 2]), [First, Next, Next, Gap(1)]);
    }

    #[test]
    fn late_and_repeated_packets_do_not_move_the_tracker() {
        use Order::{Duplicate, First, Gap, Next, Old};
        for tracker in [SequenceTracker::modulo_8_bits(), SequenceTracker::modulo_32_bits()] {
            let numbers = [0, 1, 1, 4, 2, 3, 5, 5];
            let expected = [First, Next, Duplicate, Gap(2), Old, Old, Next, Duplicate];
            assert_eq!(orders(tracker, numbers), expected);
        }
    }

    #[test]
    fn a_sender_that_begins_anew_is_followed() {
        use Order::{First, Next, Restart};
        let tracker = SequenceTracker::modulo_32_bits();
        assert_eq!(orders(tracker, [1_000_000, 0, 1]), [First, Restart, Next]);
        let tracker = SequenceTracker::modulo_8_bits();
        assert_eq!(orders(tracker, [200, 0, 1]), [First, Order::Gap(55), Next]);
    }

    #[test]
    fn a_late_packet_is_no_longer_missed() {
        let mut tracker = SequenceTracker::modulo_32_bits();
        let mut stats = PacketStats::default();
        for number in [0, 3, 1] {
            stats.count(tracker.track(number));
        }
        assert_eq!((stats.received, stats.gaps, stats.missed, stats.old), (3, 1, 1, 1));
    }
}

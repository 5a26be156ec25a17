//! [`SequenceTracker`]: what the sequence numbers of a link tell about packets that did not come.
//!
//! Not a reorder buffer and not a filter: it counts, and every packet goes on upwards. The layers above
//! accept blocks in any order.
//!
//! ```text
//!   numbers modulo 2^bits, seen from the highest one so far:
//!
//!   ... restart | old, or duplicate if it came before | highest | NEXT | gap of 1 | gap of 2 ...
//!               |<-- window: 64 bits, 1 = has come ---------->|      a jump is counted and the tracker goes on from it
//! ```

use packhorse_buffer::log_debug;

/// Numbers that the window remembers.
const WINDOW: u32 = u64::BITS;
/// So many duplicates in order are a sender that began anew: a link that repeats packets repeats them one by one.
const ANEW: u8 = 3;

/// How a packet's sequence number follows those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first packet: nothing to compare with.
    First,
    /// The number that was expected.
    Next,
    /// So many packets are missing before this one; they may still come, late.
    Gap(u32),
    /// A number from the window behind that came before.
    Duplicate,
    /// A number from the window behind that was missing: late.
    Old,
    /// A number from far behind, or the third of three duplicates in order: the sender began anew. The tracker goes
    /// on from it.
    Restart,
}

/// Follows the sequence numbers of a link.
#[derive(Clone, Copy, Debug)]
pub struct SequenceTracker {
    /// All ones below the modulus.
    mask: u32,
    /// The highest number so far; `None` before the first.
    highest: Option<u32>,
    /// Bit `n` is set when the number `n` below the highest has come, or is from before the first.
    seen: u64,
    /// The last number, if it was a duplicate, and how many of them have come in order.
    repeated: Option<(u32, u8)>,
}

impl SequenceTracker {
    /// For numbers modulo 256. The 64 numbers up to the highest are the window, all others a jump forward: a radio
    /// that slept through 190 packets is likelier than one that began anew.
    #[must_use]
    pub const fn modulo_8_bits() -> Self {
        Self { mask: 0xFF, highest: None, seen: 0, repeated: None }
    }

    /// For numbers modulo 65,536; as with 8 bits, what is not in the window is a jump forward.
    #[must_use]
    pub const fn modulo_16_bits() -> Self {
        Self { mask: 0xFFFF, ..Self::modulo_8_bits() }
    }

    /// For numbers modulo 2^32. The 64 numbers up to the highest are the window; in front of it half the circle
    /// is a gap, the rest a restart.
    #[must_use]
    pub const fn modulo_32_bits() -> Self {
        Self { mask: u32::MAX, ..Self::modulo_8_bits() }
    }

    /// Takes the next packet's number and says how it follows. Bits above the modulus are ignored.
    #[inline]
    pub fn track(&mut self, sequence: u32) -> Order {
        let sequence = sequence & self.mask;
        let Some(highest) = self.highest else {
            self.go_on_from(sequence);
            return Order::First;
        };
        let ahead = sequence.wrapping_sub(highest) & self.mask;
        if ahead == 1 {
            self.highest = Some(sequence);
            self.seen = self.seen << 1 | 1;
            self.repeated = None;
            return Order::Next;
        }
        self.track_jump(sequence, ahead, highest.wrapping_sub(sequence) & self.mask)
    }

    /// What is not the next number: it lies `ahead` of the highest, or, the other way round, `behind` it.
    fn track_jump(&mut self, sequence: u32, ahead: u32, behind: u32) -> Order {
        if behind < WINDOW {
            let bit = 1 << behind;
            if self.seen & bit == 0 {
                self.seen |= bit;
                self.repeated = None;
                return Order::Old;
            }
            let in_order = match self.repeated {
                Some((last, count)) if last.wrapping_add(1) & self.mask == sequence => count + 1,
                _ => 1,
            };
            if in_order < ANEW {
                self.repeated = Some((sequence, in_order));
                return Order::Duplicate;
            }
            self.go_on_from(sequence);
            return Order::Restart;
        }
        // With 8 or 16 bits nothing is far behind.
        if self.mask == u32::MAX && behind <= u32::MAX / 2 {
            self.go_on_from(sequence);
            return Order::Restart;
        }
        self.highest = Some(sequence);
        self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
        self.repeated = None;
        Order::Gap(ahead - 1)
    }

    /// Nothing in front of `sequence` is missing.
    const fn go_on_from(&mut self, sequence: u32) {
        self.highest = Some(sequence);
        self.seen = u64::MAX;
        self.repeated = None;
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
    /// Packets with a number that came before, not longer than 64 numbers ago.
    pub duplicates: u64,
    /// Packets that came late, not later than 64 numbers.
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
    pub fn count(&mut self, order: Order) {
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
    use super::Order::{Duplicate, First, Gap, Next, Old, Restart};
    use super::*;

    const ALL: [SequenceTracker; 3] = [
        SequenceTracker::modulo_8_bits(),
        SequenceTracker::modulo_16_bits(),
        SequenceTracker::modulo_32_bits(),
    ];

    fn orders<const N: usize>(mut tracker: SequenceTracker, numbers: [u32; N]) -> [Order; N] {
        numbers.map(|number| tracker.track(number))
    }

    fn counted(mut tracker: SequenceTracker, numbers: impl IntoIterator<Item = u32>) -> PacketStats {
        let mut stats = PacketStats::default();
        numbers.into_iter().for_each(|number| stats.count(tracker.track(number)));
        stats
    }

    #[test]
    fn a_jump_is_counted_and_the_tracker_goes_on_from_it() {
        for tracker in ALL {
            assert_eq!(orders(tracker, [5, 6, 9, 10, 110]), [First, Next, Gap(2), Next, Gap(99)]);
        }
    }

    #[test]
    fn numbers_wrap() {
        for (tracker, top) in ALL.into_iter().zip([0xFF, 0xFFFF, u32::MAX]) {
            assert_eq!(orders(tracker, [top - 1, top, 0, 2]), [First, Next, Next, Gap(1)]);
            assert_eq!(orders(tracker, [top - 1, 1, top, 0, top]), [First, Gap(2), Old, Old, Duplicate]);
        }
    }

    #[test]
    fn the_first_packet_once_more_does_not_count_as_late() {
        for tracker in ALL {
            assert_eq!(orders(tracker, [0, 3, 0]), [First, Gap(2), Duplicate]);
            assert_eq!(counted(tracker, [0, 3, 0]).missed, 2);
        }
    }

    #[test]
    fn late_and_repeated_packets_do_not_move_the_tracker() {
        for tracker in ALL {
            let numbers = [0, 1, 1, 4, 2, 3, 5, 5, 2];
            let expected = [First, Next, Duplicate, Gap(2), Old, Old, Next, Duplicate, Duplicate];
            assert_eq!(orders(tracker, numbers), expected);
        }
    }

    #[test]
    fn a_late_packet_is_no_longer_missed_whether_it_comes_once_or_twice() {
        for tracker in ALL {
            let stats = counted(tracker, [0, 3, 1, 1]);
            assert_eq!((stats.received, stats.gaps, stats.missed), (4, 1, 1));
            assert_eq!((stats.old, stats.duplicates), (1, 1));
        }
    }

    #[test]
    fn a_packet_can_come_late_by_the_whole_window_and_no_later() {
        for tracker in ALL {
            assert_eq!(orders(tracker, [0, 65, 2]), [First, Gap(64), Old]);
        }
        let tracker = SequenceTracker::modulo_32_bits();
        assert_eq!(orders(tracker, [0, 65, 1]), [First, Gap(64), Restart]);
    }

    #[test]
    fn a_sender_that_begins_anew_is_followed() {
        let tracker = SequenceTracker::modulo_32_bits();
        assert_eq!(orders(tracker, [1_000_000, 0, 1]), [First, Restart, Next]);
        let tracker = SequenceTracker::modulo_8_bits();
        assert_eq!(orders(tracker, [200, 0, 1]), [First, Gap(55), Next]);
    }

    #[test]
    fn two_sessions_in_one_stream_miss_nothing() {
        for tracker in ALL {
            for length in [3, 10, 60, 64] {
                let stats = counted(tracker, (0..length).chain(0..length));
                assert_eq!((stats.missed, stats.gaps, stats.old), (0, 0, 0), "sessions of {length}");
                assert_eq!((stats.duplicates, stats.restarts), (2, 1), "sessions of {length}");
            }
        }
        let stats = counted(SequenceTracker::modulo_32_bits(), (0..5000).chain(0..5000));
        assert_eq!((stats.missed, stats.duplicates, stats.restarts), (0, 0, 1));
    }

    #[test]
    fn a_link_that_sends_everything_twice_is_no_restart() {
        for tracker in ALL {
            let stats = counted(tracker, (0..200).flat_map(|number| [number, number]));
            assert_eq!((stats.duplicates, stats.restarts, stats.missed), (200, 0, 0));
        }
    }

    #[test]
    fn with_eight_bits_no_burst_of_losses_sticks() {
        for lost in 0..=255 {
            let numbers = (0..100).chain(100 + lost..200 + lost);
            let mut tracker = SequenceTracker::modulo_8_bits();
            let mut last = First;
            for number in numbers.clone() {
                last = tracker.track(number);
            }
            assert_eq!(last, Next, "{lost} lost");
            let stats = counted(SequenceTracker::modulo_8_bits(), numbers);
            // What looks like the window behind costs two packets to tell, and is not counted as missed.
            let behind = lost >= 192;
            assert_eq!(stats.missed, if behind { 0 } else { u64::from(lost) }, "{lost} lost");
            assert!(stats.duplicates <= if behind { 2 } else { 0 }, "{lost} lost");
        }
    }
}

//! [`Coverage`]: which bytes of a heap have arrived.
//!
//! ```text
//!   in order       |########|                      one number
//!   any order      |####|  |##|    |#####|         ranges, sorted and apart, joined when they touch
//! ```

use core::ops::Range;

use super::super::Reason;

/// Gaps that are kept account of: tiny packets far apart must not make every later packet slow.
const MOST_RANGES: usize = 4096;

/// What of a heap has arrived.
#[derive(Clone, Debug)]
pub(super) enum Coverage {
    /// Everything up to here.
    InOrder(u64),
    /// These ranges.
    AnyOrder { ranges: Vec<Range<u64>>, received: u64 },
}

impl Coverage {
    /// Nothing yet. `ranges` is memory to be used again, for packets in any order.
    pub(super) fn new(any_order: bool, mut ranges: Vec<Range<u64>>) -> Self {
        ranges.clear();
        if any_order { Self::AnyOrder { ranges, received: 0 } } else { Self::InOrder(0) }
    }

    /// Takes account of `len` more bytes at `offset`.
    ///
    /// # Errors
    /// Why these bytes are not wanted: some are there, or something in front of them is missing.
    pub(super) fn add(&mut self, offset: u64, len: u64) -> Result<(), Reason> {
        match self {
            Self::InOrder(received) if offset == *received => {
                *received += len;
                Ok(())
            }
            Self::InOrder(received) if offset < *received => Err(Reason::Duplicate),
            Self::InOrder(_) => Err(Reason::OutOfOrder),
            Self::AnyOrder { ranges, received } => {
                let end = offset + len;
                let at = ranges.partition_point(|range| range.end < offset);
                let after = ranges.partition_point(|range| range.start <= end);
                if len == 0 {
                    return Ok(());
                }
                // Those from `at` to `after` touch the new range; none may share a byte with it.
                let touching = ranges.get(at..after).unwrap_or_default();
                if touching.iter().any(|range| range.start < end && offset < range.end) {
                    return Err(Reason::Duplicate);
                }
                match (touching.first().cloned(), touching.last().cloned()) {
                    (Some(first), Some(last)) => {
                        let joined = first.start.min(offset)..last.end.max(end);
                        ranges.drain(at + 1..after);
                        if let Some(range) = ranges.get_mut(at) {
                            *range = joined;
                        }
                    }
                    _ if ranges.len() >= MOST_RANGES => return Err(Reason::TooManyGaps),
                    _ => ranges.insert(at, offset..end),
                }
                *received += len;
                Ok(())
            }
        }
    }

    /// Bytes that arrived.
    pub(super) fn received(&self) -> u64 {
        match self {
            Self::InOrder(received) | Self::AnyOrder { received, .. } => *received,
        }
    }

    /// Where the last byte that arrived ends.
    pub(super) fn end(&self) -> u64 {
        match self {
            Self::InOrder(received) => *received,
            Self::AnyOrder { ranges, .. } => ranges.last().map_or(0, |range| range.end),
        }
    }

    /// The memory of the ranges, to be used again.
    pub(super) fn into_memory(self) -> Option<Vec<Range<u64>>> {
        match self {
            Self::AnyOrder { ranges, .. } if ranges.capacity() <= MOST_RANGES => Some(ranges),
            Self::AnyOrder { .. } | Self::InOrder(_) => None,
        }
    }

    /// The ranges.
    pub(super) fn into_ranges(self) -> Vec<Range<u64>> {
        match self {
            Self::InOrder(0) => Vec::new(),
            Self::InOrder(received) => core::iter::once(0..received).collect(),
            Self::AnyOrder { ranges, .. } => ranges,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn in_order_only_the_next_byte_is_wanted() {
        let mut coverage = Coverage::new(false, Vec::new());
        assert_eq!(coverage.add(1, 5), Err(Reason::OutOfOrder));
        assert_eq!(coverage.add(0, 5), Ok(()));
        assert_eq!(coverage.add(0, 5), Err(Reason::Duplicate));
        assert_eq!(coverage.add(6, 5), Err(Reason::OutOfOrder));
        assert_eq!(coverage.add(5, 5), Ok(()));
        assert_eq!((coverage.received(), coverage.end()), (10, 10));
    }

    #[test]
    fn gaps_beyond_the_limit_are_refused_and_old_ones_still_close() {
        let mut coverage = Coverage::new(true, Vec::new());
        let most = MOST_RANGES as u64;
        for gap in 0..most {
            assert_eq!(coverage.add(gap * 2, 1), Ok(()));
        }
        assert_eq!(coverage.add(most * 2, 1), Err(Reason::TooManyGaps));
        assert_eq!(coverage.add(1, 1), Ok(()));
        assert_eq!(coverage.add(most * 2, 1), Ok(()));
    }

    proptest! {
        #[test]
        fn any_order_agrees_with_a_byte_map(pieces in proptest::collection::vec((0_u64..60, 0_u64..12), 0..40)) {
            let mut coverage = Coverage::new(true, Vec::new());
            let mut map = [false; 80];
            for (offset, len) in pieces {
                let range = usize::try_from(offset).unwrap()..usize::try_from(offset + len).unwrap();
                let taken = map[range.clone()].iter().any(|byte| *byte);
                prop_assert_eq!(coverage.add(offset, len), if taken { Err(Reason::Duplicate) } else { Ok(()) });
                if !taken {
                    map[range].fill(true);
                }
            }
            prop_assert_eq!(coverage.received(), map.iter().filter(|byte| **byte).count() as u64);
            let mut again = [false; 80];
            let mut last = None;
            for range in coverage.into_ranges() {
                prop_assert!(last.is_none_or(|last| last < range.start) && range.start < range.end);
                last = Some(range.end);
                again[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].fill(true);
            }
            prop_assert_eq!(again, map);
        }
    }
}

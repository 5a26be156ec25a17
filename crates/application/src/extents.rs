//! [`Extents`]: stretches of a file, joined where they touch.
//!
//! ```text
//!   insert 0..4     |####            |
//!   insert 8..12    |####    ####    |
//!   insert 4..8     |############    |   one stretch
//! ```
//! Memory is by stretch, not by byte: whoever inserts bounds their number.

use alloc::collections::BTreeMap;
use core::ops::Range;

/// Stretches that do not touch each other: start and end, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extents {
    stretches: BTreeMap<u64, u64>,
    bytes: u64,
}

impl Extents {
    /// Adds a stretch; what of it is there already counts once.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        // From the last one that begins before its end, backwards, as long as they touch.
        while let Some((&from, &to)) = self.stretches.range(..=end).next_back() {
            if to < start {
                break;
            }
            self.stretches.remove(&from);
            self.bytes -= to - from;
            start = start.min(from);
            end = end.max(to);
        }
        self.stretches.insert(start, end);
        self.bytes += end - start;
    }

    /// Whether all of `range` is there.
    pub(crate) fn contains(&self, range: &Range<u64>) -> bool {
        self.stretches.range(..=range.start).next_back().is_some_and(|(_, &end)| end >= range.end)
    }

    /// The stretches, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.stretches.iter().map(|(&start, &end)| start..end)
    }

    /// How many stretches there are.
    pub(crate) fn len(&self) -> usize {
        self.stretches.len()
    }

    /// Bytes in all of them.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_is_one_and_the_count_is_that_of_the_bytes() {
        // Against a set of bytes, from a fixed sequence.
        let (mut extents, mut bytes) = (Extents::default(), alloc::collections::BTreeSet::new());
        let mut state = 1_u64;
        for _ in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (start, len) = (state >> 33 & 0xFFF, state >> 50 & 0xF);
            extents.insert(start..start + len);
            bytes.extend(start..start + len);
            assert_eq!(extents.bytes(), bytes.len() as u64);
            assert!(len == 0 || extents.contains(&(start..start + len)));
        }
        assert!(extents.iter().flatten().eq(bytes.iter().copied()));
        let ends: Vec<_> = extents.iter().collect();
        assert!(ends.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert_eq!(ends.len(), extents.len());
        assert!(!extents.contains(&(0..0x2000)));
    }
}

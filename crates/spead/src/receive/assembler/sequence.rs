//! [`Sequence`]: which heap counts of a substream came, to know how many heaps are missing altogether.
//!
//! ```text
//!   counts   5  6  -  8  -  -  11         newest 11, 3 missing; when 9 comes late, 2
//!   seen     bits, the newest first: 1 0 0 1 0 1 1
//! ```
//! Not for heaps of which a part came: those are counted as incomplete.

/// The counts of one substream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sequence {
    newest: Option<u64>,
    /// Bit `n`: the count `n` steps before the newest came, or lies in front of the first.
    seen: u64,
}

impl Sequence {
    /// A heap with this count came; `mask` is the largest count, behind which 0 comes. Changes `missing` accordingly.
    #[inline]
    pub(super) fn note(&mut self, cnt: u64, step: u64, mask: u64, missing: &mut u64) {
        let Some(newest) = self.newest else {
            (self.newest, self.seen) = (Some(cnt), u64::MAX);
            return;
        };
        let ahead = cnt.wrapping_sub(newest) & mask;
        if ahead == step {
            (self.newest, self.seen) = (Some(cnt), self.seen << 1 | 1);
        } else if step > 0 && ahead > 0 {
            self.jumped(cnt, step, mask, ahead, missing);
        }
    }

    #[cold]
    fn jumped(&mut self, cnt: u64, step: u64, mask: u64, ahead: u64, missing: &mut u64) {
        if ahead <= mask / 2 {
            let steps = ahead / step;
            *missing = missing.saturating_add(steps.saturating_sub(1));
            let older = u32::try_from(steps).ok().and_then(|steps| self.seen.checked_shl(steps));
            (self.newest, self.seen) = (Some(cnt), older.unwrap_or(0) | 1);
            return;
        }
        let behind = (mask - ahead + 1) / step;
        let bit = u32::try_from(behind).ok().and_then(|behind| 1_u64.checked_shl(behind)).unwrap_or(0);
        if bit & !self.seen != 0 {
            self.seen |= bit;
            *missing = missing.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: u64 = (1 << 40) - 1;

    fn missing(counts: impl IntoIterator<Item = u64>, step: u64) -> u64 {
        let (mut sequence, mut missing) = (Sequence::default(), 0);
        counts.into_iter().for_each(|cnt| sequence.note(cnt, step, MASK, &mut missing));
        missing
    }

    #[test]
    fn gaps_count_and_what_comes_late_fills_them_once() {
        assert_eq!(missing([5, 6, 8, 11], 1), 3);
        assert_eq!(missing([5, 6, 8, 11, 9, 9, 7], 1), 1);
        assert_eq!(missing([5, 4, 3, 6], 1), 0);
        assert_eq!(missing([5, 5, 6, 6, 7], 1), 0);
    }

    #[test]
    fn steps_are_those_of_the_substream() {
        assert_eq!(missing([3, 7, 15], 4), 1);
        assert_eq!(missing([3, 7, 15], 0), 0);
        assert_eq!(missing([3, 4, 5], 4), 0);
    }

    #[test]
    fn counts_begin_again_at_their_end_and_when_the_sender_does() {
        assert_eq!(missing([MASK - 1, MASK, 0, 2], 1), 1);
        assert_eq!(missing((1..1000).chain(1..2000), 1), 0);
        assert_eq!(missing([1, MASK / 2], 1), MASK / 2 - 2);
    }
}

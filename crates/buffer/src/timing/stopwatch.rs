//! [`Stopwatch`]: the probe that counts, in fixed memory.
//!
//! Durations fall into buckets that grow with them, sixteen to each power of two, so a percentile is off by
//! 1 part in 32 at most. Recording is two clock readings and an addition; nothing is allocated or sorted.
//!
//! ```text
//!   nanoseconds   0 1 2 ... 15 | 16 17 ... 31 | 32 34 ... 62 | 64 68 ... 124 | ...      2^40 (18 minutes) and above
//!   bucket        0 1 2 ... 15 | 16 17 ... 31 | 32 33 ... 47 | 48 49 ...  63 | ...                      591
//! ```

use core::fmt;
use core::time::Duration;

use super::Probe;
use crate::time::{Clock, Instant};

/// log2 of the buckets to each power of two.
const FINE: u32 = 4;
/// Durations from 2^`TOP` nanoseconds on share the last bucket.
const TOP: u32 = 40;
const PER_OCTAVE: usize = 1 << FINE;
const BUCKETS: usize = (TOP - FINE + 1) as usize * PER_OCTAVE;

/// Counts calls and keeps their least, most and total time and percentiles, in some 5 kB and no allocator.
///
/// With `std` it reads the system's clock; elsewhere give it a [`Clock`].
#[derive(Clone)]
#[cfg(feature = "std")]
pub struct Stopwatch<C = crate::time::SystemClock> {
    clock: C,
    times: Times,
}

/// Counts calls and keeps their least, most and total time and percentiles, in some 5 kB and no allocator.
#[derive(Clone)]
#[cfg(not(feature = "std"))]
pub struct Stopwatch<C> {
    clock: C,
    times: Times,
}

#[derive(Clone)]
struct Times {
    calls: u64,
    min: u64,
    max: u64,
    total: u64,
    buckets: [u64; BUCKETS],
}

impl<C> Stopwatch<C> {
    /// A stopwatch that reads `clock`.
    pub const fn with_clock(clock: C) -> Self {
        Self { clock, times: Times { calls: 0, min: u64::MAX, max: 0, total: 0, buckets: [0; BUCKETS] } }
    }

    /// Counts one call that took `elapsed`; for durations that were measured elsewhere.
    pub fn record(&mut self, elapsed: Duration) {
        self.times.record(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds what `other` counted, as when several threads each had a stopwatch of their own.
    pub fn merge<D>(&mut self, other: &Stopwatch<D>) {
        let (mine, theirs) = (&mut self.times, &other.times);
        mine.calls += theirs.calls;
        mine.min = mine.min.min(theirs.min);
        mine.max = mine.max.max(theirs.max);
        mine.total = mine.total.saturating_add(theirs.total);
        for (mine, theirs) in mine.buckets.iter_mut().zip(&theirs.buckets) {
            *mine += theirs;
        }
    }

    /// Calls counted.
    pub const fn calls(&self) -> u64 {
        self.times.calls
    }

    /// The duration that `part` of every `of` calls did not exceed, within 1 part in 32; zero without calls.
    /// `quantile(999, 1000)` is p99.9.
    #[must_use]
    pub fn quantile(&self, part: u64, of: u64) -> Duration {
        Duration::from_nanos(self.times.quantile(part, of))
    }
}

impl<C: Default> Default for Stopwatch<C> {
    fn default() -> Self {
        Self::with_clock(C::default())
    }
}

impl<C: Clock> Probe for Stopwatch<C> {
    type Mark = Instant;

    #[inline]
    fn start(&self) -> Instant {
        self.clock.now()
    }

    #[inline]
    fn stop(&mut self, mark: Instant) {
        let elapsed = self.clock.now().as_nanos().saturating_sub(mark.as_nanos());
        self.times.record(elapsed);
    }

    fn summary(&self) -> Option<Summary> {
        let times = &self.times;
        (times.calls > 0).then(|| Summary {
            calls: times.calls,
            min: Duration::from_nanos(times.min),
            p50: self.quantile(50, 100),
            p90: self.quantile(90, 100),
            p99: self.quantile(99, 100),
            p999: self.quantile(999, 1000),
            max: Duration::from_nanos(times.max),
            total: Duration::from_nanos(times.total),
        })
    }
}

impl<C> fmt::Debug for Stopwatch<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stopwatch {{ calls: {}, total: {} ns }}", self.times.calls, self.times.total)
    }
}

/// What a [`Stopwatch`] has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Calls counted, never zero.
    pub calls: u64,
    /// The shortest call.
    pub min: Duration,
    /// Half of the calls took no longer. Percentiles are within 1 part in 32.
    pub p50: Duration,
    /// Nine calls in ten took no longer.
    pub p90: Duration,
    /// 99 in 100 took no longer.
    pub p99: Duration,
    /// 999 in 1000 took no longer.
    pub p999: Duration,
    /// The longest call.
    pub max: Duration,
    /// All calls together.
    pub total: Duration,
}

impl Times {
    #[inline]
    fn record(&mut self, nanos: u64) {
        self.calls += 1;
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
        self.total = self.total.saturating_add(nanos);
        if let Some(count) = self.buckets.get_mut(bucket(nanos)) {
            *count += 1;
        }
    }

    fn quantile(&self, part: u64, of: u64) -> u64 {
        if self.calls == 0 {
            return 0;
        }
        let rank = (u128::from(self.calls) * u128::from(part)).div_ceil(u128::from(of.max(1))).max(1);
        // The longest call is known exactly.
        if rank >= u128::from(self.calls) {
            return self.max;
        }
        let mut seen = 0_u128;
        for (index, &count) in self.buckets.iter().enumerate() {
            seen += u128::from(count);
            if seen >= rank {
                return middle(index).clamp(self.min, self.max);
            }
        }
        self.max
    }
}

/// The bucket of a duration; below [`BUCKETS`] for every one.
#[inline]
const fn bucket(nanos: u64) -> usize {
    let top = if nanos >> TOP == 0 { nanos } else { (1 << TOP) - 1 };
    // Below 16 the buckets are single nanoseconds: the shift is zero and so is the octave.
    let octave = (top | (PER_OCTAVE as u64 - 1)).ilog2() - (FINE - 1);
    let shift = octave.saturating_sub(1);
    // At most 591: fits every usize.
    #[allow(clippy::cast_possible_truncation)]
    let index = (((shift as u64) << FINE) + (top >> shift)) as usize;
    index
}

/// The middle of a bucket, in nanoseconds.
const fn middle(index: usize) -> u64 {
    if index < PER_OCTAVE {
        return index as u64;
    }
    let shift = index / PER_OCTAVE - 1;
    let first = (PER_OCTAVE + index % PER_OCTAVE) as u64;
    (first << shift) + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// A clock that the test moves.
    #[derive(Default)]
    struct Hand(Cell<u64>);

    impl Clock for Hand {
        fn now(&self) -> Instant {
            Instant::from_nanos(self.0.get())
        }
    }

    #[test]
    fn buckets_are_in_order_without_gaps_and_their_middle_is_theirs() {
        let mut last = 0;
        for nanos in (0..100_000).chain((17..64).map(|bit| 1 << bit)).chain([u64::MAX]) {
            let index = bucket(nanos);
            assert!(last <= index && index < BUCKETS, "{nanos}");
            assert!(nanos >= 100_000 || index - last <= 1, "{nanos}");
            last = index;
            if nanos >> TOP == 0 {
                assert_eq!(bucket(middle(index)), index);
                assert!(middle(index).abs_diff(nanos) <= nanos / 32, "{nanos}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_within_one_part_in_32() {
        let mut watch = Stopwatch::with_clock(());
        for nanos in 1..=10_000 {
            watch.record(Duration::from_nanos(nanos));
        }
        for (part, of, expected) in [(50, 100, 5_000), (90, 100, 9_000), (99, 100, 9_900), (999, 1000, 9_990)]
        {
            let got = watch.quantile(part, of).as_nanos();
            assert!(got.abs_diff(expected) <= expected / 32, "p{part}/{of}: {got}");
        }
        assert_eq!(watch.quantile(0, 100), Duration::from_nanos(1));
        assert_eq!(watch.quantile(100, 100), Duration::from_nanos(10_000));
    }

    #[test]
    fn an_unused_stopwatch_says_nothing() {
        let hand = Hand::default();
        let watch = Stopwatch::with_clock(&hand);
        assert_eq!(watch.summary(), None);
        assert_eq!(watch.quantile(50, 100), Duration::ZERO);
    }

    #[test]
    fn merging_counts_as_one_stopwatch_would_have() {
        let hand = Hand::default();
        let (mut one, mut two) = (Stopwatch::with_clock(&hand), Stopwatch::with_clock(&hand));
        let mut both = Stopwatch::with_clock(&hand);
        for nanos in [3, 70, 1_000_000, u64::MAX] {
            one.record(Duration::from_nanos(nanos));
            two.record(Duration::from_nanos(nanos / 2));
            both.record(Duration::from_nanos(nanos));
            both.record(Duration::from_nanos(nanos / 2));
        }
        one.merge(&two);
        assert_eq!(one.summary(), both.summary());
    }

    #[test]
    fn a_clock_that_goes_back_counts_as_no_time() {
        let hand = Hand::default();
        hand.0.set(9);
        let mut watch = Stopwatch::with_clock(&hand);
        let mark = watch.start();
        hand.0.set(5);
        watch.stop(mark);
        assert_eq!(watch.summary().unwrap().max, Duration::ZERO);
    }
}

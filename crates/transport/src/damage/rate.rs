//! [`Rate`]: events that happen with a probability, found by drawing the distance to the next one.
//!
//! With probability p for each trial, the number of trials before the next event is geometric:
//! `floor(ln(u) / ln(1 - p))` for u uniform in (0, 1]. One logarithm an event, none for the trials between.
//! The logarithm is `libm`'s on every machine, since a rounding difference would move all later damage.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

#[derive(Clone, Debug)]
pub(super) struct Rate {
    random: Xoshiro256PlusPlus,
    /// ln(1 - p), negative; `None` when the event never happens.
    log_miss: Option<f64>,
    /// Trials before the next event.
    left: u64,
}

impl Rate {
    /// Events with probability `p`, within 0 to 1. `kind` tells apart the sequences of one seed.
    pub(super) fn new(seed: u64, kind: u8, p: f64) -> Self {
        // SplitMix64 inside `seed_from_u64` spreads neighbouring seeds; the odd factor keeps kinds apart.
        let seed = seed ^ u64::from(kind).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let log_miss = if p > 0.0 { Some(libm::log1p(-p)) } else { None };
        let mut rate = Self { random: Xoshiro256PlusPlus::seed_from_u64(seed), log_miss, left: 0 };
        rate.draw();
        rate
    }

    /// Trials that will certainly miss.
    pub(super) fn clear(&self) -> u64 {
        self.left
    }

    /// Makes `trials` that miss: at most [`clear`](Self::clear).
    pub(super) fn skip(&mut self, trials: u64) {
        if self.log_miss.is_some() {
            self.left = self.left.saturating_sub(trials);
        }
    }

    /// Makes one trial.
    pub(super) fn hit(&mut self) -> bool {
        let hit = self.left == 0;
        if hit {
            self.draw();
        } else {
            self.skip(1);
        }
        hit
    }

    /// A value below `limit` (0 for 0) from this rate's own sequence; the bias is below `limit` in 2^64.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        let scaled = (u128::from(self.random.next_u64()) * u128::from(limit)) >> 64;
        u64::try_from(scaled).unwrap_or(0)
    }

    /// As [`below`](Self::below), for lengths in memory.
    pub(super) fn index_below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.below(limit)).unwrap_or(0)
    }

    /// A random byte, never zero: what an error adds.
    pub(super) fn mask(&mut self) -> u8 {
        u8::try_from(1 + self.below(255)).unwrap_or(1)
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
    }

    fn draw(&mut self) {
        let Some(log_miss) = self.log_miss else {
            self.left = u64::MAX;
            return;
        };
        // 53 bits, from 2^-53 to 1. With p = 1 the quotient is 0; with the smallest p it leaves u64 and saturates.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit the mantissa")]
        let uniform = ((self.random.next_u64() >> 11) + 1) as f64 / 9_007_199_254_740_992.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounds down, saturates, and is never negative"
        )]
        let left = (libm::log(uniform) / log_miss) as u64;
        self.left = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_and_always_are_exact() {
        let mut never = Rate::new(1, 0, 0.0);
        assert_eq!(never.clear(), u64::MAX);
        never.skip(u64::MAX - 1);
        assert!((0..1000).all(|_| !never.hit()));
        let mut always = Rate::new(1, 0, 1.0);
        assert!((0..1000).all(|_| always.hit()));
    }

    #[test]
    fn the_smallest_probability_does_not_happen() {
        for p in [f64::MIN_POSITIVE, 5e-324, 1e-30] {
            let mut rate = Rate::new(1, 0, p);
            assert!((0..1000).all(|_| !rate.hit()), "{p}");
        }
    }

    #[test]
    fn events_come_as_often_as_asked() {
        for (kind, p) in [(0, 0.5), (1, 0.1), (2, 0.01), (3, 0.9)] {
            let mut rate = Rate::new(42, kind, p);
            let hits = (0..200_000).filter(|_| rate.hit()).count();
            let (mean, deviation) = (200_000.0 * p, libm::sqrt(200_000.0 * p * (1.0 - p)));
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let off = (hits as f64 - mean).abs() / deviation;
            assert!(off < 4.0, "p {p}: {hits} hits, {off} deviations off");
        }
    }

    #[test]
    fn skipping_and_trying_meet_the_same_events() {
        let (mut one, mut two) = (Rate::new(7, 1, 0.03), Rate::new(7, 1, 0.03));
        let mut at = 0;
        for _ in 0..100 {
            let clear = two.clear();
            two.skip(clear);
            for _ in 0..clear {
                assert!(!one.hit());
            }
            assert!(one.hit() && two.hit());
            at += clear + 1;
        }
        assert!(at > 1000);
    }
}

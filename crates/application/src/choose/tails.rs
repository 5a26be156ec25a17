//! Tails of the binomial distribution, summed term by term: exact but for rounding, and quick for the few thousand trials
//! that a source block or a codeword has.

/// The chance of more than `most` successes in `trials` with chance `p` each.
pub(super) fn more_than(trials: u64, p: f64, most: u64) -> f64 {
    if most >= trials || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    // The smaller side is summed, so that neither loses its digits.
    if as_f64(most) + 1.0 > as_f64(trials) * p {
        sum(trials, p, most + 1..=trials)
    } else {
        1.0 - sum(trials, p, 0..=most)
    }
}

/// The chance of fewer than `least` successes in `trials` with chance `p` each.
pub(super) fn fewer_than(trials: u64, p: f64, least: u64) -> f64 {
    if least > trials { 1.0 } else { more_than(trials, 1.0 - p, trials - least) }
}

/// The sum of the chances of these counts.
fn sum(trials: u64, p: f64, counts: core::ops::RangeInclusive<u64>) -> f64 {
    let mean = as_f64(trials) * p;
    let (first, last) = counts.into_inner();
    let from_mean = as_f64(first) > mean;
    // Outwards from the mean, until the terms no longer count.
    let step = |term: f64, count: u64| {
        if from_mean {
            term * as_f64(trials - count) / as_f64(count + 1) * p / (1.0 - p)
        } else {
            term * as_f64(count) / as_f64(trials - count + 1) * (1.0 - p) / p
        }
    };
    let mut count = if from_mean { first } else { last };
    let mut term = point(trials, p, count);
    let mut total = 0.0;
    loop {
        total += term;
        if count == if from_mean { last } else { first } || term < total * 1e-17 {
            return total.min(1.0);
        }
        term = step(term, count);
        count = if from_mean { count + 1 } else { count - 1 };
    }
}

/// The chance of exactly `count`.
fn point(trials: u64, p: f64, count: u64) -> f64 {
    let (n, k) = (as_f64(trials), as_f64(count));
    let ways = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    libm::exp(ways + k * libm::log(p) + (n - k) * libm::log1p(-p))
}

#[expect(clippy::cast_precision_loss, reason = "counts of packets and bytes, far below 2^53")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-12), "{a} {b}");
    }

    #[test]
    fn tails_of_few_trials_are_those_counted_by_hand() {
        close(more_than(3, 0.5, 0), 7.0 / 8.0);
        close(more_than(3, 0.5, 2), 1.0 / 8.0);
        close(fewer_than(3, 0.25, 1), 27.0 / 64.0);
        close(more_than(2, 0.1, 1), 0.01);
        close(more_than(5, 0.3, 5), 0.0);
        close(fewer_than(5, 0.3, 6), 1.0);
    }

    #[test]
    fn both_tails_together_are_one() {
        for (trials, p, at) in [(1000, 0.9, 880), (255, 0.01, 8), (4000, 0.5, 2000), (10, 1e-6, 0)] {
            close(more_than(trials, p, at) + fewer_than(trials, p, at + 1), 1.0);
        }
    }

    #[test]
    fn far_tails_keep_their_digits() {
        // One of 255 wrong with chance 1e-6, nine of them: 255 over 9 times 1e-54, nearly.
        let nine = 1.089_164_900_947_337_5e16 * 1e-54;
        assert!((more_than(255, 1e-6, 8) / nine - 1.0).abs() < 1e-3);
    }
}

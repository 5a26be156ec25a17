//! [`RoundTrip`]: how long an answer takes, and how long to wait for one. RFC 6298, with the receiver's delay taken out.

use core::time::Duration;

use packhorse_buffer::Instant;

/// Before anything is known (RFC 6298, section 2.1).
const FIRST: Duration = Duration::from_secs(1);
/// A receiver holds an acknowledgement back at most so long, and clocks are coarse.
const SLACK: Duration = Duration::from_millis(60);
/// Longest wait between two questions.
const MOST: Duration = Duration::from_secs(2);
/// Such a round trip is none: one of the clocks stood still, or was set.
const STOPPED: Duration = Duration::from_secs(30);
/// The shortest round trip is that of so long ago at most: routes change.
const WINDOW: Duration = Duration::from_secs(10);

/// An estimate of the round-trip time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrip {
    smoothed: Option<Duration>,
    variation: Duration,
    /// The shortest of this window and of the one before.
    least: Option<Duration>,
    least_before: Option<Duration>,
    since: Instant,
}

impl RoundTrip {
    /// An answer came after so long.
    pub fn sample(&mut self, now: Instant, took: Duration) {
        if took > STOPPED {
            return;
        }
        match self.smoothed {
            None => (self.smoothed, self.variation) = (Some(took), took / 2),
            Some(smoothed) => {
                // One that is far out says little, and makes questions rare for long.
                let took = took.min(smoothed * 2 + FIRST);
                self.variation = self.variation * 3 / 4 + smoothed.abs_diff(took) / 4;
                self.smoothed = Some(smoothed * 7 / 8 + took / 8);
            }
        }
        if now.since(self.since) > WINDOW {
            self.least_before = self.least.take();
            self.since = now;
        }
        self.least = Some(self.least.map_or(took, |least| least.min(took)));
    }

    /// Smoothed; `None` before the first answer.
    #[must_use]
    pub const fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The shortest of late: the link without its queues.
    #[must_use]
    pub fn least(&self) -> Option<Duration> {
        match (self.least, self.least_before) {
            (Some(now), Some(before)) => Some(now.min(before)),
            (now, before) => now.or(before),
        }
    }

    /// How long to wait for an answer, when `asked` questions before were not answered.
    #[must_use]
    pub fn timeout(&self, asked: u32) -> Duration {
        let most = self.smoothed.map_or(MOST, |smoothed| MOST.max(smoothed * 3 / 2 + SLACK));
        let first = self.smoothed.map_or(FIRST, |smoothed| smoothed + self.variation * 4 + SLACK);
        // Twice each: where half of the questions or answers are lost, patience must not run out before chance does.
        first.saturating_mul(1 << (asked / 2).min(5)).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_settles_and_backs_off_within_bounds() {
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.timeout(0), FIRST);
        for n in 0..100 {
            round_trip.sample(Instant::from_millis(n * 100), Duration::from_millis(2_000));
        }
        assert_eq!(round_trip.least(), Some(Duration::from_secs(2)));
        assert!(round_trip.timeout(0) < Duration::from_millis(2_100));
        assert!(
            round_trip.timeout(9) <= MOST.max(Duration::from_secs(3) + SLACK),
            "one and a half round trips"
        );
        // A window later the old best is forgotten.
        for n in 0..300 {
            round_trip.sample(Instant::from_millis(10_000 + n * 100), Duration::from_millis(3_000));
        }
        assert_eq!(round_trip.least(), Some(Duration::from_secs(3)));
    }
}

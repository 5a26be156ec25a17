//! [`Pacer`]: when the next burst may leave, so that the average rate is kept and lateness is caught up slowly.
//!
//! ```text
//!   average    |burst|     |burst|     |burst|     |burst|        n bytes every n / rate
//!   a delay    |burst|     |burst| - - - - - |burst|   |burst|  |burst|     n / (rate * ratio) until on time again
//! ```
//! It knows no clock: times are passed in. Idle time gives no credit. Being late by no more than a burst takes, as
//! sleeping threads always are, is no delay: the next burst follows at once.

use core::time::Duration;

use packhorse_buffer::Instant;

/// Keeps a rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacer {
    ratio: f64,
    /// When all bytes so far would have left at their average rates.
    average: Option<Instant>,
    /// When they will have left at the faster rate, from the last delay on.
    fast: Option<Instant>,
}

impl Pacer {
    /// Catches up `ratio` times as fast as the rate, at least 1.
    pub(crate) fn new(ratio: f64) -> Self {
        Self { ratio: ratio.max(1.0), average: None, fast: None }
    }

    /// Counts `bytes` that leave at `now`, at `rate` bytes a second; returns when the next may.
    pub(crate) fn sent(&mut self, bytes: usize, rate: f64, now: Instant) -> Instant {
        #[expect(clippy::cast_precision_loss)]
        let seconds = bytes as f64 / rate.max(1.0);
        // Longer than anybody waits, and a duration all the same.
        let time = |seconds: f64| Duration::from_secs_f64(seconds.clamp(0.0, 1e9));
        let average = self.average.unwrap_or(now) + time(seconds);
        let burst = time(seconds / self.ratio);
        // What is lost of a longer delay is all but a burst.
        let fast = self.fast.unwrap_or(now).max(earlier(now, burst)) + burst;
        (self.average, self.fast) = (Some(average), Some(fast));
        average.max(fast)
    }

    /// There was nothing to send until `now`: the time is lost, not to be caught up.
    pub(crate) fn idle_until(&mut self, now: Instant) {
        self.average = self.average.map(|average| average.max(now));
    }
}

fn earlier(now: Instant, time: Duration) -> Instant {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Instant::from_nanos(now.as_nanos().saturating_sub(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn bursts_leave_at_the_average_rate() {
        let mut pacer = Pacer::new(1.05);
        let mut now = at(0);
        for burst in 1..=100 {
            now = pacer.sent(1000, 1e6, now);
            assert!(now >= at(burst * 1000) && now <= at(burst * 1000 + 100));
        }
    }

    #[test]
    fn a_delay_is_caught_up_no_faster_than_the_ratio() {
        let mut pacer = Pacer::new(1.25);
        let due = pacer.sent(1000, 1e6, at(0));
        assert_eq!(due, at(1000));
        let mut now = at(5000);
        let mut bursts = 0;
        loop {
            let next = pacer.sent(1000, 1e6, now);
            bursts += 1;
            let gap = next.since(now);
            // One burst follows at once, all others at the faster rate.
            assert!(bursts == 1 || gap >= Duration::from_micros(799), "{gap:?}");
            now = next;
            if bursts > 1 && gap > Duration::from_micros(850) {
                break;
            }
        }
        // 4 ms late: 1 ms caught up by the first burst, 0.2 ms by every other.
        assert!((14..=19).contains(&bursts), "{bursts}");
    }

    #[test]
    fn being_late_by_less_than_a_burst_costs_no_rate() {
        let mut pacer = Pacer::new(1.05);
        let mut now = at(0);
        for _ in 0..1000 {
            // A thread that always sleeps 60 % too long.
            now = pacer.sent(1000, 1e6, now) + Duration::from_micros(600);
        }
        assert!(now <= at(1_000_000 + 2000), "{now:?}");
    }

    #[test]
    fn idle_time_gives_no_credit() {
        let mut pacer = Pacer::new(1.05);
        pacer.sent(1000, 1e6, at(0));
        pacer.idle_until(at(1_000_000));
        assert_eq!(pacer.sent(1000, 1e6, at(1_000_000)), at(1_001_000));
    }
}

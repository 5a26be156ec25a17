//! [`Rate`]: how many bytes a second arrive, by the receiver's own count and clock, so that answers which come in bunches do
//! not look like a fast link.

use core::time::Duration;

use packhorse_buffer::Instant;

/// Shortest time to measure over: below it, a receiver that reads in large pieces measures itself.
const LEAST: Duration = Duration::from_millis(20);
/// A gap this long is not a slow link but a clock that was set, or a sender that had nothing to send.
const GAP: Duration = Duration::from_secs(30);
/// Rates of so many round trips count.
const WINDOW: u32 = 10;

/// The highest rate of late, in bytes a second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    /// The receiver's count of bytes and its clock when measuring began.
    mark: Option<(u32, u32)>,
    best: u64,
    best_before: u64,
    since: Instant,
    /// The sender had nothing to send for a part of what is being measured.
    limited: bool,
}

impl Rate {
    /// The receiver had so many bytes at this time of its clock, both modulo 2^32. `round_trip`: of late. `limited`: the sender
    /// had nothing to send meanwhile, so a low rate says nothing about the link.
    pub(crate) fn sample(
        &mut self,
        now: Instant,
        (bytes, clock_us): (u32, u32),
        round_trip: Duration,
        limited: bool,
    ) {
        self.limited |= limited;
        let Some((mark_bytes, mark_clock)) = self.mark else {
            self.mark = Some((bytes, clock_us));
            return;
        };
        let took = Duration::from_micros(u64::from(clock_us.wrapping_sub(mark_clock)));
        if took < LEAST.max(round_trip / 4) {
            return;
        }
        self.mark = Some((bytes, clock_us));
        let limited = core::mem::take(&mut self.limited);
        if took > GAP {
            return;
        }
        let came = u64::from(bytes.wrapping_sub(mark_bytes));
        let rate =
            came.saturating_mul(1_000_000) / u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        if limited && rate <= self.best() {
            return;
        }
        if now.since(self.since) > (round_trip * WINDOW).max(Duration::from_secs(2)) {
            self.best_before = core::mem::take(&mut self.best);
            self.since = now;
        }
        self.best = self.best.max(rate);
    }

    /// Bytes a second; 0 before anything is known.
    pub(crate) fn best(&self) -> u64 {
        self.best.max(self.best_before)
    }
}

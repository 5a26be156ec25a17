//! A point in time that the caller gives: no layer reads a clock.

use core::ops::{Add, Sub};
use core::time::Duration;

/// Nanoseconds since a start that the caller chose; 584 years fit. Only differences mean something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The caller's start of time.
    pub const ZERO: Self = Self(0);

    /// `nanos` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// `micros` microseconds after the start, at most what fits.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// `millis` milliseconds after the start, at most what fits.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since `earlier`, zero when that lies ahead (clocks jump).
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(later.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// Where drivers get the time from. Layers and endpoints never read one: the caller passes [`Instant`]s in.
///
/// On a microcontroller, implement it for a type without fields that reads a timer.
pub trait Clock {
    /// The time now. Never earlier than what this clock said before.
    fn now(&self) -> Instant;
}

impl<C: Clock + ?Sized> Clock for &C {
    #[inline]
    fn now(&self) -> Instant {
        (**self).now()
    }
}

/// The monotonic clock of the operating system, counted from the first time that the process asks any of them.
///
/// All of them share one start, so that instants from different threads can be compared.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemClock;

#[cfg(feature = "std")]
impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Instant {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let elapsed = START.get_or_init(std::time::Instant::now).elapsed();
        Instant::ZERO + elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_instants_stop_at_zero_and_sums_at_the_end_of_time() {
        let early = Instant::from_millis(1);
        let late = early + Duration::from_micros(5);
        assert_eq!(late - early, Duration::from_micros(5));
        assert_eq!(early - late, Duration::ZERO);
        assert_eq!(Instant::from_nanos(u64::MAX) + Duration::MAX, Instant::from_nanos(u64::MAX));
        assert_eq!(Instant::from_micros(u64::MAX), Instant::from_nanos(u64::MAX));
    }

    #[cfg(feature = "std")]
    #[test]
    fn system_clocks_of_all_threads_share_one_start() {
        let before = SystemClock.now();
        let there = std::thread::spawn(|| SystemClock.now()).join().unwrap();
        let after = SystemClock.now();
        assert!(before <= there && there <= after);
    }
}

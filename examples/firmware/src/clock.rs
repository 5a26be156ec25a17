//! The time, from SysTick: counts down 24 bits; whoever asks at least once a second misses no turn.

use core::cell::Cell;

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use packhorse_buffer::{Clock, Instant};

/// Counts of SysTick a second: the LM3S6965 as it starts.
pub const HERTZ: u32 = 12_500_000;
const TURN: u32 = 0x00FF_FFFF;

/// Reads SysTick.
#[derive(Debug)]
pub struct Ticks {
    last: Cell<u32>,
    total: Cell<u64>,
}

impl Ticks {
    /// Starts it.
    #[must_use]
    pub fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(TURN);
        timer.clear_current();
        timer.enable_counter();
        Self { last: Cell::new(SYST::get_current()), total: Cell::new(0) }
    }

    /// Counts since the start.
    pub fn counts(&self) -> u64 {
        let now = SYST::get_current();
        let passed = self.last.get().wrapping_sub(now) & TURN;
        self.last.set(now);
        self.total.set(self.total.get() + u64::from(passed));
        self.total.get()
    }

    /// Microseconds since the start, for an hour.
    pub fn micros(&self) -> u32 {
        (self.counts() * 2 / 25) as u32
    }
}

impl Clock for Ticks {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.counts() * u64::from(1_000_000_000 / HERTZ))
    }
}

//! [`Pace`]: how long an end waits before it looks at the other end's words again.
//!
//! An end that is close behind the other looks for every message, and takes the line with the words away from the
//! other every time: 100 nanoseconds and more, for both. So when a look finds a few, the next one comes a little later
//! and finds more. One message alone is not a stream: answers to questions are not kept waiting, and whoever finds
//! nothing soon looks as often as it can.

use super::atomic::spin_loop;

/// Most pauses of the processor before a look: about two microseconds.
const MOST: u32 = 256;

/// From so many cells a look on, the line moves seldom enough.
const BURST: u64 = 128;

/// Pauses before the next look.
#[derive(Debug, Default)]
pub(crate) struct Pace(u32);

impl Pace {
    /// Before a look.
    #[inline]
    pub(crate) fn wait(&self) {
        for _ in 0..self.0 {
            spin_loop();
        }
    }

    /// After a look that found so many cells of a ring; a quarter of the ring is enough.
    #[inline]
    pub(crate) fn found(&mut self, cells: u64, ring: u64) {
        let a_few = (2..BURST.min(ring / 4)).contains(&cells);
        self.0 = if a_few { (self.0 * 2 + 2).min(MOST) } else { self.0 / 2 };
    }
}

//! Sleeping on a [`Bell`] and ringing it: nobody sleeps through what was published before, and publishing costs one
//! load while nobody sleeps.
//!
//! ```text
//!   sleeper                              ringer
//!   1 seen = rings                       1 publish
//!   2 asleep = 1                         2 light barrier
//!   3 heavy barrier                      3 asleep was 0: done
//!   4 look once more                     4 asleep = 0, rings += 1, wake all
//!   5 sleep while rings == seen
//! ```
//! A sleeper that died leaves one needless wake-up behind, no more.

use super::atomic::{AtomicU32, Ordering};

/// Where ends sleep.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Bell {
    /// Not zero: somebody sleeps or is about to.
    pub(crate) asleep: AtomicU32,
    /// Changes with every ring; what sleepers wait on.
    pub(crate) rings: AtomicU32,
}

impl Bell {
    /// Steps 1 and 2 of the sleeper. Step 3 is the caller's.
    pub(crate) fn lie_down(&self) -> u32 {
        let seen = self.rings.load(Ordering::Acquire);
        self.asleep.store(1, Ordering::SeqCst);
        seen
    }

    /// Step 3 of the ringer, after its barrier.
    #[inline]
    pub(crate) fn is_needed(&self) -> bool {
        self.asleep.load(Ordering::Relaxed) != 0
    }

    /// Step 4 of the ringer, but for the waking. Whether there is anybody to wake.
    pub(crate) fn strike(&self) -> bool {
        let asleep = self.asleep.swap(0, Ordering::SeqCst);
        self.rings.fetch_add(1, Ordering::SeqCst);
        asleep != 0
    }
}

//! Waiting for a slot of a [`HeapPool`]: a lock that only those touch who find the pool empty, and who wake them.
//!
//! No wake-up is lost: a waiter counts itself and then looks at the bitmap; who gives a slot back changes the bitmap
//! and then looks at the count. All four are sequentially consistent, so at least one sees the other. A waiter holds
//! the lock from its look until it sleeps, and waking takes the lock, so the waking cannot fall between the two.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::{HeapPool, HeapSlot};

/// Who waits for a slot.
#[derive(Default)]
pub(super) struct Waiting {
    count: AtomicUsize,
    lock: Mutex<()>,
    freed: Condvar,
}

impl Waiting {
    /// A slot has come back: wakes one who waits, if any.
    #[inline]
    pub(super) fn wake(&self) {
        if self.count.load(Ordering::SeqCst) != 0 {
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.freed.notify_one();
    }
}

impl HeapPool {
    /// Takes a slot, and waits for one when all are in use. A pool of no slots is waited for in vain.
    ///
    /// No order among those who wait; a [`take`](Self::take) by another thread may come first.
    #[must_use]
    pub fn take_blocking(&self) -> HeapSlot {
        loop {
            if let Some(slot) = self.take_until(None) {
                return slot;
            }
        }
    }

    /// Takes a slot, and waits for one up to `most` when all are in use.
    #[must_use]
    pub fn take_timeout(&self, most: Duration) -> Option<HeapSlot> {
        // Beyond what the clock can tell is forever.
        self.take_until(Instant::now().checked_add(most))
    }

    fn take_until(&self, end: Option<Instant>) -> Option<HeapSlot> {
        self.take().or_else(|| self.wait_until(end))
    }

    #[cold]
    fn wait_until(&self, end: Option<Instant>) -> Option<HeapSlot> {
        let Waiting { count, lock, freed } = &self.shared.waiting;
        let mut guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        count.fetch_add(1, Ordering::SeqCst);
        let slot = loop {
            if let Some(slot) = self.take() {
                break Some(slot);
            }
            guard = match end {
                None => freed.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break None;
                    }
                    freed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        };
        count.fetch_sub(1, Ordering::SeqCst);
        drop(guard);
        slot
    }
}

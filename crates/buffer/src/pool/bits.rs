//! [`Bits`]: which slots of a pool are taken, in atomic words that any thread may change.
//!
//! Not the memory of the slots, and nothing unsafe: it only promises that a number given by [`Bits::take`] is
//! nobody else's until it comes back through [`Bits::give`], and that whoever takes it next sees everything
//! that was written before it came back. `tests/loom.rs` compiles this file with loom's atomics and tries every
//! order of events.

use super::atomic::{AtomicUsize, Ordering};

/// The bits of one pool, borrowed from wherever the pool keeps them.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a> {
    /// One bit a slot, 1 when taken. At least as many words as `slots` needs; the rest is not looked at.
    pub(crate) words: &'a [AtomicUsize],
    /// The word to look at first: where a slot came back last, whose memory is likely to be in the cache.
    pub(crate) hint: &'a AtomicUsize,
    /// Slots in the pool.
    pub(crate) slots: usize,
}

const WORD: usize = usize::BITS as usize;

impl Bits<'_> {
    /// Takes a free slot and returns its number, or `None` when all were taken as it looked.
    ///
    /// Lock-free: it goes on looking only when another thread took the slot that it wanted.
    #[inline]
    pub(crate) fn take(self) -> Option<usize> {
        let words = self.slots.div_ceil(WORD);
        let first = self.hint.load(Ordering::Relaxed);
        let first = if first < words { first } else { 0 };
        for index in (first..words).chain(0..first) {
            let Some(word) = self.words.get(index) else {
                continue;
            };
            let existing = self.existing(index);
            // Sequentially consistent, as in `give`: see there. Costs nothing on x86.
            let mut free = !word.load(Ordering::SeqCst) & existing;
            while free != 0 {
                let bit = free & free.wrapping_neg();
                let before = word.fetch_or(bit, Ordering::Acquire);
                if before & bit == 0 {
                    if index != first {
                        self.hint.store(index, Ordering::Relaxed);
                    }
                    return Some(index * WORD + bit.trailing_zeros() as usize);
                }
                free = !before & existing;
            }
        }
        None
    }

    /// Gives back a slot that [`take`](Self::take) gave out. What this thread wrote to the slot is seen by the next.
    #[inline]
    pub(crate) fn give(self, slot: usize) {
        let index = slot / WORD;
        if let Some(word) = self.words.get(index) {
            let bit = 1 << (slot % WORD);
            // Releasing would do for the slot's memory. A pool whose takers can wait needs more: this store must
            // come before the look at the number of waiters, as a waiter's count comes before its look at this word.
            let before = word.fetch_and(!bit, Ordering::SeqCst);
            debug_assert!(before & bit != 0, "slot {slot} came back twice");
            self.hint.store(index, Ordering::Relaxed);
        }
    }

    /// Slots that are free; other threads may have changed that by the time that this returns.
    pub(crate) fn available(self) -> usize {
        let words = self.slots.div_ceil(WORD);
        let free = |(index, word): (usize, &AtomicUsize)| {
            (!word.load(Ordering::Relaxed) & self.existing(index)).count_ones() as usize
        };
        self.words.iter().take(words).enumerate().map(free).sum()
    }

    /// The bits of word `index` that stand for slots.
    #[inline]
    fn existing(self, index: usize) -> usize {
        match self.slots.saturating_sub(index * WORD) {
            0 => 0,
            rest if rest >= WORD => usize::MAX,
            rest => (1 << rest) - 1,
        }
    }
}

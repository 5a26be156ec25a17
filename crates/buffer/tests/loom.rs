//! The pools' bitmap, the very file, under every order in which threads can run.

#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))] // Cargo.toml says why
#![allow(clippy::unwrap_used)] // all of it is tests

/// What the bitmap finds instead of the processor's atomics.
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
}

#[path = "../src/pool/bits.rs"]
mod bits;

use bits::Bits;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// Slots whose memory complains when two threads reach it without one having waited for the other.
struct Pool<const SLOTS: usize> {
    words: [atomic::AtomicUsize; 1],
    hint: atomic::AtomicUsize,
    memory: [UnsafeCell<usize>; SLOTS],
}

impl<const SLOTS: usize> Pool<SLOTS> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            words: [atomic::AtomicUsize::new(0)],
            hint: atomic::AtomicUsize::new(0),
            memory: core::array::from_fn(|_| UnsafeCell::new(0)),
        })
    }

    fn bits(&self) -> Bits<'_> {
        Bits { words: &self.words, hint: &self.hint, slots: SLOTS }
    }

    /// Takes a slot, changes its memory, gives it back. Whether there was one.
    fn use_one(&self) -> bool {
        let Some(slot) = self.bits().take() else {
            return false;
        };
        self.memory[slot].with_mut(|memory| {
            // SAFETY: loom fails the test if any other thread is here.
            unsafe { *memory += 1 }
        });
        self.bits().give(slot);
        true
    }
}

#[test]
fn one_slot_is_never_two_threads_at_once() {
    exclusive(2, None);
}

#[test]
fn one_slot_is_never_three_threads_at_once() {
    // Every order takes minutes; those in which threads are interrupted up to twice, a second.
    exclusive(3, Some(2));
}

fn exclusive(threads: usize, preemption_bound: Option<usize>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemption_bound;
    model.check(move || {
        let pool = Pool::<1>::new();
        let spawn = |_| {
            let pool = Arc::clone(&pool);
            thread::spawn(move || usize::from(pool.use_one()))
        };
        let others: Vec<_> = (1..threads).map(spawn).collect();
        let mine = usize::from(pool.use_one());
        let used = mine + others.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>();
        assert!(used >= 1, "the first to look finds a free slot");
        assert_eq!(pool.bits().available(), 1);
        // SAFETY: all threads are done.
        pool.memory[0].with(|memory| assert_eq!(unsafe { *memory }, used));
    });
}

#[test]
fn as_many_threads_as_slots_all_get_one() {
    loom::model(|| {
        let pool = Pool::<2>::new();
        let other = Arc::clone(&pool);
        let thread = thread::spawn(move || other.use_one());
        assert!(pool.use_one());
        assert!(thread.join().unwrap());
        assert_eq!(pool.bits().available(), 2);
    });
}

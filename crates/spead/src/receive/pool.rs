//! [`MemoryPool`]: memory for heaps of a known range of lengths, made before the stream runs.
//!
//! ```text
//!   |<- upper bytes ->|<- upper bytes ->| ...     `initial` at the start, at most `max_free` kept
//! ```
//! A heap from `lower` to `upper` bytes takes a buffer of `upper` bytes; others, and those that come when the pool is
//! empty, get memory of their own. With a low water mark a thread makes new buffers before the pool runs dry, so that
//! the thread that receives never waits for the system to map fresh pages.

use alloc::sync::Arc;
use core::ops::RangeInclusive;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{Allocator, HeapMemory, Packet};

/// How large a [`MemoryPool`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Lengths of heaps that the pool serves, in bytes. Each buffer has the highest.
    pub lengths: RangeInclusive<usize>,
    /// Buffers that are kept when they come back; more go to the system.
    pub max_free: usize,
    /// Buffers made at the start.
    pub initial: usize,
    /// When fewer are free, a thread makes one more. 0: no thread.
    pub low_water: usize,
}

/// A pool of equal buffers for heaps. Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryPool {
    shared: Arc<Shared>,
    /// Ends the refilling thread together with the last clone.
    _refill: Option<Arc<Refill>>,
}

#[derive(Debug)]
struct Shared {
    config: PoolConfig,
    state: Mutex<State>,
    low: Condvar,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<HeapMemory>,
    misses: u64,
    ended: bool,
}

#[derive(Debug)]
struct Refill(Arc<Shared>);

impl MemoryPool {
    /// A pool with its initial buffers, every page of them touched.
    ///
    /// # Panics
    /// When the system refuses a thread for refilling.
    #[must_use]
    pub fn new(config: PoolConfig) -> Self {
        let mut free = Vec::with_capacity(config.max_free.max(config.initial));
        free.extend((0..config.initial).map(|_| touched(*config.lengths.end())));
        let refills = config.low_water > 0;
        let state = Mutex::new(State { free, ..State::default() });
        let shared = Arc::new(Shared { config, state, low: Condvar::new() });
        let refill = refills.then(|| {
            let own = Arc::clone(&shared);
            let thread = thread::Builder::new().name("spead-refill".to_owned()).spawn(move || own.refill());
            assert!(thread.is_ok(), "the system refuses a thread that refills the pool");
            Arc::new(Refill(Arc::clone(&shared)))
        });
        Self { shared, _refill: refill }
    }

    /// Buffers that are free now.
    #[must_use]
    pub fn available(&self) -> usize {
        self.shared.lock().free.len()
    }

    /// How often a heap of the pool's lengths found it empty.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.shared.lock().misses
    }
}

impl Allocator for MemoryPool {
    fn allocate(&self, len: usize, _packet: &Packet<'_>) -> HeapMemory {
        let Shared { config, low, .. } = &*self.shared;
        if !config.lengths.contains(&len) {
            return HeapMemory::new(len);
        }
        let mut state = self.shared.lock();
        let memory = state.free.pop();
        state.misses += u64::from(memory.is_none());
        let refill = state.free.len() < config.low_water;
        drop(state);
        if refill {
            low.notify_one();
        }
        memory.unwrap_or_else(|| HeapMemory::new(*config.lengths.end()))
    }

    fn free(&self, memory: HeapMemory) {
        let mut state = self.shared.lock();
        let own = memory.len() == *self.shared.config.lengths.end();
        if own && state.free.len() < self.shared.config.max_free {
            state.free.push(memory);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refill(&self) {
        let mut state = self.lock();
        while !state.ended {
            let wanted = self.config.low_water.min(self.config.max_free);
            if state.free.len() >= wanted {
                state = self.low.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            let memory = touched(*self.config.lengths.end());
            state = self.lock();
            state.free.push(memory);
        }
    }
}

impl Drop for Refill {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.low.notify_all();
    }
}

/// Memory whose pages the system has mapped: written once, so that the receiving thread does not pay for it.
fn touched(len: usize) -> HeapMemory {
    let mut bytes = Vec::with_capacity(len);
    // Anything but zero, which the allocator may leave to the first use.
    bytes.resize(len, 0xA5);
    HeapMemory::from(bytes)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::time::Instant;

    use packhorse_testkit::golden;

    use super::*;

    fn pool(low_water: usize) -> MemoryPool {
        MemoryPool::new(PoolConfig { lengths: 10..=20, max_free: 3, initial: 2, low_water })
    }

    #[test]
    fn lengths_of_its_range_come_from_the_pool_and_others_do_not() {
        let packet = Packet::parse(golden::spead::named("heap2")).unwrap();
        let pool = pool(0);
        let taken: Vec<_> = [10, 20, 15].iter().map(|len| pool.allocate(*len, &packet)).collect();
        assert!(taken.iter().all(|memory| memory.len() == 20));
        assert_eq!((pool.available(), pool.misses()), (0, 1));
        assert_eq!(pool.allocate(21, &packet).len(), 21);
        assert_eq!((pool.allocate(9, &packet).len(), pool.misses()), (9, 1));
        taken.into_iter().for_each(|memory| pool.free(memory));
        pool.free(HeapMemory::new(21));
        pool.free(HeapMemory::new(20));
        assert_eq!(pool.available(), 3);
    }

    #[test]
    fn below_the_low_water_mark_it_is_refilled() {
        let packet = Packet::parse(golden::spead::named("heap2")).unwrap();
        let pool = pool(2);
        let _one = pool.allocate(20, &packet);
        let end = Instant::now() + Duration::from_secs(5);
        while pool.available() < 2 {
            assert!(Instant::now() < end, "nobody refills the pool");
            thread::yield_now();
        }
    }
}

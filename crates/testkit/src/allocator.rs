//! [`CountingAllocator`]: proves that a piece of code does not allocate.
//!
//! A test program installs it once; [`measure`] then tells what a closure did.
//!
//! ```
//! use packhorse_testkit::allocator::{CountingAllocator, measure};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! fn main() {
//!     let counts = measure(|| drop(vec![0_u8; 100]));
//!     assert_eq!((counts.allocations, counts.bytes, counts.frees), (1, 100, 1));
//! }
//! ```
//!
//! Counts are kept for each thread, so tests that run beside one another do not disturb one another;
//! [`measure_process`] counts all threads, for paths that have some. Not a profiler.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::alloc::System;

/// The system's allocator, counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// What a piece of code asked of the allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Allocations; growing or shrinking one counts as one more.
    pub allocations: u64,
    /// Allocations given back.
    pub frees: u64,
    /// Bytes of all allocations together, whether given back or not.
    pub bytes: u64,
}

impl Counts {
    /// Nothing was asked of the allocator.
    pub const NONE: Self = Self { allocations: 0, frees: 0, bytes: 0 };

    fn since(self, earlier: Self) -> Self {
        Self {
            allocations: self.allocations - earlier.allocations,
            frees: self.frees - earlier.frees,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

/// Runs `work` and tells what it allocated on this thread.
///
/// # Panics
/// When [`CountingAllocator`] is not the program's `#[global_allocator]`: every count would be zero and
/// every proof empty.
pub fn measure(work: impl FnOnce()) -> Counts {
    assert_installed();
    let before = this_thread();
    work();
    this_thread().since(before)
}

/// Runs `work` and tells what all threads of the process allocated meanwhile, tests beside it included.
///
/// # Panics
/// As [`measure`].
pub fn measure_process(work: impl FnOnce()) -> Counts {
    assert_installed();
    let before = process();
    work();
    process().since(before)
}

std::thread_local! {
    // Constant and without a destructor: reading it never allocates, which inside an allocator would not end.
    static THREAD: Cell<Counts> = const { Cell::new(Counts::NONE) };
}
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static FREES: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn this_thread() -> Counts {
    THREAD.with(Cell::get)
}

fn process() -> Counts {
    Counts { allocations: ALLOCATIONS.load(Relaxed), frees: FREES.load(Relaxed), bytes: BYTES.load(Relaxed) }
}

fn assert_installed() {
    let before = this_thread();
    drop(black_box(Box::new(black_box(1_u8))));
    assert_ne!(
        this_thread(),
        before,
        "this program has no `#[global_allocator] static A: CountingAllocator`"
    );
}

fn count(allocations: u64, frees: u64, bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    ALLOCATIONS.fetch_add(allocations, Relaxed);
    FREES.fetch_add(frees, Relaxed);
    BYTES.fetch_add(bytes, Relaxed);
    // A thread that is ending has no counters any more, and nobody who would ask for them.
    let _ = THREAD.try_with(|cell| {
        let mut counts = cell.get();
        counts.allocations += allocations;
        counts.frees += frees;
        counts.bytes += bytes;
        cell.set(counts);
    });
}

// SAFETY: every call goes to `System` unchanged, which keeps the contract; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 0, layout.size());
        // SAFETY: the caller keeps `GlobalAlloc::alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, 0, layout.size());
        // SAFETY: the caller keeps `GlobalAlloc::alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, 1, size);
        // SAFETY: the caller keeps `GlobalAlloc::realloc`'s contract; `at` came from `System`.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, 1, 0);
        // SAFETY: the caller keeps `GlobalAlloc::dealloc`'s contract; `at` came from `System`.
        unsafe { System.dealloc(at, layout) }
    }
}

//! Pools: a fixed number of equal slots of memory, taken and returned without a lock and without an allocator.
//!
//! ```text
//!   words   |1 1 0 1 0 0 ...|                      one bit a slot: 1 is taken
//!            | | |
//!   memory  |slot 0  |slot 1  |slot 2  | ...
//! ```
//!
//! [`Pool`] is a value, made to be a `static`; [`HeapPool`] is shared by its clones and may be as large as memory.
//! A pool that is empty gives `None`: that is back pressure, never a panic, never an allocation. Returning a slot
//! is dropping it. Not an allocator: all slots of a pool have one size.

mod bits;
mod fixed;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod heap;

pub use fixed::{Pool, Pooled};
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use heap::{HeapPool, HeapSlot};

/// The atomics that the bitmap is made of. Its loom test compiles the same file with loom's.
mod atomic {
    #[cfg(not(feature = "portable-atomic"))]
    pub(super) use core::sync::atomic::{AtomicUsize, Ordering};
    #[cfg(feature = "portable-atomic")]
    pub(super) use portable_atomic::{AtomicUsize, Ordering};
}

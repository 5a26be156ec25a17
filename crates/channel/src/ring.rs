//! The rings: who may write and read which cells, decided with atomics alone.
//!
//! ```text
//!   position   0    1    2    3    4    5    6    7    8 ...    counts cells for ever, 64 bits
//!   cells    | 0  | 1  | 2  | 3  | 0  | 1  | 2  | 3  | 0 ...    position & mask
//!                     ^head               ^tail
//!                     read next           written next
//! ```
//!
//! A message takes one cell (typed channels) or a run of them (records). These files only count: they hold no
//! pointer and no message, so that loom runs the very same lines over its own atomics. Whatever they read from
//! shared memory may have been written by a hostile process: a position is masked before it is used, a run is
//! bounded, and what cannot be is [`Fault::Corrupt`].

pub(crate) mod broadcast;
pub(crate) mod indexed;
pub(crate) mod pace;
pub(crate) mod shared;
pub(crate) mod single;
pub(crate) mod turns;

/// The atomics. The loom tests compile the files of this folder with loom's.
pub(crate) mod atomic {
    pub(crate) use core::hint::spin_loop;
    pub(crate) use core::sync::atomic::{AtomicU64, Ordering, fence};
}

pub(crate) use shared::{Consume, Fault, Produce, Run, Shared};

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

pub(crate) mod indexed;

/// The atomics. The loom tests compile the files of this folder with loom's.
pub(crate) mod atomic {
    pub(crate) use core::sync::atomic::{AtomicU64, Ordering};
}

use atomic::AtomicU64;

/// What both ends of a ring share.
pub trait Shared {
    /// Cells in the ring, a power of two.
    fn cells(&self) -> u64;
    /// The next position to write.
    fn tail(&self) -> &AtomicU64;
    /// The next position to read.
    fn head(&self) -> &AtomicU64;
}

/// The writing end of a ring.
pub trait Produce: core::fmt::Debug {
    /// Goes on where the ring stands. `peer` is the place of this end among all ends.
    fn attach(ring: &impl Shared, peer: usize) -> Self;
    /// A run of exactly `cells`.
    ///
    /// # Errors
    /// [`Fault`]
    fn claim(&mut self, ring: &impl Shared, cells: u64) -> Result<Run, Fault>;
    /// As many cells as are free, from one to `most`, up to the end of the ring.
    ///
    /// # Errors
    /// [`Fault`]
    fn claim_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault>;
    /// Gives the first `used` cells of a run to the readers, as messages of `each` cells, and drops the rest.
    fn publish(&mut self, ring: &impl Shared, run: Run, used: u64, each: u64);
    /// Puts a run back, or marks it so that readers skip it.
    fn abandon(&mut self, ring: &impl Shared, run: Run);
}

/// The reading end of a ring.
pub trait Consume: core::fmt::Debug {
    /// Goes on where the ring stands. `peer` is the place of this end among all ends.
    fn attach(ring: &impl Shared, peer: usize) -> Self;
    /// The next message, or where the ring does not know its length, all cells from it on that can be read.
    ///
    /// # Errors
    /// [`Fault`]
    fn next(&mut self, ring: &impl Shared) -> Result<Run, Fault>;
    /// The next messages of one cell each, from one to `most`, up to the end of the ring.
    ///
    /// # Errors
    /// [`Fault`]
    fn next_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault>;
    /// Gives a run back to the writers; it begins where `next` began, and may be shorter.
    fn release(&mut self, ring: &impl Shared, run: Run);
}

/// A run of cells that one end holds: `at..at + cells`, never across the end of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Cells skipped before it, from the last message to the end of the ring.
    pub pad: u64,
    /// The first position.
    pub at: u64,
    /// How many, at least one.
    pub cells: u64,
}

impl Run {
    /// The first position behind it.
    #[inline]
    pub(crate) const fn end(&self) -> u64 {
        self.at.wrapping_add(self.cells)
    }

    /// Where a run of `cells` that begins at `tail` or later fits without crossing the end of the ring.
    #[inline]
    pub(crate) const fn place(ring: u64, tail: u64, cells: u64) -> Self {
        let to_end = to_end(ring, tail);
        let pad = if cells > to_end { to_end } else { 0 };
        Self { pad, at: tail.wrapping_add(pad), cells }
    }
}

/// Why an end of a ring got no cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not now: nothing free to write, or nothing there to read.
    Wait,
    /// The shared words contradict each other: another process wrote over them.
    Corrupt,
}

/// Cells from `position` to the end of the ring.
#[inline]
const fn to_end(ring: u64, position: u64) -> u64 {
    ring - (position & (ring - 1))
}

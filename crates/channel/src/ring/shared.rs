//! What a ring is made of and what its two ends can do: the traits that every ring implements.

use super::atomic::AtomicU64;

/// What both ends of a ring share.
pub trait Shared {
    /// Cells in the ring, a power of two.
    fn cells(&self) -> u64;
    /// The next position to write.
    fn tail(&self) -> &AtomicU64;
    /// The next position to read; in broadcast the oldest that can be read.
    fn head(&self) -> &AtomicU64;
    /// The writers' word of a cell, in rings of turns and in broadcast.
    fn turn(&self, position: u64) -> &AtomicU64;
    /// The readers' word of a cell, where readers take messages from one another.
    fn back(&self, position: u64) -> &AtomicU64;
    /// Whether readers take messages from one another, or a writer takes the oldest from them.
    fn contended(&self) -> bool;
    /// Where an end says what it is about to take, when others must be able to find it after it died.
    fn intent(&self, peer: usize) -> Option<&AtomicU64>;
    /// Where a broadcast reader reads.
    fn cursor(&self, peer: usize) -> &AtomicU64;
    /// The cursor furthest behind `tail`, or `tail` when nobody reads.
    fn slowest(&self, tail: u64) -> u64;
    /// Whether a broadcast overwrites what slow readers have not read.
    fn overwrites(&self) -> bool;
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
    /// Drops the oldest message that nobody has taken. Whether it could.
    fn evict(&mut self, _ring: &impl Shared) -> bool {
        false
    }
}

/// The reading end of a ring.
pub trait Consume: core::fmt::Debug {
    /// Goes on where the ring stands. `peer` is the place of this end among all ends.
    fn attach(ring: &impl Shared, peer: usize) -> Self;
    /// Called once the end can be seen by the others.
    fn settle(&mut self, _ring: &impl Shared) {}
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
    /// Whether there is nothing to read now, without taking it.
    fn is_empty(&mut self, ring: &impl Shared) -> bool;
    /// Gives a run back to the writers; it begins where `next` began, and may be shorter.
    fn release(&mut self, ring: &impl Shared, run: Run);
    /// Whether what was just copied may have been written over meanwhile: then this end has moved on.
    ///
    /// # Errors
    /// [`Fault::Lagged`], [`Fault::Corrupt`]
    fn is_overtaken(&mut self, _ring: &impl Shared) -> Result<(), Fault> {
        Ok(())
    }
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
    /// This reader was overtaken: so many cells were written over before it read them.
    Lagged(u64),
}

/// Cells from `position` to the end of the ring.
#[inline]
pub(crate) const fn to_end(ring: u64, position: u64) -> u64 {
    ring - (position & (ring - 1))
}

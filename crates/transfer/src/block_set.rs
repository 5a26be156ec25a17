//! [`BlockSet`]: which blocks have arrived.
//!
//! Small enough to survive a power cut, complete enough to ask for what is missing.

use core::ops::Range;

/// A set of block numbers. Numbers up to `u32::MAX - 1` can be members, as far as the memory goes.
pub trait BlockSet {
    /// Adds `number`; true when it was not a member.
    ///
    /// # Errors
    /// [`Full`] when there is no memory to remember it. It is then not a member, and may fit later.
    fn insert(&mut self, number: u32) -> Result<bool, Full>;

    /// Whether `number` is a member.
    fn contains(&self, number: u32) -> bool;

    /// Members.
    fn count(&self) -> u32;

    /// The smallest number that is not a member. Costs O(1) a call, spread over the insertions.
    fn first_missing(&self) -> u32;

    /// The smallest number from `from` on that is not a member; `u32::MAX` when there is none.
    fn next_missing(&self, from: u32) -> u32;

    /// The smallest member from `from` on.
    fn next_present(&self, from: u32) -> Option<u32>;

    /// The ranges below `end` that are missing, in order.
    fn missing(&self, end: u32) -> MissingRanges<'_, Self>
    where
        Self: Sized,
    {
        MissingRanges { set: self, from: self.first_missing(), end }
    }
}

/// A set has no memory left for another block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no memory left to remember which blocks arrived")
    }
}

impl core::error::Error for Full {}

/// Iterator over the ranges that a set lacks.
#[derive(Debug)]
pub struct MissingRanges<'a, B> {
    set: &'a B,
    from: u32,
    end: u32,
}

impl<B> Clone for MissingRanges<'_, B> {
    fn clone(&self) -> Self {
        Self { set: self.set, from: self.from, end: self.end }
    }
}

impl<B: BlockSet> Iterator for MissingRanges<'_, B> {
    type Item = Range<u32>;

    fn next(&mut self) -> Option<Range<u32>> {
        let start = self.set.next_missing(self.from);
        if start >= self.end {
            self.from = self.end;
            return None;
        }
        let end = self.set.next_present(start).map_or(self.end, |present| present.min(self.end));
        self.from = end;
        Some(start..end)
    }
}

impl<B: BlockSet> core::iter::FusedIterator for MissingRanges<'_, B> {}

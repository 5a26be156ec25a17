//! [`CountSequence`]: the numbers that a stream gives to its heaps.

/// Numbers of heaps: 1, 2, 3 by default. Several senders to one receiver take turns: the first of two 1, 3, 5, the
/// second 2, 4, 6. Numbers are cut to the flavour's address bits on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountSequence {
    next: u64,
    step: u64,
}

impl CountSequence {
    /// Starts with `next` and goes on by `step`.
    #[must_use]
    pub const fn new(next: u64, step: u64) -> Self {
        Self { next, step }
    }

    /// The next number.
    #[inline]
    pub const fn take(&mut self) -> u64 {
        let count = self.next;
        self.next = self.next.wrapping_add(self.step);
        count
    }
}

impl Default for CountSequence {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

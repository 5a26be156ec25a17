//! [`Claim`] and [`Batch`]: slots that a sender holds, to fill where they lie.

use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

use super::{Sender, Value};
use crate::ring::Run;
use crate::{Mode, Wait};

/// One slot. Published by [`publish`](Self::publish); dropped, it is put back and nobody sees it.
#[derive(Debug)]
pub struct Claim<'a, T: Value, M: Mode, W: Wait> {
    sender: &'a mut Sender<T, M, W>,
    run: Run,
}

impl<'a, T: Value, M: Mode, W: Wait> Claim<'a, T, M, W> {
    #[inline]
    pub(super) fn new(sender: &'a mut Sender<T, M, W>, run: Run) -> Self {
        Self { sender, run }
    }

    /// Gives the message to the receivers.
    #[inline]
    pub fn publish(self) {
        let mut this = ManuallyDrop::new(self);
        let run = this.run;
        this.sender.publish(run, 1);
    }

    /// Fills the slot with a value and publishes it.
    #[inline]
    pub fn write(mut self, value: T) {
        *self = value;
        self.publish();
    }

    #[inline]
    fn slot(&self) -> *mut T {
        self.sender.port.segment.cell(self.run.at).cast()
    }
}

impl<T: Value, M: Mode, W: Wait> Deref for Claim<'_, T, M, W> {
    type Target = T;

    #[inline]
    #[allow(unsafe_code)]
    fn deref(&self) -> &T {
        // SAFETY: the ring gave this cell to this sender alone until it is published. Cells are as large as a `T`
        // and aligned for it (`Builder` made or checked them so), and any bytes are a `T`.
        unsafe { &*self.slot() }
    }
}

impl<T: Value, M: Mode, W: Wait> DerefMut for Claim<'_, T, M, W> {
    #[inline]
    #[allow(unsafe_code)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.slot() }
    }
}

impl<T: Value, M: Mode, W: Wait> Drop for Claim<'_, T, M, W> {
    fn drop(&mut self) {
        self.sender.abandon(self.run);
    }
}

/// Slots in a row: a slice to fill. Published with one release, however many they are.
#[derive(Debug)]
pub struct Batch<'a, T: Value, M: Mode, W: Wait> {
    sender: &'a mut Sender<T, M, W>,
    run: Run,
}

impl<'a, T: Value, M: Mode, W: Wait> Batch<'a, T, M, W> {
    #[inline]
    pub(super) fn new(sender: &'a mut Sender<T, M, W>, run: Run) -> Self {
        Self { sender, run }
    }

    /// Gives all of them to the receivers.
    #[inline]
    pub fn publish(self) {
        let used = self.len();
        self.publish_first(used);
    }

    /// Gives the first `used` to the receivers, at most all of them, and puts the others back.
    #[inline]
    pub fn publish_first(self, used: usize) {
        let mut this = ManuallyDrop::new(self);
        let run = this.run;
        let used = (used as u64).min(run.cells);
        if used == 0 {
            this.sender.abandon(run);
        } else {
            this.sender.publish(run, used);
        }
    }

    #[inline]
    fn slots(&self) -> *mut [T] {
        let segment = &self.sender.port.segment;
        let first = segment.cell(self.run.at).cast::<T>();
        core::ptr::slice_from_raw_parts_mut(first, self.run.cells as usize)
    }
}

impl<T: Value, M: Mode, W: Wait> Deref for Batch<'_, T, M, W> {
    type Target = [T];

    #[inline]
    #[allow(unsafe_code)]
    fn deref(&self) -> &[T] {
        // SAFETY: the ring gave these cells to this sender alone until they are published; a run does not cross the
        // end of the ring; cells are exactly as large as a `T` and aligned for it, and any bytes are a `T`.
        unsafe { &*self.slots() }
    }
}

impl<T: Value, M: Mode, W: Wait> DerefMut for Batch<'_, T, M, W> {
    #[inline]
    #[allow(unsafe_code)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.slots() }
    }
}

impl<T: Value, M: Mode, W: Wait> Drop for Batch<'_, T, M, W> {
    fn drop(&mut self) {
        self.sender.abandon(self.run);
    }
}

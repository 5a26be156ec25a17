//! [`Message`] and [`Messages`]: slots that a receiver holds, to read where they lie.

use core::ops::{Deref, DerefMut};

use super::{Receiver, Value};
use crate::ring::Run;
use crate::{Exclusive, Mode, Wait};

/// One message. Dropped, its slot goes back to the senders.
#[derive(Debug)]
pub struct Message<'a, T: Value, M: Mode, W: Wait> {
    receiver: &'a mut Receiver<T, M, W>,
    run: Run,
}

impl<'a, T: Value, M: Mode, W: Wait> Message<'a, T, M, W> {
    #[inline]
    pub(super) fn new(receiver: &'a mut Receiver<T, M, W>, run: Run) -> Self {
        Self { receiver, run }
    }

    #[inline]
    fn slot(&self) -> *mut T {
        self.receiver.slots(self.run)
    }
}

impl<T: Value, M: Mode, W: Wait> Deref for Message<'_, T, M, W> {
    type Target = T;

    #[inline]
    #[allow(unsafe_code)]
    fn deref(&self) -> &T {
        // SAFETY: the ring gave this cell to this receiver, in broadcast to all receivers for reading, until it is
        // released; or it is this receiver's own copy. Cells are as large as a `T` and aligned for it, and any bytes are a `T`.
        unsafe { &*self.slot() }
    }
}

/// A message with one receiver may be changed in place.
impl<T: Value, M: Exclusive, W: Wait> DerefMut for Message<'_, T, M, W> {
    #[inline]
    #[allow(unsafe_code)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and no other receiver has it.
        unsafe { &mut *self.slot() }
    }
}

impl<T: Value, M: Mode, W: Wait> Drop for Message<'_, T, M, W> {
    #[inline]
    fn drop(&mut self) {
        self.receiver.release(self.run);
    }
}

/// Messages in a row: a slice to read. Dropped, their slots go back with one release, however many they are.
#[derive(Debug)]
pub struct Messages<'a, T: Value, M: Mode, W: Wait> {
    receiver: &'a mut Receiver<T, M, W>,
    run: Run,
}

impl<'a, T: Value, M: Mode, W: Wait> Messages<'a, T, M, W> {
    #[inline]
    pub(super) fn new(receiver: &'a mut Receiver<T, M, W>, run: Run) -> Self {
        Self { receiver, run }
    }

    #[inline]
    fn slots(&self) -> *mut [T] {
        core::ptr::slice_from_raw_parts_mut(self.receiver.slots(self.run), self.run.cells as usize)
    }
}

impl<T: Value, M: Mode, W: Wait> Deref for Messages<'_, T, M, W> {
    type Target = [T];

    #[inline]
    #[allow(unsafe_code)]
    fn deref(&self) -> &[T] {
        // SAFETY: as for `Message`; a run does not cross the end of the ring, and cells are exactly as large as a `T`.
        unsafe { &*self.slots() }
    }
}

/// Messages with one receiver may be changed in place.
impl<T: Value, M: Exclusive, W: Wait> DerefMut for Messages<'_, T, M, W> {
    #[inline]
    #[allow(unsafe_code)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and no other receiver has them.
        unsafe { &mut *self.slots() }
    }
}

impl<T: Value, M: Mode, W: Wait> Drop for Messages<'_, T, M, W> {
    #[inline]
    fn drop(&mut self) {
        self.receiver.release(self.run);
    }
}

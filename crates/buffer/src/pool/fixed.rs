//! [`Pool`]: slots in a `static`, for programs without an allocator.
//!
//! ```text
//!   Pool<3, 4>   words |0 1 1| 0 | 0 |   memory | .. .. .. .. | .. .. .. .. | .. .. .. .. |
//!                        ^ one bit a slot, in as few words as it takes; the other words stay zero
//! ```
//!
//! All of it starts as zero, so a static pool takes no room in the program's image. There are as many words as slots
//! because stable Rust cannot divide a const parameter in an array's length: a word of waste a slot.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::slice;

use super::atomic::AtomicUsize;
use super::bits::Bits;
use crate::Storage;
use crate::fresh::{POISON, POISONED};

/// `SLOTS` slots of `SIZE` bytes each, in one value that can be a `static`.
///
/// ```
/// use packhorse_buffer::{PacketBuf, Pool};
/// static POOL: Pool<4, 256> = Pool::new();
///
/// let slot = POOL.take().ok_or("all four are in use")?;
/// let mut buf = PacketBuf::with_headroom(slot, 16)?;
/// buf.put_slice(b"payload")?;
/// assert_eq!(POOL.available(), 3);
/// drop(buf);
/// assert_eq!(POOL.available(), 4);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// A processor without compare-and-swap needs the feature `portable-atomic`.
pub struct Pool<const SLOTS: usize, const SIZE: usize> {
    words: [AtomicUsize; SLOTS],
    hint: AtomicUsize,
    memory: [UnsafeCell<[u8; SIZE]>; SLOTS],
}

// SAFETY: `memory` is all that is not `Sync` already. A slot is only ever reached through the one `Pooled` that
// holds its number, and `Bits` gives a number to one thread at a time, with everything written to it before.
unsafe impl<const SLOTS: usize, const SIZE: usize> Sync for Pool<SLOTS, SIZE> {}

impl<const SLOTS: usize, const SIZE: usize> Pool<SLOTS, SIZE> {
    /// A pool with all slots free.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            words: [const { AtomicUsize::new(0) }; SLOTS],
            hint: AtomicUsize::new(0),
            memory: [const { UnsafeCell::new([0; SIZE]) }; SLOTS],
        }
    }

    /// Takes a slot, or `None` when all are in use: try again when one has been dropped.
    ///
    /// What the slot holds is left over from its last user.
    #[inline]
    pub fn take(&self) -> Option<Pooled<'_, SLOTS, SIZE>> {
        let index = self.bits().take()?;
        let memory = NonNull::new(self.memory.get(index)?.get())?;
        let mut slot = Pooled { pool: self, index, memory: memory.cast(), bytes: PhantomData };
        if POISONED {
            slot.as_mut_slice().fill(POISON);
        }
        Some(slot)
    }

    /// Slots that are free now. Other threads may take them before this one does.
    #[must_use]
    pub fn available(&self) -> usize {
        self.bits().available()
    }

    /// Slots in the pool, free or not.
    #[must_use]
    pub const fn slots(&self) -> usize {
        SLOTS
    }

    /// Bytes in a slot.
    #[must_use]
    pub const fn size(&self) -> usize {
        SIZE
    }

    #[inline]
    fn bits(&self) -> Bits<'_> {
        Bits { words: &self.words, hint: &self.hint, slots: SLOTS }
    }
}

impl<const SLOTS: usize, const SIZE: usize> Default for Pool<SLOTS, SIZE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SLOTS: usize, const SIZE: usize> fmt::Debug for Pool<SLOTS, SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool {{ {} of {SLOTS} slots of {SIZE} bytes free }}", self.available())
    }
}

/// A slot of a [`Pool`], and nobody else's. Dropping it gives it back.
pub struct Pooled<'a, const SLOTS: usize, const SIZE: usize> {
    pool: &'a Pool<SLOTS, SIZE>,
    index: usize,
    // A pointer, not `&'a mut`: a reference would have to stay exclusive until `drop` has returned, but from the
    // moment in `drop` when the slot is given back, another thread may have it.
    memory: NonNull<u8>,
    bytes: PhantomData<&'a mut [u8; SIZE]>,
}

// SAFETY: a `Pooled` is the only way to its slot's bytes, as `&mut [u8]` would be, and the pool is `Sync`.
unsafe impl<const SLOTS: usize, const SIZE: usize> Send for Pooled<'_, SLOTS, SIZE> {}
// SAFETY: through `&Pooled` the bytes can only be read.
unsafe impl<const SLOTS: usize, const SIZE: usize> Sync for Pooled<'_, SLOTS, SIZE> {}

impl<const SLOTS: usize, const SIZE: usize> Storage for Pooled<'_, SLOTS, SIZE> {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        // SAFETY: `memory` points to the `SIZE` initialised bytes of a slot of a pool that outlives `'a`; until
        // `drop` nobody else reaches them, and here they are borrowed as `self` is.
        unsafe { slice::from_raw_parts(self.memory.as_ptr(), SIZE) }
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr(), SIZE) }
    }
}

impl<const SLOTS: usize, const SIZE: usize> Drop for Pooled<'_, SLOTS, SIZE> {
    #[inline]
    fn drop(&mut self) {
        self.pool.bits().give(self.index);
    }
}

impl<const SLOTS: usize, const SIZE: usize> fmt::Debug for Pooled<'_, SLOTS, SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pooled {{ slot {} of {SIZE} bytes }}", self.index)
    }
}

//! [`HeapPool`]: slots on the heap, for threads that hand packets to each other.
//!
//! ```text
//!   HeapPool --+                        one allocation, at the start
//!   HeapPool --+--> Arc { words, memory |slot 0   |pad|slot 1   |pad| ... }
//!   HeapSlot --+                        ^ 4096        ^ the next multiple of 64 (of 4096 from that size on)
//! ```
//!
//! Slots keep what they lie in alive, so they may outlive every `HeapPool` and go to any thread.

#![allow(unsafe_code)]

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use core::fmt;
use core::ptr::NonNull;
use core::slice;

use super::atomic::AtomicUsize;
use super::bits::Bits;
use crate::Storage;
use crate::fresh::{POISON, POISONED};

#[cfg(feature = "std")]
mod wait;

/// What direct IO and page-wise system calls want.
const PAGE: usize = 4096;
/// Two slots never share a cache line: their owners may be different cores.
const LINE: usize = 64;

/// A pool of equal slots on the heap. Clones share it; it never allocates after [`new`](Self::new).
///
/// ```
/// use packhorse_buffer::{HeapPool, PacketBuf};
/// let pool = HeapPool::new(2, 64 * 1024);
/// let one = pool.take().ok_or("empty")?;
/// let two = pool.take().ok_or("empty")?;
/// assert!(pool.take().is_none(), "back pressure: both are in use");
/// let sender = std::thread::spawn(move || PacketBuf::filled(one).len());
/// # assert_eq!(sender.join().map_err(|_| "thread")?, 65536);
/// # drop(two);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HeapPool {
    shared: Arc<Shared>,
}

struct Shared {
    words: Box<[AtomicUsize]>,
    hint: AtomicUsize,
    slots: usize,
    size: usize,
    /// From the start of one slot to the start of the next, in bytes.
    stride: usize,
    /// The first slot, at a multiple of [`PAGE`] inside `memory`.
    first: NonNull<u8>,
    /// All of the memory, made from a `Box` and made one again to free it. Held as a pointer because a `Box` that
    /// moves claims to be the only way to its bytes.
    memory: NonNull<[u8]>,
    #[cfg(feature = "std")]
    waiting: wait::Waiting,
}

// SAFETY: the pointers are all that is not `Send` and `Sync` already. `memory` is only used to free it, by the last
// owner; a slot's bytes are only reached through the one `HeapSlot` that holds its number, and `Bits` gives a number
// to one thread at a time, with everything written to it before.
unsafe impl Send for Shared {}
// SAFETY: as for `Send`.
unsafe impl Sync for Shared {}

impl HeapPool {
    /// A pool of `slots` slots of `size` bytes each.
    ///
    /// Every slot starts at a multiple of 64 bytes, and of 4096 when `size` is 4096 or more. Memory of slots that
    /// were never taken is on most systems not taken from the system either.
    ///
    /// # Panics
    /// As `Vec::with_capacity`: when all slots together exceed the address space.
    #[must_use]
    pub fn new(slots: usize, size: usize) -> Self {
        let stride = size.checked_next_multiple_of(if size >= PAGE { PAGE } else { LINE });
        let total =
            stride.and_then(|stride| stride.checked_mul(slots)).and_then(|total| total.checked_add(PAGE));
        let (Some(stride), Some(total)) = (stride, total) else {
            panic!("a pool of {slots} slots of {size} bytes exceeds the address space");
        };
        // Zeroed by the allocator, which need not touch what the system gives zeroed. Asking it for aligned memory
        // would make it write every byte: so a page more is taken, and the start aligned by hand.
        let memory = NonNull::from(Box::leak(vec![0_u8; total].into_boxed_slice()));
        let start = memory.cast::<u8>();
        let skip = start.align_offset(PAGE);
        assert!(skip < PAGE, "a byte pointer can be aligned");
        // SAFETY: `skip` is below the `PAGE` bytes that the allocation is larger than its slots.
        let first = unsafe { start.add(skip) };
        let words = (0..slots.div_ceil(usize::BITS as usize)).map(|_| AtomicUsize::new(0)).collect();
        Self {
            shared: Arc::new(Shared {
                words,
                hint: AtomicUsize::new(0),
                slots,
                size,
                stride,
                first,
                memory,
                #[cfg(feature = "std")]
                waiting: wait::Waiting::default(),
            }),
        }
    }

    /// Takes a slot, or `None` when all are in use.
    ///
    /// What the slot holds is left over from its last user.
    #[inline]
    pub fn take(&self) -> Option<HeapSlot> {
        let shared = &*self.shared;
        let index = shared.bits().take()?;
        // SAFETY: `index` is below `slots`, so the slot lies inside the allocation.
        let memory = unsafe { shared.first.add(index * shared.stride) };
        let mut slot = HeapSlot { memory, size: shared.size, index, shared: Arc::clone(&self.shared) };
        if POISONED {
            slot.as_mut_slice().fill(POISON);
        }
        Some(slot)
    }

    /// Slots that are free now. Other threads may take them before this one does.
    #[must_use]
    pub fn available(&self) -> usize {
        self.shared.bits().available()
    }

    /// Slots in the pool, free or not.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.shared.slots
    }

    /// Bytes in a slot.
    #[must_use]
    pub fn size(&self) -> usize {
        self.shared.size
    }
}

impl fmt::Debug for HeapPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { slots, size, .. } = *self.shared;
        write!(f, "HeapPool {{ {} of {slots} slots of {size} bytes free }}", self.available())
    }
}

impl Shared {
    #[inline]
    fn bits(&self) -> Bits<'_> {
        Bits { words: &self.words, hint: &self.hint, slots: self.slots }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: `memory` came from a `Box` of this type and is freed here only; slots hold `Shared` alive, so none is left.
        drop(unsafe { Box::from_raw(self.memory.as_ptr()) });
    }
}

/// A slot of a [`HeapPool`], and nobody else's. Dropping it gives it back.
pub struct HeapSlot {
    memory: NonNull<u8>,
    size: usize,
    index: usize,
    shared: Arc<Shared>,
}

// SAFETY: a `HeapSlot` is the only way to its slot's bytes, as a `Box<[u8]>` would be, and `Shared` is `Send` and `Sync`.
unsafe impl Send for HeapSlot {}
// SAFETY: through `&HeapSlot` the bytes can only be read.
unsafe impl Sync for HeapSlot {}

impl Storage for HeapSlot {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        // SAFETY: `memory` points to the `size` initialised bytes of a slot in memory that `shared` keeps alive; until
        // `drop` nobody else reaches them, and here they are borrowed as `self` is.
        unsafe { slice::from_raw_parts(self.memory.as_ptr(), self.size) }
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_slice`, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr(), self.size) }
    }
}

impl Drop for HeapSlot {
    #[inline]
    fn drop(&mut self) {
        self.shared.bits().give(self.index);
        #[cfg(feature = "std")]
        self.shared.waiting.wake();
    }
}

impl fmt::Debug for HeapSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeapSlot {{ slot {} of {} bytes }}", self.index, self.size)
    }
}

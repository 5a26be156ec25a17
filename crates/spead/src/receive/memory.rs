//! Memory for heaps of several packets: [`HeapMemory`], where it comes from ([`Allocator`]), and [`Home`], which counts it.
//!
//! ```text
//!   limit   |<-------------------------- max_memory ----------------------------->|
//!   used    | heaps under way       | in the ring     | in the user's hands  | free |
//!             begin +                                                 drop -
//! ```
//! Not for heaps of one packet: those stay in the receive buffer. What is kept for later heaps is
//! [`Recycling`](super::Recycling)'s; a pool of a fixed size is [`MemoryPool`](super::MemoryPool).

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use zerocopy::byteorder::{BE, U64};

use super::Packet;

/// The bytes of one heap and, beside them, its item pointers. What the bytes hold is left over from earlier use.
#[derive(Default)]
pub struct HeapMemory {
    /// At least as many bytes as the heap's payload has.
    pub(crate) bytes: Vec<u8>,
    /// The pointers, once each. Here so that their memory is recycled together with the bytes.
    pub(crate) pointers: Vec<U64<BE>>,
}

impl HeapMemory {
    /// Memory of `len` bytes, zeroed.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self::from(vec![0; len])
    }

    /// Bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl From<Vec<u8>> for HeapMemory {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, pointers: Vec::new() }
    }
}

impl fmt::Debug for HeapMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeapMemory {{ {} bytes }}", self.bytes.len())
    }
}

/// Where the memory of heaps comes from, and where it goes when they are dropped.
pub trait Allocator: Send + Sync {
    /// At least `len` bytes for the heap that `packet` begins. `len` is within the stream's limits.
    fn allocate(&self, len: usize, packet: &Packet<'_>) -> HeapMemory;

    /// Takes back what [`allocate`](Self::allocate) gave, when the heap is dropped, on any thread.
    fn free(&self, memory: HeapMemory);
}

/// The memory of one stream: where it comes from, and how much of it heaps have now.
pub(crate) struct Home {
    allocator: Arc<dyn Allocator>,
    used: AtomicUsize,
}

impl Home {
    pub(crate) fn new(allocator: Arc<dyn Allocator>) -> Arc<Self> {
        Arc::new(Self { allocator, used: AtomicUsize::new(0) })
    }

    /// Bytes of all heaps that are not dropped yet, wherever they are.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// Memory of a heap that goes back where it came from, and counts until then.
pub(crate) struct Owned {
    pub(crate) memory: HeapMemory,
    /// Whether the allocator gave it and gets it back.
    allocated: bool,
    home: Arc<Home>,
}

impl Owned {
    /// At least `len` bytes for the heap of `packet`.
    pub(crate) fn new(home: &Arc<Home>, len: usize, packet: &Packet<'_>) -> Self {
        Self::of(home, len, home.allocator.allocate(len, packet), true)
    }

    fn of(home: &Arc<Home>, len: usize, mut memory: HeapMemory, allocated: bool) -> Self {
        memory.pointers.clear();
        if memory.bytes.len() < len {
            // An allocator of the user's that gave too little.
            memory.bytes.resize(len, 0);
        }
        home.used.fetch_add(memory.bytes.len(), Ordering::Relaxed);
        Self { memory, allocated, home: Arc::clone(home) }
    }

    /// Bytes that count for the limit.
    pub(crate) fn counted(&self) -> usize {
        // Its length never changes while it is owned.
        self.memory.bytes.len()
    }

    /// Moves the first `len` bytes and the pointers to memory of about that length, if this has much more.
    pub(crate) fn shrink(&mut self, len: usize) {
        if self.memory.bytes.len() / 2 <= len.max(4096) {
            return;
        }
        let front = self.memory.bytes.get(..len).unwrap_or_default();
        let mut small = Self::of(&self.home, len, HeapMemory::from(front.to_vec()), false);
        core::mem::swap(&mut small.memory.pointers, &mut self.memory.pointers);
        *self = small;
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let counted = self.counted();
        let memory = core::mem::take(&mut self.memory);
        if self.allocated {
            self.home.allocator.free(memory);
        }
        self.home.used.fetch_sub(counted, Ordering::Relaxed);
    }
}

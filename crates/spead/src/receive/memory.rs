//! Memory for heaps of several packets: [`HeapMemory`], where it comes from ([`Allocator`]), and [`Recycling`], which
//! keeps what was used before.
//!
//! Not for heaps of one packet: those stay in the receive buffer. A pool of a fixed size is [`MemoryPool`](super::MemoryPool).

use alloc::sync::Arc;
use core::fmt;
use std::sync::{Mutex, PoisonError};

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

/// Memory of heaps that goes back where it came from.
pub(crate) struct Owned {
    pub(crate) memory: HeapMemory,
    home: Arc<dyn Allocator>,
}

impl Owned {
    pub(crate) fn new(home: &Arc<dyn Allocator>, len: usize, packet: &Packet<'_>) -> Self {
        let mut memory = home.allocate(len, packet);
        memory.pointers.clear();
        if memory.bytes.len() < len {
            // An allocator of the user's that gave too little.
            memory.bytes.resize(len, 0);
        }
        Self { memory, home: Arc::clone(home) }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.home.free(core::mem::take(&mut self.memory));
    }
}

/// The default: memory of dropped heaps is used for later ones of about the same length.
#[derive(Debug)]
pub struct Recycling {
    free: Mutex<Vec<HeapMemory>>,
    most: usize,
    most_bytes: usize,
}

impl Recycling {
    /// Keeps the memory of up to `most` heaps that are dropped, together of at most `most_bytes` bytes.
    #[must_use]
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self { free: Mutex::new(Vec::with_capacity(most)), most, most_bytes }
    }
}

impl Allocator for Recycling {
    fn allocate(&self, len: usize, _packet: &Packet<'_>) -> HeapMemory {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // Not much more than needed, or one long heap would stay for the sake of many short ones.
        let fits = |memory: &HeapMemory| memory.len() >= len && memory.len() / 2 <= len.max(4096);
        // From the end: what was used last is in the processor's cache.
        if let Some(at) = free.iter().rposition(fits) {
            return free.swap_remove(at);
        }
        drop(free);
        HeapMemory::new(len)
    }

    fn free(&self, memory: HeapMemory) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = free.iter().map(HeapMemory::len).sum();
        // Given to the system only when the lock is free again: that may take long.
        let refused = if kept.saturating_add(memory.len()) > self.most_bytes {
            Some(memory)
        } else if free.len() < self.most {
            free.push(memory);
            None
        } else {
            // The newest is in the processor's cache, and of a length that is in use.
            free.first_mut().map(|oldest| core::mem::replace(oldest, memory))
        };
        drop(free);
        drop(refused);
    }
}

#[cfg(test)]
mod tests {
    use packhorse_testkit::golden;

    use super::*;

    #[test]
    fn memory_is_recycled_for_heaps_of_about_its_length() {
        let packet = Packet::parse(golden::spead::named("heap2")).unwrap();
        let recycling = Recycling::new(2, 1 << 20);
        for len in [100_000, 90_000, 50_001] {
            let memory = recycling.allocate(len, &packet);
            assert_eq!(memory.len(), 100_000);
            recycling.free(memory);
        }
        assert_eq!(recycling.allocate(100_001, &packet).len(), 100_001);
        assert_eq!(recycling.allocate(10_000, &packet).len(), 10_000);
    }

    #[test]
    fn no_more_is_kept_than_agreed() {
        let packet = Packet::parse(golden::spead::named("heap2")).unwrap();
        let recycling = Recycling::new(2, 1 << 20);
        for len in 1..10 {
            recycling.free(HeapMemory::new(len));
        }
        recycling.free(HeapMemory::new(1 << 20));
        assert_eq!(recycling.free.lock().unwrap().len(), 2);
        assert_eq!(recycling.allocate(9, &packet).len(), 9);
        Recycling::new(0, 1).free(HeapMemory::new(1));
    }
}

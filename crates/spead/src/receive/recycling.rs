//! [`Recycling`]: memory of dropped heaps, kept for later ones of about the same length.
//!
//! ```text
//!   class    lengths from 2^n up to 2^(n+1)
//!   12       |4096|8000|8192-1|           the newest last: it is in the processor's cache
//!   13       |8192|8192|8192|8192|        taken from the end
//!   ...
//! ```
//! Taking and giving take the same time however many are kept: nothing is searched but the ends of two classes.

use core::fmt;
use std::sync::{Mutex, PoisonError};

use super::{Allocator, HeapMemory, Packet};

/// Shorter lengths are one class: that much more than needed is no waste.
const SHORT: usize = 4096;
/// In a class, so many are looked at to find one that is long enough.
const LOOKED_AT: usize = 16;
const CLASSES: usize = usize::BITS as usize;

/// The default: memory of dropped heaps is used for later ones of about the same length.
pub struct Recycling {
    kept: Mutex<Kept>,
    most: usize,
    most_bytes: usize,
}

struct Kept {
    classes: [Vec<HeapMemory>; CLASSES],
    count: usize,
    bytes: usize,
}

impl Recycling {
    /// Keeps the memory of up to `most` heaps that are dropped, together of at most `most_bytes` bytes. Beyond that,
    /// what is kept the longest makes room.
    #[must_use]
    pub fn new(most: usize, most_bytes: usize) -> Self {
        let kept = Kept { classes: core::array::from_fn(|_| Vec::new()), count: 0, bytes: 0 };
        Self { kept: Mutex::new(kept), most, most_bytes }
    }
}

impl Kept {
    /// Memory for `len` bytes and not much more, or one long heap would stay for the sake of many short ones.
    fn take(&mut self, len: usize) -> Option<HeapMemory> {
        let fits = |memory: &HeapMemory| memory.len() >= len && memory.len() / 2 <= len.max(SHORT);
        let own = class(len);
        for kept in self.classes.iter_mut().skip(own).take(2) {
            let from = kept.len().saturating_sub(LOOKED_AT);
            let at = kept.get(from..).unwrap_or_default().iter().rposition(fits);
            if let Some(at) = at {
                let memory = kept.swap_remove(from + at);
                return Some(self.uncounted(memory));
            }
        }
        None
    }

    /// The oldest of another class than `class`, or of this one: lengths that are in use stay.
    fn give_up(&mut self, class: usize) -> Option<HeapMemory> {
        let others =
            self.classes.iter().enumerate().filter(|(other, kept)| *other != class && !kept.is_empty());
        let from = others.map(|(other, _)| other).next().unwrap_or(class);
        let kept = self.classes.get_mut(from).filter(|kept| !kept.is_empty())?;
        let memory = kept.swap_remove(0);
        Some(self.uncounted(memory))
    }

    /// What has just been taken out.
    fn uncounted(&mut self, memory: HeapMemory) -> HeapMemory {
        self.count -= 1;
        self.bytes -= size(&memory);
        memory
    }
}

impl Allocator for Recycling {
    fn allocate(&self, len: usize, _packet: &Packet<'_>) -> HeapMemory {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take(len);
        kept.unwrap_or_else(|| HeapMemory::new(len))
    }

    fn free(&self, memory: HeapMemory) {
        let (own, bytes) = (class(memory.len()), size(&memory));
        if bytes > self.most_bytes || self.most == 0 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = Some(memory);
        let full = |kept: &Kept| kept.count >= self.most || kept.bytes + bytes > self.most_bytes;
        let given_up = if full(&kept) { kept.give_up(own) } else { None };
        if !full(&kept)
            && let Some(class) = kept.classes.get_mut(own)
        {
            class.extend(memory.take());
            kept.count += 1;
            kept.bytes += bytes;
        }
        drop(kept);
        // Given to the system only when the lock is free again: that may take long.
        drop((given_up, memory));
    }
}

impl fmt::Debug for Recycling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Recycling {{ {} kept, {} bytes }}", kept.count, kept.bytes)
    }
}

fn class(len: usize) -> usize {
    // Below the bits of a usize.
    len.max(SHORT).ilog2() as usize
}

/// Bytes of the memory itself: pointers grow with what packets say.
fn size(memory: &HeapMemory) -> usize {
    memory.bytes.capacity() + size_of::<u64>() * memory.pointers.capacity()
}

#[cfg(test)]
mod tests {
    use packhorse_testkit::golden;

    use super::*;

    fn count(recycling: &Recycling) -> (usize, usize) {
        let kept = recycling.kept.lock().unwrap();
        assert_eq!(kept.count, kept.classes.iter().map(Vec::len).sum::<usize>());
        assert_eq!(kept.bytes, kept.classes.iter().flatten().map(size).sum::<usize>());
        (kept.count, kept.bytes)
    }

    #[test]
    fn memory_is_recycled_for_heaps_of_about_its_length() {
        let packet = Packet::parse(golden::spead::named("heap2")).unwrap();
        let recycling = Recycling::new(2, 1 << 20);
        for len in [100_000, 90_000, 65_536, 50_001] {
            let memory = recycling.allocate(len, &packet);
            assert_eq!(memory.len(), 100_000);
            recycling.free(memory);
        }
        assert_eq!(recycling.allocate(100_001, &packet).len(), 100_001);
        assert_eq!(recycling.allocate(10_000, &packet).len(), 10_000);
        recycling.free(HeapMemory::new(8192));
        assert_eq!(recycling.allocate(1, &packet).len(), 8192);
    }

    #[test]
    fn no_more_is_kept_than_agreed_and_the_newest_stays() {
        let packet = Packet::parse(golden::spead::named("heap2")).unwrap();
        let recycling = Recycling::new(2, 1 << 20);
        for len in 1..10 {
            recycling.free(HeapMemory::new(len));
        }
        assert_eq!(count(&recycling).0, 2);
        assert_eq!(recycling.allocate(9, &packet).len(), 9);
        // Longer than all that may be kept: nothing makes room for it.
        recycling.free(HeapMemory::new((1 << 20) + 1));
        assert_eq!(count(&recycling).0, 1);
        Recycling::new(0, 1).free(HeapMemory::new(1));
    }

    #[test]
    fn lengths_that_are_no_longer_used_make_room() {
        let packet = Packet::parse(golden::spead::named("heap2")).unwrap();
        let recycling = Recycling::new(1000, 100_000);
        (0..10).for_each(|_| recycling.free(HeapMemory::new(10_000)));
        assert_eq!(count(&recycling), (10, 100_000));
        for _ in 0..10 {
            (0..2).for_each(|_| recycling.free(HeapMemory::new(50_000)));
        }
        assert_eq!(count(&recycling), (2, 100_000));
        assert_eq!(recycling.allocate(50_000, &packet).len(), 50_000);
    }
}

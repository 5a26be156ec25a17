//! The store of ring and callback streams: every heap gets memory of its own, or stays in the receive buffer.
//!
//! Not the queue to the user: what is finished in a batch of packets waits here until the batch ends.

use alloc::sync::Arc;
use std::collections::HashSet;
use zerocopy::byteorder::{BE, U64};

use super::assembler::{Arrival, Finished, Store};
use super::memory::{Home, Owned};
use super::{Allocator, Heap, Packet, Reason, Statistics, StreamConfig};
use crate::wire::{Pointer, id};

/// From so many pointers on, a set finds out whether one came before.
const MANY: usize = 64;

/// Memory for heaps, and the heaps finished in this batch.
pub(super) struct Heaps {
    config: StreamConfig,
    home: Arc<Home>,
    deliver_incomplete: bool,
    keep_ranges: bool,
    /// Of the bytes in use, those of heaps under way.
    under_way: usize,
    /// Sets of pointers to be used again.
    spare: Vec<HashSet<u64>>,
    pub(super) done: Vec<Heap>,
}

/// Where a heap of several packets is put together.
pub(super) struct Place {
    memory: Owned,
    /// The pointers, when there are many.
    seen: Option<HashSet<u64>>,
}

impl Heaps {
    pub(super) fn new(
        config: StreamConfig,
        allocator: Arc<dyn Allocator>,
        deliver_incomplete: bool,
        keep_ranges: bool,
    ) -> Self {
        let home = Home::new(allocator);
        let (spare, done) = (Vec::new(), Vec::new());
        Self { config, home, deliver_incomplete, keep_ranges, under_way: 0, spare, done }
    }

    /// A length on the wire becomes an allocation only within the limit.
    fn is_free(&self, len: usize) -> bool {
        self.home.used().checked_add(len).is_some_and(|used| used <= self.config.max_memory)
    }

    fn pointers(&mut self, place: &mut Place, packet: &Packet<'_>) -> Result<(), Reason> {
        let flavour = packet.flavour();
        let Place { memory, seen } = place;
        let known = &mut memory.memory.pointers;
        for word in packet.words() {
            if is_protocol(Pointer::from_word(word.get(), flavour)) {
                continue;
            }
            let came = if known.len() < MANY {
                known.contains(word)
            } else {
                let seen = seen.get_or_insert_with(|| {
                    let mut seen = self.spare.pop().unwrap_or_default();
                    seen.extend(known.iter().map(|word: &U64<BE>| word.get()));
                    seen
                });
                !seen.insert(word.get())
            };
            if came {
                continue;
            }
            if known.len() >= self.config.max_items {
                return Err(Reason::TooManyItems);
            }
            known.push(*word);
        }
        Ok(())
    }

    /// Whether the pointers of a heap of one packet are within the limit. Seldom are there enough to count them.
    #[inline]
    fn has_few_items(&self, packet: &Packet<'_>) -> bool {
        packet.words().len() <= self.config.max_items
            || packet.pointers().filter(|pointer| !is_protocol(*pointer)).count() <= self.config.max_items
    }

    /// The heap is no longer under way; its memory.
    fn leave(&mut self, place: Place) -> Owned {
        let Place { memory, seen } = place;
        self.under_way -= memory.counted();
        self.spare.extend(seen.map(|mut seen| {
            seen.clear();
            seen
        }));
        memory
    }
}

/// Pointers that only packets need, and padding.
fn is_protocol(pointer: Pointer) -> bool {
    pointer.immediate && matches!(pointer.id, id::NULL..=id::PAYLOAD_LENGTH)
}

impl Store for Heaps {
    type Place = Place;

    fn can_fit(&self, len: usize) -> bool {
        // What the user holds comes back when the user likes, and not by giving up other heaps.
        let delivered = self.home.used().saturating_sub(self.under_way);
        delivered.checked_add(len).is_some_and(|used| used <= self.config.max_memory)
    }

    fn begin(&mut self, packet: &Packet<'_>, len: usize, _stats: &mut Statistics) -> Result<Place, Reason> {
        if !self.is_free(len) {
            return Err(Reason::MemoryLimit);
        }
        let memory = Owned::new(&self.home, len, packet);
        self.under_way += memory.counted();
        Ok(Place { memory, seen: None })
    }

    fn grow(&mut self, place: &mut Place, len: usize, packet: &Packet<'_>) -> Result<(), Reason> {
        let now = place.memory.memory.bytes.len();
        if len <= now {
            return Ok(());
        }
        // Twice as long, so that many small packets copy each byte only a few times. While it moves both are there.
        let doubled = now.saturating_mul(2).min(self.config.max_heap_length).max(len);
        let wanted = [doubled, len].into_iter().find(|wanted| self.is_free(*wanted));
        let mut larger = Owned::new(&self.home, wanted.ok_or(Reason::MemoryLimit)?, packet);
        let old = &mut place.memory.memory;
        if let Some(front) = larger.memory.bytes.get_mut(..now) {
            front.copy_from_slice(&old.bytes);
        }
        core::mem::swap(&mut larger.memory.pointers, &mut old.pointers);
        self.under_way += larger.counted();
        self.under_way -= place.memory.counted();
        place.memory = larger;
        Ok(())
    }

    fn write(&mut self, place: &mut Place, packet: &Packet<'_>) -> Result<(), Reason> {
        self.pointers(place, packet)?;
        let offset = usize::try_from(packet.payload_offset()).map_err(|_| Reason::HeapTooLong)?;
        let into = place.memory.memory.bytes.get_mut(offset..offset + packet.payload().len());
        into.ok_or(Reason::BeyondHeap)?.copy_from_slice(packet.payload());
        Ok(())
    }

    fn discard(&mut self, place: Place) {
        drop(self.leave(place));
    }

    fn finish(&mut self, place: Place, heap: Finished, _stats: &mut Statistics) -> bool {
        let memory = self.leave(place);
        let Finished { cnt, flavour, length, received, missing } = heap;
        let flavour = flavour.with_bug_compat(self.config.bug_compat);
        match missing {
            None => {
                let length = usize::try_from(received).unwrap_or(usize::MAX);
                self.done.push(Heap::assembled(cnt, flavour, memory, length));
            }
            Some(ranges) if self.deliver_incomplete => {
                let heap =
                    Heap::incomplete((cnt, flavour), length, received, memory, ranges, self.keep_ranges);
                self.done.push(heap);
            }
            Some(_) => {}
        }
        true
    }

    #[inline]
    fn whole(
        &mut self,
        packet: &Packet<'_>,
        arrival: Arrival<'_>,
        stats: &mut Statistics,
    ) -> Result<bool, Reason> {
        let flavour = packet.flavour().with_bug_compat(self.config.bug_compat);
        if !self.has_few_items(packet) {
            return Err(Reason::TooManyItems);
        }
        if let Some((slab, at)) = arrival.slab {
            let slice = slab.slice(at..at + arrival.bytes.len());
            self.done.push(Heap::of_packet(packet, flavour, slice));
            return Ok(true);
        }
        let len = packet.payload().len();
        let mut place = self.begin(packet, len, stats)?;
        if let Err(reason) = self.write(&mut place, packet) {
            self.discard(place);
            return Err(reason);
        }
        stats.copied_heaps += 1;
        let (cnt, flavour, received) = (packet.heap_cnt(), packet.flavour(), len as u64);
        let heap = Finished { cnt, flavour, length: Some(received), received, missing: None };
        Ok(self.finish(place, heap, stats))
    }
}

//! The store of ring and callback streams: every heap gets memory of its own, or stays in the receive buffer.
//!
//! Not the queue to the user: what is finished in a batch of packets waits here until the batch ends.

use alloc::sync::Arc;
use std::collections::HashSet;
use zerocopy::byteorder::{BE, U64};

use super::assembler::{Arrival, Finished, Store};
use super::memory::Owned;
use super::{Allocator, Heap, Packet, Reason, Statistics, StreamConfig};
use crate::wire::{Pointer, id};

/// From so many pointers on, a set finds out whether one came before.
const MANY: usize = 64;

/// Memory for heaps, and the heaps finished in this batch.
pub(super) struct Heaps {
    config: StreamConfig,
    allocator: Arc<dyn Allocator>,
    deliver_incomplete: bool,
    keep_ranges: bool,
    /// Bytes of all heaps under way.
    used: usize,
    pub(super) done: Vec<Heap>,
}

/// Where a heap of several packets is put together.
pub(super) struct Place {
    memory: Owned,
    /// Bytes that count for the limit.
    len: usize,
    /// The pointers, when there are many.
    seen: HashSet<u64>,
}

impl Heaps {
    pub(super) fn new(
        config: StreamConfig,
        allocator: Arc<dyn Allocator>,
        deliver_incomplete: bool,
        keep_ranges: bool,
    ) -> Self {
        Self { config, allocator, deliver_incomplete, keep_ranges, used: 0, done: Vec::new() }
    }

    /// A length on the wire becomes an allocation only within the limit.
    fn reserve(&mut self, len: usize) -> Result<(), Reason> {
        let used = self.used.checked_add(len).filter(|used| *used <= self.config.max_memory);
        self.used = used.ok_or(Reason::MemoryLimit)?;
        Ok(())
    }

    fn pointers(&self, place: &mut Place, packet: &Packet<'_>) -> Result<(), Reason> {
        let flavour = packet.flavour();
        let Place { memory, seen, .. } = place;
        let known = &mut memory.memory.pointers;
        for word in packet.words() {
            let Pointer { immediate, id, .. } = Pointer::from_word(word.get(), flavour);
            if immediate && matches!(id, id::NULL..=id::PAYLOAD_LENGTH) {
                continue;
            }
            let came = if known.len() < MANY {
                known.contains(word)
            } else {
                if seen.is_empty() {
                    seen.extend(known.iter().map(|word: &U64<BE>| word.get()));
                }
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
}

impl Store for Heaps {
    type Place = Place;

    fn begin(&mut self, packet: &Packet<'_>, len: usize, _stats: &mut Statistics) -> Result<Place, Reason> {
        self.reserve(len)?;
        let memory = Owned::new(&self.allocator, len, packet);
        Ok(Place { memory, len, seen: HashSet::new() })
    }

    fn grow(&mut self, place: &mut Place, len: usize, packet: &Packet<'_>) -> Result<(), Reason> {
        if len <= place.len {
            return Ok(());
        }
        // Twice as long, so that many small packets copy each byte only a few times.
        let doubled = len.max(place.len.saturating_mul(2)).min(self.config.max_heap_length);
        let wanted = doubled.max(len);
        self.reserve(wanted - place.len)?;
        if place.memory.memory.bytes.len() < wanted {
            let mut larger = Owned::new(&self.allocator, wanted, packet);
            let old = &mut place.memory.memory;
            if let Some(front) = larger.memory.bytes.get_mut(..old.bytes.len()) {
                front.copy_from_slice(&old.bytes);
            }
            core::mem::swap(&mut larger.memory.pointers, &mut old.pointers);
            place.memory = larger;
        }
        place.len = wanted;
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
        self.used -= place.len;
    }

    fn finish(&mut self, place: Place, heap: Finished, _stats: &mut Statistics) -> bool {
        self.used -= place.len;
        let Finished { cnt, flavour, length, received, missing } = heap;
        let flavour = flavour.with_bug_compat(self.config.bug_compat);
        match missing {
            None => {
                let length = usize::try_from(received).unwrap_or(place.len);
                self.done.push(Heap::assembled(cnt, flavour, place.memory, length));
            }
            Some(ranges) if self.deliver_incomplete => {
                let parts = (cnt, flavour);
                let heap = Heap::incomplete(parts, length, received, place.memory, ranges, self.keep_ranges);
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

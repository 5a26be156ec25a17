//! The store of chunk streams: every payload, or its item that is wanted, straight into its chunk.

use core::ops::Range;

use super::super::assembler::{Arrival, Finished, Store};
use super::super::{Packet, Reason, Statistics};
use super::group::Member;
use super::{Chunk, Place, PlaceRequest};

/// Decides where heaps belong; `None` for one that is not wanted.
pub(super) type PlaceFunction = Box<dyn FnMut(&mut PlaceRequest<'_>) -> Option<Place> + Send>;

pub(super) struct Chunks {
    place: PlaceFunction,
    pub(super) member: Member,
    /// Bytes of payload in a packet, when it is packets whose presence is flagged.
    packet_payload: Option<usize>,
    /// The item that is placed; without one, all of the payload.
    item: Option<u64>,
    extra: Vec<u8>,
}

/// Which bytes of a heap's payload go where.
///
/// ```text
///   payload   | descriptors | samples        | other |
///                           ^ start          ^ end        Place::len bytes
///   chunk     | ......      | samples        | ...
///                           ^ Place::offset
/// ```
#[derive(Clone, Copy)]
pub(super) struct Slot {
    place: Place,
    start: u64,
    end: u64,
    /// Whether the payload has to end here, too, since nothing has said yet where it does.
    ends_heap: bool,
}

impl Chunks {
    pub(super) fn new(
        place: PlaceFunction,
        member: Member,
        packet_payload: Option<usize>,
        item: Option<u64>,
    ) -> Self {
        Self { place, member, packet_payload, item, extra: Vec::new() }
    }

    /// Where a heap belongs, its chunk ready. `None` when it belongs nowhere, which is counted.
    fn find(&mut self, packet: &Packet<'_>, stats: &mut Statistics) -> Option<Slot> {
        self.extra.clear();
        let mut request = PlaceRequest { packet, extra: &mut self.extra };
        let Some(place) = (self.place)(&mut request) else {
            stats.rejected_heaps += 1;
            return None;
        };
        let extent = self.item.map_or(Some((0, packet.heap_length())), |id| packet.extent(id));
        let Some((start, known)) = extent else {
            stats.rejected_heaps += 1;
            return None;
        };
        let end = start.saturating_add(place.len as u64);
        if known.is_some_and(|known| known != end) || packet.heap_length().is_some_and(|len| end > len) {
            stats.wrong_length_heaps += 1;
            return None;
        }
        let Some(mut window) = self.member.open(place.chunk) else {
            stats.too_old_heaps += 1;
            return None;
        };
        let chunk = window.chunk(place.chunk)?;
        let fits = place.offset.checked_add(place.len).is_some_and(|end| end <= chunk.data.len());
        let flags = self.packet_payload.map_or(1, |size| place.len.div_ceil(size).max(1));
        let flagged = place.heap.checked_add(flags).is_some_and(|end| end <= chunk.present.len());
        if !fits || !flagged {
            stats.rejected_heaps += 1;
            return None;
        }
        chunk.note(place.heap, &self.extra);
        Some(Slot { place, start, end, ends_heap: known.is_none() })
    }

    /// Copies a payload to its place. The chunk may have been handed over meanwhile: then it goes nowhere.
    fn copy(&self, slot: Slot, packet: &Packet<'_>) -> Result<(), Reason> {
        let mut window = self.member.window();
        let Some(chunk) = window.chunk(slot.place.chunk) else { return Ok(()) };
        let (offset, payload) = (packet.payload_offset(), packet.payload());
        let (from, to) = (offset.max(slot.start), (offset + payload.len() as u64).min(slot.end));
        if from >= to {
            return Ok(());
        }
        // All of them are inside the packet or the place.
        let at = |address: u64| usize::try_from(address).unwrap_or(usize::MAX);
        let payload = payload.get(at(from - offset)..at(to - offset)).ok_or(Reason::BeyondHeap)?;
        let (from, to) = (at(from - slot.start), at(to - slot.start));
        let place = chunk.data.get_mut(slot.place.offset..).and_then(|data| data.get_mut(from..to));
        place.ok_or(Reason::BeyondHeap)?.copy_from_slice(payload);
        if let Some(size) = self.packet_payload {
            let last = if to == slot.place.len { to.div_ceil(size) } else { to / size };
            flag(chunk, slot.place, from.div_ceil(size)..last);
        }
        Ok(())
    }

    /// Says that a heap is there; false when its chunk was handed over before.
    fn mark(&self, slot: Slot) -> bool {
        let mut window = self.member.window();
        let Some(chunk) = window.chunk(slot.place.chunk) else { return false };
        flag(chunk, slot.place, 0..self.packet_payload.map_or(1, |size| slot.place.len.div_ceil(size)));
        true
    }
}

fn flag(chunk: &mut Chunk, place: Place, flags: Range<usize>) {
    let range = place.heap.saturating_add(flags.start)..place.heap.saturating_add(flags.end);
    if let Some(flags) = chunk.present.get_mut(range) {
        flags.fill(1);
    }
}

impl Store for Chunks {
    type Place = Option<Slot>;

    fn begin(
        &mut self,
        packet: &Packet<'_>,
        _len: usize,
        stats: &mut Statistics,
    ) -> Result<Option<Slot>, Reason> {
        // A heap without a place is followed all the same, so that the function is asked once a heap.
        Ok(self.find(packet, stats))
    }

    fn grow(&mut self, _slot: &mut Option<Slot>, _len: usize, _packet: &Packet<'_>) -> Result<(), Reason> {
        Ok(())
    }

    fn write(&mut self, slot: &mut Option<Slot>, packet: &Packet<'_>) -> Result<(), Reason> {
        slot.map_or(Ok(()), |slot| self.copy(slot, packet))
    }

    fn discard(&mut self, _slot: Option<Slot>) {}

    fn finish(&mut self, slot: Option<Slot>, heap: Finished, stats: &mut Statistics) -> bool {
        let Some(slot) = slot else { return false };
        if heap.missing.is_some() {
            return true;
        }
        if heap.received < slot.end || (slot.ends_heap && heap.received != slot.end) {
            stats.wrong_length_heaps += 1;
            return false;
        }
        let marked = self.mark(slot);
        stats.too_old_heaps += u64::from(!marked);
        marked
    }

    fn whole(
        &mut self,
        packet: &Packet<'_>,
        _arrival: Arrival<'_>,
        stats: &mut Statistics,
    ) -> Result<bool, Reason> {
        let Some(slot) = self.find(packet, stats) else { return Ok(false) };
        self.copy(slot, packet)?;
        Ok(self.mark(slot))
    }
}

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
    /// Bytes of payload in a packet, when it is packets whose presence is flagged.
    packet_payload: Option<usize>,
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

    /// Where a heap belongs. `None` when it belongs nowhere, which is counted.
    fn locate(&mut self, packet: &Packet<'_>, stats: &mut Statistics) -> Option<Slot> {
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
        Some(Slot { place, start, end, ends_heap: known.is_none(), packet_payload: self.packet_payload })
    }

    /// Opens the chunk of a heap and does something with it, which one lock is for. `None` when the heap does not fit or
    /// comes too late, which is counted.
    fn open<R>(
        &mut self,
        slot: Slot,
        stats: &mut Statistics,
        fill: impl FnOnce(&mut Chunk) -> R,
    ) -> Option<R> {
        let Some(mut chunk) = self.member.open(slot.place.chunk) else {
            stats.too_old_heaps += 1;
            return None;
        };
        let chunk = chunk.as_mut()?;
        if !slot.fits(chunk) {
            stats.rejected_heaps += 1;
            return None;
        }
        chunk.note(slot.place.heap, &self.extra);
        Some(fill(chunk))
    }
}

impl Slot {
    fn fits(&self, chunk: &Chunk) -> bool {
        let end = self.place.offset.checked_add(self.place.len);
        let flags = self.place.heap.checked_add(self.flags().max(1));
        end.is_some_and(|end| end <= chunk.data.len()) && flags.is_some_and(|end| end <= chunk.present.len())
    }

    fn flags(&self) -> usize {
        self.packet_payload.map_or(1, |size| self.place.len.div_ceil(size))
    }

    /// Copies a payload to its place.
    fn copy(&self, packet: &Packet<'_>, chunk: &mut Chunk) -> Result<(), Reason> {
        let (offset, payload) = (packet.payload_offset(), packet.payload());
        let (from, to) = (offset.max(self.start), (offset + payload.len() as u64).min(self.end));
        if from >= to {
            return Ok(());
        }
        // All of them are inside the packet or the place.
        let at = |address: u64| usize::try_from(address).unwrap_or(usize::MAX);
        let payload = payload.get(at(from - offset)..at(to - offset)).ok_or(Reason::BeyondHeap)?;
        let (from, to) = (at(from - self.start), at(to - self.start));
        let place = chunk.data.get_mut(self.place.offset..).and_then(|data| data.get_mut(from..to));
        place.ok_or(Reason::BeyondHeap)?.copy_from_slice(payload);
        if let Some(size) = self.packet_payload {
            let last = if to == self.place.len { to.div_ceil(size) } else { to / size };
            self.flag(chunk, from.div_ceil(size)..last);
        }
        Ok(())
    }

    /// Says that the heap is there.
    fn mark(&self, chunk: &mut Chunk) {
        self.flag(chunk, 0..self.flags());
    }

    fn flag(&self, chunk: &mut Chunk, flags: Range<usize>) {
        let first = self.place.heap;
        let range = first.saturating_add(flags.start)..first.saturating_add(flags.end);
        if let Some(flags) = chunk.present.get_mut(range) {
            flags.fill(1);
        }
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
        let slot = self.locate(packet, stats);
        Ok(slot.and_then(|slot| self.open(slot, stats, |_| slot)))
    }

    fn grow(&mut self, _slot: &mut Option<Slot>, _len: usize, _packet: &Packet<'_>) -> Result<(), Reason> {
        Ok(())
    }

    fn write(&mut self, slot: &mut Option<Slot>, packet: &Packet<'_>) -> Result<(), Reason> {
        let Some(slot) = slot else { return Ok(()) };
        // The chunk may have been handed over meanwhile: then it goes nowhere.
        let chunk = self.member.chunk(slot.place.chunk);
        chunk.map_or(Ok(()), |mut chunk| chunk.as_mut().map_or(Ok(()), |chunk| slot.copy(packet, chunk)))
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
        let chunk = self.member.chunk(slot.place.chunk);
        let marked = chunk.is_some_and(|mut chunk| chunk.as_mut().map(|chunk| slot.mark(chunk)).is_some());
        stats.too_old_heaps += u64::from(!marked);
        marked
    }

    fn whole(
        &mut self,
        packet: &Packet<'_>,
        _arrival: Arrival<'_>,
        stats: &mut Statistics,
    ) -> Result<bool, Reason> {
        let Some(slot) = self.locate(packet, stats) else { return Ok(false) };
        let copied = self.open(slot, stats, |chunk| {
            slot.copy(packet, chunk)?;
            slot.mark(chunk);
            Ok(())
        });
        copied.map_or(Ok(false), |copied| copied.map(|()| true))
    }
}

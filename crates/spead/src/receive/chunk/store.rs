//! The store of chunk streams: every payload straight into its chunk.

use super::super::assembler::{Arrival, Finished, Store};
use super::super::{Packet, Reason, Statistics};
use super::group::Member;
use super::{Place, PlaceRequest};

/// Decides where heaps belong; `None` for one that is not wanted.
pub(super) type PlaceFunction = Box<dyn FnMut(&mut PlaceRequest<'_>) -> Option<Place> + Send>;

pub(super) struct Chunks {
    place: PlaceFunction,
    pub(super) member: Member,
    /// Bytes of payload in a packet, when it is packets whose presence is flagged.
    packet_payload: Option<usize>,
    extra: Vec<u8>,
}

impl Chunks {
    pub(super) fn new(place: PlaceFunction, member: Member, packet_payload: Option<usize>) -> Self {
        Self { place, member, packet_payload, extra: Vec::new() }
    }

    /// Where a heap belongs, its chunk ready. `None` when it belongs nowhere, which is counted.
    fn find(&mut self, packet: &Packet<'_>, len: usize, stats: &mut Statistics) -> Option<Place> {
        self.extra.clear();
        let mut request = PlaceRequest { packet, extra: &mut self.extra };
        let Some(place) = (self.place)(&mut request) else {
            stats.rejected_heaps += 1;
            return None;
        };
        let Some(mut window) = self.member.open(place.chunk) else {
            stats.too_old_heaps += 1;
            return None;
        };
        let chunk = window.chunk(place.chunk)?;
        let fits = place.offset.checked_add(len).is_some_and(|end| end <= chunk.data.len());
        if !fits || place.heap >= chunk.present.len() {
            stats.rejected_heaps += 1;
            return None;
        }
        chunk.note(place.heap, &self.extra);
        Some(place)
    }

    /// Copies a payload to its place. The chunk may have been handed over meanwhile: then it goes nowhere.
    fn copy(&self, place: Place, packet: &Packet<'_>) -> Result<(), Reason> {
        let mut window = self.member.window();
        let Some(chunk) = window.chunk(place.chunk) else { return Ok(()) };
        let payload = packet.payload();
        let offset = usize::try_from(packet.payload_offset()).map_err(|_| Reason::BeyondHeap)?;
        let start = place.offset.checked_add(offset).ok_or(Reason::BeyondHeap)?;
        let into = start.checked_add(payload.len()).and_then(|end| chunk.data.get_mut(start..end));
        into.ok_or(Reason::BeyondHeap)?.copy_from_slice(payload);
        if let Some(size) = self.packet_payload
            && let Some(flag) = chunk.present.get_mut(place.heap.saturating_add(offset / size.max(1)))
        {
            *flag = 1;
        }
        Ok(())
    }

    fn mark(&self, place: Place) {
        if self.packet_payload.is_none()
            && let Some(chunk) = self.member.window().chunk(place.chunk)
            && let Some(flag) = chunk.present.get_mut(place.heap)
        {
            *flag = 1;
        }
    }
}

impl Store for Chunks {
    type Place = Option<Place>;

    fn begin(
        &mut self,
        packet: &Packet<'_>,
        len: usize,
        stats: &mut Statistics,
    ) -> Result<Option<Place>, Reason> {
        // A heap without a place is followed all the same, so that the function is asked once a heap.
        Ok(self.find(packet, len, stats))
    }

    fn grow(&mut self, _place: &mut Option<Place>, _len: usize, _packet: &Packet<'_>) -> Result<(), Reason> {
        Ok(())
    }

    fn write(&mut self, place: &mut Option<Place>, packet: &Packet<'_>) -> Result<(), Reason> {
        place.map_or(Ok(()), |place| self.copy(place, packet))
    }

    fn discard(&mut self, _place: Option<Place>) {}

    fn finish(&mut self, place: Option<Place>, heap: Finished) {
        if let (Some(place), None) = (place, heap.missing) {
            self.mark(place);
        }
    }

    fn whole(
        &mut self,
        packet: &Packet<'_>,
        _arrival: Arrival<'_>,
        stats: &mut Statistics,
    ) -> Result<(), Reason> {
        if let Some(place) = self.find(packet, packet.payload().len(), stats) {
            self.copy(place, packet)?;
            self.mark(place);
        }
        Ok(())
    }
}

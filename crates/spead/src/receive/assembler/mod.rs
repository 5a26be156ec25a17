//! [`Assembler`]: packets in, heaps out. No sockets, no threads, no clocks.
//!
//! ```text
//!   packet --> stopped? --> whole heap? ------------------------------> Store::whole
//!                              no --> substream = cnt mod substreams
//!                                     slots | cnt 7 | cnt 8 | cnt 9 |   `max_heaps` in a circle, the oldest
//!                                     write into the heap's memory      gives way to a new one
//!                                     complete or evicted -------------> Store::finish
//! ```
//! It knows which packet belongs where and what is missing; where the bytes go is the [`Store`]'s: memory of a heap
//! of its own, or a place in a chunk.

mod coverage;
mod sequence;
mod slots;

use core::ops::Range;

use coverage::Coverage;
use packhorse_buffer::{SharedSlab, log_trace};
use sequence::Sequence;
use slots::{Key, Slots};

use super::{Packet, Reason, Statistics, StreamConfig};
use crate::Flavour;
use crate::wire::id;

/// A packet where it was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) bytes: &'a [u8],
    /// The slab that may be kept with a heap, and where in it `bytes` lie. `None`: they must be copied.
    pub(crate) slab: Option<(&'a SharedSlab, usize)>,
}

/// What is known of a heap when it leaves the assembler.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) cnt: u64,
    pub(crate) flavour: Flavour,
    pub(crate) length: Option<u64>,
    pub(crate) received: u64,
    /// What arrived, unless all of it did.
    pub(crate) missing: Option<Vec<Range<u64>>>,
}

/// Where payloads go.
pub(crate) trait Store {
    /// The place of one heap.
    type Place;

    /// Whether a heap of `len` bytes fits into memory at all, were no other under way.
    fn can_fit(&self, _len: usize) -> bool {
        true
    }

    /// A place of `len` bytes for the heap that `packet` begins.
    fn begin(
        &mut self,
        packet: &Packet<'_>,
        len: usize,
        stats: &mut Statistics,
    ) -> Result<Self::Place, Reason>;

    /// Makes a place at least `len` bytes long, for heaps that do not say their length.
    fn grow(&mut self, place: &mut Self::Place, len: usize, packet: &Packet<'_>) -> Result<(), Reason>;

    /// Takes the pointers and the payload of one packet.
    fn write(&mut self, place: &mut Self::Place, packet: &Packet<'_>) -> Result<(), Reason>;

    /// A place that will not be needed: what was written to it is of no use.
    fn discard(&mut self, place: Self::Place);

    /// A heap is whole, or given up. Tells whether it was wanted.
    fn finish(&mut self, place: Self::Place, heap: Finished, stats: &mut Statistics) -> bool;

    /// A heap that is one packet. Tells whether it was wanted.
    fn whole(
        &mut self,
        packet: &Packet<'_>,
        arrival: Arrival<'_>,
        stats: &mut Statistics,
    ) -> Result<bool, Reason>;
}

/// The heaps that are under way, and the rules for packets.
#[derive(Debug)]
pub(crate) struct Assembler<S: Store> {
    config: StreamConfig,
    store: S,
    slots: Slots<Live<S::Place>>,
    /// Of each substream, whose counts differ by `step`.
    sequences: Vec<Sequence>,
    step: u64,
    stopped: bool,
    stats: Statistics,
    /// Memory for the ranges of heaps to come.
    spare: Vec<Vec<Range<u64>>>,
}

#[derive(Debug)]
struct Live<P> {
    flavour: Flavour,
    length: Option<u64>,
    /// No addressed pointer may lie beyond the end of a whole heap.
    highest_address: u64,
    coverage: Coverage,
    place: P,
}

impl<P> Live<P> {
    fn is_complete(&self) -> bool {
        self.length == Some(self.coverage.received()) && self.length >= Some(self.highest_address)
    }

    /// Without a length, a heap is whole if nothing is missing up to the last byte seen.
    fn is_contiguous(&self) -> bool {
        let received = self.coverage.received();
        self.length.is_none() && received == self.coverage.end() && self.highest_address <= received
    }
}

impl<S: Store> Assembler<S> {
    pub(crate) fn new(config: StreamConfig, store: S) -> Self {
        let slots = Slots::new(config.substreams, config.max_heaps);
        let sequences = vec![Sequence::default(); config.substreams.max(1)];
        let step = config.cnt_step.saturating_mul(sequences.len() as u64);
        let (stats, spare) = (Statistics::default(), Vec::new());
        Self { config, store, slots, sequences, step, stopped: false, stats, spare }
    }

    pub(crate) fn store(&mut self) -> &mut S {
        &mut self.store
    }

    pub(crate) fn stats(&mut self) -> &mut Statistics {
        &mut self.stats
    }

    /// Whether a stop heap has come.
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Takes a packet, which is dropped and counted when it is of no use.
    #[inline]
    pub(crate) fn handle(&mut self, arrival: Arrival<'_>) {
        self.stats.packets += 1;
        self.stats.bytes += arrival.bytes.len() as u64;
        let result = Packet::parse(arrival.bytes).map_err(Reason::from).and_then(|packet| {
            let len = packet.payload().len() as u64;
            if self.stopped {
                Err(Reason::AfterStop)
            } else if packet.heap_length() == Some(len) && packet.highest_address() <= len {
                self.whole(&packet, arrival)
            } else {
                self.piece(&packet)
            }
        });
        if let Err(reason) = result {
            log_trace!("packet dropped: {}", reason.name());
            self.stats.dropped[reason] += 1;
        }
    }

    /// Gives up all heaps under way: the stream has ended.
    pub(crate) fn flush(&mut self) {
        while let Some(key) = self.slots.oldest() {
            self.finish(key, false);
        }
    }

    fn whole(&mut self, packet: &Packet<'_>, arrival: Arrival<'_>) -> Result<(), Reason> {
        if packet.payload().len() > self.config.max_heap_length {
            return Err(Reason::HeapTooLong);
        }
        self.note(packet);
        if self.stops(packet) {
            return Ok(());
        }
        let wanted = u64::from(self.store.whole(packet, arrival, &mut self.stats)?);
        self.stats.heaps += wanted;
        self.stats.single_packet_heaps += wanted;
        Ok(())
    }

    fn piece(&mut self, packet: &Packet<'_>) -> Result<(), Reason> {
        let (key, looked_at) = self.slots.find(packet.heap_cnt());
        self.stats.search_dist += looked_at as u64;
        match key {
            Some(key) => self.continued(key, packet),
            None => self.begun(packet),
        }
    }

    /// Takes note that something of a heap came.
    #[inline]
    fn note(&mut self, packet: &Packet<'_>) {
        let mask = packet.flavour().max_address();
        let number = slots::substream(packet.heap_cnt(), self.sequences.len());
        if let Some(sequence) = self.sequences.get_mut(number) {
            sequence.note(packet.heap_cnt(), self.step, mask, &mut self.stats.heaps_missing);
        }
    }

    /// The first packet of a heap that has several.
    fn begun(&mut self, packet: &Packet<'_>) -> Result<(), Reason> {
        let StreamConfig { unsized_heaps, out_of_order, max_heap_length, .. } = self.config;
        if packet.heap_length().is_none() && !unsized_heaps {
            return Err(Reason::Unsized);
        }
        let end = packet.payload_offset() + packet.payload().len() as u64;
        let needed = usize::try_from(packet.heap_length().unwrap_or(end)).ok();
        let needed = needed.filter(|needed| *needed <= max_heap_length).ok_or(Reason::HeapTooLong)?;
        if !self.store.can_fit(needed) {
            return Err(Reason::MemoryLimit);
        }
        let mut coverage = Coverage::new(out_of_order, self.spare.pop().unwrap_or_default());
        coverage.add(packet.payload_offset(), packet.payload().len() as u64)?;
        self.note(packet);
        if self.stops(packet) {
            return Ok(());
        }
        let key = self.slots.next(packet.heap_cnt());
        self.finish(key, true);
        let mut place = loop {
            match self.store.begin(packet, needed, &mut self.stats) {
                // Heaps that came before make room, the oldest first.
                Err(Reason::MemoryLimit) => match self.slots.oldest() {
                    Some(key) => self.finish(key, true),
                    None => return Err(Reason::MemoryLimit),
                },
                result => break result?,
            }
        };
        if let Err(reason) = self.store.write(&mut place, packet) {
            self.store.discard(place);
            return Err(reason);
        }
        let live = Live {
            flavour: packet.flavour(),
            length: packet.heap_length(),
            highest_address: packet.highest_address(),
            coverage,
            place,
        };
        self.slots.put(key, packet.heap_cnt(), live);
        Ok(())
    }

    /// A later packet of a heap.
    fn continued(&mut self, key: Key, packet: &Packet<'_>) -> Result<(), Reason> {
        let Some(live) = self.slots.get_mut(key) else { return Ok(()) };
        if live.flavour != packet.flavour() {
            return Err(Reason::FlavourConflict);
        }
        let end = packet.payload_offset() + packet.payload().len() as u64;
        let length = match (live.length, packet.heap_length()) {
            (Some(known), Some(said)) if known != said => return Err(Reason::LengthConflict),
            (None, Some(said)) if said < live.coverage.end() => return Err(Reason::LengthConflict),
            (known, said) => known.or(said),
        };
        if length.is_some_and(|length| end > length) {
            return Err(Reason::BeyondHeap);
        }
        let needed = usize::try_from(length.unwrap_or(end)).ok();
        let needed =
            needed.filter(|needed| *needed <= self.config.max_heap_length).ok_or(Reason::HeapTooLong)?;
        if live.length.is_none() {
            self.store.grow(&mut live.place, needed, packet)?;
        }
        live.coverage.add(packet.payload_offset(), packet.payload().len() as u64)?;
        if is_stop(&self.config, packet) {
            if let Some((_, live)) = self.slots.take(key) {
                self.store.discard(live.place);
            }
            self.stops(packet);
            return Ok(());
        }
        if let Err(reason) = self.store.write(&mut live.place, packet) {
            // Its bytes count as there, and are not: the whole heap is lost.
            if let Some((_, live)) = self.slots.take(key) {
                self.store.discard(live.place);
                self.stats.incomplete_heaps_evicted += 1;
            }
            return Err(reason);
        }
        live.length = length;
        live.highest_address = live.highest_address.max(packet.highest_address());
        if live.is_complete() {
            self.finish(key, false);
        }
        Ok(())
    }

    /// Takes note when an accepted packet stops the stream. Its heap is not delivered.
    fn stops(&mut self, packet: &Packet<'_>) -> bool {
        let stops = is_stop(&self.config, packet);
        self.stopped |= stops;
        self.stats.stops += u64::from(stops);
        stops
    }

    /// Ends what is in a slot, whole or not; `evicted` when it has to leave before its time.
    fn finish(&mut self, key: Key, evicted: bool) {
        let Some((cnt, live)) = self.slots.take(key) else { return };
        let whole = live.is_complete() || live.is_contiguous();
        let Live { flavour, length, coverage, place, .. } = live;
        let received = coverage.received();
        let (length, missing) = if whole {
            self.spare.extend(coverage.into_memory());
            (Some(received), None)
        } else {
            (length, Some(coverage.into_ranges()))
        };
        let heap = Finished { cnt, flavour, length, received, missing };
        let wanted = self.store.finish(place, heap, &mut self.stats);
        let counter = match (whole, evicted) {
            (true, _) => &mut self.stats.heaps,
            (false, true) => &mut self.stats.incomplete_heaps_evicted,
            (false, false) => &mut self.stats.incomplete_heaps_flushed,
        };
        *counter += u64::from(wanted);
    }
}

/// Whether a packet asks for the end of the stream, and the stream ends there.
fn is_stop(config: &StreamConfig, packet: &Packet<'_>) -> bool {
    config.stop_on_stop_item && packet.control() == Some(id::STOP)
}

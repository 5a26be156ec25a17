//! [`PrebuiltHeap`]: a heap whose packet headers are written once and then only patched.
//!
//! ```text
//!   headers   | prefix, CNT .. pointers | prefix, CNT .. | prefix, CNT .. |      one run of memory
//!                         ^ patched for every sending, like immediates that change
//!   packets   | header 0, pieces 0..2   | header 1, piece 2               |
//!   pieces    item 0, bytes 0..100 | item 1, bytes 0..1316 | item 1, bytes 1316..2748
//!   values    item 0, item 1: the user's own memory
//! ```
//! A packet leaves as its header and its pieces, gathered by the system call: no payload is copied. Sending allocates
//! nothing. Not a queue and not a socket: those are in [`send`](crate::send).

use core::ops::Range;

use zerocopy::IntoBytes as _;

use super::layout::{self, FIXED, LEAST_SIZE, Shape, Split};
use super::{Heap, HeapError, ItemValue};
use crate::send::Rate;
use crate::wire::{Pointer, Prefix, id};
use crate::{Flavour, Sample, Value};

/// A heap that is ready to be sent, again and again. Moving it moves a pointer.
#[derive(Debug)]
pub struct PrebuiltHeap(Box<Built>);

#[derive(Debug)]
struct Built {
    flavour: Flavour,
    count: Option<u64>,
    substream: usize,
    rate: Option<Rate>,
    headers: Box<[u8]>,
    packets: Box<[Packet]>,
    pieces: Box<[Piece]>,
    values: Box<[Value]>,
    places: Box<[Place]>,
    wire_len: usize,
    payload_len: usize,
    longest: usize,
}

/// Where the parts of a packet are. Ranges begin where those of the packet before it end.
#[derive(Clone, Copy, Debug)]
struct Packet {
    header_end: u32,
    pieces_end: u32,
    len: u32,
}

/// A part of an item's value.
#[derive(Clone, Debug)]
struct Piece {
    value: usize,
    bytes: Range<usize>,
}

/// Where an item is.
#[derive(Debug)]
struct Place {
    id: u64,
    kind: PlaceKind,
}

#[derive(Debug)]
enum PlaceKind {
    /// In the headers, at these offsets.
    Immediate(Box<[usize]>),
    /// One of the values.
    Value(usize),
}

impl PrebuiltHeap {
    /// Bytes that [`Heap::prebuild`] needs at least for a packet.
    pub const LEAST_PACKET: usize = LEAST_SIZE;

    pub(super) fn new(heap: &Heap, packet_size: usize, split: Split) -> Result<Self, HeapError> {
        if packet_size < LEAST_SIZE {
            return Err(HeapError::PacketSize { asked: packet_size, least: LEAST_SIZE });
        }
        let flavour = heap.flavour;
        let mut contents = Contents::of(heap)?;
        let least = layout::least_payload(contents.pointers.len(), packet_size);
        if contents.len < least {
            // Bytes that belong to nobody, behind a pointer that ends the last item.
            contents.pointers.push(Pointer::address(id::NULL, contents.len as u64));
            contents.values.push(vec![0_u8; least - contents.len].into());
            contents.len = least;
        }
        if contents.len as u64 > flavour.max_address() {
            return Err(HeapError::TooLong { len: contents.len as u64, most: flavour.max_address() });
        }
        let shapes =
            layout::cut(contents.pointers.len(), contents.len, packet_size, heap.repeat_pointers, split)?;
        let mut headers =
            Vec::with_capacity(shapes.iter().map(|shape| shape.len() - shape.payload.len()).sum());
        let mut pieces = Pieces::new(&contents.values);
        let mut offsets = vec![Vec::new(); contents.pointers.len()];
        let mut packets = Vec::with_capacity(shapes.len());
        for shape in &shapes {
            contents.write_header(shape, flavour, &mut headers, &mut offsets)?;
            pieces.take(shape.payload.len());
            let place = |number: usize| u32::try_from(number).map_err(|_| HeapError::TooManyPieces);
            packets.push(Packet {
                header_end: place(headers.len())?,
                pieces_end: place(pieces.found.len())?,
                len: place(shape.len())?,
            });
        }
        let places = contents.places.into_iter().map(|(id, pointer, value)| Place {
            id,
            kind: match value {
                Some(value) => PlaceKind::Value(value),
                None => PlaceKind::Immediate(core::mem::take(&mut offsets[pointer]).into()),
            },
        });
        Ok(Self(Box::new(Built {
            flavour,
            count: heap.count,
            substream: 0,
            rate: None,
            places: places.collect(),
            headers: headers.into(),
            packets: packets.into(),
            pieces: pieces.found.into(),
            values: contents.values.into(),
            wire_len: shapes.iter().map(Shape::len).sum(),
            payload_len: contents.len,
            longest: shapes.iter().map(Shape::len).max().unwrap_or(0),
        })))
    }

    /// Changes an immediate item in place. What does not fit in the flavour's address bits is cut off, so that a
    /// counter starts again at 0.
    ///
    /// # Errors
    /// [`NoSuchImmediate`] when the heap was built without one of this identifier.
    #[inline]
    pub fn set(&mut self, id: u64, value: u64) -> Result<(), NoSuchImmediate> {
        let built = &mut *self.0;
        for place in &built.places {
            if let (true, PlaceKind::Immediate(offsets)) = (place.id == id, &place.kind) {
                let word = Pointer::immediate(id, value).to_word(built.flavour).to_be_bytes();
                for offset in offsets {
                    built.headers[*offset..*offset + Pointer::LEN].copy_from_slice(&word);
                }
                return Ok(());
            }
        }
        Err(NoSuchImmediate { id })
    }

    /// The value of an addressed item as samples, to be changed in place; `None` when there is none of this
    /// identifier, or its memory is no array of `T`. Memory that others share is copied first.
    pub fn samples_mut<T: Sample>(&mut self, id: u64) -> Option<&mut [T]> {
        self.value_mut(id)?.samples_mut()
    }

    /// The value of an addressed item as bytes, to be changed in place; `None` when there is none of this identifier.
    pub fn bytes_mut(&mut self, id: u64) -> Option<&mut [u8]> {
        self.value_mut(id).map(Value::as_mut_bytes)
    }

    /// The value of an addressed item; `None` when there is none of this identifier.
    #[must_use]
    pub fn value(&self, id: u64) -> Option<&Value> {
        self.0.places.iter().find_map(|place| match place.kind {
            PlaceKind::Value(index) if place.id == id => self.0.values.get(index),
            _ => None,
        })
    }

    fn value_mut(&mut self, id: u64) -> Option<&mut Value> {
        self.0
            .places
            .iter()
            .find_map(|place| match place.kind {
                PlaceKind::Value(index) if place.id == id => Some(index),
                _ => None,
            })
            .and_then(|index| self.0.values.get_mut(index))
    }

    /// The flavour.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.0.flavour
    }

    /// The number that it asked for instead of the stream's next one.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        self.0.count
    }

    /// Asks for a number of its own, or with `None` for the stream's next one.
    pub fn set_count(&mut self, count: Option<u64>) {
        self.0.count = count;
    }

    /// Which of the writer's endpoints it goes to.
    #[must_use]
    pub fn substream(&self) -> usize {
        self.0.substream
    }

    /// Sends it to another endpoint of the writer than the first, which is 0.
    pub fn set_substream(&mut self, substream: usize) {
        self.0.substream = substream;
    }

    /// The rate that it asked for instead of the stream's.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.0.rate
    }

    /// Sends it at a rate of its own, or with `None` at the stream's.
    pub fn set_rate(&mut self, rate: Option<Rate>) {
        self.0.rate = rate;
    }

    /// Bytes of all its packets.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.0.wire_len
    }

    /// Bytes of its payload, which receivers know as HEAP_LENGTH.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.0.payload_len
    }

    /// How many packets it has.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.0.packets.len()
    }

    /// Bytes of its longest packet.
    #[must_use]
    pub fn longest_packet(&self) -> usize {
        self.0.longest
    }

    /// Writes the heap's number into all headers.
    #[inline]
    pub fn write_count(&mut self, count: u64) {
        let built = &mut *self.0;
        let word = Pointer::immediate(id::HEAP_CNT, count).to_word(built.flavour).to_be_bytes();
        let mut start = 0;
        for packet in &built.packets {
            built.headers[start + Prefix::LEN..start + Prefix::LEN + Pointer::LEN].copy_from_slice(&word);
            start = packet.header_end as usize;
        }
    }

    /// Bytes of packet `index`, and in how many parts of memory they lie, the header included.
    #[inline]
    pub(crate) fn packet_len(&self, index: usize) -> (usize, usize) {
        let packet = self.0.packets[index];
        let before = index.checked_sub(1).map_or(0, |before| self.0.packets[before].pieces_end);
        (packet.len as usize, (packet.pieces_end - before) as usize + 1)
    }

    /// The parts of packet `index` in their order: its header, then its payload.
    #[inline]
    pub(crate) fn parts(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let built = &*self.0;
        let packet = built.packets[index];
        let (start, first) = match index.checked_sub(1) {
            Some(before) => (built.packets[before].header_end, built.packets[before].pieces_end),
            None => (0, 0),
        };
        let header = &built.headers[start as usize..packet.header_end as usize];
        let pieces = &built.pieces[first as usize..packet.pieces_end as usize];
        let pieces =
            pieces.iter().map(move |piece| &built.values[piece.value].as_bytes()[piece.bytes.clone()]);
        core::iter::once(header).chain(pieces)
    }
}

/// The heap has no immediate item of this identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the heap was built without an immediate item {id:#x}")]
pub struct NoSuchImmediate {
    /// What was asked for.
    pub id: u64,
}

/// A heap's items, taken apart into pointers and memory.
struct Contents {
    pointers: Vec<Pointer>,
    values: Vec<Value>,
    /// Identifier, which pointer, which value.
    places: Vec<(u64, usize, Option<usize>)>,
    /// Bytes of all values.
    len: usize,
}

impl Contents {
    fn of(heap: &Heap) -> Result<Self, HeapError> {
        let flavour = heap.flavour;
        let mut contents = Self { pointers: Vec::new(), values: Vec::new(), places: Vec::new(), len: 0 };
        for item in &heap.items {
            let value = match &item.value {
                ItemValue::Immediate(value) => Err(*value),
                ItemValue::Memory { value, may_be_immediate } => {
                    let bytes = value.as_bytes();
                    if *may_be_immediate && bytes.len() <= flavour.address_bytes() {
                        Err(bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
                    } else {
                        Ok(value)
                    }
                }
            };
            let pointer = contents.pointers.len();
            match value {
                Err(immediate) => {
                    contents.places.push((item.id, pointer, None));
                    contents.pointers.push(Pointer::immediate(item.id, immediate));
                }
                Ok(value) => {
                    contents.places.push((item.id, pointer, Some(contents.values.len())));
                    contents.pointers.push(Pointer::address(item.id, contents.len as u64));
                    let len = contents.len.checked_add(value.as_bytes().len());
                    let most = flavour.max_address();
                    contents.len = len.ok_or(HeapError::TooLong { len: u64::MAX, most })?;
                    contents.values.push(value.clone());
                }
            }
        }
        Ok(contents)
    }

    fn write_header(
        &self,
        shape: &Shape,
        flavour: Flavour,
        headers: &mut Vec<u8>,
        offsets: &mut [Vec<usize>],
    ) -> Result<(), HeapError> {
        let count = 4 + shape.pointers.len() + shape.padding;
        let count = u16::try_from(count).map_err(|_| HeapError::TooManyPieces)?;
        headers.extend_from_slice(Prefix::new(flavour, count).as_bytes());
        let mut write = |pointer: Pointer| {
            headers.extend_from_slice(&pointer.to_word(flavour).to_be_bytes());
            headers.len() - Pointer::LEN
        };
        write(Pointer::immediate(id::HEAP_CNT, 0));
        write(Pointer::immediate(id::HEAP_LENGTH, self.len as u64));
        write(Pointer::immediate(id::PAYLOAD_OFFSET, shape.payload.start as u64));
        write(Pointer::immediate(id::PAYLOAD_LENGTH, shape.payload.len() as u64));
        for index in shape.pointers.clone() {
            offsets[index].push(write(self.pointers[index]));
        }
        for _ in 0..shape.padding {
            write(Pointer::immediate(id::NULL, 0));
        }
        debug_assert!(count < 4 || headers.len() >= FIXED);
        Ok(())
    }
}

/// Walks through the values and cuts them at the ends of packets.
struct Pieces<'a> {
    values: &'a [Value],
    value: usize,
    offset: usize,
    found: Vec<Piece>,
}

impl<'a> Pieces<'a> {
    fn new(values: &'a [Value]) -> Self {
        Self { values, value: 0, offset: 0, found: Vec::new() }
    }

    fn take(&mut self, mut len: usize) {
        while len > 0 {
            let Some(value) = self.values.get(self.value) else {
                return;
            };
            let now = len.min(value.as_bytes().len() - self.offset);
            if now > 0 {
                self.found.push(Piece { value: self.value, bytes: self.offset..self.offset + now });
            }
            len -= now;
            self.offset += now;
            if self.offset == value.as_bytes().len() {
                (self.value, self.offset) = (self.value + 1, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use packhorse_testkit::golden;

    use super::*;
    use crate::{Descriptor, Format};

    fn counting(len: u8, from: u8) -> Vec<u8> {
        (from..from + len).collect()
    }

    fn wire(heap: &Heap, size: usize, split: Split) -> Vec<u8> {
        let mut heap = heap.prebuild_with(size, split).unwrap();
        heap.write_count(1);
        let bytes: Vec<u8> =
            (0..heap.packets()).flat_map(|index| heap.parts(index)).flatten().copied().collect();
        assert_eq!(bytes.len(), heap.wire_len());
        bytes
    }

    #[test]
    fn captured_heaps_are_built_byte_for_byte() {
        let flavour = Flavour::SPEAD_64_40;
        let timestamp =
            Descriptor::with_format(0x1600, "timestamp", "Index of the first sample", [Format::unsigned(40)]);
        let samples = Descriptor::array::<i8>(0x3300, "adc", "ADC output", &[16]);
        let mut first = Heap::new(flavour);
        // The order is that of the capture: both parts of an item, then the next item.
        first.descriptor(&timestamp).unwrap().immediate(0x1600, 0x12_3456_789a);
        first.descriptor(&samples).unwrap().item(0x3300, counting(16, 0));
        assert_eq!(wire(&first, 1472, Split::Full), golden::spead::named("heap1"));

        let mut second = Heap::new(flavour);
        second.immediate(0x1600, 5).item(0x3300, counting(16, 0x10));
        assert_eq!(wire(&second, 1472, Split::Even), golden::spead::named("heap2"));
        assert_eq!(wire(&Heap::stop(flavour), 1472, Split::Even), golden::spead::named("stop"));
    }

    #[test]
    fn captured_splits_are_made_byte_for_byte() {
        let mut heap = Heap::new(Flavour::SPEAD_64_40);
        heap.immediate(0x1600, 7).item(0x3300, counting(100, 0)).item(0x3301, counting(7, 0));
        assert_eq!(wire(&heap, 103, Split::Full), golden::spead::named("split"));
        heap.repeat_pointers(true);
        assert_eq!(wire(&heap, 103, Split::Full), golden::spead::named("split_repeat"));

        let mut heap = Heap::new(Flavour::SPEAD_64_40);
        (0..10).for_each(|value| {
            heap.immediate(0x1000 + value, value);
        });
        assert_eq!(wire(&heap, 96, Split::Full), golden::spead::named("imm_pad"));
    }

    #[test]
    fn small_values_become_immediates_padded_in_front() {
        let mut heap = Heap::new(Flavour::SPEAD_64_40);
        heap.item(0x1000, vec![1_u8, 2, 3]).item(0x1001, [(-2_i16).to_be()]).item(0x1002, Vec::<u8>::new());
        let bytes = wire(&heap, 1472, Split::Full);
        let words: Vec<u64> =
            bytes[40..72].chunks(8).map(|word| u64::from_be_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words[..3], [0x8010_0000_0001_0203, 0x8010_0100_0000_fffe, 0x8010_0200_0000_0000]);
        assert_eq!((words[3], bytes.len()), (0, 73));
    }

    #[test]
    fn values_and_immediates_change_in_place() {
        let mut heap = Heap::new(Flavour::SPEAD_64_40);
        heap.immediate(0x1600, 5).item(0x3300, counting(16, 0)).repeat_pointers(true);
        let mut built = heap.prebuild(64).unwrap();
        built.set(0x1600, (1 << 40) + 9).unwrap();
        built.samples_mut::<u8>(0x3300).unwrap()[15] = 99;
        let bytes: Vec<u8> =
            (0..built.packets()).flat_map(|index| built.parts(index)).flatten().copied().collect();
        let timestamps = bytes.windows(8).filter(|word| **word == [0x80, 0x16, 0, 0, 0, 0, 0, 9]);
        assert_eq!((timestamps.count(), bytes.last()), (built.packets(), Some(&99)));
        assert_eq!(built.set(0x3300, 1), Err(NoSuchImmediate { id: 0x3300 }));
        assert!(built.bytes_mut(0x1600).is_none() && built.samples_mut::<u32>(0x3301).is_none());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let narrow = Flavour::new(8).unwrap();
        let mut heap = Heap::new(narrow);
        heap.item(0x1000, vec![0_u8; 256]);
        assert_eq!(heap.prebuild(1472).unwrap_err(), HeapError::TooLong { len: 256, most: 255 });
        let mut heap = Heap::new(narrow);
        heap.immediate(0x1000, 256);
        assert!(matches!(heap.prebuild(1472), Err(HeapError::Immediate { .. })));
        assert!(matches!(
            Heap::new(narrow).prebuild(55),
            Err(HeapError::PacketSize { asked: 55, least: 56 })
        ));
        for id in [0, 4, 1 << 55] {
            let mut heap = Heap::new(narrow);
            heap.item(id, vec![0_u8; 10]);
            assert!(matches!(heap.prebuild(1472), Err(HeapError::Id { .. })), "{id}");
        }
    }
}

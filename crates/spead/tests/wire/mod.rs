//! Packets by hand for the tests, with every mistake that one likes to make.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests
#![allow(dead_code, reason = "every test program uses its part")]

use packhorse_spead::Flavour;
use packhorse_spead::receive::readers::StreamReader;
use packhorse_spead::receive::{DirectStream, Heap, RingOptions, Statistics, StreamConfig};
use packhorse_spead::wire::{Pointer, Prefix, id};
use zerocopy::IntoBytes as _;

/// A packet of heap `cnt` with these bytes at `offset`.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) flavour: Flavour,
    pub(crate) cnt: u64,
    pub(crate) length: Option<u64>,
    pub(crate) offset: u64,
    pub(crate) pointers: Vec<Pointer>,
    pub(crate) payload: Vec<u8>,
}

impl Plan {
    pub(crate) fn new(cnt: u64, length: u64, offset: u64, payload: &[u8]) -> Self {
        let flavour = Flavour::SPEAD_64_40;
        Self { flavour, cnt, length: Some(length), offset, pointers: Vec::new(), payload: payload.to_vec() }
    }

    pub(crate) fn with(mut self, pointer: Pointer) -> Self {
        self.pointers.push(pointer);
        self
    }

    pub(crate) fn unsized_heap(self) -> Self {
        Self { length: None, ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut pointers = vec![Pointer::immediate(id::HEAP_CNT, self.cnt)];
        pointers.extend(self.length.map(|length| Pointer::immediate(id::HEAP_LENGTH, length)));
        pointers.push(Pointer::immediate(id::PAYLOAD_OFFSET, self.offset));
        pointers.push(Pointer::immediate(id::PAYLOAD_LENGTH, self.payload.len() as u64));
        pointers.extend(&self.pointers);
        let mut bytes = Prefix::new(self.flavour, u16::try_from(pointers.len()).unwrap()).as_bytes().to_vec();
        bytes.extend(pointers.iter().flat_map(|pointer| pointer.to_word(self.flavour).to_be_bytes()));
        bytes.extend(&self.payload);
        bytes
    }
}

/// The packets of a heap of `len` bytes, each `size` of payload, with one item over all.
pub(crate) fn split(cnt: u64, len: usize, size: usize) -> Vec<Plan> {
    let payload: Vec<u8> = (0..len).map(|at| payload_byte(cnt, at)).collect();
    let offsets = (0..len).step_by(size);
    offsets
        .map(|offset| {
            let part = &payload[offset..len.min(offset + size)];
            let plan = Plan::new(cnt, len as u64, offset as u64, part);
            if offset == 0 { plan.with(Pointer::address(0x3300, 0)) } else { plan }
        })
        .collect()
}

/// What byte `at` of heap `cnt` is, so that no heap is taken for another.
pub(crate) fn payload_byte(cnt: u64, at: usize) -> u8 {
    (cnt.wrapping_mul(31) + (at as u64).wrapping_mul(7) % 251) as u8
}

/// All heaps that a stream makes of these packets, and its statistics.
pub(crate) fn receive(
    config: &StreamConfig,
    options: &RingOptions,
    plans: &[Plan],
) -> (Vec<Heap>, Statistics) {
    let bytes: Vec<u8> = plans.iter().flat_map(Plan::bytes).collect();
    let mut stream = DirectStream::new(StreamReader::memory(bytes), config.clone(), options);
    let heaps = stream.by_ref().map(Result::unwrap).collect();
    (heaps, stream.statistics())
}

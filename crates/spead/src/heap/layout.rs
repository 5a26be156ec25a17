//! How a heap is cut into packets: which item pointers and which part of the payload each one has.
//!
//! ```text
//!   Full    |########|########|########|##|          every packet as long as allowed: the bytes of spead2
//!   Even    |######|######|######|######|            as many packets, all equally long: one message of GSO
//!
//!   packet    | prefix, 4 pointers: 40 bytes | item pointers | padding pointers | payload |
//! ```
//! Item pointers stand in the first packets that have room, once, or in all of them when they are repeated. A packet
//! has at least one byte of payload. Not for the bytes: `prebuilt` writes them.

use core::ops::Range;

use super::HeapError;
use crate::wire::{Pointer, Prefix};

/// How long the packets of a heap are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Split {
    /// Equally long, as far as that goes, with as few packets as `Full` makes. Every receiver takes them, and a batch
    /// of heaps leaves without a gap. Where the length does not divide, padding pointers (8 bytes each) are added.
    #[default]
    Even,
    /// As long as allowed, the last one shorter: byte for byte what spead2 sends.
    Full,
}

/// Prefix and the four pointers that every packet has.
pub(super) const FIXED: usize = Prefix::LEN + 4 * Pointer::LEN;
/// The least packet size: one item pointer, and 8 bytes of payload.
pub(super) const LEAST_SIZE: usize = FIXED + 2 * Pointer::LEN;
/// Heaps of more packets than this fill many messages anyway, and are not evened out.
const MOST_EVEN: usize = 64;

/// What a packet has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Which of the heap's item pointers.
    pub(super) pointers: Range<usize>,
    /// How many pointers that say nothing.
    pub(super) padding: usize,
    /// Which bytes of the heap's payload.
    pub(super) payload: Range<usize>,
}

impl Shape {
    /// Bytes on the wire.
    pub(super) fn len(&self) -> usize {
        FIXED + (self.pointers.len() + self.padding) * Pointer::LEN + self.payload.len()
    }
}

/// Bytes of payload that a heap with so many item pointers has at least, so that no packet is without.
pub(super) fn least_payload(pointers: usize, size: usize) -> usize {
    let most = most_pointers(size);
    (pointers / most) * Pointer::LEN + 1
}

/// Cuts a heap. `size` is at least [`LEAST_SIZE`], and the payload has [`least_payload`].
pub(super) fn cut(
    pointers: usize,
    payload: usize,
    size: usize,
    repeat: bool,
    split: Split,
) -> Result<Vec<Shape>, HeapError> {
    let most = most_pointers(size);
    if repeat && pointers > most {
        return Err(HeapError::RepeatedPointers { pointers, most });
    }
    let full = Cut { pointers, payload, size: size & !7, repeat }.shapes();
    if split == Split::Full || full.len() < 2 || full.len() > MOST_EVEN {
        return Ok(full);
    }
    Ok(even(&full, pointers, payload, repeat).unwrap_or(full))
}

/// Item pointers that fit in a packet beside 8 bytes of payload.
fn most_pointers(size: usize) -> usize {
    ((size & !7) - FIXED - Pointer::LEN) / Pointer::LEN
}

/// The same number of packets, equally long; `None` when they cannot be made more equal than they are.
fn even(full: &[Shape], pointers: usize, payload: usize, repeat: bool) -> Option<Vec<Shape>> {
    let count = full.len();
    let longest = full.first()?.len();
    let total = full.iter().map(Shape::len).sum::<usize>();
    // Padding that makes the total divide, if any does: fewer than `count` pointers, at most one a packet.
    let padding =
        (0..count).find(|padding| (total + padding * Pointer::LEN).is_multiple_of(count)).unwrap_or(0);
    let size = (total + padding * Pointer::LEN).div_ceil(count);
    // Unless repeated, all pointers have to stand in the first packet, and in front of some payload.
    if size > longest || FIXED + pointers * Pointer::LEN >= size {
        return None;
    }
    let padded = count - padding;
    let mut shapes = Vec::with_capacity(count);
    let mut start = 0;
    for place in 0..count {
        let mine = if place == 0 || repeat { 0..pointers } else { pointers..pointers };
        let padding = usize::from(place >= padded);
        let room = size.checked_sub(FIXED + (mine.len() + padding) * Pointer::LEN)?;
        let end = payload.min(start + room);
        if end == start {
            return None;
        }
        shapes.push(Shape { pointers: mine, padding, payload: start..end });
        start = end;
    }
    (start == payload).then_some(shapes)
}

struct Cut {
    pointers: usize,
    payload: usize,
    size: usize,
    repeat: bool,
}

impl Cut {
    fn shapes(&self) -> Vec<Shape> {
        let most = most_pointers(self.size);
        let mut shapes = Vec::new();
        let (mut pointer, mut offset) = (0, 0);
        while shapes.is_empty() || offset < self.payload || pointer < self.pointers {
            let start = if self.repeat { 0 } else { pointer };
            pointer = start + most.min(self.pointers - start);
            let pointers = start..pointer;
            let room = self.size - FIXED - pointers.len() * Pointer::LEN;
            let end = self.payload.min(offset + room);
            shapes.push(Shape { pointers, padding: 0, payload: offset..end });
            offset = end;
        }
        shapes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lengths(pointers: usize, payload: usize, size: usize, split: Split) -> Vec<usize> {
        cut(pointers, payload, size, false, split).unwrap().iter().map(Shape::len).collect()
    }

    #[test]
    fn a_heap_of_8_kib_in_packets_of_1472_bytes_becomes_six_equal_ones() {
        assert_eq!(lengths(2, 8192, 1472, Split::Full), [1472, 1472, 1472, 1472, 1472, 1088]);
        assert_eq!(lengths(2, 8192, 1472, Split::Even), [1408; 6]);
        assert_eq!(lengths(2, 8192, 1456, Split::Even), [1408; 6]);
        assert_eq!(lengths(2, 8192, 9000, Split::Even), [8248]);
    }

    #[test]
    fn what_cannot_be_equal_has_only_a_shorter_last_packet() {
        let lengths = lengths(2, 8193, 1472, Split::Even);
        assert_eq!(lengths.len(), 6);
        assert!(lengths[..5].iter().all(|len| *len == lengths[0]) && lengths[5] < lengths[0], "{lengths:?}");
    }

    proptest! {
        #[test]
        fn every_byte_and_every_pointer_leaves_once_and_no_packet_is_too_long(
            pointers in 0_usize..40,
            extra in 0_usize..20_000,
            size in LEAST_SIZE..3000,
            repeat: bool,
            even: bool,
        ) {
            prop_assume!(!repeat || pointers <= most_pointers(size));
            let payload = least_payload(pointers, size) + extra;
            let split = if even { Split::Even } else { Split::Full };
            let shapes = cut(pointers, payload, size, repeat, split).unwrap();
            let (mut offset, mut pointer) = (0, 0);
            for shape in &shapes {
                prop_assert!(shape.len() <= size);
                prop_assert!(!shape.payload.is_empty());
                prop_assert_eq!(shape.payload.start, offset);
                offset = shape.payload.end;
                if repeat {
                    prop_assert_eq!(shape.pointers.clone(), 0..pointers);
                } else {
                    prop_assert_eq!(shape.pointers.start, pointer);
                    pointer = shape.pointers.end;
                }
            }
            prop_assert_eq!((offset, if repeat { pointers } else { pointer }), (payload, pointers));
            let full = cut(pointers, payload, size, repeat, Split::Full).unwrap();
            prop_assert_eq!(shapes.len(), full.len());
            // All but the last are equal, which is what GSO needs, unless pointers fill several packets.
            if even && shapes.len() > 1 && shapes[0].pointers.len() == pointers {
                let len = shapes[0].len();
                prop_assert!(shapes[..shapes.len() - 1].iter().all(|shape| shape.len() == len));
                prop_assert!(shapes[shapes.len() - 1].len() <= len);
            }
        }
    }
}

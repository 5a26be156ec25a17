//! [`Packet`]: one SPEAD packet taken apart where it lies, every length checked.
//!
//! ```text
//!   | prefix | HEAP_CNT | HEAP_LENGTH | PAYLOAD_OFFSET | PAYLOAD_LENGTH | other pointers | payload |
//!     8        any order, each immediate; HEAP_LENGTH may be missing                       PAYLOAD_LENGTH bytes
//! ```
//! Not for what several packets make together: that is the assembler's. Source: the SPEAD protocol, version 4, and
//! what other implementations send.

use thiserror::Error;
use zerocopy::byteorder::{BE, U64};

use crate::Flavour;
use crate::wire::{HeaderError, Pointer, Prefix, id};

/// A packet whose lengths all fit together. Borrowed from the bytes it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    flavour: Flavour,
    pointers: &'a [U64<BE>],
    payload: &'a [u8],
    heap_cnt: u64,
    heap_length: Option<u64>,
    payload_offset: u64,
    control: Option<u64>,
    highest_address: u64,
}

impl<'a> Packet<'a> {
    /// Parses a datagram, which is one packet and nothing behind it.
    ///
    /// # Errors
    /// [`PacketError`], one for every way a packet can be malformed.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, PacketError> {
        let (packet, behind) = Self::parse_first(datagram)?;
        if behind.is_empty() { Ok(packet) } else { Err(PacketError::BytesBehind { extra: behind.len() }) }
    }

    /// Bytes of the packet at the start of `bytes`, if it is there whole: by what it says of its own length, and nothing
    /// else. For readers that cut packets apart, which whoever gets them takes to pieces.
    #[inline]
    pub(crate) fn first_len(bytes: &[u8]) -> Option<usize> {
        let (flavour, words, rest) = Prefix::split(bytes).ok()?;
        let mut pointers = words.iter().rev().map(|word| Pointer::from_word(word.get(), flavour));
        let length = pointers.find(|pointer| pointer.immediate && pointer.id == id::PAYLOAD_LENGTH)?.value;
        let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
        Some(bytes.len() - rest.len() + length)
    }

    /// Parses the packet at the start of `bytes` and gives what lies behind it: packets back to back.
    ///
    /// # Errors
    /// [`PacketError`], except [`BytesBehind`](PacketError::BytesBehind).
    #[inline]
    pub fn parse_first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), PacketError> {
        let (flavour, pointers, rest) = Prefix::split(bytes)?;
        let (mut heap_cnt, mut heap_length, mut payload_offset, mut payload_length) =
            (None, None, None, None);
        let (mut control, mut highest_address) = (None, 0);
        for word in pointers {
            let Pointer { immediate, id, value } = Pointer::from_word(word.get(), flavour);
            if immediate {
                match id {
                    id::HEAP_CNT => heap_cnt = Some(value),
                    id::HEAP_LENGTH => heap_length = Some(value),
                    id::PAYLOAD_OFFSET => payload_offset = Some(value),
                    id::PAYLOAD_LENGTH => payload_length = Some(value),
                    // A stop counts, whatever stands beside it.
                    id::STREAM_CTRL if control != Some(id::STOP) => control = Some(value),
                    _ => {}
                }
            } else {
                highest_address = value.max(highest_address);
            }
        }
        let heap_cnt = heap_cnt.ok_or(PacketError::NoHeapCnt)?;
        let payload_offset = payload_offset.ok_or(PacketError::NoPayloadOffset)?;
        let needed = payload_length.ok_or(PacketError::NoPayloadLength)?;
        let split = usize::try_from(needed).ok().and_then(|needed| rest.split_at_checked(needed));
        let Some((payload, behind)) = split else {
            return Err(PacketError::PayloadCut { needed, available: rest.len() });
        };
        // Both are below 2^56.
        let end = payload_offset + needed;
        if let Some(length) = heap_length.filter(|length| end > *length) {
            return Err(PacketError::BeyondHeap { end, length });
        }
        let packet = Self {
            flavour,
            pointers,
            payload,
            heap_cnt,
            heap_length,
            payload_offset,
            control,
            highest_address,
        };
        Ok((packet, behind))
    }

    /// Its flavour. What mistakes the sender makes a packet does not say.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The heap it belongs to.
    #[must_use]
    pub fn heap_cnt(&self) -> u64 {
        self.heap_cnt
    }

    /// Bytes of the whole heap's payload, if the packet says so.
    #[must_use]
    pub fn heap_length(&self) -> Option<u64> {
        self.heap_length
    }

    /// Where in the heap's payload this one's begins, in bytes.
    #[must_use]
    pub fn payload_offset(&self) -> u64 {
        self.payload_offset
    }

    /// Its part of the heap's payload.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// All item pointers as they lie there, those of the protocol included.
    #[must_use]
    pub fn words(&self) -> &'a [U64<BE>] {
        self.pointers
    }

    /// All item pointers, those of the protocol included.
    pub fn pointers(&self) -> impl Iterator<Item = Pointer> + 'a {
        let flavour = self.flavour;
        self.pointers.iter().map(move |word| Pointer::from_word(word.get(), flavour))
    }

    /// The value of the immediate item `id`, when this packet carries it.
    #[must_use]
    pub fn immediate(&self, id: u64) -> Option<u64> {
        self.pointers().find(|pointer| pointer.immediate && pointer.id == id).map(|pointer| pointer.value)
    }

    /// Where in the heap's payload the addressed item `id` begins and ends, as far as this packet and the heap's length
    /// tell. Of several the first.
    pub(crate) fn extent(&self, id: u64) -> Option<(u64, Option<u64>)> {
        let mut addressed = self.pointers().filter(|pointer| !pointer.immediate);
        let own = addressed.find(|pointer| pointer.id == id)?;
        // Of pointers with one address all but the last have no bytes.
        let ends_here = addressed.any(|pointer| pointer.value == own.value && pointer.id != id);
        if ends_here {
            return Some((own.value, Some(own.value)));
        }
        let addressed = self.pointers().filter(|pointer| !pointer.immediate && pointer.value > own.value);
        let next = addressed.map(|pointer| pointer.value).min();
        Some((own.value, next.or(self.heap_length)))
    }

    /// The value of the stream control item, if there is one: see [`id::STOP`] and its neighbours.
    #[must_use]
    pub fn control(&self) -> Option<u64> {
        self.control
    }

    /// The highest address among its addressed pointers, in bytes of the heap's payload.
    pub(crate) fn highest_address(&self) -> u64 {
        self.highest_address
    }

    /// Bytes of the packet on the wire.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a packet is never empty")]
    pub fn len(&self) -> usize {
        self.header_len() + self.payload.len()
    }

    /// Bytes in front of the payload.
    pub(crate) fn header_len(&self) -> usize {
        Prefix::LEN + size_of_val(self.pointers)
    }
}

/// Why bytes are not a packet. Each is counted under its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// The prefix is not one of SPEAD-64, or the packet ends before its pointers do.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// No pointer says which heap it is.
    #[error("the packet does not say which heap it belongs to (item 0x1 is missing or not immediate)")]
    NoHeapCnt,
    /// No pointer says where the payload belongs.
    #[error("the packet does not say where its payload belongs (item 0x3 is missing or not immediate)")]
    NoPayloadOffset,
    /// No pointer says how long the payload is.
    #[error("the packet does not say how long its payload is (item 0x4 is missing or not immediate)")]
    NoPayloadLength,
    /// The packet ends before its payload does.
    #[error("the packet says that {needed} bytes of payload follow, and {available} do")]
    PayloadCut {
        /// Bytes that it says.
        needed: u64,
        /// Bytes that are there.
        available: usize,
    },
    /// The datagram is longer than the packet in it.
    #[error("{extra} bytes follow the packet in its datagram")]
    BytesBehind {
        /// Bytes behind the payload.
        extra: usize,
    },
    /// The payload reaches beyond the heap's length.
    #[error("the payload ends at {end}, and its heap at {length}")]
    BeyondHeap {
        /// Where the payload ends in the heap.
        end: u64,
        /// Where the heap ends.
        length: u64,
    },
}

#[cfg(test)]
mod tests {
    use packhorse_testkit::golden;

    use super::*;

    #[test]
    fn captured_packets_parse_back_to_back() {
        let mut rest = golden::spead::named("split");
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (packet, behind) = Packet::parse_first(rest).unwrap();
            assert_eq!(packet.len(), rest.len() - behind.len());
            parts.push((packet.payload_offset(), packet.payload().len(), packet.words().len()));
            assert_eq!((packet.heap_cnt(), packet.heap_length()), (1, Some(107)));
            rest = behind;
        }
        assert_eq!(parts, [(0, 32, 7), (32, 56, 4), (88, 19, 4)]);
    }

    #[test]
    fn the_stop_heap_is_one() {
        let packet = Packet::parse(golden::spead::named("stop")).unwrap();
        assert_eq!(packet.control(), Some(id::STOP));
        assert_eq!(packet.immediate(id::STREAM_CTRL), Some(2));
        assert_eq!(packet.immediate(0x1600), None);
    }

    #[test]
    fn every_malformed_class_has_its_own_error() {
        let good = golden::spead::named("heap2");
        assert!(Packet::parse(good).is_ok());
        // Pointers begin at 8: count, length, offset, payload length. The identifier is in bytes 0 to 2 of each.
        let without = |pointer: usize| {
            let mut packet = good.to_vec();
            packet[8 + 8 * pointer + 1] = 0x70;
            Packet::parse(&packet).map(|_| ()).unwrap_err()
        };
        assert_eq!(without(0), PacketError::NoHeapCnt);
        assert_eq!(without(2), PacketError::NoPayloadOffset);
        assert_eq!(without(3), PacketError::NoPayloadLength);
        let mut addressed = good.to_vec();
        addressed[8] = 0;
        assert_eq!(Packet::parse(&addressed).unwrap_err(), PacketError::NoHeapCnt);
        let mut unsized_heap = good.to_vec();
        unsized_heap[17] = 0x70;
        assert_eq!(Packet::parse(&unsized_heap).unwrap().heap_length(), None);
        let cut = Packet::parse(&good[..good.len() - 1]).unwrap_err();
        assert_eq!(cut, PacketError::PayloadCut { needed: 16, available: 15 });
        let mut longer = good.to_vec();
        longer.push(0);
        assert_eq!(Packet::parse(&longer).unwrap_err(), PacketError::BytesBehind { extra: 1 });
        let mut beyond = good.to_vec();
        beyond[8 + 16 + 7] = 1;
        assert_eq!(Packet::parse(&beyond).unwrap_err(), PacketError::BeyondHeap { end: 17, length: 16 });
        let mut hostile = good.to_vec();
        hostile[8 + 24 + 3..8 + 32].fill(0xff);
        assert!(matches!(Packet::parse(&hostile), Err(PacketError::PayloadCut { .. })));
        assert!(matches!(Packet::parse(b""), Err(PacketError::Header(HeaderError::Short { .. }))));
    }
}

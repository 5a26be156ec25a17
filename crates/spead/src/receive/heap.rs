//! [`Heap`]: what a stream delivers, and its [`Items`].
//!
//! ```text
//!   one packet     SlabSlice |prefix|pointers|payload|        where it was received: nothing was copied
//!   several        HeapMemory: pointers, once each | payload  copied once, packet by packet
//! ```
//! Values are the bytes as they arrived; what they mean the descriptors say. Not the assembling: that is
//! [`assembler`](super::assembler).

use core::fmt;
use core::ops::Range;

use packhorse_buffer::SlabSlice;
use zerocopy::FromBytes as _;
use zerocopy::byteorder::{BE, U64};

use super::memory::Owned;
use super::{Items, Packet};
use crate::Flavour;
use crate::wire::{Pointer, Prefix, id};

/// A heap as it arrived. Dropping it gives its memory back to be received into again.
pub struct Heap {
    cnt: u64,
    flavour: Flavour,
    length: Option<u64>,
    received: u64,
    contents: Contents,
    incomplete: Option<Incomplete>,
}

enum Contents {
    /// The heap's only packet, and where its payload begins.
    Packet { packet: SlabSlice, header: usize },
    /// Several packets, put together.
    Assembled { memory: Owned, length: usize },
}

/// What is known of a heap that is not whole.
struct Incomplete {
    /// Sorted, apart from one another. Empty when nobody asked for them.
    ranges: Vec<Range<u64>>,
}

impl Heap {
    /// A heap that came in one packet, which `slice` holds.
    #[inline]
    pub(crate) fn of_packet(packet: &Packet<'_>, flavour: Flavour, slice: SlabSlice) -> Self {
        let received = packet.payload().len() as u64;
        Self {
            cnt: packet.heap_cnt(),
            flavour,
            length: Some(received),
            received,
            contents: Contents::Packet { packet: slice, header: packet.header_len() },
            incomplete: None,
        }
    }

    /// A whole heap of several packets.
    pub(crate) fn assembled(cnt: u64, flavour: Flavour, memory: Owned, length: usize) -> Self {
        let received = length as u64;
        let contents = Contents::Assembled { memory, length };
        Self { cnt, flavour, length: Some(received), received, contents, incomplete: None }
    }

    /// A heap of which something is missing. Bytes that did not arrive are zero, up to the last that did: what a packet
    /// says of more is no memory.
    pub(crate) fn incomplete(
        (cnt, flavour): (u64, Flavour),
        length: Option<u64>,
        received: u64,
        mut memory: Owned,
        ranges: Vec<Range<u64>>,
        keep_ranges: bool,
    ) -> Self {
        let at = |address: u64| usize::try_from(address).unwrap_or(usize::MAX);
        let end = ranges.last().map_or(0, |range| at(range.end)).min(memory.memory.bytes.len());
        // The memory may hold what an earlier heap left in it.
        let mut from = 0;
        for range in &ranges {
            if let Some(gap) = memory.memory.bytes.get_mut(from..at(range.start).min(end)) {
                gap.fill(0);
            }
            from = at(range.end);
        }
        memory.shrink(end);
        let contents = Contents::Assembled { memory, length: end };
        let ranges = if keep_ranges { ranges } else { Vec::new() };
        Self { cnt, flavour, length, received, contents, incomplete: Some(Incomplete { ranges }) }
    }

    /// The heap's number, as its sender counts.
    #[must_use]
    pub fn cnt(&self) -> u64 {
        self.cnt
    }

    /// The flavour of its packets, with the mistakes that the stream was told of.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Whether everything arrived. Streams deliver others only when asked to.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_none()
    }

    /// Bytes of payload that the heap has, if a packet said so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Bytes of payload that arrived.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The payload of all items together. Of an incomplete heap, up to the last byte that arrived; what is missing in
    /// front of it is zero.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &[u8] {
        match &self.contents {
            Contents::Packet { packet, header } => packet.get(*header..).unwrap_or_default(),
            Contents::Assembled { memory, length } => memory.memory.bytes.get(..*length).unwrap_or_default(),
        }
    }

    /// Of an incomplete heap: which bytes of the payload arrived, in order, if the stream keeps account.
    #[must_use]
    pub fn ranges(&self) -> &[Range<u64>] {
        self.incomplete.as_ref().map_or(&[], |incomplete| &incomplete.ranges)
    }

    /// The item pointers as they lie on the wire, those of the protocol included.
    #[must_use]
    pub fn words(&self) -> &[U64<BE>] {
        match &self.contents {
            Contents::Packet { packet, header } => {
                let pointers = packet.get(Prefix::LEN..*header).unwrap_or_default();
                <[U64<BE>]>::ref_from_bytes(pointers).unwrap_or_default()
            }
            Contents::Assembled { memory, .. } => &memory.memory.pointers,
        }
    }

    /// The items in the order in which their pointers came, descriptors included, without those of the protocol.
    ///
    /// Of an incomplete heap only the immediate ones: where an addressed item ends, pointers may say that are missing.
    #[must_use]
    #[inline]
    pub fn items(&self) -> Items<'_> {
        Items::new(self.words(), self.payload(), self.flavour, self.is_complete())
    }

    /// The bytes of item `id`; of several the first. See [`items`](Self::items).
    #[must_use]
    #[inline]
    pub fn item(&self, id: u64) -> Option<&[u8]> {
        self.items().find(|item| item.id == id).map(|item| item.bytes)
    }

    /// The value of the immediate item `id`.
    #[must_use]
    pub fn immediate(&self, id: u64) -> Option<u64> {
        let pointers = self.pointers();
        pointers.filter(|pointer| pointer.immediate && pointer.id == id).map(|pointer| pointer.value).next()
    }

    /// Whether it says that a stream starts.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.immediate(id::STREAM_CTRL) == Some(id::START)
    }

    /// Whether it says that the stream ends. Delivered only by streams that do not stop there.
    #[must_use]
    pub fn is_stop(&self) -> bool {
        self.pointers().any(|pointer| pointer == Pointer::immediate(id::STREAM_CTRL, id::STOP))
    }

    fn pointers(&self) -> impl Iterator<Item = Pointer> {
        self.words().iter().map(|word| Pointer::from_word(word.get(), self.flavour))
    }

    /// Whether its payload lies in the receive buffer, where it arrived.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        matches!(self.contents, Contents::Packet { .. })
    }
}

impl fmt::Debug for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cnt, flavour, received, .. } = self;
        write!(f, "Heap {{ cnt {cnt}, {flavour}, {received} bytes")?;
        if let Some(length) = self.length.filter(|_| !self.is_complete()) {
            write!(f, " of {length}")?;
        }
        f.write_str(" }")
    }
}

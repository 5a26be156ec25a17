//! [`Place`]: where in which chunk a heap belongs, and [`PlaceRequest`]: what there is to decide it by.

use super::super::Packet;

/// Where a heap belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the chunk: counts up as the stream goes on.
    pub chunk: u64,
    /// Number of the heap in the chunk: its flag of presence.
    pub heap: usize,
    /// Byte of the chunk at which its payload begins, or the item that the stream places.
    pub offset: usize,
    /// Bytes of its place. A heap of any other length is not wanted, and nothing is ever written outside.
    pub len: usize,
}

/// A heap that wants a place: what its first packet says.
#[derive(Debug)]
pub struct PlaceRequest<'a> {
    pub(super) packet: &'a Packet<'a>,
    /// Bytes to note with the heap in its chunk, up to what [`Chunk::with_extra`](super::Chunk::with_extra) allows.
    /// Empty at first.
    pub extra: &'a mut Vec<u8>,
}

impl PlaceRequest<'_> {
    /// The heap's number.
    #[must_use]
    pub fn cnt(&self) -> u64 {
        self.packet.heap_cnt()
    }

    /// Bytes of its whole payload, descriptors included, if the packet says so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.packet.heap_length()
    }

    /// The value of the immediate item `id`. `None` when the packet does not carry it: in a stream out of order that
    /// may be so for any, unless the sender repeats the pointers.
    #[must_use]
    pub fn immediate(&self, id: u64) -> Option<u64> {
        self.packet.immediate(id)
    }

    /// The packet itself.
    #[must_use]
    pub fn packet(&self) -> &Packet<'_> {
        self.packet
    }
}

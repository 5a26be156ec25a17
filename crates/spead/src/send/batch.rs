//! [`Batch`]: packets that a writer gets at once, as slices of memory that lies anywhere.
//!
//! ```text
//!   slices    | header | payload | header | payload | payload | header | ...     none of it copied
//!   packets   | 0                | 1                          | 2 ...           where the slices of each end
//! ```

use std::io::IoSlice;

use arrayvec::ArrayVec;

use crate::PrebuiltHeap;

/// The most slices in a batch, so that they lie on the stack. A system call takes as many.
pub(crate) const MOST_SLICES: usize = 1024;
/// The most packets in a batch.
const MOST_PACKETS: usize = 512;

/// Packets to be written, in their order.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    slices: ArrayVec<IoSlice<'a>, MOST_SLICES>,
    packets: ArrayVec<Entry, MOST_PACKETS>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    slices_end: u32,
    len: u32,
    substream: u32,
    ends_heap: bool,
}

/// A packet of a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchPacket<'b, 'a> {
    /// Its bytes: a header, then payload.
    pub slices: &'b [IoSlice<'a>],
    /// How many bytes.
    pub len: usize,
    /// Which of the writer's endpoints it goes to.
    pub substream: usize,
    /// Whether it is the last packet of its heap.
    pub ends_heap: bool,
}

impl<'a> Batch<'a> {
    /// Without packets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds packet `index` of a heap; `false` when it has no room for it.
    #[inline]
    pub(crate) fn push(&mut self, heap: &'a PrebuiltHeap, index: usize) -> bool {
        let (len, parts) = heap.packet_len(index);
        if self.packets.is_full() || self.slices.remaining_capacity() < parts {
            return false;
        }
        self.slices.extend(heap.parts(index).map(IoSlice::new));
        self.finish(len, heap.substream(), index + 1 == heap.packets());
        true
    }

    /// Adds a packet that lies in one piece. There has to be room.
    pub(crate) fn push_whole(&mut self, packet: &'a [u8], substream: usize, ends_heap: bool) {
        self.slices.push(IoSlice::new(packet));
        self.finish(packet.len(), substream, ends_heap);
    }

    // Slices are at most 1024, packets at most 64 KiB, substreams as many as there are endpoints.
    #[expect(clippy::cast_possible_truncation)]
    #[inline]
    fn finish(&mut self, len: usize, substream: usize, ends_heap: bool) {
        self.bytes += len;
        let entry = Entry {
            slices_end: self.slices.len() as u32,
            len: len as u32,
            substream: substream as u32,
            ends_heap,
        };
        self.packets.push(entry);
    }

    /// The packets.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = BatchPacket<'_, 'a>> {
        (0..self.packets.len()).map(|index| self.packet(index))
    }

    /// Packet `index`.
    ///
    /// # Panics
    /// When there are fewer.
    #[inline]
    #[must_use]
    pub fn packet(&self, index: usize) -> BatchPacket<'_, 'a> {
        let Entry { slices_end, len, substream, ends_heap } = self.packets[index];
        let start = index.checked_sub(1).map_or(0, |before| self.packets[before].slices_end);
        BatchPacket {
            slices: &self.slices[start as usize..slices_end as usize],
            len: len as usize,
            substream: substream as usize,
            ends_heap,
        }
    }

    /// The slices of the packets from `first` to before `end`.
    #[must_use]
    pub fn slices_of(&self, first: usize, end: usize) -> &[IoSlice<'a>] {
        let start = first.checked_sub(1).map_or(0, |before| self.packets[before].slices_end);
        let end = end.checked_sub(1).map_or(0, |last| self.packets[last].slices_end);
        &self.slices[start as usize..end as usize]
    }

    /// The slices of all packets, one behind the other.
    #[must_use]
    pub fn slices(&self) -> &[IoSlice<'a>] {
        &self.slices
    }

    /// How many packets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes of all packets.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets the packets.
    pub fn clear(&mut self) {
        self.slices.clear();
        self.packets.clear();
        self.bytes = 0;
    }
}

//! [`Slab`]: a run of consecutive blocks in one piece of memory, each with room for its headers already around it.
//!
//! ```text
//!   | room | block 7 | tail | room | block 8 | tail | room | block 9 | tail | unused |
//!          ^ read from the file straight to here
//!   | hhhh | block 7 | tttt | hhhh | block 8 | tttt | hhhh | block 9 | tttt | unused |
//!   ^ every layer has pushed its header: where the headers fill the room, the whole run is one write
//! ```
//!
//! Not a queue: the loader fills a slab once, the sender turns its blocks into packets, the pool takes it back.

use packhorse_buffer::{HeapSlot, PacketBuf, Storage as _};

/// How blocks lie in a slab, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Room in front of every block.
    pub(crate) room: usize,
    /// Length of a block; the last one of an object may be shorter.
    pub(crate) block: usize,
    /// Room behind every block.
    pub(crate) tail: usize,
}

impl Shape {
    /// From one block to the next.
    pub(crate) fn stride(self) -> usize {
        self.room + self.block + self.tail
    }

    /// Blocks that fit into `bytes` of memory.
    pub(crate) fn blocks_in(self, bytes: usize) -> usize {
        bytes / self.stride()
    }
}

/// Consecutive blocks of one object.
pub(crate) struct Slab {
    memory: HeapSlot,
    shape: Shape,
    /// Number of the first block.
    pub(crate) first: u32,
    /// Blocks that are filled.
    pub(crate) count: u32,
    /// Length of the last filled block; all others are full.
    last_len: usize,
}

impl Slab {
    /// An empty slab whose first block will be number `first`.
    pub(crate) fn new(memory: HeapSlot, shape: Shape, first: u32) -> Self {
        Self { memory, shape, first, count: 0, last_len: 0 }
    }

    /// Most blocks that fit.
    pub(crate) fn capacity(&self) -> usize {
        self.shape.blocks_in(self.memory.as_slice().len())
    }

    /// The memory for the blocks, one slice a block, in order.
    pub(crate) fn blocks_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let Shape { room, block, .. } = self.shape;
        self.memory
            .as_mut_slice()
            .chunks_exact_mut(self.shape.stride())
            .map(move |slot| &mut slot[room..room + block])
    }

    /// Says that the first `bytes` bytes' worth of blocks are filled.
    pub(crate) fn filled(&mut self, bytes: usize) {
        let block = self.shape.block;
        let count = bytes.div_ceil(block);
        self.count = u32::try_from(count).unwrap_or(u32::MAX);
        self.last_len = bytes - count.saturating_sub(1) * block;
    }

    /// Bytes of the object in this slab.
    pub(crate) fn bytes(&self) -> usize {
        match self.count {
            0 => 0,
            count => (count as usize - 1) * self.shape.block + self.last_len,
        }
    }

    /// Whether block `number` is in this slab.
    pub(crate) fn contains(&self, number: u32) -> bool {
        number.wrapping_sub(self.first) < self.count
    }

    /// Block `number` as a packet without headers yet, and where its slot begins in the slab's memory.
    pub(crate) fn packet(&mut self, number: u32) -> Option<(PacketBuf<&mut [u8]>, usize)> {
        if !self.contains(number) {
            return None;
        }
        let index = (number - self.first) as usize;
        let len = if index + 1 == self.count as usize { self.last_len } else { self.shape.block };
        let start = index * self.shape.stride();
        let slot = self.memory.as_mut_slice().get_mut(start..start + self.shape.stride())?;
        let mut buf = PacketBuf::new(slot);
        buf.set_range(self.shape.room..self.shape.room + len).ok()?;
        Some((buf, start))
    }

    /// The memory, to send from.
    pub(crate) fn memory(&self) -> &[u8] {
        self.memory.as_slice()
    }
}

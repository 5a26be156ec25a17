//! [`Brick`]: up to 8 blocks that travel together, in memory that is allocated once and used again.
//!
//! ```text
//!   a brick     | block 0 | block 1 | ... | block 7 |      the last brick of a stream holds fewer
//!
//!   a block
//!     input     | history, if blocks are linked | room 4 | payload            | room 4 |
//!     output                                    | room 4 | what it becomes    | room 4 |
//!                                                 length                        checksum
//! ```
//! A block goes by itself to whoever computes it and comes back. Length and checksum are written into the room
//! around what is already there, so that a whole block leaves memory as one slice. (The last four bytes of history
//! are where the length goes: it is written when nobody needs the history any more.)
//! Not for the format of frames, nor for who computes.

mod block;

use core::fmt;

use crate::frame::Descriptor;

pub use block::{Block, Outcome};
pub(crate) use block::{Desk, Task};

/// Most blocks in a brick.
pub const BLOCKS: usize = 8;

/// Up to [`BLOCKS`] blocks, and the memory for as many.
pub struct Brick {
    number: u64,
    used: usize,
    blocks: Vec<Block>,
    /// What begins before its first block and ends behind its last one.
    pub(crate) marks: Marks,
}

/// What a decoder has to know between blocks: a brick never reaches from one frame into the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// A frame begins with this brick. `None` inside is a legacy frame.
    pub(crate) begin: Option<Option<Descriptor>>,
    /// The frame ends with this brick: its content checksum, and where in the input that stands.
    pub(crate) end: Option<(Option<u32>, u64)>,
}

impl Marks {
    pub(crate) fn is_none(&self) -> bool {
        self.begin.is_none() && self.end.is_none()
    }
}

impl Brick {
    /// An empty brick with room for `blocks` blocks, 1 to [`BLOCKS`]; their memory grows with their first use.
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        let blocks = blocks.clamp(1, BLOCKS);
        Self {
            number: 0,
            used: 0,
            blocks: (0..blocks).map(|_| Block::default()).collect(),
            marks: Marks::default(),
        }
    }

    /// Its place in the stream, counted from 0.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The blocks that are in use, in order.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks[..self.used]
    }

    /// The blocks that are in use, for whoever computes them.
    pub fn blocks_mut(&mut self) -> &mut [Block] {
        &mut self.blocks[..self.used]
    }

    /// Whether no block is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Whether every block is in use.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.used == self.blocks.len()
    }

    /// Payload bytes that go into the computation.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.blocks().iter().map(Block::payload_len).sum()
    }

    /// Payload bytes that come out of it.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.blocks().iter().map(Block::output_len).sum()
    }

    /// Forgets its blocks and takes a new place in the stream.
    pub(crate) fn reset(&mut self, number: u64) {
        self.number = number;
        self.used = 0;
        self.marks = Marks::default();
    }

    /// The next block, emptied. `None` when all are in use.
    pub(crate) fn next_block(&mut self) -> Option<&mut Block> {
        let block = self.blocks.get_mut(self.used)?;
        self.used += 1;
        block.clear();
        Some(block)
    }

    /// Gives the block back that was begun last.
    pub(crate) fn drop_last(&mut self) {
        self.used = self.used.saturating_sub(1);
    }

    /// The block that was begun last.
    pub(crate) fn last_block(&mut self) -> Option<&mut Block> {
        self.used.checked_sub(1).and_then(|last| self.blocks.get_mut(last))
    }
}

impl fmt::Debug for Brick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Brick {{ number {}, {} of {} blocks }}", self.number, self.used, self.blocks.len())
    }
}

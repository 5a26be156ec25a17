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

use alloc::sync::Arc;
use core::fmt;
use core::ops::Range;
use std::io;

use crate::codec::BlockError;
use crate::frame::{BLOCK_HEADER, CHECKSUM, Descriptor};
use crate::positional::ReadAt;

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
        self.blocks().iter().map(|block| block.payload.len()).sum()
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

/// One block: what goes into the computation, what comes out, and what is to be done.
#[derive(Default)]
pub struct Block {
    input: Vec<u8>,
    payload: Range<usize>,
    history: usize,
    origin: Option<Origin>,
    output: Vec<u8>,
    task: Task,
    outcome: Outcome,
    /// Where the block's payload lies in the input of the whole stream, in bytes.
    pub(crate) offset: u64,
}

/// What is to be done with a block.
#[derive(Debug, Default)]
pub(crate) enum Task {
    /// Whatever the kernel does with every block.
    #[default]
    Usual,
    /// Decode it into at most so many bytes.
    Decode {
        /// Most bytes that it may become.
        most: usize,
        /// Whether it is stored as it is.
        stored: bool,
        /// The checksum that its payload has to have.
        checksum: Option<u32>,
        /// Its place among the blocks whose history it shares. Dropped, those behind it do not wait.
        link: Option<crate::decompress::Ticket>,
    },
}

/// What became of a block.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Outcome {
    /// Not computed yet.
    #[default]
    Pending,
    /// The result is so many bytes of the output.
    Coded(usize),
    /// The result is the payload as it was.
    Stored,
    /// It cannot be decoded.
    Damaged(BlockError),
    /// The payload's checksum does not hold.
    Checksum {
        /// As computed.
        expected: u32,
        /// As read.
        found: u32,
    },
    /// Its payload could not be read.
    Unread(io::Error),
    /// A block before it failed, and it depends on that one.
    Skipped,
}

/// Where the payload of a block is read from by whoever computes it.
struct Origin {
    file: Arc<dyn ReadAt>,
    offset: u64,
}

impl Block {
    /// The bytes to compute on. Empty until [`load`](Self::load) for a block that is read where it is computed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.input[self.payload.clone()]
    }

    /// The payload with the bytes that come before it in the stream, as far as they are known; and where it starts.
    #[must_use]
    pub fn payload_with_history(&self) -> (&[u8], usize) {
        (&self.input[self.payload.start - self.history..self.payload.end], self.history)
    }

    /// The output memory, at least `most` bytes of it, and the payload: for those who compute.
    pub(crate) fn parts(&mut self, most: usize) -> (&[u8], usize, &mut [u8]) {
        let whole = BLOCK_HEADER + most + CHECKSUM;
        if self.output.len() < whole {
            // A new allocation rather than `resize`: zeros from the system cost nothing until they are touched.
            self.output = vec![0; whole];
        }
        let from = self.payload.start - self.history;
        (
            &self.input[from..self.payload.end],
            self.history,
            &mut self.output[BLOCK_HEADER..BLOCK_HEADER + most],
        )
    }

    /// Puts what a device computed into the output: for accelerators that keep memory of their own.
    pub fn set_output(&mut self, bytes: &[u8]) {
        let (_, _, output) = self.parts(bytes.len());
        output.copy_from_slice(bytes);
        self.outcome = Outcome::Coded(bytes.len());
    }

    /// What became of it.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Says what became of it.
    pub fn set_outcome(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Whether its payload is still to be read by whoever computes it.
    pub(crate) fn is_read_late(&self) -> bool {
        self.origin.is_some()
    }

    /// Reads the payload if that was left to whoever computes. Otherwise does nothing.
    ///
    /// # Errors
    /// When it cannot be read, or the file has become shorter.
    pub fn load(&mut self) -> io::Result<()> {
        match self.origin.take() {
            None => Ok(()),
            Some(Origin { file, offset }) => {
                file.read_exact_at(&mut self.input[self.payload.clone()], offset)
            }
        }
    }

    /// Its payload could not be read: there is nothing to do with it any more.
    pub(crate) fn unread(&mut self, error: io::Error) {
        self.task = Task::Usual;
        self.outcome = Outcome::Unread(error);
    }

    /// The result: the coded bytes, or the payload of a block that passes as it is; nothing of one that failed.
    #[must_use]
    pub fn result(&self) -> &[u8] {
        match self.outcome {
            Outcome::Coded(len) => &self.output[BLOCK_HEADER..BLOCK_HEADER + len],
            Outcome::Stored => self.payload(),
            _ => &[],
        }
    }

    pub(crate) fn output_len(&self) -> usize {
        self.result().len()
    }

    pub(crate) fn take_task(&mut self) -> Task {
        core::mem::take(&mut self.task)
    }

    pub(crate) fn set_task(&mut self, task: Task) {
        self.task = task;
    }

    /// Gives the payload memory for `most` bytes, with `history` bytes in front.
    pub(crate) fn prepare(&mut self, history: &[u8], most: usize) {
        let room = history.len().max(BLOCK_HEADER);
        let whole = room + most + CHECKSUM;
        if self.input.len() < whole {
            self.input = vec![0; whole];
        }
        self.input[room - history.len()..room].copy_from_slice(history);
        self.history = history.len();
        self.payload = room..room;
    }

    /// Memory for `most` payload bytes in all, of which the first ones are there.
    pub(crate) fn spare(&mut self, most: usize) -> &mut [u8] {
        let start = self.payload.start;
        &mut self.input[self.payload.end..start + most]
    }

    /// So many more bytes of payload are there.
    pub(crate) fn commit(&mut self, count: usize) {
        self.payload.end += count;
    }

    /// So many bytes at the end of the payload are something else.
    pub(crate) fn take_back(&mut self, count: usize) -> &[u8] {
        let end = self.payload.end;
        self.payload.end -= count;
        &self.input[self.payload.end..end]
    }

    /// The payload is `len` bytes at `offset` of `file`, for whoever computes to read.
    pub(crate) fn set_origin(&mut self, file: Arc<dyn ReadAt>, offset: u64, len: usize) {
        self.payload.end = self.payload.start + len;
        self.origin = Some(Origin { file, offset });
    }

    /// The result between a length and a checksum, as one slice.
    pub(crate) fn framed(&mut self, header: [u8; BLOCK_HEADER], checksum: Option<u32>) -> &[u8] {
        let (memory, range) = match self.outcome {
            Outcome::Coded(len) => (&mut self.output, BLOCK_HEADER..BLOCK_HEADER + len),
            _ => (&mut self.input, self.payload.clone()),
        };
        let start = range.start - BLOCK_HEADER;
        memory[start..range.start].copy_from_slice(&header);
        let mut end = range.end;
        if let Some(checksum) = checksum {
            memory[end..end + CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
            end += CHECKSUM;
        }
        &memory[start..end]
    }

    fn clear(&mut self) {
        self.payload = BLOCK_HEADER..BLOCK_HEADER;
        self.history = 0;
        self.origin = None;
        self.task = Task::Usual;
        self.outcome = Outcome::Pending;
        self.offset = 0;
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block {{ {} bytes, {:?} }}", self.payload.len(), self.outcome)
    }
}

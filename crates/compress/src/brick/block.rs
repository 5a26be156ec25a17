//! [`Block`]: the unit of computation, its memory, and where its payload is. [`Desk`]: memory that stays with one who
//! computes.
//!
//! ```text
//!   in its input                    put there by whoever reads the stream
//!   elsewhere, in a file            read by whoever computes: into its input, or onto a desk --+
//!   left on the desk                the block has its result in its output         <-----------+
//! ```
//! Not for bricks.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Range;
use std::io;

use crate::codec::BlockError;
use crate::frame::{BLOCK_HEADER, CHECKSUM};
use crate::positional::ReadAt;

/// One block: what goes into the computation, what comes out, and what is to be done.
#[derive(Default)]
pub struct Block {
    input: Vec<u8>,
    payload: Range<usize>,
    history: usize,
    place: Place,
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

/// Where the payload of a block is.
#[derive(Default)]
enum Place {
    /// In its input.
    #[default]
    Here,
    /// In a file, to be read by whoever computes it.
    Elsewhere(Origin),
    /// It stayed with whoever computed it. The result is all that is needed, also that of a stored block is in the output.
    Left,
}

struct Origin {
    file: Arc<dyn ReadAt>,
    offset: u64,
    /// Somebody needs the payload behind the computation, too.
    kept: bool,
}

/// Memory of one who computes, into which the payloads of blocks are read one after another.
///
/// It is warm: the memory of the blocks themselves is another one each time, and larger together than any cache.
#[derive(Default)]
pub(crate) struct Desk(Vec<u8>);

impl Desk {
    /// Lends its memory to a block whose payload is to be read into it, and is needed by nobody afterwards. Says whether.
    pub(crate) fn lend(&mut self, block: &mut Block) -> bool {
        let lent = matches!(&block.place, Place::Elsewhere(origin) if !origin.kept);
        if lent {
            core::mem::swap(&mut self.0, &mut block.input);
        }
        lent
    }

    /// Takes the memory back that was lent. What is to be stored is copied: it was in the cache a moment ago.
    pub(crate) fn take_back(&mut self, block: &mut Block) {
        core::mem::swap(&mut self.0, &mut block.input);
        block.place = Place::Left;
        if matches!(block.outcome, Outcome::Stored) {
            let payload = &self.0[block.payload.clone()];
            reach(&mut block.output, BLOCK_HEADER + payload.len() + CHECKSUM);
            block.output[BLOCK_HEADER..][..payload.len()].copy_from_slice(payload);
        }
    }
}

impl Block {
    /// The bytes to compute on. Empty until [`load`](Self::load) for a block that is read where it is computed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match self.place {
            Place::Here => &self.input[self.payload.clone()],
            Place::Elsewhere(_) | Place::Left => &[],
        }
    }

    /// Bytes of payload, wherever they are.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// The payload with the bytes that come before it in the stream, as far as they are known; and where it starts.
    #[must_use]
    pub fn payload_with_history(&self) -> (&[u8], usize) {
        (&self.input[self.payload.start - self.history..self.payload.end], self.history)
    }

    /// The output memory, at least `most` bytes of it, and the payload: for those who compute.
    pub(crate) fn parts(&mut self, most: usize) -> (&[u8], usize, &mut [u8]) {
        reach(&mut self.output, BLOCK_HEADER + most + CHECKSUM);
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
        matches!(self.place, Place::Elsewhere(_))
    }

    /// Reads the payload if that was left to whoever computes. Otherwise does nothing.
    ///
    /// # Errors
    /// When it cannot be read, or the file has become shorter.
    pub fn load(&mut self) -> io::Result<()> {
        let Place::Elsewhere(Origin { file, offset, .. }) = core::mem::take(&mut self.place) else {
            return Ok(());
        };
        reach(&mut self.input, self.payload.end + CHECKSUM);
        file.read_exact_at(&mut self.input[self.payload.clone()], offset)
    }

    /// Its payload could not be read: there is nothing to do with it any more.
    pub(crate) fn unread(&mut self, error: io::Error) {
        self.task = Task::Usual;
        self.outcome = Outcome::Unread(error);
    }

    /// The result: the coded bytes, or the payload of a block that passes as it is; nothing of one that failed.
    #[must_use]
    pub fn result(&self) -> &[u8] {
        match (&self.outcome, &self.place) {
            (Outcome::Coded(len), _) => &self.output[BLOCK_HEADER..BLOCK_HEADER + len],
            (Outcome::Stored, Place::Left) => &self.output[BLOCK_HEADER..BLOCK_HEADER + self.payload.len()],
            (Outcome::Stored, _) => self.payload(),
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
        reach(&mut self.input, room + most + CHECKSUM);
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

    /// The payload is `len` bytes at `offset` of `file`, for whoever computes to read; `kept` if somebody looks at it
    /// behind the computation.
    pub(crate) fn set_origin(&mut self, file: Arc<dyn ReadAt>, offset: u64, len: usize, kept: bool) {
        self.payload.end = self.payload.start + len;
        self.place = Place::Elsewhere(Origin { file, offset, kept });
    }

    /// The result between a length and a checksum, as one slice.
    pub(crate) fn framed(&mut self, header: [u8; BLOCK_HEADER], checksum: Option<u32>) -> &[u8] {
        let (memory, range) = match (&self.outcome, &self.place) {
            (Outcome::Coded(len), _) => (&mut self.output, BLOCK_HEADER..BLOCK_HEADER + len),
            (_, Place::Left) => (&mut self.output, BLOCK_HEADER..BLOCK_HEADER + self.payload.len()),
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

    pub(super) fn clear(&mut self) {
        self.payload = BLOCK_HEADER..BLOCK_HEADER;
        self.history = 0;
        self.place = Place::Here;
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

/// Makes memory that is too short new and `len` bytes long. What was in it is gone: zeros from the system cost nothing until they
/// are touched, which those of `resize` do.
fn reach(memory: &mut Vec<u8>, len: usize) {
    if memory.len() < len {
        *memory = vec![0; len];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(&'static [u8]);

    impl ReadAt for Bytes {
        fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
            let offset = usize::try_from(offset).map_err(io::Error::other)?;
            into.copy_from_slice(&self.0[offset..offset + into.len()]);
            Ok(into.len())
        }
    }

    fn late(kept: bool) -> Block {
        let mut block = Block::default();
        block.clear();
        block.set_origin(Arc::new(Bytes(b"some words of which eight are read")), 5, 8, kept);
        block
    }

    /// What a worker does with the block.
    fn computed(desk: &mut Desk, block: &mut Block, outcome: Outcome) -> bool {
        let lent = desk.lend(block);
        assert_eq!(block.payload(), b"");
        block.load().unwrap();
        assert_eq!(block.payload(), b"words of");
        block.parts(8).2[..4].copy_from_slice(b"done");
        block.set_outcome(outcome);
        if lent {
            desk.take_back(block);
        }
        assert_eq!(block.payload_len(), 8);
        lent
    }

    #[test]
    fn payloads_stay_on_the_desk_whether_their_blocks_are_coded_or_stored() {
        let (mut desk, mut coded, mut stored) = (Desk::default(), late(false), late(false));
        assert!(computed(&mut desk, &mut coded, Outcome::Coded(4)));
        let memory = desk.0.as_ptr();
        assert_eq!((coded.payload(), coded.result()), (&b""[..], &b"done"[..]));
        assert!(computed(&mut desk, &mut stored, Outcome::Stored));
        assert_eq!((desk.0.as_ptr(), stored.input.len()), (memory, 0));
        assert_eq!(stored.result(), b"words of");
        assert_eq!(stored.framed([1, 2, 3, 4], None), b"\x01\x02\x03\x04words of");
    }

    #[test]
    fn a_payload_that_is_needed_afterwards_stays_in_the_block() {
        let (mut desk, mut block) = (Desk::default(), late(true));
        assert!(!computed(&mut desk, &mut block, Outcome::Coded(4)));
        assert_eq!((block.payload(), desk.0.len()), (&b"words of"[..], 0));
    }
}

//! [`Cutter`]: cuts content into blocks, and gives linked ones the bytes before them.

use alloc::sync::Arc;
use std::fs::File;
use std::io::Read;

use super::Options;
use crate::brick::Brick;
use crate::codec::WINDOW;
use crate::error::Error;
use crate::input::{Sequential, read_some};
use crate::schedule::{Feed, Idle};

/// Cuts content into blocks. It does not read: bytes are put into [`spare`](Self::spare) memory by whoever has them.
pub(crate) struct Cutter {
    block: usize,
    linked: bool,
    /// Of a linked frame: the last 64 KiB before the next block, dictionary included.
    history: Vec<u8>,
    /// Bytes of content so far.
    offset: u64,
}

impl Cutter {
    pub(crate) fn new(options: &Options) -> Self {
        let dictionary = options.dictionary.as_ref().filter(|_| options.linked);
        let mut history = Vec::new();
        if options.linked {
            history.reserve_exact(WINDOW);
            history.extend_from_slice(dictionary.map_or(&[], |dictionary| dictionary.bytes()));
        }
        Self { block: options.block_size.bytes(), linked: options.linked, history, offset: 0 }
    }

    /// Bytes of content so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Memory for the next bytes of content; empty when the brick is full.
    pub(crate) fn spare<'a>(&mut self, brick: &'a mut Brick) -> &'a mut [u8] {
        let open = brick.last_block().is_some_and(|block| block.payload_len() < self.block);
        if !open {
            let history = &self.history;
            let Some(block) = brick.next_block() else { return &mut [] };
            block.prepare(history, self.block);
            block.offset = self.offset;
        }
        let most = self.block;
        brick.last_block().map_or(&mut [], |block| block.spare(most))
    }

    /// So many bytes were put into the spare memory.
    pub(crate) fn commit(&mut self, count: usize, brick: &mut Brick) {
        self.offset += u64::try_from(count).unwrap_or(0);
        let Some(block) = brick.last_block() else { return };
        block.commit(count);
        if self.linked && block.payload_len() == self.block {
            keep(&mut self.history, block.payload());
        }
    }

    /// Whether the last block is complete.
    pub(crate) fn is_between(&self, brick: &mut Brick) -> bool {
        brick.last_block().is_some_and(|block| block.payload_len() == self.block)
    }

    /// Ends the block that was begun, full or not. A block without a byte is none.
    pub(crate) fn cut(&mut self, brick: &mut Brick) {
        let most = self.block;
        let Some(block) = brick.last_block() else { return };
        match block.payload_len() {
            0 => brick.drop_last(),
            len if len < most && self.linked => keep(&mut self.history, block.payload()),
            _ => {}
        }
    }
}

/// Makes the last 64 KiB of `history` and `bytes` the history.
fn keep(history: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[bytes.len().saturating_sub(WINDOW)..];
    let excess = (history.len() + bytes.len()).saturating_sub(WINDOW);
    history.drain(..excess);
    history.extend_from_slice(bytes);
}

/// Fills bricks from a stream.
pub(crate) struct ReadFeed<R> {
    reader: R,
    cutter: Cutter,
    ended: bool,
    /// The last read brought less than asked.
    short: bool,
}

impl<R: Read> ReadFeed<R> {
    pub(crate) fn new(reader: R, cutter: Cutter) -> Self {
        Self { reader, cutter, ended: false, short: false }
    }

    pub(crate) fn get_ref(&self) -> &R {
        &self.reader
    }
}

impl<R: Read> Feed for ReadFeed<R> {
    fn fill(&mut self, brick: &mut Brick, idle: Idle<'_>) -> Result<bool, Error> {
        while !self.ended {
            let spare = self.cutter.spare(brick);
            let spare_len = spare.len();
            if spare_len == 0 {
                break;
            }
            let count = read_some(&mut self.reader, spare)
                .map_err(|source| Error::Read { offset: self.cutter.offset(), source })?;
            self.short = count < spare_len;
            self.cutter.commit(count, brick);
            self.ended = count == 0;
            // Whole blocks that have come are passed on when nothing else is to be done meanwhile.
            if self.short && self.cutter.is_between(brick) && idle.now() {
                break;
            }
        }
        if self.ended {
            self.cutter.cut(brick);
        }
        Ok(!brick.is_empty())
    }

    fn is_slow(&self) -> bool {
        self.short
    }
}

/// Fills bricks with the places of a file, for workers to read themselves; from where the file ended when it was
/// opened it is read as a stream, so that what is added meanwhile is not lost.
pub(super) struct FileFeed {
    file: Arc<File>,
    block: usize,
    at: u64,
    end: u64,
    start: u64,
    /// Whoever writes the blocks looks at what was in them.
    kept: bool,
    rest: ReadFeed<Sequential>,
}

impl FileFeed {
    pub(super) fn new(file: Arc<File>, start: u64, options: &Options) -> Result<Self, Error> {
        let length = file.metadata().map_err(|source| Error::Read { offset: 0, source })?.len();
        let block = options.block_size.bytes();
        let whole = length.saturating_sub(start) / u64::try_from(block).unwrap_or(u64::MAX);
        let end = start + whole * u64::try_from(block).unwrap_or(0);
        let mut cutter = Cutter::new(options);
        cutter.offset = end - start;
        let rest = ReadFeed::new(Sequential { file: Arc::clone(&file), at: end }, cutter);
        let kept = options.content_checksum || options.expansion.is_some();
        Ok(Self { file, block, at: start, end, start, kept, rest })
    }
}

impl Feed for FileFeed {
    fn fill(&mut self, brick: &mut Brick, idle: Idle<'_>) -> Result<bool, Error> {
        while self.at < self.end {
            let Some(block) = brick.next_block() else { return Ok(true) };
            block.set_origin(Arc::<File>::clone(&self.file), self.at, self.block, self.kept);
            block.offset = self.at - self.start;
            self.at += u64::try_from(self.block).unwrap_or(0);
        }
        // The last block of the file, and what was added to it.
        Ok(self.rest.fill(brick, idle)? || !brick.is_empty())
    }
}

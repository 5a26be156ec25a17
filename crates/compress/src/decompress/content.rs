//! [`ContentWriter`]: writes decoded blocks in order, and checks what only the whole content can tell.

use std::io::{IoSlice, Write};

use super::Options;
use crate::brick::{BLOCKS, Block, Brick, Outcome};
use crate::error::Error;
use crate::frame::{Checksum, Descriptor, FrameErrorKind};
use crate::output::Counted;
use crate::schedule::{Drain, Progress};

/// Writes the content of frames.
pub(crate) struct ContentWriter<W> {
    writer: Counted<W>,
    limit: u64,
    /// The frame that is being read; none between frames, and in legacy ones.
    frame: Option<Descriptor>,
    checksum: Checksum,
    /// Bytes of content of this frame.
    content: u64,
    /// Bytes of the input that were used up.
    coded: u64,
}

impl<W: Write> ContentWriter<W> {
    pub(crate) fn new(writer: W, options: &Options) -> Self {
        Self {
            writer: Counted::new(writer),
            limit: options.limit.unwrap_or(u64::MAX),
            frame: None,
            checksum: Checksum::new(),
            content: 0,
            coded: 0,
        }
    }

    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        self.writer.flush()
    }

    pub(crate) fn writer(&mut self) -> &mut Counted<W> {
        &mut self.writer
    }

    pub(crate) fn writer_ref(&self) -> &Counted<W> {
        &self.writer
    }

    pub(crate) fn into_writer(self) -> W {
        self.writer.into_inner()
    }

    /// Looks at one block: its bytes may be written, or not.
    fn accept(&mut self, block: &Block, written: u64) -> Result<(), Error> {
        let kind = match block.outcome() {
            Outcome::Coded(_) | Outcome::Stored => {
                let len = u64::try_from(block.result().len()).unwrap_or(u64::MAX);
                self.content = self.content.saturating_add(len);
                let promised = self.frame.and_then(|frame| frame.content_size);
                if let Some(expected) = promised.filter(|promised| self.content > *promised) {
                    FrameErrorKind::ContentSize { expected, found: self.content }
                } else if written.saturating_add(len) > self.limit {
                    FrameErrorKind::Limit(self.limit)
                } else {
                    return Ok(());
                }
            }
            Outcome::Damaged(error) => FrameErrorKind::Block(*error),
            Outcome::Checksum { expected, found } => {
                FrameErrorKind::BlockChecksum { expected: *expected, found: *found }
            }
            Outcome::Unread(error) => {
                let source = std::io::Error::new(error.kind(), error.to_string());
                return Err(Error::Read { offset: block.offset, source });
            }
            // The block before it is told first.
            Outcome::Pending | Outcome::Skipped => FrameErrorKind::CutShort,
        };
        Err(kind.at(block.offset).into())
    }

    /// What only the end can tell.
    fn end(&self, checksum: Option<u32>, offset: u64) -> Result<(), Error> {
        let Some(frame) = self.frame else { return Ok(()) };
        if let Some(expected) = frame.content_size.filter(|promised| *promised != self.content) {
            return Err(FrameErrorKind::ContentSize { expected, found: self.content }.at(offset).into());
        }
        let expected = self.checksum.value();
        match checksum.filter(|found| *found != expected) {
            Some(found) => Err(FrameErrorKind::ContentChecksum { expected, found }.at(offset).into()),
            None => Ok(()),
        }
    }
}

impl<W: Write> Drain for ContentWriter<W> {
    fn drain(&mut self, brick: &mut Brick) -> Result<(), Error> {
        if let Some(frame) = brick.marks.begin {
            self.frame = frame;
            self.checksum = Checksum::new();
            self.content = 0;
        }
        let mut slices = [IoSlice::new(&[]); BLOCKS];
        let mut used = 0;
        let mut written = self.writer.written();
        let mut result = Ok(());
        for (block, slice) in brick.blocks().iter().zip(&mut slices) {
            result = self.accept(block, written);
            if result.is_err() {
                break;
            }
            let bytes = block.result();
            if self.frame.is_some_and(|frame| frame.content_checksum) {
                self.checksum.update(bytes);
            }
            *slice = IoSlice::new(bytes);
            written = written.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
            used += 1;
            self.coded = block.offset + u64::try_from(block.payload_len()).unwrap_or(0);
        }
        self.writer.all(&mut slices[..used])?;
        result?;
        match brick.marks.end {
            Some((checksum, offset)) => self.end(checksum, offset),
            None => Ok(()),
        }
    }

    fn progress(&self) -> Progress {
        Progress { content: self.writer.written(), coded: self.coded }
    }
}

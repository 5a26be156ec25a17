//! [`Framer`]: writes computed blocks as a frame, in order.

use std::io::{IoSlice, Write};

use super::Options;
use crate::brick::{BLOCKS, Block, Brick, Outcome};
use crate::error::Error;
use crate::expansion::Expansion;
use crate::frame::{BLOCK_HEADER, CHECKSUM, Checksum, Descriptor, END_MARK, STORED};
use crate::output::Counted;
use crate::schedule::{Drain, Progress};

/// Writes one frame.
pub(crate) struct Framer<W> {
    writer: Counted<W>,
    frame: Descriptor,
    checksum: Checksum,
    content: u64,
    expansion: Option<Expansion>,
}

impl<W: Write> Framer<W> {
    pub(crate) fn new(writer: W, options: &Options) -> Self {
        Self {
            writer: Counted::new(writer),
            frame: options.descriptor(),
            checksum: Checksum::new(),
            content: 0,
            expansion: options.expansion,
        }
    }

    /// Writes the header.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        let mut header = [0; Descriptor::LONGEST];
        let len = self.frame.encode(&mut header);
        self.writer.one(&header[..len])
    }

    /// Writes what ends a frame.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        if let Some(promised) = self.frame.content_size.filter(|size| *size != self.content) {
            return Err(Error::ContentSize { promised, found: self.content });
        }
        let mut end = [0; END_MARK.len() + CHECKSUM];
        end[END_MARK.len()..].copy_from_slice(&self.checksum.value().to_le_bytes());
        let len = if self.frame.content_checksum { end.len() } else { END_MARK.len() };
        self.writer.one(&end[..len])?;
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
}

impl<W: Write> Drain for Framer<W> {
    fn drain(&mut self, brick: &mut Brick) -> Result<(), Error> {
        let mut slices = [IoSlice::new(&[]); BLOCKS];
        let mut used = 0;
        let mut failed = None;
        let mut coded = self.writer.written();
        for (block, slice) in brick.blocks_mut().iter_mut().zip(&mut slices) {
            let offset = block.offset;
            if let Outcome::Unread(error) = block.outcome() {
                // The error is needed by value, and this block by nobody any more.
                let source = std::io::Error::new(error.kind(), error.to_string());
                failed = Some(Error::Read { offset, source });
                break;
            }
            if self.frame.content_checksum {
                self.checksum.update(block.payload());
            }
            self.content += u64::try_from(block.payload_len()).unwrap_or(0);
            let len = |block: &Block| u64::try_from(block.result().len()).unwrap_or(u64::MAX);
            if self.expansion.is_some_and(|most| self.content > most.most(coded.saturating_add(len(block)))) {
                block.set_outcome(Outcome::Stored);
            }
            coded = coded.saturating_add(len(block));
            let result = block.result();
            let stored = if matches!(block.outcome(), Outcome::Stored) { STORED } else { 0 };
            let header: [u8; BLOCK_HEADER] =
                (u32::try_from(result.len()).unwrap_or(u32::MAX) | stored).to_le_bytes();
            let checksum = self.frame.block_checksum.then(|| Checksum::of(result));
            *slice = IoSlice::new(block.framed(header, checksum));
            used += 1;
        }
        self.writer.all(&mut slices[..used])?;
        failed.map_or(Ok(()), Err)
    }

    fn progress(&self) -> Progress {
        Progress { content: self.content, coded: self.writer.written() }
    }
}

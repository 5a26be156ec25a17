//! [`Intake`]: takes frames apart into bricks of blocks, wherever the input is cut.

use alloc::sync::Arc;
use std::io::Read;

use super::{Chain, Options};
use crate::brick::{Brick, Task};
use crate::error::Error;
use crate::frame::{
    BLOCK_HEADER, CHECKSUM, Descriptor, Dictionary, Event, FrameError, FrameErrorKind, LEGACY_BLOCK, Parser,
    Want,
};
use crate::input::read_some;
use crate::schedule::{Feed, Idle};

/// Most blocks of a legacy frame in a brick: they are as large as eight others, and bricks are computed at once, too.
const LEGACY_BLOCKS: usize = 1;

/// Bytes that are dropped at once.
const SCRATCH: usize = 16 * 1024;

/// Takes frames apart. It does not read: bytes are put into [`spare`](Self::spare) memory by whoever has them.
pub(crate) struct Intake {
    parser: Parser,
    small: [u8; 16],
    have: usize,
    scratch: Vec<u8>,
    dictionary: Option<Dictionary>,
    no_legacy: bool,
    frame: Option<Descriptor>,
    chain: Option<Arc<Chain>>,
    /// Blocks of this frame so far.
    blocks: u64,
    /// The block being received is stored as it is.
    stored: bool,
    /// What is wrong, told when all before it has been passed on.
    error: Option<FrameError>,
    ended: bool,
}

impl Intake {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            parser: Parser::new(),
            small: [0; 16],
            have: 0,
            scratch: Vec::new(),
            dictionary: options.dictionary.clone(),
            no_legacy: options.no_legacy,
            frame: None,
            chain: None,
            blocks: 0,
            stored: false,
            error: None,
            ended: false,
        }
    }

    /// Memory for the next bytes of input: 1 at least.
    pub(crate) fn spare<'a>(&'a mut self, brick: &'a mut Brick) -> &'a mut [u8] {
        match self.parser.want() {
            Want::Bytes(count) => &mut self.small[self.have..count],
            Want::Payload(count) => brick.last_block().map_or(&mut [], |block| block.spare(count)),
            Want::Skip(count) => {
                let count = usize::try_from(count).map_or(SCRATCH, |count| count.min(SCRATCH));
                if self.scratch.is_empty() {
                    self.scratch = vec![0; SCRATCH];
                }
                &mut self.scratch[..count]
            }
        }
    }

    /// So many bytes were put into the spare memory. Whether the brick is complete.
    pub(crate) fn commit(&mut self, count: usize, brick: &mut Brick) -> bool {
        match self.parser.want() {
            Want::Bytes(whole) => {
                self.have += count;
                if self.have < whole {
                    return false;
                }
                self.have = 0;
                let at = self.parser.offset();
                let event = self.parser.take(&self.small[..whole]);
                match event.and_then(|event| self.begin(event, at, brick)) {
                    Ok(complete) => complete,
                    Err(error) => {
                        self.error = Some(error);
                        true
                    }
                }
            }
            Want::Payload(whole) => {
                let Some(block) = brick.last_block() else { return true };
                block.commit(count);
                if block.payload_len() < whole {
                    return false;
                }
                self.parser.passed(u64::try_from(whole).unwrap_or(0));
                self.end_block(brick)
            }
            Want::Skip(_) => {
                self.parser.passed(u64::try_from(count).unwrap_or(0));
                false
            }
        }
    }

    /// The input ends here.
    pub(crate) fn end(&mut self, brick: &mut Brick) {
        if self.ended || self.error.is_some() {
            return;
        }
        self.ended = true;
        let payload = match self.parser.want() {
            Want::Payload(_) => brick.last_block().map_or(0, |block| block.payload_len()),
            _ => 0,
        };
        if let Want::Payload(_) = self.parser.want() {
            brick.drop_last();
        }
        let inside = u64::try_from(self.have + payload).unwrap_or(0);
        if inside > 0 {
            self.error = Some(self.parser.cut_short(inside));
            return;
        }
        match self.parser.finish() {
            Ok(None) => {}
            Ok(Some(_)) => brick.marks.end = Some((None, self.parser.offset())),
            Err(error) => self.error = Some(error),
        }
    }

    /// Whether there is an error, after which nothing more is taken.
    pub(crate) fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// Whether a part of a block is there.
    pub(crate) fn is_inside(&self) -> bool {
        matches!(self.parser.want(), Want::Payload(_))
    }

    /// The error, once everything before it was passed on.
    pub(crate) fn error(&self) -> Result<(), Error> {
        self.error.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Bytes of input so far.
    pub(crate) fn offset(&self) -> u64 {
        self.parser.offset() + u64::try_from(self.have).unwrap_or(0)
    }

    fn begin(&mut self, event: Event, at: u64, brick: &mut Brick) -> Result<bool, FrameError> {
        match event {
            Event::Nothing => Ok(false),
            Event::Frame(frame) => {
                let given = self.dictionary.as_ref();
                if let Some(id) = frame.dictionary_id
                    && given.is_none_or(|given| given.id().is_some_and(|given| given != id))
                {
                    return Err(FrameErrorKind::Dictionary(id).at(at));
                }
                let start = given.map_or(&[][..], |dictionary| dictionary.bytes());
                self.chain = frame.linked.then(|| Arc::new(Chain::new(start)));
                self.frame = Some(frame);
                self.blocks = 0;
                brick.marks.begin = Some(Some(frame));
                Ok(false)
            }
            Event::Legacy if self.no_legacy => Err(FrameErrorKind::Legacy.at(at)),
            Event::Legacy => {
                (self.frame, self.chain, self.blocks) = (None, None, 0);
                brick.marks.begin = Some(None);
                Ok(false)
            }
            Event::Block { stored, len } => {
                self.stored = stored;
                let room = self.frame.map_or(len, |frame| frame.block_size.bytes() + CHECKSUM);
                // There is one: a brick is passed on as soon as it is full.
                let Some(block) = brick.next_block() else { return Ok(true) };
                block.prepare(&[], room);
                block.offset = at;
                // A block without a byte or a checksum is whole already.
                if matches!(self.parser.want(), Want::Payload(_)) {
                    Ok(false)
                } else {
                    Ok(self.end_block(brick))
                }
            }
            Event::End { checksum } => {
                let end = self.parser.offset() - u64::try_from(BLOCK_HEADER).unwrap_or(0);
                brick.marks.end = Some((checksum, end));
                Ok(true)
            }
        }
    }

    /// The last block of the brick is there. Whether the brick is full.
    fn end_block(&mut self, brick: &mut Brick) -> bool {
        let Some(block) = brick.last_block() else { return true };
        let mut checksum = None;
        if self.frame.is_some_and(|frame| frame.block_checksum)
            && let Some(bytes) = block.take_back(CHECKSUM).first_chunk()
        {
            checksum = Some(u32::from_le_bytes(*bytes));
        }
        let most = self.frame.map_or(LEGACY_BLOCK, |frame| frame.block_size.bytes());
        let link = self.chain.as_ref().map(|chain| chain.ticket(self.blocks));
        block.set_task(Task::Decode { most, stored: self.stored, checksum, link });
        self.blocks += 1;
        brick.is_full() || (self.frame.is_none() && brick.blocks().len() >= LEGACY_BLOCKS)
    }
}

/// Fills bricks from a stream of frames.
pub(crate) struct ReadFeed<R> {
    reader: Buffered<R>,
    intake: Intake,
}

impl<R: Read> ReadFeed<R> {
    pub(crate) fn new(reader: R, intake: Intake) -> Self {
        Self { reader: Buffered::new(reader), intake }
    }

    /// Bytes of input so far.
    pub(crate) fn offset(&self) -> u64 {
        self.intake.offset()
    }
}

impl<R: Read> Feed for ReadFeed<R> {
    fn fill(&mut self, brick: &mut Brick, idle: Idle<'_>) -> Result<bool, Error> {
        while !self.intake.ended && !self.intake.failed() {
            let spare = self.intake.spare(brick);
            let count = self
                .reader
                .read(spare)
                .map_err(|source| Error::Read { offset: self.intake.offset(), source })?;
            if count == 0 {
                self.intake.end(brick);
                break;
            }
            if self.intake.commit(count, brick) {
                break;
            }
            // What has come is passed on when nothing else is to be done meanwhile.
            if !self.intake.is_inside() && !brick.is_empty() && self.reader.is_drained() && idle.now() {
                break;
            }
        }
        if brick.is_empty() && brick.marks.is_none() {
            self.intake.error()?;
            return Ok(false);
        }
        Ok(true)
    }

    fn is_slow(&self) -> bool {
        self.reader.is_drained()
    }
}

/// Joins small reads into larger ones and leaves large ones alone.
struct Buffered<R> {
    reader: R,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    /// The last read brought less than asked: nothing more is there now.
    short: bool,
}

impl<R: Read> Buffered<R> {
    const SIZE: usize = 64 * 1024;

    fn new(reader: R) -> Self {
        Self { reader, buffer: vec![0; Self::SIZE], from: 0, to: 0, short: false }
    }

    fn is_drained(&self) -> bool {
        self.from == self.to && self.short
    }

    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.from == self.to {
            if into.len() >= Self::SIZE {
                let count = read_some(&mut self.reader, into)?;
                self.short = count < into.len();
                return Ok(count);
            }
            (self.from, self.to) = (0, 0);
            self.to = read_some(&mut self.reader, &mut self.buffer)?;
            self.short = self.to < Self::SIZE;
        }
        let count = into.len().min(self.to - self.from);
        into[..count].copy_from_slice(&self.buffer[self.from..self.from + count]);
        self.from += count;
        Ok(count)
    }
}

//! [`Parser`]: walks over frames, one behind the other, without holding a byte of them.
//!
//! ```text
//!   loop {
//!       match parser.want() {
//!           Want::Bytes(n)   => give it exactly n bytes with take(), which says what they were
//!           Want::Payload(n) => the next n bytes are a block (and its checksum): put them somewhere, then passed(n)
//!           Want::Skip(n)    => n bytes mean nothing: drop as many as there are, and say so with passed(k)
//!       }
//!   }
//!   end of input: finish(), which says whether it may end here
//! ```
//! It needs at most 15 bytes at once, so any cut of the input will do. Not for decoding.

use super::{
    BLOCK_HEADER, CHECKSUM, Descriptor, FrameError, FrameErrorKind, LEGACY_BLOCK, LEGACY_MAGIC, MAGIC,
    SKIPPABLE_MAGIC, STORED,
};
use crate::block;

/// What the parser needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Exactly so many bytes, 1 to 15, for [`Parser::take`].
    Bytes(usize),
    /// So many bytes of a block, its checksum included, for the caller to keep.
    Payload(usize),
    /// So many bytes to drop.
    Skip(u64),
}

/// What the bytes just taken were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A part of something.
    Nothing,
    /// A frame begins.
    Frame(Descriptor),
    /// A legacy frame begins: independent blocks of 8 MiB, no checksums, no end mark.
    Legacy,
    /// A block begins; its bytes are the next payload.
    Block {
        /// They are the content itself.
        stored: bool,
        /// Bytes, without the checksum; may be 0 when stored.
        len: usize,
    },
    /// The frame is whole, as far as the parser can tell.
    End {
        /// The content checksum that it carries.
        checksum: Option<u32>,
    },
}

/// Walks over frames.
#[derive(Clone, Debug)]
pub struct Parser {
    state: State,
    /// Bytes taken or passed.
    offset: u64,
    /// Where the field that is being read began.
    began: u64,
    /// Frames that ended.
    frames: u64,
    /// Whether anything at all was a frame, skippable ones too.
    seen: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Magic,
    Flags,
    Header {
        flg: u8,
    },
    BlockHeader(Descriptor),
    Payload {
        of: Option<Descriptor>,
        left: usize,
    },
    ContentChecksum,
    SkipLength,
    Skip(u64),
    LegacyBlock,
    /// There was an error, and no way on.
    Broken,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser at the start of the input.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Magic, offset: 0, began: 0, frames: 0, seen: false }
    }

    /// What it needs next. After an error: one byte, for which it has the same error again.
    #[must_use]
    pub const fn want(&self) -> Want {
        match self.state {
            State::Magic | State::BlockHeader(_) | State::LegacyBlock => Want::Bytes(BLOCK_HEADER),
            State::SkipLength | State::ContentChecksum => Want::Bytes(CHECKSUM),
            State::Flags | State::Broken => Want::Bytes(1),
            State::Header { flg } => Want::Bytes(Descriptor::len_behind_magic(flg) - 1),
            State::Payload { left, .. } => Want::Payload(left),
            State::Skip(left) => Want::Skip(left),
        }
    }

    /// Takes exactly the bytes of [`Want::Bytes`].
    ///
    /// # Errors
    /// When they cannot be what they have to be.
    ///
    /// # Panics
    /// When `bytes` has another length: a mistake of the caller.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Event, FrameError> {
        assert_eq!(self.want(), Want::Bytes(bytes.len()), "exactly the bytes asked for");
        if !matches!(self.state, State::Header { .. }) {
            self.began = self.offset;
        }
        let word = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let result = match self.state {
            State::Magic => self.magic(word),
            State::Flags => {
                let flg = bytes.first().copied().unwrap_or(0);
                self.state = State::Header { flg };
                Ok(Event::Nothing)
            }
            State::Header { flg } => self.header(flg, bytes),
            State::BlockHeader(frame) => self.block_header(frame, word),
            State::ContentChecksum => Ok(self.end(Some(word))),
            State::SkipLength => {
                self.state = if word == 0 { State::Magic } else { State::Skip(u64::from(word)) };
                Ok(Event::Nothing)
            }
            State::LegacyBlock => self.legacy_block(word),
            State::Payload { .. } | State::Skip(_) | State::Broken => Err(FrameErrorKind::CutShort),
        };
        match result {
            Ok(event) => {
                self.offset += u64::try_from(bytes.len()).unwrap_or(0);
                Ok(event)
            }
            Err(kind) => {
                self.state = State::Broken;
                Err(kind.at(self.began))
            }
        }
    }

    /// So many bytes of a payload or of what is skipped went by.
    ///
    /// # Panics
    /// When that is more than was wanted, or not all of a payload: a mistake of the caller.
    pub fn passed(&mut self, count: u64) {
        match self.state {
            State::Payload { of, left } => {
                assert_eq!(u64::try_from(left), Ok(count), "a payload as a whole");
                self.state = of.map_or(State::LegacyBlock, State::BlockHeader);
            }
            State::Skip(left) => {
                assert!(count <= left, "no more than is to be skipped");
                self.state = if count == left { State::Magic } else { State::Skip(left - count) };
            }
            _ => assert_eq!(count, 0, "nothing was to be passed"),
        }
        self.offset += count;
    }

    /// The input ends here. Says whether a legacy frame, which has no other end, ends with it.
    ///
    /// # Errors
    /// When the input is empty or ends inside a frame.
    pub fn finish(&self) -> Result<Option<Event>, FrameError> {
        match self.state {
            State::Magic if self.seen => Ok(None),
            State::Magic => Err(FrameErrorKind::Empty.at(self.offset)),
            State::LegacyBlock => Ok(Some(Event::End { checksum: None })),
            _ => Err(FrameErrorKind::CutShort.at(self.offset)),
        }
    }

    /// The error for an input that ends `inside` bytes behind [`offset`](Self::offset), within a field or a block.
    #[must_use]
    pub fn cut_short(&self, inside: u64) -> FrameError {
        FrameErrorKind::CutShort.at(self.offset + inside)
    }

    /// Bytes of the input taken or passed so far.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Frames that ended, without skippable ones.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    fn magic(&mut self, word: u32) -> Result<Event, FrameErrorKind> {
        self.state = match word {
            MAGIC => State::Flags,
            LEGACY_MAGIC => State::LegacyBlock,
            word if word & 0xFFFF_FFF0 == SKIPPABLE_MAGIC => State::SkipLength,
            word if self.seen => return Err(FrameErrorKind::Trailing(word)),
            word => return Err(FrameErrorKind::NotLz4(word)),
        };
        self.seen = true;
        Ok(if word == LEGACY_MAGIC { Event::Legacy } else { Event::Nothing })
    }

    fn header(&mut self, flg: u8, rest: &[u8]) -> Result<Event, FrameErrorKind> {
        let mut bytes = [flg; Descriptor::LONGEST];
        let whole = bytes.get_mut(..=rest.len()).ok_or(FrameErrorKind::CutShort)?;
        whole[1..].copy_from_slice(rest);
        let frame = Descriptor::decode(whole)?;
        self.state = State::BlockHeader(frame);
        Ok(Event::Frame(frame))
    }

    fn block_header(&mut self, frame: Descriptor, word: u32) -> Result<Event, FrameErrorKind> {
        if word == 0 {
            if frame.content_checksum {
                self.state = State::ContentChecksum;
                return Ok(Event::Nothing);
            }
            return Ok(self.end(None));
        }
        let stored = word & STORED != 0;
        let size = word & !STORED;
        let len = usize::try_from(size).unwrap_or(usize::MAX);
        if len > frame.block_size.bytes() {
            return Err(FrameErrorKind::too_long(size, frame.block_size));
        }
        let left = len + if frame.block_checksum { CHECKSUM } else { 0 };
        self.state =
            if left == 0 { State::BlockHeader(frame) } else { State::Payload { of: Some(frame), left } };
        Ok(Event::Block { stored, len })
    }

    fn legacy_block(&mut self, word: u32) -> Result<Event, FrameErrorKind> {
        const MOST: usize = block::max_len(LEGACY_BLOCK);
        if word == LEGACY_MAGIC {
            // One legacy frame behind another: nothing tells their blocks apart, and nothing has to.
            self.frames += 1;
            return Ok(Event::Nothing);
        }
        if word == MAGIC || word & 0xFFFF_FFF0 == SKIPPABLE_MAGIC {
            self.magic(word)?;
            self.frames += 1;
            return Ok(Event::End { checksum: None });
        }
        let len = usize::try_from(word).unwrap_or(usize::MAX);
        if len > MOST {
            return Err(FrameErrorKind::Trailing(word));
        }
        self.state = if len == 0 { State::LegacyBlock } else { State::Payload { of: None, left: len } };
        Ok(if len == 0 { Event::Nothing } else { Event::Block { stored: false, len } })
    }

    fn end(&mut self, checksum: Option<u32>) -> Event {
        self.frames += 1;
        self.state = State::Magic;
        Event::End { checksum }
    }
}

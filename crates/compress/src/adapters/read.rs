//! Read content as a frame; read frames as content.

use std::io::{self, Read};

use super::flight::Flight;
use crate::compress::{CompressKernel, Cutter, Framer, Options as CompressOptions, ReadFeed as ContentFeed};
use crate::decompress::{
    ContentWriter, DecompressKernel, Intake, Options as DecompressOptions, ReadFeed as FrameFeed,
};
use crate::error::Error;
use crate::schedule::{Drain, Feed, Idle, Plan, finish, unwatched};

/// Reads as one frame whose content is another reader's.
///
/// ```
/// use std::io::Read;
/// use packhorse_compress::{CompressOptions, Plan, read::FrameEncoder};
///
/// let mut frame = Vec::new();
/// FrameEncoder::new(&b"content"[..], &CompressOptions::default(), &Plan::default())?.read_to_end(&mut frame)?;
/// # assert_eq!(packhorse_compress::decompress_to_vec(&frame, &Default::default())?, b"content");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct FrameEncoder<R> {
    ahead: Ahead<ContentFeed<R>, Framer<Vec<u8>>>,
    state: State,
}

enum State {
    Before,
    Inside,
    Behind,
}

impl<R: Read> FrameEncoder<R> {
    /// A frame of what `reader` holds.
    ///
    /// # Errors
    /// When the system does not start a thread.
    pub fn new(reader: R, options: &CompressOptions, plan: &Plan) -> Result<Self, Error> {
        let flight = Flight::new(&CompressKernel::new(options), plan)?;
        let feed = ContentFeed::new(reader, Cutter::new(options));
        let ahead = Ahead::new(flight, feed, Framer::new(Vec::new(), options));
        Ok(Self { ahead, state: State::Before })
    }

    /// The reader, of which more may have been read than was asked for.
    pub fn get_ref(&self) -> &R {
        self.ahead.feed.get_ref()
    }

    fn get(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        loop {
            let count = take(self.ahead.drain.writer().get_mut(), &mut self.ahead.taken, into);
            if count > 0 {
                return Ok(count);
            }
            match self.state {
                State::Before => {
                    self.state = State::Inside;
                    self.ahead.drain.begin()?;
                }
                State::Inside if self.ahead.go_on()? => {}
                State::Inside => {
                    self.state = State::Behind;
                    self.ahead.drain.finish()?;
                }
                State::Behind => return Ok(0),
            }
        }
    }
}

impl<R: Read> Read for FrameEncoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() { Ok(0) } else { Ok(self.get(into)?) }
    }
}

/// Reads as the content of another reader's frames.
///
/// The end of the content is only told when all frames were whole and hold what they promise. Errors carry an [`Error`]
/// inside, which says at which byte.
pub struct FrameDecoder<R> {
    ahead: Ahead<FrameFeed<R>, ContentWriter<Vec<u8>>>,
}

impl<R: Read> FrameDecoder<R> {
    /// The content of the frames in `reader`.
    ///
    /// # Errors
    /// When the system does not start a thread.
    pub fn new(reader: R, options: &DecompressOptions, plan: &Plan) -> Result<Self, Error> {
        let flight = Flight::new(&DecompressKernel::new(options), plan)?;
        let feed = FrameFeed::new(reader, Intake::new(options));
        Ok(Self { ahead: Ahead::new(flight, feed, ContentWriter::new(Vec::new(), options)) })
    }

    fn get(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        loop {
            let count = take(self.ahead.drain.writer().get_mut(), &mut self.ahead.taken, into);
            if count > 0 {
                return Ok(count);
            }
            if !self.ahead.go_on()? {
                return Ok(0);
            }
        }
    }
}

impl<R: Read> Read for FrameDecoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() { Ok(0) } else { Ok(self.get(into)?) }
    }
}

/// Bricks that are computed ahead of the reader.
struct Ahead<F, D> {
    flight: Flight,
    feed: F,
    drain: D,
    /// Bytes of the drain's memory that were read.
    taken: usize,
    ended: bool,
    /// Why the feed ended, told when all before it was read.
    error: Option<Error>,
}

impl<F: Feed, D: Drain> Ahead<F, D> {
    fn new(flight: Flight, feed: F, drain: D) -> Self {
        Self { flight, feed, drain, taken: 0, ended: false, error: None }
    }

    /// Fills what is free and passes the oldest brick on; `false` when there is no more.
    fn go_on(&mut self) -> Result<bool, Error> {
        self.flight.check()?;
        // From a slow reader no more is asked for while there is something to give.
        while !self.ended && (self.flight.is_empty() || !self.feed.is_slow()) {
            let Some(mut brick) = self.flight.take() else { break };
            let idle = if self.flight.is_empty() { Idle::Always } else { Idle::Never };
            match self.feed.fill(&mut brick, idle) {
                Ok(true) => self.flight.launch(brick)?,
                other => {
                    self.ended = true;
                    self.error = other.err();
                    self.flight.give(brick);
                }
            }
        }
        let Some(mut brick) = self.flight.land()? else {
            let Some(error) = self.error.take() else { return Ok(false) };
            // Whoever reads on after that must not be told that this is the end.
            self.flight.break_off();
            return Err(error);
        };
        let result = finish(&mut self.drain, &mut brick, &mut unwatched);
        self.flight.give(brick);
        if result.is_err() {
            // What was before it can be read; behind it there is nothing.
            self.ended = true;
            while let Some(brick) = self.flight.land()? {
                self.flight.give(brick);
            }
            self.error = result.err();
        }
        Ok(true)
    }
}

/// Moves bytes from `memory`, of which `taken` are gone already; empties it when all are.
fn take(memory: &mut Vec<u8>, taken: &mut usize, into: &mut [u8]) -> usize {
    let left = &memory[*taken..];
    let count = left.len().min(into.len());
    into[..count].copy_from_slice(&left[..count]);
    *taken += count;
    if *taken == memory.len() {
        memory.clear();
        *taken = 0;
    }
    count
}

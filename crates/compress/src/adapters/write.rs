//! Write content and get a frame; write frames and get content.

use std::io::{self, Write};

use super::flight::Flight;
use crate::brick::Brick;
use crate::compress::{CompressKernel, Cutter, Framer, Options as CompressOptions};
use crate::decompress::{ContentWriter, DecompressKernel, Intake, Options as DecompressOptions};
use crate::error::Error;
use crate::schedule::{Drain, Plan, finish, unwatched};

/// Compresses what is written to it into one frame on another writer.
///
/// ```
/// use std::io::Write;
/// use packhorse_compress::{CompressOptions, Plan, write::FrameEncoder};
///
/// let mut encoder = FrameEncoder::new(Vec::new(), &CompressOptions::default(), &Plan::default())?;
/// writeln!(encoder, "line after line")?;
/// let frame = encoder.finish()?;
/// # assert_eq!(packhorse_compress::decompress_to_vec(&frame, &Default::default())?, b"line after line\n");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// Without [`finish`](Self::finish) the frame has no end, and decoders say so. [`flush`](Write::flush) passes on all that
/// was written, in a block that may be short: often is wasteful.
pub struct FrameEncoder<W> {
    flight: Flight,
    cutter: Cutter,
    framer: Framer<W>,
    brick: Option<Brick>,
    begun: bool,
}

impl<W: Write> FrameEncoder<W> {
    /// An encoder onto `writer`, which gets its first byte with the first call of `write`, `flush` or `finish`.
    ///
    /// # Errors
    /// When the system does not start a thread.
    pub fn new(writer: W, options: &CompressOptions, plan: &Plan) -> Result<Self, Error> {
        let flight = Flight::new(&CompressKernel::new(options), plan)?;
        let (cutter, framer) = (Cutter::new(options), Framer::new(writer, options));
        Ok(Self { flight, cutter, framer, brick: None, begun: false })
    }

    /// Writes what ends the frame, and gives the writer back.
    ///
    /// # Errors
    /// When the writer fails, or the content size promised is not what was written.
    pub fn finish(mut self) -> Result<W, Error> {
        self.pass_on()?;
        self.framer.finish()?;
        Ok(self.framer.into_writer())
    }

    /// The writer. What it has got so far is a part of what was written.
    pub fn get_ref(&self) -> &W {
        self.framer.writer_ref().get_ref()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.begin()?;
        let mut brick = match self.brick.take() {
            Some(brick) => brick,
            None => next(&mut self.flight, &mut self.framer)?,
        };
        let spare = self.cutter.spare(&mut brick);
        let count = bytes.len().min(spare.len());
        spare[..count].copy_from_slice(&bytes[..count]);
        self.cutter.commit(count, &mut brick);
        if brick.is_full() && self.cutter.is_between(&mut brick) {
            self.flight.launch(brick)?;
        } else {
            self.brick = Some(brick);
        }
        Ok(count)
    }

    fn pass_on(&mut self) -> Result<(), Error> {
        self.begin()?;
        if let Some(mut brick) = self.brick.take() {
            self.cutter.cut(&mut brick);
            if brick.is_empty() {
                self.flight.give(brick);
            } else {
                self.flight.launch(brick)?;
            }
        }
        land_all(&mut self.flight, &mut self.framer)
    }

    fn begin(&mut self) -> Result<(), Error> {
        if !self.begun {
            self.begun = true;
            self.framer.begin().inspect_err(|_| self.flight.break_off())?;
        }
        Ok(())
    }
}

impl<W: Write> Write for FrameEncoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        Ok(self.put(bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        Ok(self.framer.writer().flush()?)
    }
}

/// Decompresses the frames that are written to it onto another writer.
///
/// Only [`finish`](Self::finish) can tell that the frames were whole. Errors of `write` carry an [`Error`] inside.
pub struct FrameDecoder<W> {
    flight: Flight,
    intake: Intake,
    content: ContentWriter<W>,
    brick: Option<Brick>,
}

impl<W: Write> FrameDecoder<W> {
    /// A decoder onto `writer`.
    ///
    /// # Errors
    /// When the system does not start a thread.
    pub fn new(writer: W, options: &DecompressOptions, plan: &Plan) -> Result<Self, Error> {
        let flight = Flight::new(&DecompressKernel::new(options), plan)?;
        let (intake, content) = (Intake::new(options), ContentWriter::new(writer, options));
        Ok(Self { flight, intake, content, brick: None })
    }

    /// Says whether the frames were whole, and gives the writer back.
    ///
    /// # Errors
    /// When they were not, or the writer fails.
    pub fn finish(mut self) -> Result<W, Error> {
        let mut brick = match self.brick.take() {
            Some(brick) => brick,
            None => next(&mut self.flight, &mut self.content)?,
        };
        self.intake.end(&mut brick);
        self.flight.launch(brick)?;
        land_all(&mut self.flight, &mut self.content)?;
        self.intake.error()?;
        self.content.finish()?;
        Ok(self.content.into_writer())
    }

    /// The writer. What it has got so far is a part of what was written.
    pub fn get_ref(&self) -> &W {
        self.content.writer_ref().get_ref()
    }

    /// The writer, to take away what it has got so far.
    pub fn get_mut(&mut self) -> &mut W {
        self.content.writer().get_mut()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.intake.failed() {
            self.intake.error()?;
        }
        let mut brick = match self.brick.take() {
            Some(brick) => brick,
            None => next(&mut self.flight, &mut self.content)?,
        };
        let spare = self.intake.spare(&mut brick);
        let count = bytes.len().min(spare.len());
        spare[..count].copy_from_slice(&bytes[..count]);
        if self.intake.commit(count, &mut brick) {
            self.flight.launch(brick)?;
        } else {
            self.brick = Some(brick);
        }
        if self.intake.failed() {
            // What came before goes out first.
            land_all(&mut self.flight, &mut self.content)?;
            self.intake.error()?;
        }
        Ok(count)
    }
}

impl<W: Write> Write for FrameDecoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        Ok(self.put(bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(brick) = self.brick.take() {
            // A block of which a part is missing stays.
            if brick.is_empty() || self.intake.is_inside() {
                self.brick = Some(brick);
            } else {
                self.flight.launch(brick).map_err(Error::from)?;
            }
        }
        land_all(&mut self.flight, &mut self.content)?;
        Ok(self.content.writer().flush()?)
    }
}

/// A free brick, if need be after the oldest in flight has landed.
fn next<D: Drain>(flight: &mut Flight, drain: &mut D) -> Result<Brick, Error> {
    flight.check()?;
    loop {
        if let Some(brick) = flight.take() {
            return Ok(brick);
        }
        land(flight, drain)?;
    }
}

fn land_all<D: Drain>(flight: &mut Flight, drain: &mut D) -> Result<(), Error> {
    flight.check()?;
    while !flight.is_empty() {
        land(flight, drain)?;
    }
    Ok(())
}

fn land<D: Drain>(flight: &mut Flight, drain: &mut D) -> Result<(), Error> {
    if let Some(mut brick) = flight.land()? {
        let result = finish(drain, &mut brick, &mut unwatched);
        flight.give(brick);
        result.inspect_err(|_| flight.break_off())?;
    }
    Ok(())
}

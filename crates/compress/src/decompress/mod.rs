//! Decompressing: frames come in, their content goes out, verified as far as the frames let it.
//!
//! ```text
//!   frames --> Intake --> bricks of blocks --> accelerator, with the DecompressKernel --> ContentWriter --> content
//!              taken      coded blocks         each block by itself; linked ones          order, content size,
//!              apart                           in turn, by their Chain                    content checksum
//! ```

mod chain;
mod content;
mod intake;
mod kernel;

use std::io::{Read, Write};

pub(crate) use chain::{Chain, Ticket};
pub(crate) use content::ContentWriter;
pub(crate) use intake::{Intake, ReadFeed};
pub use kernel::DecompressKernel;

use crate::accelerator::{Accelerator, CpuPool, Inline};
use crate::error::Error;
use crate::frame::Dictionary;
use crate::input::Input;
use crate::schedule::{self, Plan, Progress, Schedule, Watch, unwatched};

/// How frames are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Bytes that the frames were compressed with. Frames that name the id of another one are refused.
    pub dictionary: Option<Dictionary>,
    /// Most bytes of content: beyond that the input is refused, against bombs.
    pub limit: Option<u64>,
    /// Legacy frames are refused: their blocks of 8 MiB take more memory than any other's.
    pub no_legacy: bool,
}

/// Decompresses all frames of `reader` into `writer`, on threads of this machine.
///
/// What was written before an error is the content of the blocks before it.
///
/// # Errors
/// When the input is damaged, incomplete, followed by anything else, or longer than the limit; when reading or writing
/// fails.
pub fn decompress(
    reader: impl Read + Send,
    writer: impl Write,
    options: &Options,
    plan: &Plan,
) -> Result<Progress, Error> {
    decompress_input(Input::stream(reader), writer, options, plan, &mut unwatched)
}

/// As [`decompress`], from any [`Input`], telling its progress to `watch`, which may stop it.
///
/// # Errors
/// As [`decompress`]; [`Error::Cancelled`] when `watch` stops it.
pub fn decompress_input(
    input: Input<'_>,
    writer: impl Write,
    options: &Options,
    plan: &Plan,
    watch: &mut Watch<'_>,
) -> Result<Progress, Error> {
    let pool = CpuPool::new(&DecompressKernel::new(options), plan.threads, plan.timeline.as_ref())?;
    decompress_on(&pool, input, writer, options, plan, watch)
}

/// As [`decompress_input`], on an accelerator that you chose, made with [`DecompressKernel::new`] of the same options.
///
/// # Errors
/// As [`decompress_input`], and when the accelerator fails.
pub fn decompress_on<A: Accelerator>(
    accelerator: &A,
    input: Input<'_>,
    writer: impl Write,
    options: &Options,
    plan: &Plan,
    watch: &mut Watch<'_>,
) -> Result<Progress, Error> {
    let (reader, interrupt) = input.into_stream();
    let mut feed = ReadFeed::new(reader, Intake::new(options));
    let mut drain = ContentWriter::new(writer, options);
    schedule::run(plan, accelerator, &mut feed, &mut drain, watch, interrupt)?;
    drain.finish()?;
    let content = schedule::Drain::progress(&drain).content;
    Ok(Progress { content, coded: feed.offset() })
}

/// Decompresses all frames in `frames` in memory.
///
/// The result is as long as the frames make it: give a [`limit`](Options::limit) where they come from strangers.
///
/// # Errors
/// As [`decompress`].
pub fn decompress_to_vec(frames: &[u8], options: &Options) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    let kernel = DecompressKernel::new(options);
    let plan = Plan::default();
    // Threads cost more than a few small blocks.
    if frames.len() <= 128 * 1024 || plan.threads == 1 {
        let plan = Plan { schedule: Schedule::Serial, ..plan };
        let accelerator = Inline::new(&kernel);
        decompress_on(&accelerator, Input::stream(frames), &mut content, options, &plan, &mut unwatched)?;
    } else {
        decompress(frames, &mut content, options, &plan)?;
    }
    Ok(content)
}

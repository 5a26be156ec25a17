//! Compressing: content comes in, a frame goes out.
//!
//! ```text
//!   content --> Cutter --> bricks of blocks --> accelerator, with the CompressKernel --> Framer --> frame
//!               cut into blocks, history       each block by itself                     header, lengths,
//!               where they are linked                                                   checksums, end mark
//! ```

mod cutter;
mod framer;
mod kernel;
mod options;

use std::io::{Read, Write};

pub(crate) use cutter::{Cutter, ReadFeed};
pub(crate) use framer::Framer;
pub use kernel::CompressKernel;
pub use options::Options;

use crate::accelerator::{Accelerator, CpuPool, Inline};
use crate::error::Error;
use crate::input::Input;
use crate::schedule::{self, Plan, Progress, Schedule, Watch, unwatched};

/// Compresses all of `reader` into one frame on `writer`, on threads of this machine.
///
/// ```
/// use packhorse_compress::{CompressOptions, Plan, compress, decompress_to_vec};
///
/// let content = b"a packhorse carries any load ".repeat(1000);
/// let mut frame = Vec::new();
/// let done = compress(content.as_slice(), &mut frame, &CompressOptions::default(), &Plan::default())?;
/// assert_eq!((done.content, done.coded), (29_000, u64::try_from(frame.len())?));
/// assert_eq!(decompress_to_vec(&frame, &Default::default())?, content);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
/// When reading or writing fails, or the content size promised is not the reader's.
pub fn compress(
    reader: impl Read + Send,
    writer: impl Write,
    options: &Options,
    plan: &Plan,
) -> Result<Progress, Error> {
    compress_input(Input::stream(reader), writer, options, plan, &mut unwatched)
}

/// As [`compress`], from any [`Input`], telling its progress to `watch`, which may stop it.
///
/// # Errors
/// As [`compress`]; [`Error::Cancelled`] when `watch` stops it.
pub fn compress_input(
    input: Input<'_>,
    writer: impl Write,
    options: &Options,
    plan: &Plan,
    watch: &mut Watch<'_>,
) -> Result<Progress, Error> {
    let kernel = CompressKernel::new(options);
    let pool = CpuPool::new(&kernel, plan.threads, plan.timeline.as_ref())?;
    compress_on(&pool, input, writer, options, plan, watch)
}

/// As [`compress_input`], on an accelerator that you chose, made with [`CompressKernel::new`] of the same options.
///
/// # Errors
/// As [`compress_input`], and when the accelerator fails.
pub fn compress_on<A: Accelerator>(
    accelerator: &A,
    input: Input<'_>,
    writer: impl Write,
    options: &Options,
    plan: &Plan,
    watch: &mut Watch<'_>,
) -> Result<Progress, Error> {
    let mut framer = Framer::new(writer, options);
    framer.begin()?;
    match input {
        // Linked blocks need the bytes before them, and reading those twice is no good while somebody writes.
        Input::File { file, start } if !options.linked => {
            let mut feed = cutter::FileFeed::new(file, start, options)?;
            schedule::run(plan, accelerator, &mut feed, &mut framer, watch, Box::new(|| {}))?;
        }
        stream => {
            let (reader, interrupt) = stream.into_stream();
            let mut feed = ReadFeed::new(reader, Cutter::new(options));
            schedule::run(plan, accelerator, &mut feed, &mut framer, watch, interrupt)?;
        }
    }
    framer.finish()?;
    Ok(schedule::Drain::progress(&framer))
}

/// Compresses `content` into one frame in memory. Small contents need no thread.
///
/// # Panics
/// When `options` promise another content size than `content` has.
#[must_use]
pub fn compress_to_vec(content: &[u8], options: &Options) -> Vec<u8> {
    let mut frame = Vec::with_capacity(content.len() / 2 + 64);
    let kernel = CompressKernel::new(options);
    let small = content.len() <= options.block_size.bytes();
    let (blocks, schedule) = if small { (1, Schedule::Serial) } else { (crate::BLOCKS, Schedule::default()) };
    let plan = Plan { blocks, schedule, ..Plan::default() };
    let input = Input::stream(content);
    let done = if small || plan.threads == 1 {
        let plan = Plan { schedule: Schedule::Serial, ..plan };
        compress_on(&Inline::new(&kernel), input, &mut frame, options, &plan, &mut unwatched)
    } else {
        compress_input(input, &mut frame, options, &plan, &mut unwatched)
    };
    match done {
        Ok(_) => frame,
        Err(error) => panic!("memory is read and written without errors: {error}"),
    }
}

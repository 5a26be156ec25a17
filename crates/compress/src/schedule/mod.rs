//! [`Schedule`]: in which order bricks are filled, computed and written.
//!
//! ```text
//!   serial        read | compute | write | read | compute | write
//!
//!   overlapped    read     0 1 2 3 4 5
//!                 compute    0 1 2 3 4 5            up to N bricks in flight, memory allocated once
//!                 write        0 1 2 3 4 5          bricks leave in the order in which they came
//! ```
//! A schedule knows neither frames nor blocks: bricks come from a [`Feed`] and go to a [`Drain`].

mod overlapped;
mod serial;

use alloc::sync::Arc;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::accelerator::{Accelerator, DeviceError};
use crate::brick::Brick;
use crate::error::Error;
use crate::input::Interrupt;
use crate::timeline::Timeline;

/// The order of reading, computing and writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// One after the other, with one buffer set. Uses no thread but the accelerator's.
    Serial,
    /// All at once, with so many buffer sets, at least 2: a thread that reads, the accelerator, and the caller's thread,
    /// which writes.
    Overlapped {
        /// Bricks in flight.
        sets: usize,
    },
}

impl Schedule {
    /// Buffer sets that it uses.
    #[must_use]
    pub fn sets(self) -> usize {
        match self {
            Self::Serial => 1,
            Self::Overlapped { sets } => sets.max(2),
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Overlapped { sets: 4 }
    }
}

/// How a run uses the machine, apart from what it does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Threads that compute, where the accelerator is the CPU.
    pub threads: usize,
    /// The order of things.
    pub schedule: Schedule,
    /// Blocks in a brick, 1 to [`BLOCKS`](crate::BLOCKS).
    pub blocks: usize,
    /// Records who does what when.
    pub timeline: Option<Arc<Timeline>>,
}

impl Default for Plan {
    /// [`on`](Self::on) a thread for each core.
    fn default() -> Self {
        Self::on(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Plan {
    /// What suits `threads` threads of the CPU: overlapped, bricks of one block, and two more of them than threads, so that
    /// one can be read and one be written meanwhile. Threads that take one block at a time gain nothing from larger
    /// bricks, which only touch more memory.
    #[must_use]
    pub fn on(threads: usize) -> Self {
        let sets = threads.saturating_add(2).max(4);
        Self { threads, schedule: Schedule::Overlapped { sets }, blocks: 1, timeline: None }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of content, read or written.
    pub content: u64,
    /// Bytes of frames, written or read.
    pub coded: u64,
}

/// Called after each brick: for progress, and to stop by [`ControlFlow::Break`].
pub type Watch<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// A [`Watch`] that looks at nothing.
pub fn unwatched(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Where bricks come from.
pub(crate) trait Feed {
    /// Fills the brick, which is empty; `false` when there is nothing more and the brick stays empty.
    ///
    /// A brick need not be full: when nobody has anything to do and the input is slow, what has come goes on.
    fn fill(&mut self, brick: &mut Brick, idle: Idle<'_>) -> Result<bool, Error>;

    /// Whether the input had less than was asked for: to ask again may take long.
    fn is_slow(&self) -> bool {
        false
    }
}

/// Whether anybody has something to do.
#[derive(Clone, Copy)]
pub(crate) enum Idle<'a> {
    /// Bricks are to be full, however long that takes.
    Never,
    /// Whoever waits for this brick has nothing else to do.
    Always,
    /// When so many bricks in flight are none.
    When(&'a AtomicUsize),
}

impl Idle<'_> {
    /// Whether there is nothing else to do now.
    pub(crate) fn now(self) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::When(flying) => flying.load(Ordering::Relaxed) == 0,
        }
    }
}

/// Where bricks go.
pub(crate) trait Drain {
    /// Takes the results of the brick.
    fn drain(&mut self, brick: &mut Brick) -> Result<(), Error>;

    /// How far it is.
    fn progress(&self) -> Progress;
}

/// Runs everything from `feed` through `accelerator` to `drain`. When that fails, `interrupt` ends a read that waits.
pub(crate) fn run<A: Accelerator, F: Feed + Send, D: Drain>(
    plan: &Plan,
    accelerator: &A,
    feed: &mut F,
    drain: &mut D,
    watch: &mut Watch<'_>,
    interrupt: Interrupt<'_>,
) -> Result<(), Error> {
    match plan.schedule {
        // Between reads nothing waits.
        Schedule::Serial => serial::run(plan, accelerator, feed, drain, watch),
        Schedule::Overlapped { .. } => overlapped::run(plan, accelerator, feed, drain, watch, interrupt),
    }
}

/// Drains a brick and tells how far that got.
pub(crate) fn finish<D: Drain>(drain: &mut D, brick: &mut Brick, watch: &mut Watch<'_>) -> Result<(), Error> {
    let pending = |block: &crate::brick::Block| matches!(block.outcome(), crate::brick::Outcome::Pending);
    if brick.blocks().iter().any(pending) {
        return Err(DeviceError("a block came back without a result".into()).into());
    }
    drain.drain(brick)?;
    match watch(drain.progress()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Cancelled),
    }
}

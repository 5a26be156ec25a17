//! Reading, computing and writing at once, in as many bricks as there are buffer sets.
//!
//! ```text
//!   reader thread     free brick --> fill, prepare, start --+
//!                        ^                                  | running bricks, in order
//!   caller's thread      +--- drain, retrieve, wait <-------+
//! ```
//! The two channels hold as many bricks as there are, so nobody waits for room in them, only for bricks: when all are in
//! flight the reader waits, which bounds memory. An error of the reader is told after all bricks before it were
//! written, so that what comes out before an error is the same on every run.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::{Drain, Feed, Idle, Plan, Watch, finish};
use crate::accelerator::{Accelerator, DeviceError};
use crate::brick::Brick;
use crate::error::Error;
use crate::input::Interrupt;
use crate::timeline::{Lane, Timeline};

pub(super) fn run<A: Accelerator, F: Feed + Send, D: Drain>(
    plan: &Plan,
    accelerator: &A,
    feed: &mut F,
    drain: &mut D,
    watch: &mut Watch<'_>,
    interrupt: Interrupt<'_>,
) -> Result<(), Error> {
    let timeline = plan.timeline.as_deref();
    let sets = plan.schedule.sets();
    let (give, free) = sync_channel(sets);
    for _ in 0..sets {
        // There is room for all of them, and the other end is here.
        let _ = give.send(Brick::new(plan.blocks));
    }
    let flying = AtomicUsize::new(0);
    let (started, running) = sync_channel(sets);
    thread::scope(|scope| {
        let reader = thread::Builder::new()
            .name("lz4 reader".into())
            .spawn_scoped(scope, || read(accelerator, feed, free, started, &flying, timeline))
            .map_err(|error| DeviceError(format!("no thread: {error}")))?;
        let written = write(accelerator, drain, running, give, watch, &flying, timeline);
        if written.is_err() {
            // The reader may wait for what never comes.
            interrupt();
        }
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // What failed in writing came earlier in the stream than what failed in reading.
        written.and(read)
    })
}

fn read<A: Accelerator, F: Feed>(
    accelerator: &A,
    feed: &mut F,
    free: Receiver<Brick>,
    started: SyncSender<A::Running>,
    flying: &AtomicUsize,
    timeline: Option<&Timeline>,
) -> Result<(), Error> {
    for number in 0.. {
        // When the other side has given up, so does this one.
        let Ok(mut brick) = free.recv() else { break };
        brick.reset(number);
        if !Timeline::around(timeline, Lane::Read, number, || feed.fill(&mut brick, Idle::When(flying)))? {
            break;
        }
        Timeline::around(timeline, Lane::ToDevice, number, || accelerator.prepare(&mut brick))?;
        flying.fetch_add(1, Ordering::Relaxed);
        if started.send(accelerator.start(brick)?).is_err() {
            break;
        }
    }
    Ok(())
}

fn write<A: Accelerator, D: Drain>(
    accelerator: &A,
    drain: &mut D,
    running: Receiver<A::Running>,
    give: SyncSender<Brick>,
    watch: &mut Watch<'_>,
    flying: &AtomicUsize,
    timeline: Option<&Timeline>,
) -> Result<(), Error> {
    for running in running {
        let mut brick = accelerator.wait(running)?;
        let number = brick.number();
        Timeline::around(timeline, Lane::FromDevice, number, || accelerator.retrieve(&mut brick))?;
        Timeline::around(timeline, Lane::Write, number, || finish(drain, &mut brick, watch))?;
        flying.fetch_sub(1, Ordering::Relaxed);
        // The reader may be done.
        let _ = give.send(brick);
    }
    Ok(())
}

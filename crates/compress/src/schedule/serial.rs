//! The plain loop: one brick at a time, nothing overlaps. What the other schedule is measured against.

use super::{Drain, Feed, Idle, Plan, Watch, finish};
use crate::accelerator::Accelerator;
use crate::brick::Brick;
use crate::error::Error;
use crate::timeline::{Lane, Timeline};

pub(super) fn run<A: Accelerator, F: Feed, D: Drain>(
    plan: &Plan,
    accelerator: &A,
    feed: &mut F,
    drain: &mut D,
    watch: &mut Watch<'_>,
) -> Result<(), Error> {
    let timeline = plan.timeline.as_deref();
    let mut brick = Brick::new(plan.blocks);
    for number in 0.. {
        brick.reset(number);
        if !Timeline::around(timeline, Lane::Read, number, || feed.fill(&mut brick, Idle::Never))? {
            break;
        }
        Timeline::around(timeline, Lane::ToDevice, number, || accelerator.prepare(&mut brick))?;
        let running = accelerator.start(brick)?;
        brick = accelerator.wait(running)?;
        Timeline::around(timeline, Lane::FromDevice, number, || accelerator.retrieve(&mut brick))?;
        Timeline::around(timeline, Lane::Write, number, || finish(drain, &mut brick, watch))?;
    }
    Ok(())
}

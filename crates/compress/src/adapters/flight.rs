//! [`Flight`]: bricks in flight between two calls of an adapter, memory allocated once.

use alloc::collections::VecDeque;

use crate::accelerator::{Accelerator as _, DeviceError, Host, Kernel};
use crate::brick::Brick;
use crate::error::Error;
use crate::schedule::Plan;

/// Bricks that are computed, in order, and bricks that are free.
pub(super) struct Flight {
    host: Host,
    free: Vec<Brick>,
    running: VecDeque<<Host as crate::accelerator::Accelerator>::Running>,
    number: u64,
    /// A brick was lost on its way, and with it what is whole.
    broken: bool,
}

impl Flight {
    pub(super) fn new(kernel: &dyn Kernel, plan: &Plan) -> Result<Self, DeviceError> {
        let host = Host::new(kernel, plan.threads, plan.timeline.as_ref())?;
        let sets = plan.schedule.sets();
        let free = (0..sets).map(|_| Brick::new(plan.blocks)).collect();
        Ok(Self { host, free, running: VecDeque::with_capacity(sets), number: 0, broken: false })
    }

    /// A brick to fill, or `None` when all are in flight.
    pub(super) fn take(&mut self) -> Option<Brick> {
        let mut brick = self.free.pop()?;
        brick.reset(self.number);
        self.number += 1;
        Some(brick)
    }

    /// The brick is filled.
    pub(super) fn launch(&mut self, mut brick: Brick) -> Result<(), DeviceError> {
        let started = self.host.prepare(&mut brick).and_then(|()| self.host.start(brick));
        self.running.push_back(started.inspect_err(|_| self.broken = true)?);
        Ok(())
    }

    /// The oldest brick in flight, when it is computed; `None` when there is none.
    pub(super) fn land(&mut self) -> Result<Option<Brick>, DeviceError> {
        let Some(running) = self.running.pop_front() else { return Ok(None) };
        let landed = self.host.wait(running).and_then(|mut brick| {
            self.host.retrieve(&mut brick)?;
            Ok(brick)
        });
        landed.inspect_err(|_| self.broken = true).map(Some)
    }

    /// The brick is used up.
    pub(super) fn give(&mut self, brick: Brick) {
        self.free.push(brick);
    }

    /// Something failed: a result that lacks a part must not be taken for a whole one.
    pub(super) fn break_off(&mut self) {
        self.broken = true;
    }

    /// Whether all went well so far.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.broken { Err(Error::Broken) } else { Ok(()) }
    }

    /// Whether no brick is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

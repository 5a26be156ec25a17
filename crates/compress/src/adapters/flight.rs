//! [`Flight`]: bricks in flight between two calls of an adapter, memory allocated once.

use alloc::collections::VecDeque;

use crate::accelerator::{Accelerator as _, DeviceError, Host, Kernel};
use crate::brick::Brick;
use crate::schedule::Plan;

/// Bricks that are computed, in order, and bricks that are free.
pub(super) struct Flight {
    host: Host,
    free: Vec<Brick>,
    running: VecDeque<<Host as crate::accelerator::Accelerator>::Running>,
    number: u64,
}

impl Flight {
    pub(super) fn new(kernel: &dyn Kernel, plan: &Plan) -> Result<Self, DeviceError> {
        let host = Host::new(kernel, plan.threads, plan.timeline.as_ref())?;
        let sets = plan.schedule.sets();
        let free = (0..sets).map(|_| Brick::new(plan.blocks)).collect();
        Ok(Self { host, free, running: VecDeque::with_capacity(sets), number: 0 })
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
        self.host.prepare(&mut brick)?;
        self.running.push_back(self.host.start(brick)?);
        Ok(())
    }

    /// The oldest brick in flight, when it is computed; `None` when there is none.
    pub(super) fn land(&mut self) -> Result<Option<Brick>, DeviceError> {
        let Some(running) = self.running.pop_front() else { return Ok(None) };
        let mut brick = self.host.wait(running)?;
        self.host.retrieve(&mut brick)?;
        Ok(Some(brick))
    }

    /// The brick is used up.
    pub(super) fn give(&mut self, brick: Brick) {
        self.free.push(brick);
    }

    /// Whether no brick is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

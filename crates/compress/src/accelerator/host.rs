//! [`Host`]: this machine as an accelerator: a pool of threads, or the calling thread where one is all there is.

use alloc::sync::Arc;

use super::cpu::Running as PoolRunning;
use super::{Accelerator, CpuPool, DeviceError, Inline, Kernel};
use crate::brick::Brick;
use crate::timeline::Timeline;

/// This machine's processors.
pub enum Host {
    /// The calling thread.
    Inline(Inline),
    /// A pool of threads.
    Pool(CpuPool),
}

/// A brick that the host computes.
pub enum Running {
    /// It is computed.
    Done(Brick),
    /// The pool computes it.
    Pool(PoolRunning),
}

impl Host {
    /// A pool of `threads` threads, or with up to one of them none.
    ///
    /// # Errors
    /// When the system does not start a thread.
    pub fn new(
        kernel: &dyn Kernel,
        threads: usize,
        timeline: Option<&Arc<Timeline>>,
    ) -> Result<Self, DeviceError> {
        if threads <= 1 {
            return Ok(Self::Inline(Inline::new(kernel)));
        }
        CpuPool::new(kernel, threads, timeline).map(Self::Pool)
    }
}

impl Accelerator for Host {
    type Running = Running;

    fn prepare(&self, brick: &mut Brick) -> Result<(), DeviceError> {
        match self {
            Self::Inline(inline) => inline.prepare(brick),
            Self::Pool(pool) => pool.prepare(brick),
        }
    }

    fn start(&self, brick: Brick) -> Result<Running, DeviceError> {
        match self {
            Self::Inline(inline) => inline.start(brick).map(Running::Done),
            Self::Pool(pool) => pool.start(brick).map(Running::Pool),
        }
    }

    fn wait(&self, running: Running) -> Result<Brick, DeviceError> {
        match (self, running) {
            (_, Running::Done(brick)) => Ok(brick),
            (Self::Pool(pool), Running::Pool(running)) => pool.wait(running),
            (Self::Inline(_), Running::Pool(_)) => Err(DeviceError("the brick is another's".into())),
        }
    }

    fn retrieve(&self, _: &mut Brick) -> Result<(), DeviceError> {
        Ok(())
    }
}

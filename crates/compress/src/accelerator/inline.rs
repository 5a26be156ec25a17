//! [`Inline`]: computes on the calling thread, for small inputs and for those who want no threads.

use std::sync::{Mutex, PoisonError};

use super::{Accelerator, DeviceError, Kernel, Worker};
use crate::brick::{Brick, Outcome};

/// Computes in `start`, on the thread that calls it.
pub struct Inline {
    worker: Mutex<Box<dyn Worker>>,
}

impl Inline {
    /// Computes with one worker of `kernel`.
    #[must_use]
    pub fn new(kernel: &dyn Kernel) -> Self {
        Self { worker: Mutex::new(kernel.worker()) }
    }
}

impl Accelerator for Inline {
    type Running = Brick;

    fn prepare(&self, brick: &mut Brick) -> Result<(), DeviceError> {
        load(brick);
        Ok(())
    }

    fn start(&self, mut brick: Brick) -> Result<Brick, DeviceError> {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        for block in brick.blocks_mut() {
            if matches!(block.outcome(), Outcome::Pending) {
                worker.compute(block);
            }
        }
        Ok(brick)
    }

    fn wait(&self, running: Brick) -> Result<Brick, DeviceError> {
        Ok(running)
    }

    fn retrieve(&self, _: &mut Brick) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// Reads what is still to be read; a block that cannot be is not computed.
pub(super) fn load(brick: &mut Brick) {
    for block in brick.blocks_mut() {
        if let Err(error) = block.load() {
            block.unread(error);
        }
    }
}

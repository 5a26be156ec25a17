//! [`Simulated`]: a card that is not there: real results, at the pace of a link and a kernel that you choose.
//!
//! ```text
//!   host memory  == link: latency + bytes / rate, one transfer at a time ==>  device memory
//!                                                                             kernel: latency + bytes / rate,
//!   host memory  <== link ==================================================  one brick at a time
//! ```
//! For tests of the schedules and for pictures of what overlapping gains, on any machine. Also the example of a back end
//! of one's own. Time passes by sleeping, so the pace holds only where computing for real takes less.

use alloc::sync::Arc;
use core::time::Duration;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::inline::load;
use super::{Accelerator, DeviceError, Kernel};
use crate::brick::{Brick, Outcome};
use crate::timeline::{Lane, Timeline};

/// How long a transfer or a computation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// Before the first byte.
    pub latency: Duration,
    /// Payload bytes a second after that.
    pub rate: u64,
}

impl Speed {
    /// How long `bytes` take.
    #[must_use]
    pub fn time(&self, bytes: usize) -> Duration {
        let nanos = u128::try_from(bytes).unwrap_or(0) * 1_000_000_000 / u128::from(self.rate.max(1));
        self.latency + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A device with a link and a kernel of given speeds.
pub struct Simulated {
    link: Speed,
    /// Held while bytes are on the link.
    wire: Mutex<()>,
    jobs: Option<SyncSender<Job>>,
    device: Option<JoinHandle<()>>,
}

type Job = (Brick, SyncSender<Brick>);

impl Simulated {
    /// A device that computes with one worker of `kernel`, at the pace of `compute`, behind a link of the pace of `link`.
    ///
    /// # Errors
    /// When the system does not start a thread.
    pub fn new(
        kernel: &dyn Kernel,
        link: Speed,
        compute: Speed,
        timeline: Option<&Arc<Timeline>>,
    ) -> Result<Self, DeviceError> {
        let mut worker = kernel.worker();
        let timeline = timeline.cloned();
        let (jobs, queue): (SyncSender<Job>, Receiver<Job>) = sync_channel(64);
        let run = move || {
            while let Ok((mut brick, done)) = queue.recv() {
                let start = Instant::now();
                let end = start + compute.time(brick.input_len());
                for block in brick.blocks_mut() {
                    if matches!(block.outcome(), Outcome::Pending) {
                        worker.compute(block);
                    }
                }
                sleep_until(end);
                if let Some(timeline) = &timeline {
                    timeline.record(Lane::Compute(0), brick.number(), start, Instant::now());
                }
                // Whoever no longer waits does not want it.
                let _ = done.send(brick);
            }
        };
        let device = thread::Builder::new().name("device".into()).spawn(run);
        let device = device.map_err(|error| DeviceError(format!("no thread: {error}")))?;
        Ok(Self { link, wire: Mutex::new(()), jobs: Some(jobs), device: Some(device) })
    }

    fn transfer(&self, bytes: usize) {
        let _wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        sleep_until(Instant::now() + self.link.time(bytes));
    }
}

impl Accelerator for Simulated {
    type Running = Receiver<Brick>;

    fn prepare(&self, brick: &mut Brick) -> Result<(), DeviceError> {
        load(brick);
        self.transfer(brick.input_len());
        Ok(())
    }

    fn start(&self, brick: Brick) -> Result<Receiver<Brick>, DeviceError> {
        let (done, running) = sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send((brick, done)).map_err(|_| gone())?;
        Ok(running)
    }

    fn wait(&self, running: Receiver<Brick>) -> Result<Brick, DeviceError> {
        running.recv().map_err(|_| gone())
    }

    fn retrieve(&self, brick: &mut Brick) -> Result<(), DeviceError> {
        self.transfer(brick.output_len());
        Ok(())
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(device) = self.device.take() {
            // Its panic was told by `wait`.
            let _ = device.join();
        }
    }
}

fn gone() -> DeviceError {
    DeviceError("the simulated device has stopped".into())
}

fn sleep_until(end: Instant) {
    thread::sleep(end.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_latency_and_bytes() {
        let speed = Speed { latency: Duration::from_micros(5), rate: 1_000_000 };
        assert_eq!(speed.time(0), Duration::from_micros(5));
        assert_eq!(speed.time(1000), Duration::from_micros(1005));
    }
}

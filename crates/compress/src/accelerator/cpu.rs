//! [`CpuPool`]: threads of this machine as an accelerator.
//!
//! ```text
//!   start(brick) --> | block 7.0 | block 7.1 | ... | block 8.0 | ... |   one queue, blocks in order
//!                        |           |
//!                     worker 0    worker 1    ...      each takes the next block, whichever brick it is of
//!                        |           |
//!   wait(run) <----- the bricks's blocks, back in their places
//! ```
//! `prepare` and `retrieve` do nothing: the memory is the same. A payload that is read at a known place of a file is
//! read by the worker that computes it, into memory that stays in its cache. No allocation once as many bricks were in flight as
//! there ever are.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::{Accelerator, DeviceError, Kernel};
use crate::brick::{BLOCKS, Block, Brick, Desk};
use crate::timeline::{Lane, Timeline};

/// A pool of threads that compute blocks.
pub struct CpuPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Places to meet that are not in use.
    free: Mutex<Vec<Arc<Meeting>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Job {
    block: Block,
    index: usize,
    brick: u64,
    meeting: Arc<Meeting>,
}

/// Where the blocks of a brick come together again.
#[derive(Default)]
struct Meeting {
    back: Mutex<Back>,
    complete: Condvar,
}

#[derive(Default)]
struct Back {
    blocks: [Option<Block>; BLOCKS],
    missing: usize,
}

/// A brick that the pool computes.
pub struct Running {
    brick: Brick,
    meeting: Arc<Meeting>,
}

impl CpuPool {
    /// Starts `threads` threads, at least one, that compute with `kernel`.
    ///
    /// # Errors
    /// When the system does not start a thread.
    pub fn new(
        kernel: &dyn Kernel,
        threads: usize,
        timeline: Option<&Arc<Timeline>>,
    ) -> Result<Self, DeviceError> {
        let queue = Queue { jobs: VecDeque::with_capacity(4 * BLOCKS), closed: false };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), filled: Condvar::new() });
        let mut pool = Self { shared, threads: Vec::new(), free: Mutex::default() };
        for number in 0..threads.max(1) {
            let mut worker = kernel.worker();
            let shared = Arc::clone(&pool.shared);
            let timeline = timeline.cloned();
            let run = move || {
                let mut desk = Desk::default();
                while let Some(job) = shared.next() {
                    compute(&mut *worker, &mut desk, job, number, timeline.as_deref());
                }
            };
            let started = thread::Builder::new().name(format!("lz4 {number}")).spawn(run);
            pool.threads.push(started.map_err(|error| DeviceError(format!("no thread: {error}")))?);
        }
        Ok(pool)
    }

    /// Its threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.len()
    }
}

impl Accelerator for CpuPool {
    type Running = Running;

    fn prepare(&self, _: &mut Brick) -> Result<(), DeviceError> {
        Ok(())
    }

    fn start(&self, mut brick: Brick) -> Result<Running, DeviceError> {
        let meeting = lock(&self.free).pop().unwrap_or_default();
        let number = brick.number();
        lock(&meeting.back).missing = brick.blocks().len();
        {
            let mut queue = lock(&self.shared.queue);
            for (index, block) in brick.blocks_mut().iter_mut().enumerate() {
                let block = core::mem::take(block);
                queue.jobs.push_back(Job { block, index, brick: number, meeting: Arc::clone(&meeting) });
            }
        }
        self.shared.filled.notify_all();
        Ok(Running { brick, meeting })
    }

    fn wait(&self, running: Running) -> Result<Brick, DeviceError> {
        let Running { mut brick, meeting } = running;
        {
            let back = lock(&meeting.back);
            let mut back = meeting
                .complete
                .wait_while(back, |back| back.missing > 0)
                .unwrap_or_else(PoisonError::into_inner);
            for (place, block) in brick.blocks_mut().iter_mut().zip(&mut back.blocks) {
                if let Some(block) = block.take() {
                    *place = block;
                }
            }
        }
        lock(&self.free).push(meeting);
        Ok(brick)
    }

    fn retrieve(&self, _: &mut Brick) -> Result<(), DeviceError> {
        Ok(())
    }
}

impl Drop for CpuPool {
    fn drop(&mut self) {
        {
            let mut queue = lock(&self.shared.queue);
            queue.closed = true;
            // Nobody waits for them any more.
            queue.jobs.clear();
        }
        self.shared.filled.notify_all();
        for thread in self.threads.drain(..) {
            // A panic in it was caught where it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn next(&self) -> Option<Job> {
        let queue = lock(&self.queue);
        let mut queue = self
            .filled
            .wait_while(queue, |queue| queue.jobs.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        queue.jobs.pop_front()
    }
}

fn compute(
    worker: &mut dyn super::Worker,
    desk: &mut Desk,
    job: Job,
    number: usize,
    timeline: Option<&Timeline>,
) {
    let Job { mut block, index, brick, meeting } = job;
    let read_here = block.is_read_late();
    let start = Instant::now();
    let lent = desk.lend(&mut block);
    match block.load() {
        Err(error) => block.unread(error),
        Ok(()) => {
            let loaded = Instant::now();
            // A panic would leave whoever waits for the block waiting for ever. The outcome stays pending, which
            // the other side tells as a failure of the accelerator.
            let _ = catch_unwind(AssertUnwindSafe(|| worker.compute(&mut block)));
            if let Some(timeline) = timeline {
                if read_here {
                    timeline.record(Lane::Read, brick, start, loaded);
                }
                timeline.record(Lane::Compute(number), brick, loaded, Instant::now());
            }
        }
    }
    if lent {
        desk.take_back(&mut block);
    }
    let complete = {
        let mut back = lock(&meeting.back);
        back.missing -= 1;
        back.blocks[index] = Some(block);
        back.missing == 0
    };
    if complete {
        meeting.complete.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! [`Stream`]: sends heaps on a thread of its own.
//!
//! ```text
//!   send_heap -> Completion   |                   | thread
//!   send_heaps                | -> | job | job | -> up to 256 KiB at once -> writer
//!   send_heap_then(callback)  |      max_heaps    |   -> completions, wakers, callbacks
//! ```
//! Any thread may send, await, poll or be called back, on any executor or none. Once running, only callbacks and
//! batches are allocated. A program that has nothing else to do is faster with a [`Sender`](super::Sender).

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::any::Any;
use core::panic::AssertUnwindSafe;
use core::task::Waker;
use std::io;
use std::panic::catch_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::completion::{BatchCompletion, Completion, Heaps, Outcome, Pending, Slots};
use super::engine::{Engine, Failed};
use super::limits::Limits;
use super::outcome::{RejectReason, Rejected, RejectedBatch, Sent, copy};
use super::{CountSequence, Order, StreamConfig, StreamStatistics, Writer};
use crate::{PrebuiltHeap, panic_text};

/// Sends heaps on a thread of its own. Dropping it sends what is queued and waits for that.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    limits: Limits,
    max_heaps: usize,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// There is something to do for the thread.
    work: Condvar,
    /// Something has left.
    done: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    jobs: VecDeque<Job>,
    pub(super) slots: Slots,
    /// Heaps accepted and not yet left.
    under_way: usize,
    /// Heaps that have left or failed.
    ended: u64,
    counts: CountSequence,
    statistics: StreamStatistics,
    /// Threads that wait for `done`.
    waiting: usize,
    closed: bool,
}

/// What `send_heap_then` calls.
type Callback = Box<dyn FnOnce(Sent) + Send>;

struct Job {
    heaps: Heaps,
    order: Order,
    then: Then,
}

enum Then {
    Slot(usize),
    Call(Callback),
}

impl core::fmt::Debug for Job {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Job({} heaps)", self.heaps.as_slice().len())
    }
}

/// Bytes that leave before their completions are told.
const STEP_BYTES: usize = 256 * 1024;

impl Stream {
    /// Starts a thread that sends to `writer`.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(writer: impl Writer + 'static, config: &StreamConfig) -> io::Result<Self> {
        let limits = Limits::of(&writer);
        let shared = Shared { state: Mutex::default(), work: Condvar::new(), done: Condvar::new() };
        let shared = Arc::new(shared);
        let engine = Engine::new(writer, config);
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new().name("spead send".into()).spawn(move || run(&worker, engine))?;
        Ok(Self { shared, limits, max_heaps: config.max_heaps.max(1), thread: Some(thread) })
    }

    /// Queues a heap.
    ///
    /// # Errors
    /// [`Rejected`], with the heap: `max_heaps` are under way, or it does not fit the writer.
    pub fn send_heap(&self, heap: PrebuiltHeap) -> Result<Completion, Rejected> {
        match self.queue(Heaps::One(heap), Order::Serial, |slots| Then::Slot(slots.take())) {
            Ok(slot) => Ok(Completion::new(self.pending(slot))),
            Err((heaps, reason)) => Err(rejected(heaps, reason)),
        }
    }

    /// Queues a heap; `then` is called with it when it has left, on the stream's thread: it should be brief, and may
    /// send again. When it panics the stream goes on.
    ///
    /// # Errors
    /// As [`send_heap`](Self::send_heap).
    pub fn send_heap_then(
        &self,
        heap: PrebuiltHeap,
        then: impl FnOnce(Sent) + Send + 'static,
    ) -> Result<(), Rejected> {
        let queued = self.queue(Heaps::One(heap), Order::Serial, |_| Then::Call(Box::new(then)));
        queued.map(|_| ()).map_err(|(heaps, reason)| rejected(heaps, reason))
    }

    /// Queues heaps that end together: one lock and one completion for all. They count as so many heaps.
    ///
    /// # Errors
    /// [`RejectedBatch`], with all heaps: together with those under way they are more than `max_heaps`, or one does
    /// not fit the writer.
    pub fn send_heaps(
        &self,
        heaps: Vec<PrebuiltHeap>,
        order: Order,
    ) -> Result<BatchCompletion, Box<RejectedBatch>> {
        match self.queue(Heaps::Many(heaps), order, |slots| Then::Slot(slots.take())) {
            Ok(slot) => Ok(BatchCompletion::new(self.pending(slot))),
            Err((heaps, reason)) => Err(Box::new(RejectedBatch { heaps: heaps.into_vec(), reason })),
        }
    }

    /// Waits until everything has left that was queued before. In a callback it returns at once, since nothing leaves
    /// before that has returned.
    pub fn flush(&self) {
        if self.is_own_thread() {
            return;
        }
        let mut state = self.shared.lock();
        let target = state.ended + state.under_way as u64;
        while state.ended < target {
            state = self.shared.wait(state);
        }
    }

    /// Waits until fewer than `max_heaps` heaps are under way. In a callback it returns at once.
    pub fn wait_for_room(&self) {
        if self.is_own_thread() {
            return;
        }
        let mut state = self.shared.lock();
        while state.under_way >= self.max_heaps {
            state = self.shared.wait(state);
        }
    }

    /// Chooses the numbers of the heaps to come.
    pub fn set_counts(&self, counts: CountSequence) {
        self.shared.lock().counts = counts;
    }

    /// What it did so far.
    #[must_use]
    pub fn statistics(&self) -> StreamStatistics {
        self.shared.lock().statistics
    }

    fn is_own_thread(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id())
    }

    fn pending(&self, slot: usize) -> Pending {
        Pending::new(Arc::clone(&self.shared), slot)
    }

    /// Queues a job; returns its slot, or 0 when it has none.
    fn queue(
        &self,
        mut heaps: Heaps,
        order: Order,
        then: impl FnOnce(&mut Slots) -> Then,
    ) -> Result<usize, (Heaps, RejectReason)> {
        let unfit = heaps.as_slice().iter().find_map(|heap| self.limits.check(heap).err());
        if let Some(unfit) = unfit {
            return Err((heaps, unfit.into()));
        }
        let mut state = self.shared.lock();
        let count = heaps.as_slice().len();
        if state.closed {
            return Err((heaps, RejectReason::Stopped));
        }
        if state.under_way + count > self.max_heaps {
            return Err((heaps, RejectReason::Full { heaps: self.max_heaps }));
        }
        for heap in heaps.as_mut_slice() {
            heap.write_count(heap.count().unwrap_or_else(|| state.counts.take()));
        }
        let then = then(&mut state.slots);
        let slot = if let Then::Slot(slot) = then { slot } else { 0 };
        state.under_way += count;
        let was_empty = state.jobs.is_empty();
        state.jobs.push_back(Job { heaps, order, then });
        drop(state);
        if was_empty {
            self.shared.work.notify_one();
        }
        Ok(slot)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_one();
        let own = self.is_own_thread();
        // A callback that drops the stream runs on its thread, which cannot wait for itself.
        if let Some(thread) = self.thread.take().filter(|_| !own) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has left.
    pub(super) fn wait<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let mut state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }
}

fn rejected(heaps: Heaps, reason: RejectReason) -> Rejected {
    match heaps {
        Heaps::One(heap) => Rejected { heap, reason },
        // A job of one heap is made of one heap.
        Heaps::Many(mut heaps) => Rejected { heap: heaps.swap_remove(0), reason },
    }
}

/// The thread.
fn run<W: Writer>(shared: &Shared, mut engine: Engine<W>) {
    let mut jobs: VecDeque<Job> = VecDeque::new();
    let mut wakers: Vec<Waker> = Vec::new();
    let mut calls: Vec<(Callback, Outcome)> = Vec::new();
    let mut unwanted: Vec<Outcome> = Vec::new();
    let mut broken: Option<io::Error> = None;
    while take(shared, &mut engine, &mut jobs) {
        while !jobs.is_empty() {
            let sent = match broken {
                Some(_) => None,
                None => catch_unwind(AssertUnwindSafe(|| send(&mut engine, &jobs)))
                    .map_err(|panic| broken = Some(panicked(&*panic)))
                    .ok(),
            };
            let ended = sent.unwrap_or_else(|| Ended {
                whole: 0,
                failed: jobs.len(),
                error: broken.as_ref().map(copy),
            });
            let mut state = shared.lock();
            // Nobody knows what a writer that panicked has written: nothing more is taken.
            state.closed |= broken.is_some();
            state.statistics = *engine.statistics();
            for (index, job) in jobs.drain(..ended.whole + ended.failed).enumerate() {
                let heaps = job.heaps.as_slice();
                state.under_way -= heaps.len();
                state.ended += heaps.len() as u64;
                let result = match &ended.error {
                    Some(error) if index >= ended.whole => Err(copy(error)),
                    _ => Ok(heaps.iter().map(PrebuiltHeap::wire_len).sum()),
                };
                match job.then {
                    Then::Slot(slot) => {
                        let (waker, outcome) = state.slots.finish(slot, (job.heaps, result));
                        wakers.extend(waker);
                        unwanted.extend(outcome);
                    }
                    Then::Call(call) => calls.push((call, (job.heaps, result))),
                }
            }
            let waiting = state.waiting > 0;
            drop(state);
            if waiting {
                shared.done.notify_all();
            }
            wakers.drain(..).for_each(Waker::wake);
            unwanted.clear();
            for (call, (heaps, result)) in calls.drain(..) {
                if let Heaps::One(heap) = heaps {
                    // Others wait for this thread; the panic has been told.
                    let _ = catch_unwind(AssertUnwindSafe(|| call(Sent { heap, result })));
                }
            }
        }
    }
}

/// What a writer's panic becomes.
fn panicked(panic: &(dyn Any + Send)) -> io::Error {
    io::Error::other(format!("the stream's writer panicked: {}", panic_text(panic)))
}

/// Takes the next jobs, at most [`STEP_BYTES`] and at least one; `false` at the end.
fn take<W: Writer>(shared: &Shared, engine: &mut Engine<W>, jobs: &mut VecDeque<Job>) -> bool {
    let mut state = shared.lock();
    let mut idle = false;
    while state.jobs.is_empty() {
        if state.closed {
            return false;
        }
        idle = true;
        state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    let mut bytes = 0;
    while bytes < STEP_BYTES
        && let Some(job) = state.jobs.pop_front()
    {
        bytes += job.heaps.as_slice().iter().map(PrebuiltHeap::wire_len).sum::<usize>();
        jobs.push_back(job);
    }
    drop(state);
    if idle {
        engine.idle();
    }
    true
}

/// How jobs at the front of the queue ended.
struct Ended {
    /// Jobs whose heaps have all left.
    whole: usize,
    /// Jobs behind them that failed.
    failed: usize,
    error: Option<io::Error>,
}

/// Sends the first jobs.
fn send<W: Writer>(engine: &mut Engine<W>, jobs: &VecDeque<Job>) -> Ended {
    if let Some(job) = jobs.front().filter(|job| job.order == Order::RoundRobin) {
        return match engine.round_robin(job.heaps.as_slice()) {
            Ok(()) => Ended { whole: 1, failed: 0, error: None },
            Err(Failed { error, .. }) => Ended { whole: 0, failed: 1, error: Some(error) },
        };
    }
    let serial = jobs.iter().take_while(|job| job.order == Order::Serial);
    let heaps = serial.clone().flat_map(|job| job.heaps.as_slice());
    match engine.serial(heaps) {
        Ok(()) => Ended { whole: serial.count(), failed: 0, error: None },
        Err(Failed { sent, failed, error }) => {
            // Job by job, the heaps behind its last one.
            let ends = serial.scan(0, |heaps, job| {
                *heaps += job.heaps.as_slice().len();
                Some(*heaps)
            });
            let whole = ends.clone().take_while(|end| *end <= sent).count();
            let touched = ends.take_while(|end| *end < sent + failed).count() + 1;
            Ended { whole, failed: touched.saturating_sub(whole).max(1), error: Some(error) }
        }
    }
}

//! [`Batcher`]: values of one type, sent together as one message.
//!
//! ```text
//!   add(v)   the first of a batch, and nobody has anything to read     sent at once
//!            the batch is full                                         sent by who adds
//!            the oldest has waited max_latency                         sent by a thread of the batcher, also when
//!                                                                      nothing more is added
//! ```
//!
//! So values wait only while the receiver is busy anyway, and never longer than said. What the receiver gets is an
//! array: [`values`](crate::record::Message::values) reads it where it lies. For messages of different lengths there is
//! the [`Coalescer`](crate::coalesce::Coalescer).

use alloc::sync::Arc;
use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use zerocopy::{Immutable, IntoBytes};

use crate::record::kind_of;
use crate::{SendError, SendRecords};

/// Values in a batch unless said otherwise.
pub const MAX_BATCH: usize = 1000;
/// How long a value waits at most unless said otherwise.
pub const MAX_LATENCY: Duration = Duration::from_millis(10);
/// After sending in vain the clock waits at least so long.
const PAUSE: Duration = Duration::from_millis(1);

/// Sends values in batches: see the [module](self). Shared by reference among threads that add.
///
/// Dropping it sends what waits.
#[derive(Debug)]
pub struct Batcher<T, S>
where
    S: SendRecords + Send + 'static,
    T: IntoBytes + Immutable + Send + 'static,
{
    shared: Arc<Shared<T, S>>,
    clock: Option<JoinHandle<()>>,
}

impl<T, S> Batcher<T, S>
where
    S: SendRecords + Send + 'static,
    T: IntoBytes + Immutable + Send + 'static,
{
    /// Batches of at most `max_batch` values (those that fit into a message of the channel), none of which waits longer
    /// than `max_latency`. Takes its memory now and starts its thread.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn new(sender: S, max_batch: usize, max_latency: Duration) -> std::io::Result<Self> {
        let fits = sender.largest() / size_of::<T>().max(1);
        let most = max_batch.min(fits).max(1);
        let state =
            State { sender, values: Vec::with_capacity(most), most, oldest: None, failed: None, over: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), max_latency });
        let own = Arc::clone(&shared);
        let clock =
            std::thread::Builder::new().name("channel-batch".to_owned()).spawn(move || own.watch())?;
        Ok(Self { shared, clock: Some(clock) })
    }

    /// Adds a value, and sends the batch if this fills it or the receiver has nothing else to read.
    ///
    /// # Errors
    /// [`SendError`], also of a batch that was sent by the clock since the last call. The value is not taken then.
    pub fn add(&self, value: T) -> Result<(), SendError> {
        let mut state = self.shared.lock();
        state.usable()?;
        if state.values.len() >= state.most {
            state.send()?;
        }
        state.values.push(value);
        let len = state.values.len();
        // Asked at 1, 2, 4, 8 ... values: asking costs more than adding.
        if len >= state.most || (len.is_power_of_two() && state.sender.is_idle()) {
            return state.send().inspect_err(|_| drop(state.values.pop()));
        }
        if len == 1 {
            state.oldest = Some(Instant::now());
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// [`SendError`]
    pub fn flush(&self) -> Result<(), SendError> {
        let mut state = self.shared.lock();
        state.usable()?;
        state.send()?;
        state.sender.flush()
    }

    /// Values that wait.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.lock().values.len()
    }

    /// The channel's metrics.
    #[must_use]
    pub fn metrics(&self) -> crate::Metrics {
        self.shared.lock().sender.metrics()
    }
}

impl<T, S> Drop for Batcher<T, S>
where
    S: SendRecords + Send + 'static,
    T: IntoBytes + Immutable + Send + 'static,
{
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        // There is nobody left to tell what goes wrong; who wants to know flushes first. What the clock could not send
        // before may go now.
        let _ = state.send().and_then(|()| state.sender.flush());
        state.over = true;
        drop(state);
        self.shared.changed.notify_one();
        if let Some(clock) = self.clock.take() {
            let _ = clock.join();
        }
    }
}

#[derive(Debug)]
struct Shared<T, S> {
    state: Mutex<State<T, S>>,
    changed: Condvar,
    max_latency: Duration,
}

#[derive(Debug)]
struct State<T, S> {
    sender: S,
    values: Vec<T>,
    most: usize,
    /// When the first of the values was added.
    oldest: Option<Instant>,
    failed: Option<SendError>,
    over: bool,
}

impl<T: IntoBytes + Immutable, S: SendRecords> Shared<T, S> {
    fn lock(&self) -> MutexGuard<'_, State<T, S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what nobody else sends in time.
    fn watch(&self) {
        let mut state = self.lock();
        while !state.over {
            let Some(oldest) = state.oldest else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = self.max_latency.saturating_sub(oldest.elapsed());
            if left.is_zero() {
                let sent = state.send().and_then(|()| state.sender.flush());
                if let Err(failed) = sent {
                    // Told to who adds next. The values go on waiting, for a while.
                    state.failed = Some(failed);
                    state.oldest = Some(Instant::now());
                    // Others get the lock meanwhile, however short a value may wait.
                    state = self.changed.wait_timeout(state, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
                }
            } else {
                state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

impl<T: IntoBytes + Immutable, S: SendRecords> State<T, S> {
    fn usable(&mut self) -> Result<(), SendError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn send(&mut self) -> Result<(), SendError> {
        if !self.values.is_empty() {
            self.sender.send(kind_of::<T>(), self.values.as_bytes())?;
            self.values.clear();
        }
        self.oldest = None;
        Ok(())
    }
}

//! [`RingStream`]: heaps received by threads of the stream's own, taken from a ring: blocking, trying, or as a future.
//!
//! ```text
//!   readers' threads --> assembler --> ring of `capacity` heaps --> next / try_next / poll_next
//! ```
//! When the ring is full the readers wait: packets then wait where they are (a lossless source) or are lost in the
//! kernel's buffer (UDP), and `worker_blocked` counts.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::time::Instant;

use futures_core::Stream;

use super::assembler::Assembler;
use super::heaps::Heaps;
use super::intake::{Intake, Outlet};
use super::ring::{Ring, Taken, Wait, Waiting};
use super::{Allocator, Heap, Reader, Recycling, Statistics, StreamConfig};

/// Heaps that a batch of packets may finish before the first of them reaches the user.
const IN_BATCH: usize = 8192;

/// How heaps reach the user.
#[derive(Clone)]
pub struct RingOptions {
    /// Heaps that wait for the user at most.
    pub capacity: usize,
    /// Where memory for heaps of several packets comes from; `None` recycles what the user drops, up to a quarter of
    /// [`StreamConfig::max_memory`].
    pub allocator: Option<Arc<dyn Allocator>>,
    /// Whether heaps of which something is missing are delivered, too.
    pub incomplete: bool,
    /// Whether incomplete heaps tell which bytes arrived.
    pub ranges: bool,
}

impl Default for RingOptions {
    fn default() -> Self {
        Self { capacity: 64, allocator: None, incomplete: false, ranges: false }
    }
}

impl fmt::Debug for RingOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capacity, allocator, incomplete, ranges } = self;
        f.debug_struct("RingOptions")
            .field("capacity", capacity)
            .field("own_allocator", &allocator.is_some())
            .field("incomplete", incomplete)
            .field("ranges", ranges)
            .finish()
    }
}

impl RingOptions {
    pub(super) fn store(&self, config: &StreamConfig) -> Heaps {
        let allocator = self.allocator.clone().unwrap_or_else(|| {
            let live = config.max_heaps.saturating_mul(config.substreams);
            let most = live.saturating_add(self.capacity).saturating_add(IN_BATCH);
            Arc::new(Recycling::new(most, config.max_memory / 4))
        });
        Heaps::new(config.clone(), allocator, self.incomplete, self.ranges)
    }
}

/// A stream of heaps. Dropping it ends it.
pub struct RingStream {
    intake: Arc<Intake<Heaps, ToRing>>,
    ring: Arc<Ring<Heap>>,
    taken: VecDeque<Heap>,
    waiting: Waiting,
}

struct ToRing(Arc<Ring<Heap>>);

impl RingStream {
    /// Starts receiving with these readers, each in a thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        config: StreamConfig,
        options: &RingOptions,
        readers: impl IntoIterator<Item = Box<dyn Reader>>,
    ) -> io::Result<Self> {
        let ring = Arc::new(Ring::new(options.capacity));
        let store = options.store(&config);
        let intake = Intake::new(Assembler::new(config, store), ToRing(Arc::clone(&ring)));
        let stream = Self { intake, ring, taken: VecDeque::new(), waiting: Waiting::default() };
        stream.intake.start(readers.into_iter().collect())?;
        Ok(stream)
    }

    /// Starts receiving with one reader and default rules.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn of(reader: impl Reader + 'static) -> io::Result<Self> {
        Self::start(StreamConfig::default(), &RingOptions::default(), [Box::new(reader) as Box<dyn Reader>])
    }

    /// One more source of packets. A stream that has ended stays so.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn add_reader(&self, reader: impl Reader + 'static) -> io::Result<()> {
        self.intake.start(vec![Box::new(reader)])
    }

    /// The next heap, waited for; `None` at the end of the stream.
    #[expect(clippy::should_implement_trait, reason = "it is implemented, for `&mut RingStream`")]
    pub fn next(&mut self) -> Option<Heap> {
        self.wait(Wait::Forever).ok().flatten()
    }

    /// The next heap if one is there.
    ///
    /// # Errors
    /// [`NoHeap::NotYet`] when there is none, [`NoHeap::Ended`] when none will come.
    pub fn try_next(&mut self) -> Result<Heap, NoHeap> {
        self.wait(Wait::No)?.ok_or(NoHeap::Ended)
    }

    /// The next heap, waited for up to `most`.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub fn next_timeout(&mut self, most: Duration) -> Result<Heap, NoHeap> {
        let wait = Instant::now().checked_add(most).map_or(Wait::Forever, Wait::Until);
        self.wait(wait)?.ok_or(NoHeap::Ended)
    }

    /// The next heap as a future, for any executor; `None` at the end of the stream.
    pub async fn next_async(&mut self) -> Option<Heap> {
        core::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Ends the stream: heaps under way are given up, those in the ring can still be taken.
    pub fn stop(&self) {
        self.intake.stop(|| self.ring.close());
    }

    /// What was received up to the last batch of packets.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.intake.statistics()
    }

    /// Why a reader ended, if one failed. Of several the first.
    #[must_use]
    pub fn take_error(&self) -> Option<io::Error> {
        self.intake.take_error()
    }

    fn wait(&mut self, wait: Wait) -> Result<Option<Heap>, NoHeap> {
        if let Some(heap) = self.taken.pop_front() {
            return Ok(Some(heap));
        }
        match self.ring.take(&mut self.taken, wait) {
            Taken::Some => Ok(self.taken.pop_front()),
            Taken::Empty => Err(NoHeap::NotYet),
            Taken::Closed => Ok(None),
        }
    }
}

impl Iterator for &mut RingStream {
    type Item = Heap;

    fn next(&mut self) -> Option<Heap> {
        RingStream::next(self)
    }
}

impl Stream for RingStream {
    type Item = Heap;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Heap>> {
        let stream = self.get_mut();
        if stream.taken.is_empty() {
            let RingStream { ring, taken, waiting, .. } = &mut *stream;
            ready!(ring.poll_take(taken, waiting, context));
        }
        Poll::Ready(stream.taken.pop_front())
    }
}

impl Drop for RingStream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for RingStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.ring.len() + self.taken.len();
        f.debug_struct("RingStream")
            .field("waiting", &waiting)
            .field("statistics", &self.statistics())
            .finish()
    }
}

/// Why there is no heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHeap {
    /// None has come yet.
    #[error("no heap has arrived yet")]
    NotYet,
    /// The stream has ended.
    #[error("the stream has ended")]
    Ended,
}

impl Outlet<Heaps> for ToRing {
    fn hand_over(&mut self, heaps: &mut Heaps) -> u64 {
        self.0.push_all(&mut heaps.done)
    }

    fn close(&mut self, _heaps: &mut Heaps) {
        self.0.close();
    }
}

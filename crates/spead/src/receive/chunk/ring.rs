//! [`ChunkRing`]: full chunks to the user, used ones back. Shared by as many streams as you like.

use alloc::sync::Arc;
use core::fmt;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::time::Instant;

use super::super::NoHeap;
use super::super::ring::{Ring, Wait, Waiting};
use super::Chunk;

/// How often who waits looks whether a stream is being stopped.
const LOOK: Duration = Duration::from_millis(20);

/// Chunks on their way round. Clones share it.
#[derive(Clone)]
pub struct ChunkRing {
    shared: Arc<Shared>,
}

struct Shared {
    data: Ring<Chunk>,
    free: Ring<Chunk>,
    /// Streams that may still fill chunks.
    streams: AtomicUsize,
    /// Tells this ring's chunks from others.
    number: usize,
    /// Chunks that go round.
    chunks: AtomicUsize,
    /// Of them, how many the windows of all streams hold at most.
    reserved: AtomicUsize,
}

/// Rings so far.
static RINGS: AtomicUsize = AtomicUsize::new(0);

impl ChunkRing {
    /// A ring in which at most `capacity` full chunks wait, with these chunks to fill.
    ///
    /// Chunks are in three places: the streams' windows, the ring, the user's hands. With fewer chunks than
    /// these hold together, streams wait for the user; with fewer than the windows hold, no stream starts.
    #[must_use]
    pub fn new(capacity: usize, chunks: impl IntoIterator<Item = Chunk>) -> Self {
        let shared = Shared {
            data: Ring::new(capacity),
            free: Ring::new(usize::MAX),
            streams: AtomicUsize::new(0),
            number: RINGS.fetch_add(1, Ordering::Relaxed).wrapping_add(1),
            chunks: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
        };
        let ring = Self { shared: Arc::new(shared) };
        for chunk in chunks {
            ring.give(chunk);
        }
        ring
    }

    /// The next full chunk, waited for; `None` when all streams have ended.
    #[must_use]
    pub fn next(&self) -> Option<Chunk> {
        self.shared.data.pop(Wait::Forever).ok()
    }

    /// The next full chunk if one is there.
    ///
    /// # Errors
    /// [`NoHeap::NotYet`] when there is none, [`NoHeap::Ended`] when none will come.
    pub fn try_next(&self) -> Result<Chunk, NoHeap> {
        self.shared.data.pop(Wait::No)
    }

    /// The next full chunk, waited for up to `most`.
    ///
    /// # Errors
    /// As [`try_next`](Self::try_next).
    pub fn next_timeout(&self, most: Duration) -> Result<Chunk, NoHeap> {
        self.shared.data.pop(Instant::now().checked_add(most).map_or(Wait::Forever, Wait::Until))
    }

    /// The next full chunk as a future, for any executor; `None` when all streams have ended.
    pub async fn next_async(&self) -> Option<Chunk> {
        Next { ring: &self.shared.data, waiting: Waiting::default() }.await
    }

    /// Gives a chunk back to be filled again. Also how a new one is added.
    pub fn give(&self, mut chunk: Chunk) {
        let Shared { number, chunks, .. } = &*self.shared;
        if core::mem::replace(&mut chunk.ring, *number) != *number {
            chunks.fetch_add(1, Ordering::AcqRel);
        }
        // When nothing will be filled any more the chunk is dropped.
        let _ = self.shared.free.push(chunk);
    }

    /// Chunks that wait to be filled.
    #[must_use]
    pub fn available(&self) -> usize {
        self.shared.free.len()
    }

    /// Keeps chunks for a window. Windows that could hold all of them and want one more would wait for ever.
    pub(super) fn reserve(&self, window: usize) -> io::Result<()> {
        let Shared { chunks, reserved, .. } = &*self.shared;
        let have = chunks.load(Ordering::Acquire);
        let more = |held: usize| held.checked_add(window).filter(|held| *held <= have);
        match reserved.fetch_update(Ordering::AcqRel, Ordering::Acquire, more) {
            Ok(_) => Ok(()),
            Err(held) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the ring has {have} chunks, and the windows of its streams hold {}: give it more chunks, or \
                     lower max_chunks",
                    held.saturating_add(window),
                ),
            )),
        }
    }

    /// The window is gone, its chunks are free.
    pub(super) fn release(&self, window: usize) {
        self.shared.reserved.fetch_sub(window, Ordering::AcqRel);
    }

    pub(super) fn attach(&self) {
        self.shared.streams.fetch_add(1, Ordering::AcqRel);
    }

    /// A stream has handed over its last chunk.
    pub(super) fn detach(&self) {
        if self.shared.streams.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.data.close();
        }
    }

    /// A chunk to fill; tells whether it had to wait. `None` when a stream is being stopped meanwhile.
    pub(super) fn empty(&self, stopping: &AtomicUsize) -> Option<(Chunk, bool)> {
        if let Ok(chunk) = self.shared.free.pop(Wait::No) {
            return Some((chunk, false));
        }
        loop {
            if is_stopping(stopping) {
                return None;
            }
            // Nobody wakes this when a stream is stopped: it looks by itself.
            match self.shared.free.pop(Wait::Until(Instant::now() + LOOK)) {
                Ok(chunk) => return Some((chunk, true)),
                Err(NoHeap::NotYet) => {}
                Err(NoHeap::Ended) => return None,
            }
        }
    }

    /// Hands a chunk over, waiting for room; tells whether it had to wait.
    pub(super) fn full(&self, chunk: Chunk, stopping: &AtomicUsize) -> bool {
        let mut chunk = chunk;
        let mut waited = false;
        loop {
            // The user who stops a stream does not take chunks meanwhile: then nothing is waited for.
            let wait = if is_stopping(stopping) { Duration::ZERO } else { LOOK };
            match self.shared.data.push_until(chunk, Instant::now() + wait) {
                Ok(()) => return waited,
                Err((back, open)) if open && !is_stopping(stopping) => chunk = back,
                Err((back, _)) => {
                    self.give(back);
                    return waited;
                }
            }
            waited = true;
        }
    }
}

/// Waits for a chunk. Several tasks may do so.
struct Next<'a> {
    ring: &'a Ring<Chunk>,
    waiting: Waiting,
}

impl Future for Next<'_> {
    type Output = Option<Chunk>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        let Self { ring, waiting } = &mut *self;
        ring.poll_pop(waiting, context).map(Result::ok)
    }
}

impl Drop for Next<'_> {
    fn drop(&mut self) {
        self.ring.forget(&self.waiting);
    }
}

fn is_stopping(stopping: &AtomicUsize) -> bool {
    stopping.load(Ordering::Acquire) > 0
}

impl fmt::Debug for ChunkRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { data, free, .. } = &*self.shared;
        write!(f, "ChunkRing {{ {} full, {} empty }}", data.len(), free.len())
    }
}

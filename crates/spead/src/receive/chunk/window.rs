//! [`Window`]: the chunks being filled, which move on as the streams do.
//!
//! ```text
//!          tail                    tail + max
//!   old    | chunk | none  | chunk |   new
//!            every stream has its own newest chunk; what all have left behind is handed over
//! ```
//! A chunk of which no heap came is never made: numbers in the ring rise, and may skip. Not for what is in the chunks:
//! that is behind locks of their own, see [`Filling`].

use alloc::sync::Arc;
use core::sync::atomic::AtomicUsize;
use std::io;

use super::filling::Filling;
use super::{ChunkRing, Eviction};

pub(super) struct Window {
    /// Once there is a stream.
    filling: Option<Arc<Filling>>,
    /// Chunks in it.
    open: usize,
    /// The lowest number that may be filled.
    tail: u64,
    max: u64,
    stream_id: u64,
    streams: Vec<Progress>,
    eviction: Eviction,
    ring: ChunkRing,
    /// Streams that are being stopped: as long as there are any, nothing waits for the user, who waits for them.
    stopping: Arc<AtomicUsize>,
    pub(super) blocked: u64,
    moved: bool,
}

/// How far a stream is.
#[derive(Clone, Copy, Debug)]
struct Progress {
    newest: Option<u64>,
    max: u64,
    ended: bool,
}

impl Progress {
    /// The oldest chunk that the stream may still fill.
    fn tail(self) -> u64 {
        if self.ended {
            u64::MAX
        } else {
            self.newest.map_or(0, |newest| (newest + 1).saturating_sub(self.max))
        }
    }
}

/// What becomes of a heap.
pub(super) enum Found {
    /// Its chunk can be filled.
    Here,
    /// Its chunk was handed over.
    TooOld,
    /// Others have to move on first.
    Wait,
    /// The stream has ended, or there is no chunk to fill.
    Over,
}

impl Window {
    pub(super) fn new(max: usize, stream_id: u64, eviction: Eviction, ring: ChunkRing) -> Self {
        Self {
            filling: None,
            open: 0,
            tail: 0,
            max: max.max(1) as u64,
            stream_id,
            streams: Vec::new(),
            eviction,
            ring,
            stopping: Arc::default(),
            blocked: 0,
            moved: false,
        }
    }

    pub(super) fn stopping(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.stopping)
    }

    /// Whether streams that wait should look again.
    pub(super) fn take_moved(&mut self) -> bool {
        core::mem::take(&mut self.moved) && self.streams.len() > 1
    }

    /// One more stream; its number and that of the chunks that its heaps may be in at once, up to `max`, and these.
    /// Refused when the ring has not enough.
    pub(super) fn join(&mut self, max: usize) -> io::Result<(usize, u64, Arc<Filling>)> {
        if self.streams.iter().all(|stream| stream.ended) {
            self.ring.reserve(self.len())?;
        }
        self.ring.attach();
        let max = (max.max(1) as u64).min(self.max);
        self.streams.push(Progress { newest: None, max, ended: false });
        let len = self.len();
        let filling = self.filling.get_or_insert_with(|| Arc::new(Filling::new(len)));
        Ok((self.streams.len() - 1, max, Arc::clone(filling)))
    }

    /// A stream has ended: nobody waits for it any more. The last one hands over what is left.
    pub(super) fn leave(&mut self, stream: usize) {
        let Some(progress) = self.streams.get_mut(stream) else { return };
        if core::mem::replace(&mut progress.ended, true) {
            return;
        }
        self.settle();
        if self.streams.iter().all(|stream| stream.ended) {
            self.ring.release(self.len());
        }
        self.ring.detach();
    }

    /// Chunks that it holds at most.
    fn len(&self) -> usize {
        // It came from a usize.
        usize::try_from(self.max).unwrap_or(usize::MAX)
    }

    /// Makes sure that chunk `id` can be filled by `stream`.
    pub(super) fn open(&mut self, stream: usize, id: u64) -> Found {
        let Some(progress) = self.streams.get_mut(stream) else { return Found::Over };
        if id == u64::MAX || id < progress.tail() || id < self.tail {
            return Found::TooOld;
        }
        if progress.newest < Some(id) {
            progress.newest = Some(id);
            self.moved = true;
            self.settle();
        }
        if id - self.tail >= self.max {
            match self.eviction {
                Eviction::Lossless if self.streams.len() > 1 => return Found::Wait,
                Eviction::Lossless | Eviction::Lossy => self.hand_over_to(id + 1 - self.max),
            }
        }
        let Some(filling) = &self.filling else { return Found::Over };
        if filling.get(id).is_none() {
            let Some((mut chunk, waited)) = self.ring.empty(&self.stopping) else { return Found::Over };
            self.blocked += u64::from(waited);
            chunk.start(id, self.stream_id);
            filling.put(chunk);
            self.open += 1;
        }
        Found::Here
    }

    /// Hands over what all streams have left behind.
    fn settle(&mut self) {
        let tail = self.streams.iter().map(|stream| stream.tail()).min().unwrap_or(0);
        self.hand_over_to(tail);
    }

    /// Hands over all chunks in front of `tail`, oldest first.
    fn hand_over_to(&mut self, tail: u64) {
        while self.tail < tail {
            if self.open == 0 {
                // However far it is, nothing lies between.
                self.tail = tail;
                return;
            }
            if let Some(chunk) = self.filling.as_ref().and_then(|filling| filling.take(self.tail)) {
                self.open -= 1;
                self.blocked += u64::from(self.ring.full(chunk, &self.stopping));
            }
            self.tail += 1;
        }
    }
}

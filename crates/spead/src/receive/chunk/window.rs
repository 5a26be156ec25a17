//! [`Window`]: the chunks being filled, which move on as the streams do.
//!
//! ```text
//!          tail                    tail + max
//!   old    | chunk | none  | chunk |   new
//!            every stream has its own newest chunk; what all have left behind is handed over
//! ```
//! A chunk of which no heap came is never made: numbers in the ring rise, and may skip.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::AtomicUsize;
use std::io;

use super::{Chunk, ChunkRing, Eviction};

pub(super) struct Window {
    chunks: VecDeque<Option<Chunk>>,
    /// Number of the first in `chunks`.
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
            chunks: VecDeque::new(),
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

    /// One more stream; its number. Its heaps may be in `max` chunks at once. Refused when the ring has not enough.
    pub(super) fn join(&mut self, max: usize) -> io::Result<usize> {
        if self.streams.iter().all(|stream| stream.ended) {
            self.ring.reserve(self.len())?;
        }
        self.ring.attach();
        let max = (max.max(1) as u64).min(self.max);
        self.streams.push(Progress { newest: None, max, ended: false });
        Ok(self.streams.len() - 1)
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
        // Below `max`, which came from a usize.
        let index = usize::try_from(id - self.tail).unwrap_or(usize::MAX);
        while self.chunks.len() <= index {
            self.chunks.push_back(None);
        }
        let Some(place) = self.chunks.get_mut(index) else { return Found::Over };
        if place.is_none() {
            let Some((mut chunk, waited)) = self.ring.empty(&self.stopping) else { return Found::Over };
            self.blocked += u64::from(waited);
            chunk.start(id, self.stream_id);
            *place = Some(chunk);
        }
        Found::Here
    }

    /// Chunk `id`, if it is being filled.
    pub(super) fn chunk(&mut self, id: u64) -> Option<&mut Chunk> {
        let index = usize::try_from(id.checked_sub(self.tail)?).ok()?;
        self.chunks.get_mut(index)?.as_mut()
    }

    /// Hands over what all streams have left behind.
    fn settle(&mut self) {
        let tail = self.streams.iter().map(|stream| stream.tail()).min().unwrap_or(0);
        self.hand_over_to(tail);
    }

    /// Hands over all chunks in front of `tail`, oldest first.
    fn hand_over_to(&mut self, tail: u64) {
        while self.tail < tail {
            match self.chunks.pop_front() {
                Some(Some(chunk)) => self.blocked += u64::from(self.ring.full(chunk, &self.stopping)),
                Some(None) => {}
                // However far it is, nothing lies between.
                None => {
                    self.tail = tail;
                    return;
                }
            }
            self.tail += 1;
        }
    }
}

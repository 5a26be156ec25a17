//! [`ChunkGroup`]: several streams, each with threads of its own, that fill the same chunks.
//!
//! For data that comes in parts from several senders and belongs together by time. A chunk is handed over when every
//! stream has left it behind; what happens when one is far ahead is [`Eviction`].

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::filling::Filling;
use super::window::{Found, Window};
use super::{Chunk, ChunkRing};

/// What happens when a stream is ahead of another by more chunks than the window has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// The window moves on; heaps of the slower stream that come later are too old. For sources that do not wait.
    #[default]
    Lossy,
    /// The faster stream waits. A stream that receives nothing makes all others wait.
    Lossless,
}

/// Streams that fill chunks together. Clones share it.
#[derive(Clone)]
pub struct ChunkGroup {
    shared: Arc<Shared>,
}

struct Shared {
    window: Mutex<Window>,
    moved: Condvar,
}

/// One stream's part in a group.
pub(super) struct Member {
    shared: Arc<Shared>,
    filling: Arc<Filling>,
    number: usize,
    /// Chunks that it may fill at once, and the newest that it has asked for.
    max: u64,
    newest: Option<u64>,
    over: Arc<AtomicBool>,
}

/// Stops a stream from another thread.
pub(super) struct Interrupt {
    over: Arc<AtomicBool>,
    stopping: Arc<AtomicUsize>,
}

impl ChunkGroup {
    /// A group with a window of `max_chunks`, at least as many as any of its streams has.
    #[must_use]
    pub fn new(max_chunks: usize, stream_id: u64, eviction: Eviction, ring: &ChunkRing) -> Self {
        let window = Mutex::new(Window::new(max_chunks, stream_id, eviction, ring.clone()));
        Self { shared: Arc::new(Shared { window, moved: Condvar::new() }) }
    }

    pub(super) fn join(&self, max_chunks: usize) -> io::Result<Member> {
        let (number, max, filling) = lock(&self.shared.window).join(max_chunks)?;
        let shared = Arc::clone(&self.shared);
        Ok(Member { shared, filling, number, max, newest: None, over: Arc::default() })
    }
}

impl fmt::Debug for ChunkGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChunkGroup")
    }
}

impl Member {
    /// How often a stream that waits for others looks whether it has been stopped.
    const LOOK: Duration = Duration::from_millis(20);

    /// Chunk `id`, to be filled. `None` when it is too old, or the stream has ended.
    pub(super) fn open(&mut self, id: u64) -> Option<MutexGuard<'_, Option<Chunk>>> {
        // What the window would say of a chunk that is there is known without asking it.
        let is_recent = self.newest.is_some_and(|newest| id <= newest && newest - id < self.max);
        if is_recent && let Some(chunk) = self.filling.get(id) {
            return Some(chunk);
        }
        let mut window = lock(&self.shared.window);
        let mut waited = false;
        loop {
            let found = window.open(self.number, id);
            if window.take_moved() {
                self.shared.moved.notify_all();
            }
            match found {
                Found::Here => break,
                Found::Wait if !self.over.load(Ordering::Acquire) => {
                    window.blocked += u64::from(!core::mem::replace(&mut waited, true));
                    let woken = self.shared.moved.wait_timeout(window, Self::LOOK);
                    window = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
                Found::TooOld | Found::Over | Found::Wait => return None,
            }
        }
        drop(window);
        self.newest = self.newest.max(Some(id));
        // Another stream may have moved the window on just now.
        self.filling.get(id)
    }

    /// Chunk `id`, if it is still being filled.
    pub(super) fn chunk(&self, id: u64) -> Option<MutexGuard<'_, Option<Chunk>>> {
        self.filling.get(id)
    }

    /// The window as it is.
    pub(super) fn window(&self) -> MutexGuard<'_, Window> {
        lock(&self.shared.window)
    }

    /// The stream has ended.
    pub(super) fn leave(&self) {
        lock(&self.shared.window).leave(self.number);
        self.shared.moved.notify_all();
    }

    pub(super) fn interrupt(&self) -> Interrupt {
        Interrupt { over: Arc::clone(&self.over), stopping: self.window().stopping() }
    }
}

impl Interrupt {
    /// From now on the stream waits for nobody, and until `end` no other waits for the user.
    pub(super) fn begin(&self) {
        self.over.store(true, Ordering::Release);
        self.stopping.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn end(&self) {
        self.stopping.fetch_sub(1, Ordering::AcqRel);
    }
}

fn lock(window: &Mutex<Window>) -> MutexGuard<'_, Window> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

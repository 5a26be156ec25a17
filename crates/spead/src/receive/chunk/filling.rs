//! [`Filling`]: the chunks of a window, each behind a lock of its own, so that streams copy without the window's.
//!
//! ```text
//!   window   | tail ... tail + max |         which numbers are open: one lock, held for a moment, once a chunk
//!   places   | n % max | n % max | ...       a chunk each: its lock is held while a payload is copied
//! ```
//! Whoever holds the window's lock may take that of a place, and never the other way round.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Chunk;

pub(super) struct Filling {
    places: Box<[Mutex<Option<Chunk>>]>,
}

impl Filling {
    /// Places for a window of `max` chunks.
    pub(super) fn new(max: usize) -> Self {
        Self { places: (0..max.max(1)).map(|_| Mutex::new(None)).collect() }
    }

    /// Chunk `id`, if it is being filled. Nobody hands it over meanwhile.
    pub(super) fn get(&self, id: u64) -> Option<MutexGuard<'_, Option<Chunk>>> {
        let place = self.place(id)?;
        place.as_ref().is_some_and(|chunk| chunk.id == id).then_some(place)
    }

    /// Takes chunk `id` out as soon as nobody copies into it.
    pub(super) fn take(&self, id: u64) -> Option<Chunk> {
        self.get(id)?.take()
    }

    /// Puts a chunk where its number belongs.
    pub(super) fn put(&self, chunk: Chunk) {
        if let Some(mut place) = self.place(chunk.id) {
            *place = Some(chunk);
        }
    }

    fn place(&self, id: u64) -> Option<MutexGuard<'_, Option<Chunk>>> {
        // Below the number of places, which is a usize.
        #[expect(clippy::cast_possible_truncation)]
        let place = self.places.get((id % self.places.len() as u64) as usize)?;
        Some(place.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

//! [`Slabs`]: large memory that is filled by one thread, read in pieces by many, and filled again when all are done.
//!
//! ```text
//!   Slabs.take() -> FreshSlab    |........................|   one owner: may be written
//!   fresh.share() -> SharedSlab  |packet|packet|packet|...|   read only, counted
//!                      slices      ^    ^      ^             each keeps the whole slab from being filled again
//!   Slabs.give(shared)           comes back from `take` once the last slice is dropped
//! ```
//!
//! For what arrives in large batches and is handed on in small pieces without a copy: packets of one system call,
//! heaps of one packet. Taking and giving allocate nothing once the working set is there, and take no lock: a slab
//! that is still read is passed over. Not for memory that a piece has for itself: that is [`HeapPool`](crate::HeapPool).

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec;
use core::fmt;
use core::ops::{Deref, Range};

/// Slabs that are looked at before a new one is made, or none is given. Those that somebody keeps must not make every
/// `take` long.
const LOOKED_AT: usize = 8;

/// A recycling supply of equal slabs, for one thread.
///
/// ```
/// use packhorse_buffer::Slabs;
/// let mut slabs = Slabs::new(65_536, 4);
/// let mut fresh = slabs.take().ok_or("empty")?;
/// fresh.as_mut_slice()[..5].copy_from_slice(b"hello");
/// let shared = fresh.share();
/// let slice = shared.slice(1..4);
/// slabs.give(shared);
/// assert_eq!(&*slice, b"ell");
/// # Ok::<(), &str>(())
/// ```
pub struct Slabs {
    given: VecDeque<Arc<[u8]>>,
    size: usize,
    most: usize,
    made: usize,
}

impl Slabs {
    /// A supply of at most `most` slabs of `size` bytes, which are made when they are first needed.
    #[must_use]
    pub fn new(size: usize, most: usize) -> Self {
        Self { given: VecDeque::new(), size, most, made: 0 }
    }

    /// A slab that nobody reads any more, or a new one; `None` when all are made and those looked at are still read. A few
    /// are, others each time, so that it takes the same time however many are kept.
    ///
    /// What it holds is left over from its last use.
    #[must_use]
    pub fn take(&mut self) -> Option<FreshSlab> {
        for _ in 0..self.given.len().min(LOOKED_AT) {
            let mut slab = self.given.pop_front()?;
            if Arc::get_mut(&mut slab).is_some() {
                return Some(FreshSlab(slab));
            }
            self.given.push_back(slab);
        }
        if self.made >= self.most {
            return None;
        }
        self.made += 1;
        Some(FreshSlab(Arc::from(vec![0_u8; self.size])))
    }

    /// Puts a slab in line to be filled again as soon as nobody reads it.
    pub fn give(&mut self, slab: SharedSlab) {
        self.given.push_back(slab.0);
    }

    /// Puts a slab that was not shared in front of the line: its bytes are still in the processor's cache.
    pub fn give_back(&mut self, slab: FreshSlab) {
        self.given.push_front(slab.0);
    }

    /// Bytes in a slab.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Slabs made so far.
    #[must_use]
    pub fn made(&self) -> usize {
        self.made
    }
}

impl fmt::Debug for Slabs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slabs {{ {} of {} made, {} bytes each }}", self.made, self.most, self.size)
    }
}

/// A slab with one owner, who may write it.
pub struct FreshSlab(Arc<[u8]>);

impl FreshSlab {
    /// All of its bytes.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // There is one owner as long as this type exists, so the empty slice is never seen.
        Arc::get_mut(&mut self.0).unwrap_or_default()
    }

    /// Ends the writing: from now on it is only read.
    #[must_use]
    pub fn share(self) -> SharedSlab {
        SharedSlab(self.0)
    }
}

impl fmt::Debug for FreshSlab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FreshSlab {{ {} bytes }}", self.0.len())
    }
}

/// A filled slab.
#[derive(Clone)]
pub struct SharedSlab(Arc<[u8]>);

impl SharedSlab {
    /// A piece of it, which keeps all of it: counted, not copied.
    ///
    /// # Panics
    /// When `range` does not lie in the slab.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> SlabSlice {
        assert!(range.start <= range.end && range.end <= self.0.len(), "{range:?} of {}", self.0.len());
        SlabSlice { slab: Arc::clone(&self.0), range }
    }

    /// Whether somebody beside this owner reads it.
    #[must_use]
    pub fn is_read(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The slab to be written again, when this is its last owner.
    ///
    /// # Errors
    /// The slab itself, when others read it.
    pub fn try_fresh(mut self) -> Result<FreshSlab, Self> {
        if Arc::get_mut(&mut self.0).is_some() { Ok(FreshSlab(self.0)) } else { Err(self) }
    }
}

impl Deref for SharedSlab {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SharedSlab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedSlab {{ {} bytes, {} owners }}", self.0.len(), Arc::strong_count(&self.0))
    }
}

/// A piece of a slab. Cloning it counts, and copies nothing.
#[derive(Clone)]
pub struct SlabSlice {
    slab: Arc<[u8]>,
    range: Range<usize>,
}

impl SlabSlice {
    /// A piece of this piece.
    ///
    /// # Panics
    /// When `range` does not lie in it.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.range.len(),
            "{range:?} of {}",
            self.range.len()
        );
        let start = self.range.start;
        Self { slab: Arc::clone(&self.slab), range: start + range.start..start + range.end }
    }

    /// Where it lies in its slab, in bytes.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The slab it is a piece of.
    #[must_use]
    pub fn into_shared(self) -> SharedSlab {
        SharedSlab(self.slab)
    }
}

impl From<&[u8]> for SlabSlice {
    /// A slab of its own: for bytes that come from elsewhere, at the price of an allocation and a copy.
    fn from(bytes: &[u8]) -> Self {
        Self { slab: Arc::from(bytes), range: 0..bytes.len() }
    }
}

impl Deref for SlabSlice {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.slab.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for SlabSlice {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for SlabSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlabSlice {{ {:?} of {} bytes }}", self.range, self.slab.len())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_slab_comes_back_only_when_its_last_slice_is_dropped() {
        let mut slabs = Slabs::new(8, 1);
        let mut fresh = slabs.take().unwrap();
        fresh.as_mut_slice().copy_from_slice(b"abcdefgh");
        let shared = fresh.share();
        let slice = shared.slice(2..6);
        let inner = slice.slice(1..3);
        slabs.give(shared);
        assert!(slabs.take().is_none());
        drop(slice);
        assert_eq!(&*inner, b"de");
        assert!(slabs.take().is_none());
        drop(inner);
        assert!(slabs.take().is_some());
        assert_eq!(slabs.made(), 1);
    }

    #[test]
    fn one_that_is_kept_does_not_stop_the_others() {
        let mut slabs = Slabs::new(8, 3);
        let kept = slabs.take().unwrap().share();
        let slice = kept.slice(0..8);
        slabs.give(kept);
        for _ in 0..100 {
            let slab = slabs.take().unwrap().share();
            slabs.give(slab);
        }
        assert_eq!(slabs.made(), 2);
        drop(slice);
    }

    #[test]
    fn when_all_are_kept_one_that_comes_free_is_found_after_some_tries() {
        let mut slabs = Slabs::new(8, 100);
        let mut kept: Vec<_> = (0..100)
            .map(|_| {
                let slab = slabs.take().unwrap().share();
                let slice = slab.slice(0..8);
                slabs.give(slab);
                slice
            })
            .collect();
        assert!((0..50).all(|_| slabs.take().is_none()));
        kept.swap_remove(50);
        assert_eq!((0..100 / LOOKED_AT + 1).filter_map(|_| slabs.take()).count(), 1);
    }

    #[test]
    fn slabs_of_other_threads_come_back() {
        let mut slabs = Slabs::new(64, 2);
        for round in 0..200_u8 {
            let Some(mut fresh) = slabs.take() else {
                std::thread::yield_now();
                continue;
            };
            fresh.as_mut_slice().fill(round);
            let shared = fresh.share();
            let slice = shared.slice(0..64);
            slabs.give(shared);
            std::thread::spawn(move || assert!(slice.iter().all(|byte| *byte == round))).join().unwrap();
        }
        assert!(slabs.made() <= 2);
    }
}

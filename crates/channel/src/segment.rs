//! [`Segment`]: the memory of one channel, and the only way from positions to bytes.
//!
//! The same over memory of this process and over memory shared with others. `layout` says what lies where,
//! `geometry` how large it is, `peers` who is there. Not the rings: those decide which end may touch which cells,
//! and this module trusts them as far as two ends of one process go, and nobody beyond that.

pub(crate) mod geometry;
pub(crate) mod latency;
pub(crate) mod layout;
pub(crate) mod notify;
pub(crate) mod peers;
pub(crate) mod region;
pub(crate) mod snapshot;
pub(crate) mod state;

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::OpenError;
use crate::ring::{Run, Shared};
use geometry::Geometry;
use layout::{Front, Place, RecordHeader};
use peers::Role;
use region::Region;

/// The memory of one channel, in this process.
#[derive(Debug)]
pub(crate) struct Segment {
    base: NonNull<u8>,
    cells: NonNull<u8>,
    turns: NonNull<AtomicU64>,
    backs: NonNull<AtomicU64>,
    mask: u64,
    geometry: Geometry,
    shared: bool,
    /// Tasks of this process that wait, senders and receivers.
    wakers: notify::Wakers,
    /// Holds the memory.
    _region: Box<dyn Region>,
}

// SAFETY: the pointers are into the region, which is `Send` and `Sync` and moves with the segment. What is reached
// through them by reference is atomics; cells are reached by pointer, and whoever does says why it may.
#[allow(unsafe_code)]
unsafe impl Send for Segment {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Segment {}

impl Segment {
    /// Makes a channel in zeroed memory.
    pub(crate) fn create(region: Box<dyn Region>, geometry: Geometry) -> Result<Self, OpenError> {
        if geometry.bytes() > region.len() as u64 {
            return Err(OpenError::Foreign("its memory is too short"));
        }
        let segment = Self::new(region, geometry);
        let front = segment.front();
        // The magic comes last: who reads it reads the rest.
        for (word, value) in front.geometry.iter().zip(geometry.encode()).skip(1) {
            word.store(value, Ordering::Relaxed);
        }
        front.geometry[0].store(layout::MAGIC, Ordering::Release);
        Ok(segment)
    }

    /// Finds the channel that somebody made in this memory.
    pub(crate) fn open(region: Box<dyn Region>) -> Result<Self, OpenError> {
        let available = region.len() as u64;
        if available < size_of::<Front>() as u64 {
            return Err(OpenError::Foreign("its memory is too short"));
        }
        // SAFETY: long enough; see `front`.
        #[allow(unsafe_code)]
        let words = unsafe { &region.base().cast::<Front>().as_ref().geometry };
        let magic = words[0].load(Ordering::Acquire);
        let mut copy: [u64; 16] = core::array::from_fn(|at| words[at].load(Ordering::Relaxed));
        copy[0] = magic;
        let geometry = Geometry::decode(copy, available)?;
        Ok(Self::new(region, geometry))
    }

    /// The caller has seen that the region is as long as the geometry says.
    #[allow(unsafe_code)]
    fn new(region: Box<dyn Region>, geometry: Geometry) -> Self {
        let base = region.base();
        // SAFETY: the cells begin within the region.
        let cells = unsafe { base.add(geometry.cells_at() as usize) };
        // SAFETY: the turns begin within the region, and end where the cells begin.
        let turns = unsafe { base.add(geometry.turns_at() as usize) }.cast();
        // SAFETY: so do the readers' words, if there are any.
        let backs = unsafe { base.add(geometry.backs_at() as usize) }.cast();
        let shared = region.is_shared();
        Self {
            base,
            cells,
            turns,
            backs,
            shared,
            mask: geometry.cells - 1,
            geometry,
            wakers: notify::Wakers::default(),
            _region: region,
        }
    }

    pub(crate) const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Whether other processes may see it.
    pub(crate) const fn is_shared(&self) -> bool {
        self.shared
    }

    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn front(&self) -> &Front {
        // SAFETY: both constructors looked at the length; the start is aligned to a page; all of it is atomics, for
        // which any bytes are values, and which other threads and processes may change.
        unsafe { self.base.cast::<Front>().as_ref() }
    }

    /// The place with this number; beyond the last it begins again at the first.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn place(&self, peer: usize) -> &Place {
        let peer = peer as u64 & (self.geometry.peers - 1);
        let at = size_of::<Front>() as u64 + peer * size_of::<Place>() as u64;
        // SAFETY: `Geometry::decode` and `create` saw that all places lie within the region, which lives as long as
        // `self`. `Front` and `Place` are multiples of 128 bytes, so is the region's start. `Place` is atomics.
        unsafe { self.base.add(at as usize).cast::<Place>().as_ref() }
    }

    /// Any word of the memory, as another process reaches it; beyond the last it begins again at the first.
    #[cfg(feature = "fuzz")]
    #[allow(unsafe_code)]
    pub(crate) fn any_word(&self, at: usize) -> &AtomicU64 {
        let words = self._region.len() / size_of::<AtomicU64>();
        // SAFETY: the region begins at a page, has so many words, and lives as long as `self`. Its first words, the
        // places and the words of cells are atomics; cells nobody holds while the only thread that knows them is here.
        unsafe { self.base.cast::<AtomicU64>().add(at % words).as_ref() }
    }

    /// The first byte of a cell, wherever the position points.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn cell(&self, position: u64) -> *mut u8 {
        let at = (position & self.mask) * self.geometry.stride;
        // SAFETY: masked, the cell lies within the region; see `place`.
        unsafe { self.cells.add(at as usize).as_ptr() }
    }

    /// The header of a record, copied: another process, or a writer that overtakes us, may change it.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn header(&self, position: u64) -> RecordHeader {
        // SAFETY: a cell of a record channel has 64 bytes and is aligned to as many, and any bytes are a header.
        unsafe { self.cell(position).cast::<RecordHeader>().read_volatile() }
    }

    /// The bytes of a run, cut at the end of the ring.
    #[inline]
    pub(crate) fn bytes(&self, run: Run) -> *mut [u8] {
        let cells = run.cells.min(self.geometry.cells - (run.at & self.mask));
        core::ptr::slice_from_raw_parts_mut(self.cell(run.at), (cells * self.geometry.stride) as usize)
    }
}

impl Shared for Segment {
    #[inline]
    fn cells(&self) -> u64 {
        self.geometry.cells
    }
    #[inline]
    fn tail(&self) -> &AtomicU64 {
        &self.front().tail.0
    }
    #[inline]
    fn head(&self) -> &AtomicU64 {
        &self.front().head.0
    }
    #[inline]
    #[allow(unsafe_code)]
    fn turn(&self, position: u64) -> &AtomicU64 {
        if !self.geometry.turns() {
            return &self.front().spare.0;
        }
        // SAFETY: there are as many turns as cells.
        unsafe { self.turns.add((position & self.mask) as usize).as_ref() }
    }
    #[inline]
    #[allow(unsafe_code)]
    fn back(&self, position: u64) -> &AtomicU64 {
        if !self.geometry.contended() {
            return &self.front().spare.0;
        }
        // SAFETY: there are as many of them as cells.
        unsafe { self.backs.add((position & self.mask) as usize).as_ref() }
    }
    #[inline]
    fn contended(&self) -> bool {
        self.geometry.contended()
    }
    #[inline]
    fn intent(&self, peer: usize) -> Option<&AtomicU64> {
        self.shared.then(|| &self.place(peer).intent)
    }
    #[inline]
    fn cursor(&self, peer: usize) -> &AtomicU64 {
        &self.place(peer).cursor
    }
    fn slowest(&self, tail: u64) -> u64 {
        let reads =
            |number: &usize| self.place(*number).role.load(Ordering::Acquire) == Role::Receiver as u32;
        let behind = |number| tail.wrapping_sub(self.place(number).cursor.load(Ordering::Acquire));
        let most = (0..self.geometry.peers as usize).filter(reads).map(behind).max();
        tail.wrapping_sub(most.unwrap_or(0))
    }
    #[inline]
    fn overwrites(&self) -> bool {
        self.geometry.overwrites()
    }
}

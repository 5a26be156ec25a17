//! Chunks: many heaps in one large buffer, each where the user says, recycled when the user is done.
//!
//! ```text
//!   packet --place(timestamp)--> chunk 7, heap 3, byte 24576
//!   window   | chunk 6         | chunk 7                    |      at most max_chunks; the oldest is handed over
//!              h0 h1 -- h3 ...    data: one payload copy, straight from the receive buffer
//!              1  1  0  1         present: which heaps are whole
//!   ring     data --> user --> free --> window                     chunks go round, none is allocated
//! ```
//! For heaps so small, or processing so regular, that a heap at a time costs too much. Not for heaps whose place is not
//! known from their first packet: those are for a [`RingStream`](super::RingStream).

mod filling;
mod group;
mod place;
mod ring;
mod store;
mod stream;
mod window;

pub use group::{ChunkGroup, Eviction};
pub use place::{Place, PlaceRequest};
pub use ring::ChunkRing;
pub use stream::{ChunkOptions, ChunkStream};

use core::fmt;

/// One chunk: memory for many heaps, and which of them arrived.
pub struct Chunk {
    id: u64,
    stream_id: u64,
    data: Vec<u8>,
    present: Vec<u8>,
    extra: Vec<u8>,
    extra_size: usize,
    /// The ring that it belongs to; 0 before it comes into one.
    ring: usize,
}

impl Chunk {
    /// A chunk of `len` bytes with flags for `heaps` heaps (or packets, when the stream counts packets).
    #[must_use]
    pub fn new(len: usize, heaps: usize) -> Self {
        let (data, present) = (vec![0; len], vec![0; heaps]);
        Self { id: 0, stream_id: 0, data, present, extra: Vec::new(), extra_size: 0, ring: 0 }
    }

    /// Room for `size` bytes of whatever the place function wants to note of each heap.
    ///
    /// # Panics
    /// As `Vec`: when that exceeds the address space.
    #[must_use]
    pub fn with_extra(self, size: usize) -> Self {
        let extra = vec![0; size * self.present.len()];
        Self { extra, extra_size: size, ..self }
    }

    /// Its number, as the place function counts.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The stream or group that filled it.
    #[must_use]
    pub fn stream_id(&self) -> u64 {
        self.stream_id
    }

    /// The payloads, each where it was placed. Where a heap is not present the bytes mean nothing.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The same, to be processed in place before the chunk is given back.
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// A byte for every heap: 1 when it arrived whole, otherwise 0.
    #[must_use]
    pub fn present(&self) -> &[u8] {
        &self.present
    }

    /// Heaps that arrived whole.
    #[must_use]
    pub fn count(&self) -> usize {
        self.present.iter().map(|flag| usize::from(*flag)).sum()
    }

    /// What the place function noted of heap `index`; empty without [`with_extra`](Self::with_extra).
    #[must_use]
    pub fn extra(&self, index: usize) -> &[u8] {
        let start = index.saturating_mul(self.extra_size);
        self.extra.get(start..start.saturating_add(self.extra_size)).unwrap_or_default()
    }

    fn start(&mut self, id: u64, stream_id: u64) {
        (self.id, self.stream_id) = (id, stream_id);
        self.present.fill(0);
        self.extra.fill(0);
    }

    fn note(&mut self, index: usize, extra: &[u8]) {
        let start = index.saturating_mul(self.extra_size);
        if let Some(into) = self.extra.get_mut(start..start.saturating_add(self.extra_size)) {
            let len = into.len().min(extra.len());
            into[..len].copy_from_slice(&extra[..len]);
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, data, present, .. } = self;
        write!(f, "Chunk {{ id {id}, {} bytes, {} of {} heaps }}", data.len(), self.count(), present.len())
    }
}

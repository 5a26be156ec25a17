//! [`StreamConfig`]: how a stream of heaps is sent.

use super::Rate;
use crate::{Heap, HeapError, PrebuiltHeap, Split};

/// How a stream of heaps is sent. All sizes are in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfig {
    /// Heaps that are accepted before the first of them has left. More make a longer pipeline.
    pub max_heaps: usize,
    /// The longest packet that [`prebuild`](Self::prebuild) makes. It is rounded down to a multiple of 8.
    pub packet_size: usize,
    /// How heaps are cut into packets.
    pub split: Split,
    /// Bytes of packets a second, on average; `None`: as fast as it goes.
    pub rate: Option<Rate>,
    /// Bytes that leave at once, before waiting until they are due. Being late by no more than they take is made up at
    /// once.
    pub burst: usize,
    /// How much faster than `rate` a stream that is later than that may catch up: 1.05 is 5 %.
    pub burst_ratio: f64,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            max_heaps: 4,
            packet_size: 1472,
            split: Split::Even,
            rate: None,
            burst: 65_536,
            burst_ratio: 1.05,
        }
    }
}

impl StreamConfig {
    /// Cuts a heap into packets of this stream.
    ///
    /// # Errors
    /// As [`Heap::prebuild`].
    pub fn prebuild(&self, heap: &Heap) -> Result<PrebuiltHeap, HeapError> {
        heap.prebuild_with(self.packet_size, self.split)
    }
}

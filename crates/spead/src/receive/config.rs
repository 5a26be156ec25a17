//! [`StreamConfig`]: the rules by which a stream takes packets, and its limits.

use crate::BugCompat;

/// How a receiving stream treats what arrives.
///
/// ```
/// use packhorse_spead::receive::StreamConfig;
/// let config = StreamConfig { max_heaps: 8, out_of_order: true, ..StreamConfig::default() };
/// assert!(config.stop_on_stop_item);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Heaps of each substream that may be under way at once. When one more begins, the oldest is given up.
    pub max_heaps: usize,
    /// Independent senders whose heaps are told apart by their number: heap count modulo this.
    pub substreams: usize,
    /// By how much the heap count of a substream rises from one heap to the next, in units of `substreams`. What is left
    /// out counts as missing. 0 when heap counts say nothing.
    pub cnt_step: u64,
    /// Whether packets of a heap may come in any order. Otherwise a heap of which a packet is lost or late is lost.
    pub out_of_order: bool,
    /// Whether heaps may come without HEAP_LENGTH. They are delivered when something takes their place.
    pub unsized_heaps: bool,
    /// Whether a heap with the stop item ends the stream. Otherwise it is delivered like any other.
    pub stop_on_stop_item: bool,
    /// Mistakes of the sender to make allowance for when reading descriptors.
    pub bug_compat: BugCompat,
    /// Longest heap, in bytes. Packets of longer ones are dropped, so that a length on the wire is no allocation.
    pub max_heap_length: usize,
    /// Bytes of all heaps of several packets together: under way, delivered, and not dropped by the user yet. For a new
    /// heap beyond this, older ones under way are given up; when that is not enough, its packets are dropped.
    pub max_memory: usize,
    /// Item pointers of one heap, those of the protocol aside.
    pub max_items: usize,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            max_heaps: 4,
            substreams: 1,
            cnt_step: 1,
            out_of_order: false,
            unsized_heaps: true,
            stop_on_stop_item: true,
            bug_compat: BugCompat::NONE,
            max_heap_length: 256 << 20,
            max_memory: 1 << 30,
            max_items: 16_384,
        }
    }
}

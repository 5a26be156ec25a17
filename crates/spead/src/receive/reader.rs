//! [`Reader`]: where packets come from, and [`Batch`]: how they are handed over.
//!
//! ```text
//!   Batch  slabs    |slab 0: datagrams of one call     |  |slab 1                |
//!          packets  (0, 0..8256) (0, 8256..16512) ...     (1, 0..8256) ...
//! ```
//! A reader waits for packets and says where they lie; which of them belong to what is not its business. Slabs come
//! back to the reader when it reads again, those whose heaps are still in use aside.

use core::fmt;
use core::ops::Range;
use std::io;

use packhorse_buffer::SharedSlab;

use super::{Dropped, Reason, Statistics};

/// A source of packets. Streams run each in a thread of its own.
pub trait Reader: Send {
    /// Waits for packets and puts them into `batch`, which holds what the last call left there. `false` is the end.
    ///
    /// Returns also without a packet when it has passed over much, so that the stream counts it, and can be stopped.
    ///
    /// # Errors
    /// What the system says. It ends this reader; the stream goes on with its others.
    fn read(&mut self, batch: &mut Batch) -> io::Result<bool>;

    /// Makes [`read`](Self::read) return from now on, from any thread.
    fn stopper(&self) -> Stopper;

    /// Whether the sender goes on when nobody reads, so that packets are lost.
    fn is_lossy(&self) -> bool;
}

/// Makes a reader return.
pub struct Stopper(Box<dyn Fn() + Send + Sync>);

impl Stopper {
    /// Runs `stop` when the stream ends.
    pub fn new(stop: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(stop))
    }

    /// Makes the reader return.
    pub fn stop(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopper")
    }
}

/// Packets that a reader found, and what it has to tell.
#[derive(Debug, Default)]
pub struct Batch {
    slabs: Vec<Lent>,
    packets: Vec<(usize, Range<usize>)>,
    dropped: Dropped,
    /// Of them, how many: seldom any.
    spoiled: u64,
    skipped: u64,
}

#[derive(Debug)]
struct Lent {
    slab: SharedSlab,
    /// Whether heaps may keep it. Otherwise the reader has no other, and needs it back at once.
    may_keep: bool,
}

impl Batch {
    /// Forgets the packets and gives the slabs of the last call back to the reader.
    pub fn clear(&mut self) -> impl Iterator<Item = SharedSlab> + '_ {
        self.packets.clear();
        if core::mem::take(&mut self.spoiled) > 0 {
            self.dropped = Dropped::default();
        }
        self.skipped = 0;
        self.slabs.drain(..).map(|lent| lent.slab)
    }

    /// Lends a slab to the stream and gives its number. When the reader has others, heaps `may_keep` it.
    pub fn lend(&mut self, slab: SharedSlab, may_keep: bool) -> usize {
        self.slabs.push(Lent { slab, may_keep });
        self.slabs.len() - 1
    }

    /// A packet is in `range` of slab `number`.
    pub fn packet(&mut self, number: usize, range: Range<usize>) {
        self.packets.push((number, range));
    }

    /// A packet was of no use to the reader already.
    pub fn dropped(&mut self, reason: Reason) {
        self.dropped[reason] += 1;
        self.spoiled += 1;
    }

    /// So many bytes were passed over to find the next packet.
    pub fn skipped(&mut self, bytes: u64) {
        self.skipped += bytes;
    }

    /// Packets in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The packets, and whether heaps may keep the slab in which they lie.
    pub(crate) fn packets(&self) -> impl Iterator<Item = (&SharedSlab, Range<usize>, bool)> {
        self.packets.iter().filter_map(|(number, range)| {
            let lent = self.slabs.get(*number)?;
            Some((&lent.slab, range.clone(), lent.may_keep))
        })
    }

    pub(crate) fn count(&self, stats: &mut Statistics) {
        stats.batches += 1;
        stats.max_batch = stats.max_batch.max(self.packets.len() as u64);
        stats.skipped_bytes += self.skipped;
        if self.spoiled > 0 {
            stats.packets += self.spoiled;
            self.dropped.iter().for_each(|(reason, count)| stats.dropped[reason] += count);
        }
    }
}

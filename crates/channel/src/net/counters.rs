//! [`Counters`]: what a network end has done, for [`Metrics`].

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Metrics;

/// Counters that one end adds to and anybody reads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// How often an end had to wait: for room, or for a message.
    pub(crate) blocks: AtomicU64,
    pub(crate) dropped_newest: AtomicU64,
    pub(crate) dropped_oldest: AtomicU64,
    /// Not taken for want of room.
    pub(crate) full: AtomicU64,
    /// Sent and never arrived, as far as this end knows: gaps in the numbers, what a broken connection swallowed.
    pub(crate) lost: AtomicU64,
    /// Messages that came late or twice, and were dropped.
    pub(crate) late: AtomicU64,
    /// Packets that no peer of this version sends, and connections cut off for that.
    pub(crate) garbage: AtomicU64,
    /// Peers whose greeting did not fit.
    pub(crate) refused_peers: AtomicU64,
    /// Connections made anew.
    pub(crate) reconnects: AtomicU64,
    /// Packets on the wire.
    pub(crate) packets: AtomicU64,
}

/// Adds to a counter.
#[inline]
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}

impl Counters {
    /// What both ends count alike.
    fn metrics(&self) -> Metrics {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Metrics {
            dropped_newest: read(&self.dropped_newest),
            dropped_oldest: read(&self.dropped_oldest),
            refused: read(&self.full),
            lost: read(&self.lost),
            late: read(&self.late),
            garbage: read(&self.garbage),
            refused_peers: read(&self.refused_peers),
            reconnects: read(&self.reconnects),
            packets: read(&self.packets),
            ..Metrics::default()
        }
    }

    pub(crate) fn of_sender(&self, depth: u64) -> Metrics {
        let mut metrics = self.metrics();
        metrics.messages_sent = self.messages.load(Relaxed);
        metrics.bytes_sent = self.bytes.load(Relaxed);
        metrics.send_blocks = self.blocks.load(Relaxed);
        metrics.depth = depth;
        metrics
    }

    pub(crate) fn of_receiver(&self) -> Metrics {
        let mut metrics = self.metrics();
        metrics.messages_received = self.messages.load(Relaxed);
        metrics.bytes_received = self.bytes.load(Relaxed);
        metrics.receive_blocks = self.blocks.load(Relaxed);
        metrics
    }
}

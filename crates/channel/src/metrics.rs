//! [`Metrics`]: what a channel has done, counted always and readable from any process that sees it.

use core::sync::atomic::Ordering;

use crate::ModeName;
use crate::ring::Shared as _;
use crate::segment::Segment;
use crate::segment::latency::bucket_end;
use crate::segment::layout::{BUCKETS, Totals};
use crate::segment::peers::Role;
use crate::segment::state::STOPPED;

/// A channel's counts since it was made, of all its ends together. Counts of different ends are read one after
/// the other: while messages move, sums may be off by those in between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Messages that senders published.
    pub messages_sent: u64,
    /// Bytes of payload in them.
    pub bytes_sent: u64,
    /// Messages that receivers took. In broadcast each receiver counts.
    pub messages_received: u64,
    /// Bytes of payload in them.
    pub bytes_received: u64,
    /// How often a sender had to wait for room.
    pub send_blocks: u64,
    /// How often a receiver had to wait for a message.
    pub receive_blocks: u64,
    /// Messages dropped because the channel was full, the new one.
    pub dropped_newest: u64,
    /// Messages dropped because the channel was full, the oldest one.
    pub dropped_oldest: u64,
    /// Cells of messages that a broadcast reader was too slow for.
    pub dropped_lagged: u64,
    /// Messages that a process was writing or reading when it died.
    pub dropped_lost: u64,
    /// Messages refused because the channel was full.
    pub refused: u64,
    /// Network: messages that were sent and never arrived, as far as this end knows: dropped by the sender, lost with a
    /// datagram or a broken connection.
    pub lost: u64,
    /// Network: messages that came late or twice, and were dropped.
    pub late: u64,
    /// Network: packets that no end of ours sends. On tcp their sender is cut off.
    pub garbage: u64,
    /// Network: ends that wanted to join and did not fit.
    pub refused_peers: u64,
    /// Network: connections made anew after one broke.
    pub reconnects: u64,
    /// Network: packets of messages on the wire.
    pub packets: u64,
    /// Cells written and not yet read: messages in typed channels.
    pub depth: u64,
    /// Cells that there are.
    pub cells: u64,
    /// Senders and receivers there now.
    pub senders: u32,
    /// Receivers there now.
    pub receivers: u32,
    /// Ends whose process ended without leaving.
    pub lost_peers: u32,
    /// Whether somebody stopped the channel.
    pub stopped: bool,
    /// From publishing to reading, for a sample of the messages.
    pub latency: Percentiles,
}

/// A distribution of times in nanoseconds, 12 % wide buckets.
#[derive(Clone, PartialEq, Eq)]
pub struct Percentiles {
    counts: [u64; BUCKETS],
}

impl Percentiles {
    /// How many times were taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The time in nanoseconds that a share of all did not exceed, `share` from 0 to 1; nothing when there are none.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn at(&self, share: f64) -> Option<u64> {
        let rank = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0_u64;
        self.counts.iter().enumerate().find_map(|(bucket, count)| {
            seen = seen.saturating_add(*count);
            (*count > 0 && seen >= rank).then(|| bucket_end(bucket))
        })
    }

    /// What was added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self { counts: core::array::from_fn(|at| self.counts[at].saturating_sub(earlier.counts[at])) }
    }
}

impl Default for Percentiles {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl core::fmt::Debug for Percentiles {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Percentiles")
            .field("count", &self.count())
            .field("p50", &self.at(0.5))
            .field("p99", &self.at(0.99))
            .finish()
    }
}

impl Segment {
    pub(crate) fn metrics(&self) -> Metrics {
        let front = self.front();
        let mut metrics = Metrics { cells: self.geometry().cells, ..Metrics::default() };
        metrics.add(&front.totals.0);
        for number in 0..self.geometry().peers as usize {
            let place = self.place(number);
            match place.role.load(Ordering::Acquire) {
                role if role == Role::Sender as u32 => metrics.senders += 1,
                role if role == Role::Receiver as u32 => metrics.receivers += 1,
                _ => continue,
            }
            metrics.add(&place.counts.0);
        }
        let geometry = self.geometry();
        if !geometry.records() && geometry.mode == ModeName::Spsc {
            // A sender that took the oldest moved the head on, too.
            metrics.messages_received =
                self.head().load(Ordering::Relaxed).saturating_sub(metrics.dropped_oldest);
            metrics.messages_sent = self.tail().load(Ordering::Relaxed);
        }
        if !geometry.records() {
            metrics.bytes_sent = metrics.messages_sent.saturating_mul(geometry.type_size);
            metrics.bytes_received = metrics.messages_received.saturating_mul(geometry.type_size);
        }
        let tail = self.tail().load(Ordering::Relaxed);
        let head = if geometry.mode == ModeName::Broadcast {
            self.slowest(tail)
        } else {
            self.head().load(Ordering::Relaxed)
        };
        let depth = tail.wrapping_sub(head);
        // Read one after the other, or written by somebody hostile.
        metrics.depth = if depth > geometry.cells { 0 } else { depth };
        metrics.lost_peers = front.registry.0.lost.load(Ordering::Relaxed);
        metrics.stopped = front.state.0.load(Ordering::Relaxed) & STOPPED != 0;
        metrics.latency = Percentiles { counts: front.histogram() };
        metrics
    }
}

impl Metrics {
    fn add(&mut self, counts: &Totals) {
        let read = |count: &core::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let fields = [
            (&mut self.messages_sent, &counts.messages_sent),
            (&mut self.bytes_sent, &counts.bytes_sent),
            (&mut self.messages_received, &counts.messages_received),
            (&mut self.bytes_received, &counts.bytes_received),
            (&mut self.send_blocks, &counts.send_blocks),
            (&mut self.receive_blocks, &counts.receive_blocks),
            (&mut self.dropped_newest, &counts.dropped_newest),
            (&mut self.dropped_oldest, &counts.dropped_oldest),
            (&mut self.dropped_lagged, &counts.dropped_lagged),
            (&mut self.dropped_lost, &counts.dropped_lost),
            (&mut self.refused, &counts.refused),
        ];
        for (sum, count) in fields {
            *sum = sum.wrapping_add(read(count));
        }
    }
}

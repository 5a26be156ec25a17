//! [`Engine`]: turns heaps into batches of packets and paces them. It runs wherever its owner runs.
//!
//! ```text
//!   serial        | 1 1 1 | 2 2 2 | 3 3 3 |      heap by heap
//!   round-robin   | 1 2 3 | 1 2 3 | 1 2 3 |      a packet of each in turn
//! ```
//! Not a queue, and it owns no heap.

use core::time::Duration;
use std::io;
use std::thread;

use packhorse_buffer::{Clock as _, Instant, SystemClock};

use super::pacer::Pacer;
use super::{Batch, StreamConfig, Writer};
use crate::PrebuiltHeap;

/// In which order the packets of several heaps leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// All packets of a heap, then those of the next.
    #[default]
    Serial,
    /// A packet of each heap in turn, so that slow receivers of several substreams share the burst.
    RoundRobin,
}

/// What a stream did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStatistics {
    /// Heaps whose packets have all been written.
    pub heaps: u64,
    /// Packets written.
    pub packets: u64,
    /// Bytes written, headers included.
    pub bytes: u64,
    /// Batches: calls of the writer.
    pub batches: u64,
    /// Packets of the largest batch.
    pub largest_batch: u64,
    /// Packets that lay in too many pieces to be gathered, and were copied.
    pub copied_packets: u64,
    /// Heaps that failed, wholly or in part.
    pub failed_heaps: u64,
}

/// A heap in the hands of the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) heap: &'a PrebuiltHeap,
    pub(crate) substream: usize,
}

/// Writing failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Heaps in front of it that have left whole.
    pub(crate) sent: usize,
    /// Heaps behind those that have not, or not wholly.
    pub(crate) failed: usize,
    /// Why.
    pub(crate) error: io::Error,
}

#[derive(Debug)]
pub(crate) struct Engine<W> {
    writer: W,
    pacer: Option<Pacer>,
    /// Pace of heaps that have their own.
    burst_ratio: f64,
    /// Bytes after which a batch is written.
    batch_bytes: usize,
    /// When the next packet may leave.
    due: Option<Instant>,
    statistics: StreamStatistics,
    copied: Vec<u8>,
}

/// Bytes of a batch without a rate: several messages for one system call, still in the processor's cache.
const BATCH_BYTES: usize = 256 * 1024;
/// What a sleeping thread may come too late; the rest of the time is spent looking at the clock.
const SLEEP_SLACK: Duration = Duration::from_micros(100);

impl<W: Writer> Engine<W> {
    pub(crate) fn new(writer: W, config: &StreamConfig) -> Self {
        let pacer = config.rate.filter(|rate| *rate > 0.0).map(|rate| Pacer::new(rate, config.burst_ratio));
        let batch_bytes = if pacer.is_some() { config.burst.clamp(1, BATCH_BYTES) } else { BATCH_BYTES };
        let (statistics, copied) = (StreamStatistics::default(), Vec::new());
        Self { writer, pacer, burst_ratio: config.burst_ratio, batch_bytes, due: None, statistics, copied }
    }

    pub(crate) const fn writer(&self) -> &W {
        &self.writer
    }

    pub(crate) fn into_writer(self) -> W {
        self.writer
    }

    pub(crate) const fn statistics(&self) -> &StreamStatistics {
        &self.statistics
    }

    /// Says that there was nothing to send until now.
    pub(crate) fn idle(&mut self) {
        if let Some(pacer) = &mut self.pacer {
            pacer.idle_until(SystemClock.now());
        }
    }

    /// Whether a heap can be written to that substream at all.
    pub(crate) fn check(&self, heap: &PrebuiltHeap, substream: usize) -> Result<(), Unfit> {
        let (len, most) = (heap.longest_packet(), self.writer.longest_packet());
        if len > most {
            return Err(Unfit::Packet { len, most });
        }
        let substreams = self.writer.substreams();
        if substream >= substreams { Err(Unfit::Substream { substream, substreams }) } else { Ok(()) }
    }

    /// Writes all packets of all heaps, one heap after the other.
    pub(crate) fn serial<'a>(&mut self, heaps: impl Iterator<Item = Outgoing<'a>>) -> Result<(), Failed> {
        let mut batch = Batch::new();
        // Heaps in front of those in the batch, and heaps with a packet in the batch.
        let (mut sent, mut begun) = (0, 0);
        for Outgoing { heap, substream } in heaps {
            begun += 1;
            for index in 0..heap.packets() {
                let whole = batch.push(heap, index, substream);
                if whole && batch.bytes() < self.batch_bytes {
                    continue;
                }
                let last = index + 1 == heap.packets();
                let written = self.write(&mut batch).and_then(|()| {
                    if whole || batch.push(heap, index, substream) {
                        Ok(())
                    } else {
                        self.copy(heap, index, substream)
                    }
                });
                written.map_err(|error| self.failed(sent, begun, error))?;
                let done = if last && batch.is_empty() { begun } else { begun - 1 };
                self.statistics.heaps += done as u64;
                (sent, begun) = (sent + done, begun - done);
            }
        }
        self.write(&mut batch).map_err(|error| self.failed(sent, begun, error))?;
        self.statistics.heaps += begun as u64;
        Ok(())
    }

    /// Writes a packet of each heap in turn.
    pub(crate) fn round_robin<'a, I>(&mut self, heaps: I) -> Result<(), Failed>
    where
        I: Iterator<Item = Outgoing<'a>> + Clone,
    {
        let mut batch = Batch::new();
        let count = heaps.clone().count();
        let rounds = heaps.clone().map(|outgoing| outgoing.heap.packets()).max().unwrap_or(0);
        for index in 0..rounds {
            for Outgoing { heap, substream } in
                heaps.clone().filter(|outgoing| index < outgoing.heap.packets())
            {
                let whole = batch.push(heap, index, substream);
                if whole && batch.bytes() < self.batch_bytes {
                    continue;
                }
                let written = self.write(&mut batch).and_then(|()| {
                    if whole || batch.push(heap, index, substream) {
                        Ok(())
                    } else {
                        self.copy(heap, index, substream)
                    }
                });
                written.map_err(|error| self.failed(0, count, error))?;
            }
        }
        self.write(&mut batch).map_err(|error| self.failed(0, count, error))?;
        self.statistics.heaps += count as u64;
        Ok(())
    }

    /// Writes heaps at a pace of their own instead of the stream's.
    pub(crate) fn at_rate<T>(&mut self, rate: Option<f64>, write: impl FnOnce(&mut Self) -> T) -> T {
        let Some(rate) = rate.filter(|rate| *rate > 0.0) else {
            return write(self);
        };
        let own = Some(Pacer::new(rate, self.burst_ratio));
        let (stream, bytes) = (core::mem::replace(&mut self.pacer, own), self.batch_bytes);
        self.batch_bytes = bytes.min(StreamConfig::default().burst);
        let written = write(self);
        (self.pacer, self.batch_bytes) = (stream, bytes);
        written
    }

    fn failed(&mut self, sent: usize, failed: usize, error: io::Error) -> Failed {
        self.statistics.failed_heaps += failed as u64;
        Failed { sent, failed, error }
    }

    /// Writes the batch when it is due, and empties it.
    fn write(&mut self, batch: &mut Batch<'_>) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(due) = self.due.take() {
            sleep_until(due);
        }
        let now = self.pacer.is_some().then(|| SystemClock.now());
        self.writer.write(batch)?;
        if let (Some(pacer), Some(now)) = (&mut self.pacer, now) {
            self.due = Some(pacer.sent(batch.bytes(), now));
        }
        let packets = batch.len() as u64;
        self.statistics.packets += packets;
        self.statistics.bytes += batch.bytes() as u64;
        self.statistics.batches += 1;
        self.statistics.largest_batch = self.statistics.largest_batch.max(packets);
        batch.clear();
        Ok(())
    }

    /// Writes a packet that lies in more pieces than a system call takes.
    #[cold]
    fn copy(&mut self, heap: &PrebuiltHeap, index: usize, substream: usize) -> io::Result<()> {
        let mut copied = core::mem::take(&mut self.copied);
        copied.clear();
        heap.parts(index).for_each(|part| copied.extend_from_slice(part));
        let mut batch = Batch::new();
        batch.push_whole(&copied, substream, index + 1 == heap.packets());
        let written = self.write(&mut batch);
        drop(batch);
        self.copied = copied;
        self.statistics.copied_packets += 1;
        written
    }
}

/// The heap cannot be sent on this stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A packet is longer than the writer can write.
    #[error("the heap has a packet of {len} bytes, the writer takes {most}; prebuild it with shorter ones")]
    Packet {
        /// Bytes of the longest packet.
        len: usize,
        /// Bytes that the writer takes.
        most: usize,
    },
    /// There is no such endpoint.
    #[error("substream {substream} does not exist; the writer has {substreams}, counted from 0")]
    Substream {
        /// Which was asked for.
        substream: usize,
        /// How many there are.
        substreams: usize,
    },
}

fn sleep_until(due: Instant) {
    loop {
        let left = due.since(SystemClock.now());
        if left.is_zero() {
            return;
        }
        match left.checked_sub(SLEEP_SLACK) {
            Some(long) => thread::sleep(long),
            None => thread::yield_now(),
        }
    }
}

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
use super::{Batch, Rate, StreamConfig, Writer};
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
    pacer: Pacer,
    /// Bytes a second of heaps that have no rate of their own.
    rate: Option<Rate>,
    /// Bytes that leave at once when there is a rate.
    burst: usize,
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
        Self {
            writer,
            pacer: Pacer::new(config.burst_ratio),
            rate: config.rate,
            burst: config.burst.clamp(1, BATCH_BYTES),
            due: None,
            statistics: StreamStatistics::default(),
            copied: Vec::new(),
        }
    }

    pub(crate) const fn writer(&self) -> &W {
        &self.writer
    }

    pub(crate) const fn statistics(&self) -> &StreamStatistics {
        &self.statistics
    }

    /// Says that there was nothing to send until now.
    pub(crate) fn idle(&mut self) {
        if self.due.is_some() {
            self.pacer.idle_until(SystemClock.now());
        }
    }

    /// Writes all packets of all heaps, one heap after the other.
    pub(crate) fn serial<'a>(&mut self, heaps: impl Iterator<Item = &'a PrebuiltHeap>) -> Result<(), Failed> {
        let mut batch = Batch::new();
        let mut rate = self.rate;
        // Heaps in front of those in the batch, and heaps with a packet in the batch.
        let (mut sent, mut begun) = (0, 0);
        for heap in heaps {
            let own = heap.rate().or(self.rate);
            if own != rate {
                self.write(&mut batch, rate).map_err(|error| self.failed(sent, begun, error))?;
                self.statistics.heaps += begun as u64;
                (sent, begun, rate) = (sent + begun, 0, own);
            }
            begun += 1;
            for index in 0..heap.packets() {
                if self
                    .gather(&mut batch, heap, index, rate)
                    .map_err(|error| self.failed(sent, begun, error))?
                {
                    continue;
                }
                // Something was written: all but the newest heap, or that too.
                let done = if index + 1 == heap.packets() && batch.is_empty() { begun } else { begun - 1 };
                self.statistics.heaps += done as u64;
                (sent, begun) = (sent + done, begun - done);
            }
        }
        self.write(&mut batch, rate).map_err(|error| self.failed(sent, begun, error))?;
        self.statistics.heaps += begun as u64;
        Ok(())
    }

    /// Writes a packet of each heap in turn, at the rate of the first.
    pub(crate) fn round_robin(&mut self, heaps: &[PrebuiltHeap]) -> Result<(), Failed> {
        let mut batch = Batch::new();
        let rate = heaps.first().and_then(PrebuiltHeap::rate).or(self.rate);
        let rounds = heaps.iter().map(PrebuiltHeap::packets).max().unwrap_or(0);
        for index in 0..rounds {
            for heap in heaps.iter().filter(|heap| index < heap.packets()) {
                self.gather(&mut batch, heap, index, rate)
                    .map_err(|error| self.failed(0, heaps.len(), error))?;
            }
        }
        self.write(&mut batch, rate).map_err(|error| self.failed(0, heaps.len(), error))?;
        self.statistics.heaps += heaps.len() as u64;
        Ok(())
    }

    fn failed(&mut self, sent: usize, failed: usize, error: io::Error) -> Failed {
        self.statistics.failed_heaps += failed as u64;
        Failed { sent, failed, error }
    }

    /// Adds a packet to the batch, and writes the batch when it is full. Returns whether nothing was written.
    #[inline]
    fn gather<'a>(
        &mut self,
        batch: &mut Batch<'a>,
        heap: &'a PrebuiltHeap,
        index: usize,
        rate: Option<Rate>,
    ) -> io::Result<bool> {
        let most = if rate.is_some() { self.burst } else { BATCH_BYTES };
        if batch.push(heap, index) {
            if batch.bytes() < most {
                return Ok(true);
            }
            return self.write(batch, rate).map(|()| false);
        }
        self.write(batch, rate)?;
        if !batch.push(heap, index) {
            self.copy(heap, index, rate)?;
        }
        Ok(false)
    }

    /// Writes the batch when it is due, and empties it.
    fn write(&mut self, batch: &mut Batch<'_>, rate: Option<Rate>) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(due) = self.due.take() {
            sleep_until(due);
        }
        self.due =
            rate.map(|rate| self.pacer.sent(batch.bytes(), rate.bytes_per_second(), SystemClock.now()));
        self.writer.write(batch)?;
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
    fn copy(&mut self, heap: &PrebuiltHeap, index: usize, rate: Option<Rate>) -> io::Result<()> {
        let mut copied = core::mem::take(&mut self.copied);
        copied.clear();
        heap.parts(index).for_each(|part| copied.extend_from_slice(part));
        let mut batch = Batch::new();
        batch.push_whole(&copied, heap.substream(), index + 1 == heap.packets());
        let written = self.write(&mut batch, rate);
        drop(batch);
        self.copied = copied;
        self.statistics.copied_packets += 1;
        written
    }
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

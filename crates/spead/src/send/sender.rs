//! [`Sender`]: sends heaps on the thread of its caller.
//!
//! ```text
//!   submit(heap) ->  | queued | queued | queued |  -> written together  ->  | sent | sent |  -> reclaim() -> heap
//!                      up to `max_heaps`, or 256 KiB                           to be filled again
//!   send(&mut heap), send_all(&mut heaps)            written before they return
//! ```
//! The fastest way: what the caller has just filled is still in its processor's cache, several heaps share a system
//! call, and nothing is allocated, locked or woken. For heaps that leave while the caller does something else there
//! is [`Stream`](super::Stream).

use alloc::collections::VecDeque;
use std::io;

use super::engine::{Engine, Failed};
use super::limits::Limits;
use super::outcome::{RejectReason, Rejected, Sent, copy};
use super::{CountSequence, Order, StreamConfig, StreamStatistics, Writer};
use crate::PrebuiltHeap;

/// Sends heaps on the thread of its caller. Queued heaps are sent when it is dropped.
#[derive(Debug)]
pub struct Sender<W: Writer> {
    engine: Engine<W>,
    counts: CountSequence,
    queued: VecDeque<PrebuiltHeap>,
    queued_bytes: usize,
    sent: VecDeque<Sent>,
    max_heaps: usize,
    limits: Limits,
}

/// Bytes in the queue that are worth a system call.
const GATHERED_BYTES: usize = 256 * 1024;

impl<W: Writer> Sender<W> {
    /// Sends to `writer`.
    pub fn new(writer: W, config: &StreamConfig) -> Self {
        let max_heaps = config.max_heaps.max(1);
        Self {
            limits: Limits::of(&writer),
            engine: Engine::new(writer, config),
            counts: CountSequence::default(),
            queued: VecDeque::with_capacity(max_heaps),
            queued_bytes: 0,
            sent: VecDeque::with_capacity(max_heaps),
            max_heaps,
        }
    }

    /// Chooses the numbers of the heaps to come.
    pub const fn set_counts(&mut self, counts: CountSequence) {
        self.counts = counts;
    }

    /// Takes a heap over, to be sent together with others: as soon as 256 KiB or `max_heaps` heaps have gathered,
    /// with [`flush`](Self::flush), or when [`reclaim`](Self::reclaim) waits for one. A stream that pauses should
    /// flush.
    ///
    /// # Errors
    /// [`Rejected`]: `max_heaps` sent heaps wait to be reclaimed, or the heap does not fit the writer.
    pub fn submit(&mut self, mut heap: PrebuiltHeap) -> Result<(), Rejected> {
        if let Err(unfit) = self.limits.check(&heap) {
            return Err(Rejected { heap, reason: unfit.into() });
        }
        if self.queued.len() + self.sent.len() >= self.max_heaps {
            return Err(Rejected { heap, reason: RejectReason::Full { heaps: self.max_heaps } });
        }
        heap.write_count(heap.count().unwrap_or_else(|| self.counts.take()));
        self.queued_bytes += heap.wire_len();
        self.queued.push_back(heap);
        if self.queued_bytes >= GATHERED_BYTES || self.queued.len() == self.max_heaps {
            self.flush();
        }
        Ok(())
    }

    /// The heap that was submitted first, once it is sent; `None` when none is under way.
    pub fn reclaim(&mut self) -> Option<Sent> {
        if self.sent.is_empty() {
            self.flush();
        }
        self.sent.pop_front()
    }

    /// The heap that was submitted first, if it is sent already.
    pub fn try_reclaim(&mut self) -> Option<Sent> {
        self.sent.pop_front()
    }

    /// Sends all heaps that are queued. Their results come with [`reclaim`](Self::reclaim).
    pub fn flush(&mut self) {
        self.queued_bytes = 0;
        while !self.queued.is_empty() {
            let (whole, failure) = match self.engine.serial(self.queued.iter()) {
                Ok(()) => (self.queued.len(), None),
                Err(Failed { sent, failed, error }) => (sent, Some((failed, error))),
            };
            for heap in self.queued.drain(..whole) {
                let result = Ok(heap.wire_len());
                self.sent.push_back(Sent { heap, result });
            }
            if let Some((failed, error)) = failure {
                for heap in self.queued.drain(..failed) {
                    self.sent.push_back(Sent { heap, result: Err(copy(&error)) });
                }
            }
        }
    }

    /// Sends a heap and returns when it has left; those that are queued leave before it. Returns its bytes.
    ///
    /// # Errors
    /// What the writer says; `InvalidInput` when the heap does not fit the writer.
    pub fn send(&mut self, heap: &mut PrebuiltHeap) -> io::Result<usize> {
        self.send_all(core::slice::from_mut(heap), Order::Serial)
    }

    /// Sends heaps together, and returns when all have left; those that are queued leave before them. Returns the
    /// bytes of all.
    ///
    /// # Errors
    /// As [`send`](Self::send). Which heaps have left then is not known; when one does not fit the writer, none.
    pub fn send_all(&mut self, heaps: &mut [PrebuiltHeap], order: Order) -> io::Result<usize> {
        self.flush();
        let mut bytes = 0;
        for heap in heaps.iter() {
            self.limits.check(heap).map_err(|unfit| io::Error::new(io::ErrorKind::InvalidInput, unfit))?;
        }
        for heap in heaps.iter_mut() {
            heap.write_count(heap.count().unwrap_or_else(|| self.counts.take()));
            bytes += heap.wire_len();
        }
        let written = match order {
            Order::Serial => self.engine.serial(heaps.iter()),
            Order::RoundRobin => self.engine.round_robin(heaps),
        };
        written.map(|()| bytes).map_err(|failed| failed.error)
    }

    /// Says that there was nothing to send until now: with a rate, the time is not caught up.
    pub fn idle(&mut self) {
        self.engine.idle();
    }

    /// What it did so far.
    #[must_use]
    pub const fn statistics(&self) -> &StreamStatistics {
        self.engine.statistics()
    }

    /// What it writes to.
    #[must_use]
    pub const fn writer(&self) -> &W {
        self.engine.writer()
    }
}

impl<W: Writer> Drop for Sender<W> {
    fn drop(&mut self) {
        self.flush();
    }
}

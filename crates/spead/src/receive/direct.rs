//! [`DirectStream`]: heaps received on the thread that consumes them. No ring, no other thread.
//!
//! For a consumer that is done with a heap sooner than the next batch comes, and for whoever has threads of their
//! own. While the consumer works nobody reads: packets of a lossy source wait in the kernel's buffer and nowhere else.

use alloc::collections::VecDeque;
use core::fmt;
use std::io;

use super::assembler::Assembler;
use super::heaps::Heaps;
use super::intake::{Line, Outlet};
use super::{Batch, Heap, Reader, RingOptions, Statistics, StreamConfig};

/// A stream that reads when it is asked for a heap.
pub struct DirectStream<R> {
    reader: R,
    batch: Batch,
    line: Line<Heaps, Waiting>,
    ended: bool,
}

/// Heaps of the last batch that the consumer has not asked for yet.
#[derive(Default)]
struct Waiting(VecDeque<Heap>);

impl<R: Reader> DirectStream<R> {
    /// A stream of what `reader` reads. Of the options the capacity is of no matter: a batch is handed over whole.
    #[must_use]
    pub fn new(reader: R, config: StreamConfig, options: &RingOptions) -> Self {
        let store = options.store(&config);
        let line = Line { assembler: Assembler::new(config, store), outlet: Waiting::default() };
        Self { reader, batch: Batch::default(), line, ended: false }
    }

    /// The next heap, waited for; `None` at the end of the stream.
    ///
    /// # Errors
    /// What the reader says, once; then comes the end.
    pub fn next_heap(&mut self) -> io::Result<Option<Heap>> {
        loop {
            if let Some(heap) = self.line.outlet.0.pop_front() {
                return Ok(Some(heap));
            }
            if self.ended {
                return Ok(None);
            }
            let read = self.reader.read(&mut self.batch);
            if read.is_err() {
                // What an earlier call left in the batch has been through already.
                let _ = self.batch.clear().count();
            }
            let stopped = self.line.deliver(&self.batch);
            if stopped || !matches!(read, Ok(true)) {
                self.ended = true;
                self.line.end();
                self.line.close();
            }
            read?;
        }
    }

    /// What was received up to the last batch of packets.
    #[must_use]
    pub fn statistics(&mut self) -> Statistics {
        *self.line.assembler.stats()
    }

    /// The reader, back. Heaps under way are lost.
    #[must_use]
    pub fn into_reader(self) -> R {
        self.reader
    }
}

impl<R: Reader> Iterator for DirectStream<R> {
    type Item = io::Result<Heap>;

    fn next(&mut self) -> Option<io::Result<Heap>> {
        self.next_heap().transpose()
    }
}

impl<R> fmt::Debug for DirectStream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirectStream {{ {} heaps waiting }}", self.line.outlet.0.len())
    }
}

impl Outlet<Heaps> for Waiting {
    fn hand_over(&mut self, heaps: &mut Heaps) -> u64 {
        self.0.extend(heaps.done.drain(..));
        0
    }

    fn close(&mut self, _heaps: &mut Heaps) {}
}

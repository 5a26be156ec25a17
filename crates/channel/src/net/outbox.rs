//! [`Outbox`]: the messages of a sender on their way to its line: the batch that is being filled, and those that wait.
//!
//! ```text
//!   open batch | claim ... |  --close-->  queue of sealed batches  --pump-->  line
//!                                         bytes in it <= capacity             as much as it takes without waiting
//! ```
//!
//! Knows no locks, threads and clocks; [`Sender`](super::Sender) has those. A batch that is partly written is never
//! dropped: half a packet is of no use.

use alloc::collections::VecDeque;

use packhorse_link::TransportError;

use super::batch::Batch;
use super::line::Line;
use super::wire::{Kind, Packet};
use crate::packed::Layout;

/// Batches kept for the next ones.
const SPARE: usize = 4;

/// What waits to be sent.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) open: Batch,
    queue: VecDeque<Batch>,
    /// Bytes of the first batch in the queue that are written.
    written: usize,
    /// Bytes in the queue.
    queued: usize,
    spare: Vec<Batch>,
    /// Records of a standard batch.
    room: usize,
    capacity: usize,
    /// Number of the next message.
    pub(crate) next: u64,
    session: u32,
    stream: bool,
    ended: bool,
    /// Messages in the queue.
    waiting: u64,
    /// Messages dropped since the last one: the next batch begins so much further.
    gap: u64,
}

impl Outbox {
    pub(crate) fn new(room: usize, capacity: usize, session: u32, stream: bool) -> Self {
        Self {
            open: Batch::new(room),
            queue: VecDeque::new(),
            written: 0,
            queued: 0,
            spare: Vec::new(),
            room,
            capacity,
            next: 0,
            session,
            stream,
            ended: false,
            waiting: 0,
            gap: 0,
        }
    }

    /// Messages that wait.
    pub(crate) fn depth(&self) -> u64 {
        self.waiting + u64::from(self.open.count())
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.open.count() == 0
    }

    /// Whether sealed batches wait.
    pub(crate) fn is_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Makes room in the open batch for a message of `len` bytes. False when too much waits already.
    pub(crate) fn make_room(&mut self, len: usize) -> bool {
        let size = Layout::Aligned.size(len);
        // Messages behind a gap must not share a packet with those before it.
        let joins = self.gap == 0 || self.open.count() == 0;
        if size <= self.open.left() && joins {
            self.pass_gap();
            return true;
        }
        // One message is always taken, however long.
        if !self.queue.is_empty() && self.queued.saturating_add(self.open.room()) > self.capacity {
            return false;
        }
        self.close();
        self.pass_gap();
        if size > self.open.room() {
            // Passes alone.
            let fits = self.spare.iter().position(|batch| batch.room() >= size);
            let large = fits.map_or_else(|| Batch::new(size), |at| self.spare.swap_remove(at));
            let small = core::mem::replace(&mut self.open, large);
            self.keep(small);
        }
        true
    }

    /// A message is dropped that nobody has filled: the receiver shall know.
    pub(crate) fn skip(&mut self) {
        self.gap += 1;
    }

    fn pass_gap(&mut self) {
        self.next += core::mem::take(&mut self.gap);
    }

    /// Seals the open batch, and opens another.
    pub(crate) fn close(&mut self) {
        let count = u64::from(self.open.count());
        if count == 0 {
            return;
        }
        let number = self.next - count;
        let fits = self.spare.iter().position(|batch| batch.room() == self.room);
        let new = fits.map_or_else(|| Batch::new(self.room), |at| self.spare.swap_remove(at));
        let batch = core::mem::replace(&mut self.open, new);
        self.waiting += count;
        self.enqueue(batch, Kind::Data, number);
    }

    /// Puts the mark behind everything that there is no more.
    pub(crate) fn end(&mut self) {
        if !self.ended {
            self.close();
            self.pass_gap();
            self.ended = true;
            self.enqueue(Batch::new(8), Kind::End, self.next);
        }
    }

    fn enqueue(&mut self, mut batch: Batch, kind: Kind, number: u64) {
        let packet = Packet { kind, session: self.session, number, count: 0 };
        // Batches are made with room for the stack.
        batch.seal(packet, self.stream).unwrap_or_default();
        self.queued += batch.sealed().len();
        self.queue.push_back(batch);
    }

    /// Drops the oldest batch that nothing is written of; tells how many messages were in it. Without one, what
    /// the open batch holds.
    pub(crate) fn drop_oldest(&mut self) -> u64 {
        let at = usize::from(self.written > 0);
        if self.queue.len() <= at {
            let count = u64::from(self.open.count());
            self.open.clear();
            return count;
        }
        let Some(batch) = self.queue.remove(at) else { return 0 };
        self.queued -= batch.sealed().len();
        let count = u64::from(batch.count());
        self.waiting -= count;
        self.keep(batch);
        count
    }

    /// Gives the line as much as it takes without waiting: what is sealed, and with `flush` what is not. Returns how
    /// many packets are written whole.
    ///
    /// # Errors
    /// What the line says; not that it is full.
    pub(crate) fn pump(
        &mut self,
        line: &mut Line,
        flush: bool,
    ) -> Result<u64, TransportError<std::io::Error>> {
        let mut packets = 0;
        loop {
            if self.queue.is_empty() && flush {
                self.close();
            }
            let Some(batch) = self.queue.front() else { return Ok(packets) };
            let len = batch.sealed().len();
            let rest = batch.sealed().get(self.written..).unwrap_or_default();
            match line.send_some(rest) {
                Ok(written) => self.written += written,
                Err(TransportError::WouldBlock) => return Ok(packets),
                Err(error) => return Err(error),
            }
            if self.written >= len {
                packets += 1;
                self.written = 0;
                self.queued -= len;
                if let Some(batch) = self.queue.pop_front() {
                    self.waiting -= u64::from(batch.count());
                    self.keep(batch);
                }
            }
        }
    }

    /// The line is a new one, over which nothing was written.
    pub(crate) fn restart(&mut self) {
        self.written = 0;
    }

    /// The number of the first message that waits.
    pub(crate) fn first(&self) -> u64 {
        self.next - self.depth()
    }

    /// Everything that waits is given up: how many messages.
    pub(crate) fn abandon(&mut self) -> u64 {
        let depth = self.depth();
        self.open.clear();
        self.queue.clear();
        (self.written, self.queued, self.waiting) = (0, 0, 0);
        depth
    }

    fn keep(&mut self, mut batch: Batch) {
        if self.spare.len() < SPARE && batch.room() >= self.room {
            batch.clear();
            self.spare.push(batch);
        }
    }
}

//! One writer, a log that many read, a cursor for each: what a reader does costs the writer nothing until it is a
//! whole log behind.
//!
//! ```text
//!   lossless      tail - slowest cursor <= cells      the writer looks at the cursors once a log, not once a message
//!   overwriting   head: the oldest that can be read   the writer moves it on before it writes over a message;
//!                                                     a reader copies, then looks whether it was overtaken
//! ```

use super::atomic::{Ordering, fence};
use super::shared::{Consume, Fault, Produce, Run, Shared, to_end};
use super::turns::Turn;

/// Looks at both ends of the log before they are held for corrupt.
const LOOKS: u32 = 10_000;

/// The writing end.
#[derive(Debug)]
pub struct Producer {
    tail: u64,
    /// Nothing before it is still being read.
    gate: u64,
}

/// A reading end.
#[derive(Debug)]
pub struct Consumer {
    peer: usize,
    cursor: u64,
    tail: u64,
}

impl Producer {
    #[inline]
    fn room(&mut self, ring: &impl Shared, wanted: u64) -> Result<u64, Fault> {
        let free = ring.cells().wrapping_sub(self.tail.wrapping_sub(self.gate));
        if free >= wanted {
            return Ok(free);
        }
        if ring.overwrites() { self.move_on(ring, wanted) } else { self.look(ring, wanted) }
    }

    /// Looks at all cursors.
    #[cold]
    fn look(&mut self, ring: &impl Shared, wanted: u64) -> Result<u64, Fault> {
        // With the one in `attach`: a reader that this look misses sees the tail that was published before it.
        fence(Ordering::SeqCst);
        let gate = ring.slowest(self.tail);
        // A reader that has just come may not have settled yet; one that never does is like one that never reads.
        let free = ring.cells().checked_sub(self.tail.wrapping_sub(gate)).ok_or(Fault::Wait)?;
        self.gate = gate;
        if free >= wanted { Ok(free) } else { Err(Fault::Wait) }
    }

    /// Gives up the oldest messages, an eighth of the log at once.
    #[cold]
    fn move_on(&mut self, ring: &impl Shared, wanted: u64) -> Result<u64, Fault> {
        let target = self.tail.wrapping_add(wanted.max(ring.cells() / 8)).wrapping_sub(ring.cells());
        while (target.wrapping_sub(self.gate) as i64) > 0 && self.gate != self.tail {
            match Turn::read(ring, self.gate) {
                Turn::Ready(cells) | Turn::Skip(cells) => self.gate = self.gate.wrapping_add(cells),
                _ => return Err(Fault::Corrupt),
            }
        }
        ring.head().store(self.gate, Ordering::Relaxed);
        // Readers that see a byte of what is written next see that head, too.
        fence(Ordering::SeqCst);
        let free = ring.cells().checked_sub(self.tail.wrapping_sub(self.gate)).ok_or(Fault::Corrupt)?;
        if free >= wanted { Ok(free) } else { Err(Fault::Wait) }
    }
}

impl Produce for Producer {
    fn attach(ring: &impl Shared, _peer: usize) -> Self {
        let tail = ring.tail().load(Ordering::Acquire);
        let gate = if ring.overwrites() {
            ring.head().load(Ordering::Acquire)
        } else {
            tail.wrapping_sub(ring.cells())
        };
        Self { tail, gate }
    }

    #[inline]
    fn claim(&mut self, ring: &impl Shared, cells: u64) -> Result<Run, Fault> {
        let run = Run::place(ring.cells(), self.tail, cells);
        self.room(ring, run.pad + cells)?;
        Ok(run)
    }

    #[inline]
    fn claim_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        let free = self.room(ring, 1)?;
        Ok(Run { pad: 0, at: self.tail, cells: most.min(free).min(to_end(ring.cells(), self.tail)) })
    }

    #[inline]
    fn publish(&mut self, ring: &impl Shared, run: Run, used: u64, each: u64) {
        if ring.overwrites() {
            Turn::mark(ring, Run { cells: used, ..run }, each);
        }
        self.tail = run.at.wrapping_add(used);
        ring.tail().store(self.tail, Ordering::Release);
    }

    #[inline]
    fn abandon(&mut self, _ring: &impl Shared, _run: Run) {}
}

impl Consume for Consumer {
    fn attach(ring: &impl Shared, peer: usize) -> Self {
        let tail = ring.tail().load(Ordering::Acquire);
        ring.cursor(peer).store(tail, Ordering::Release);
        Self { peer, cursor: tail, tail }
    }

    fn settle(&mut self, ring: &impl Shared) {
        // The writer sees this reader from now on; what it wrote before may have passed the cursor.
        fence(Ordering::SeqCst);
        let tail = ring.tail().load(Ordering::Acquire);
        (self.cursor, self.tail) = (tail, tail);
        ring.cursor(self.peer).store(tail, Ordering::Release);
    }

    #[inline]
    fn next(&mut self, ring: &impl Shared) -> Result<Run, Fault> {
        if self.cursor == self.tail {
            let tail = ring.tail().load(Ordering::Acquire);
            if tail == self.cursor {
                return Err(Fault::Wait);
            }
            self.tail = tail;
        }
        let there = self.tail.wrapping_sub(self.cursor);
        if ring.overwrites() {
            self.is_overtaken(ring)?;
        }
        if there > ring.cells() {
            return Err(Fault::Corrupt);
        }
        Ok(Run { pad: 0, at: self.cursor, cells: there.min(to_end(ring.cells(), self.cursor)) })
    }

    #[inline]
    fn next_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        if self.tail.wrapping_sub(self.cursor) < most {
            self.tail = self.cursor;
        }
        let run = self.next(ring)?;
        Ok(Run { cells: run.cells.min(most), ..run })
    }

    #[inline]
    fn is_empty(&mut self, ring: &impl Shared) -> bool {
        ring.tail().load(Ordering::Acquire) == self.cursor
    }

    #[inline]
    fn release(&mut self, ring: &impl Shared, run: Run) {
        self.cursor = run.end();
        ring.cursor(self.peer).store(self.cursor, Ordering::Release);
    }

    #[inline]
    fn is_overtaken(&mut self, ring: &impl Shared) -> Result<(), Fault> {
        fence(Ordering::Acquire);
        let oldest = ring.head().load(Ordering::Relaxed);
        let behind = oldest.wrapping_sub(self.cursor);
        if behind as i64 <= 0 {
            return Ok(());
        }
        let (oldest, tail) = ends(ring).ok_or(Fault::Corrupt)?;
        let behind = oldest.wrapping_sub(self.cursor);
        self.tail = tail;
        self.cursor = oldest;
        ring.cursor(self.peer).store(oldest, Ordering::Release);
        Err(Fault::Lagged(behind))
    }
}

/// The oldest cell that is whole and the one behind the newest, of one moment. The writer moves the one before it writes and the other
/// afterwards, and may go round the ring between two looks: then it is looked again. `None` where they never fit together.
fn ends(ring: &impl Shared) -> Option<(u64, u64)> {
    (0..LOOKS).find_map(|_| {
        let tail = ring.tail().load(Ordering::Acquire);
        let oldest = ring.head().load(Ordering::Acquire);
        (tail.wrapping_sub(oldest) <= ring.cells()).then_some((oldest, tail))
    })
}

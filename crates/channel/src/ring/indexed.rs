//! One writer, one reader, two positions: no read-modify-write anywhere.
//!
//! Each end keeps a copy of the other's position and looks again only when the copy says that there is nothing
//! to do, so that the line with the position moves between the cores once a burst, not once a message.

use super::atomic::{Ordering, spin_loop};
use super::shared::{Consume, Fault, Produce, Run, Shared, to_end};

/// The writing end.
#[derive(Debug)]
pub struct Producer {
    tail: u64,
    head: u64,
}

impl Producer {
    #[inline(always)]
    fn room(&mut self, ring: &impl Shared, wanted: u64) -> Result<u64, Fault> {
        let free = ring.cells().wrapping_sub(self.tail.wrapping_sub(self.head));
        if free >= wanted {
            return Ok(free);
        }
        let head = ring.head().load(Ordering::Acquire);
        let free = ring.cells().checked_sub(self.tail.wrapping_sub(head)).ok_or(Fault::Corrupt)?;
        self.head = head;
        if free >= wanted { Ok(free) } else { Err(Fault::Wait) }
    }
}

impl Produce for Producer {
    fn attach(ring: &impl Shared, _peer: usize) -> Self {
        let tail = ring.tail().load(Ordering::Acquire);
        // As if the ring were full: the first claim looks.
        Self { tail, head: tail.wrapping_sub(ring.cells()) }
    }

    #[inline(always)]
    fn claim(&mut self, ring: &impl Shared, cells: u64) -> Result<Run, Fault> {
        let run = Run::place(ring.cells(), self.tail, cells);
        self.room(ring, run.pad + cells)?;
        Ok(run)
    }

    #[inline(always)]
    fn claim_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        let free = self.room(ring, 1)?;
        Ok(Run { pad: 0, at: self.tail, cells: most.min(free).min(to_end(ring.cells(), self.tail)) })
    }

    #[inline(always)]
    fn publish(&mut self, ring: &impl Shared, run: Run, used: u64, _each: u64) {
        self.tail = run.at.wrapping_add(used);
        ring.tail().store(self.tail, Ordering::Release);
    }

    #[inline]
    fn abandon(&mut self, _ring: &impl Shared, _run: Run) {}
}

/// The reading end.
#[derive(Debug)]
pub struct Consumer {
    head: u64,
    tail: u64,
    /// Pauses before the next look at the writer's position.
    pause: u32,
}

/// Most pauses: about half a microsecond.
const MOST_PAUSE: u32 = 64;

/// From so many cells a look on, the line moves seldom enough.
const BURST: u64 = 32;

impl Consumer {
    /// Looks at the writer's position. In a stream of messages a reader that is close behind looks for each of them,
    /// and takes the line from the writer every time; so when a look finds a few, the next one comes a little later,
    /// and finds more. One message alone is not a stream: answers to questions are not kept waiting.
    #[inline]
    fn look(&mut self, ring: &impl Shared) -> Result<(), Fault> {
        for _ in 0..self.pause {
            spin_loop();
        }
        let tail = ring.tail().load(Ordering::Acquire);
        let found = tail.wrapping_sub(self.head);
        self.pause =
            if (2..BURST).contains(&found) { (self.pause * 2 + 2).min(MOST_PAUSE) } else { self.pause / 2 };
        match found {
            0 => Err(Fault::Wait),
            _ if found > ring.cells() => Err(Fault::Corrupt),
            _ => {
                self.tail = tail;
                Ok(())
            }
        }
    }
}

impl Consume for Consumer {
    fn attach(ring: &impl Shared, _peer: usize) -> Self {
        let head = ring.head().load(Ordering::Acquire);
        Self { head, tail: head, pause: 0 }
    }

    #[inline(always)]
    fn next(&mut self, ring: &impl Shared) -> Result<Run, Fault> {
        if self.head == self.tail {
            self.look(ring)?;
        }
        let cells = self.tail.wrapping_sub(self.head).min(to_end(ring.cells(), self.head));
        Ok(Run { pad: 0, at: self.head, cells })
    }

    #[inline(always)]
    fn next_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        let run = self.next(ring)?;
        Ok(Run { cells: run.cells.min(most), ..run })
    }

    #[inline(always)]
    fn release(&mut self, ring: &impl Shared, run: Run) {
        self.head = run.end();
        ring.head().store(self.head, Ordering::Release);
    }
}

//! One writer, one reader, two positions: no read-modify-write anywhere.
//!
//! Each end keeps a copy of the other's position and looks again only when the copy says that there is nothing
//! to do, so that the line with the position moves between the cores once a burst, not once a message.

use super::atomic::Ordering;
use super::pace::Pace;
use super::shared::{Consume, Fault, Produce, Run, Shared, to_end};

/// The writing end.
#[derive(Debug)]
pub struct Producer {
    tail: u64,
    head: u64,
    pace: Pace,
}

impl Producer {
    #[inline(always)]
    fn room(&mut self, ring: &impl Shared, wanted: u64) -> Result<u64, Fault> {
        let free = ring.cells().wrapping_sub(self.tail.wrapping_sub(self.head));
        if free >= wanted {
            return Ok(free);
        }
        self.look(ring, wanted)
    }

    /// Looks at the reader's position.
    #[inline]
    fn look(&mut self, ring: &impl Shared, wanted: u64) -> Result<u64, Fault> {
        self.pace.wait();
        let head = ring.head().load(Ordering::Acquire);
        let free = ring.cells().checked_sub(self.tail.wrapping_sub(head)).ok_or(Fault::Corrupt)?;
        self.pace.found(free, ring.cells());
        self.head = head;
        if free >= wanted { Ok(free) } else { Err(Fault::Wait) }
    }
}

impl Produce for Producer {
    fn attach(ring: &impl Shared, _peer: usize) -> Self {
        let tail = ring.tail().load(Ordering::Acquire);
        // As if the ring were full: the first claim looks.
        Self { tail, head: tail.wrapping_sub(ring.cells()), pace: Pace::default() }
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
    pace: Pace,
}

impl Consumer {
    /// Looks at the writer's position.
    #[inline]
    fn look(&mut self, ring: &impl Shared) -> Result<(), Fault> {
        self.pace.wait();
        let tail = ring.tail().load(Ordering::Acquire);
        let found = tail.wrapping_sub(self.head);
        self.pace.found(found, ring.cells());
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
        Self { head, tail: head, pace: Pace::default() }
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
    fn is_empty(&mut self, ring: &impl Shared) -> bool {
        let is_empty = ring.tail().load(Ordering::Acquire) == self.head;
        if is_empty {
            self.pace.found(0, ring.cells());
        }
        is_empty
    }

    #[inline(always)]
    fn release(&mut self, ring: &impl Shared, run: Run) {
        self.head = run.end();
        ring.head().store(self.head, Ordering::Release);
    }
}

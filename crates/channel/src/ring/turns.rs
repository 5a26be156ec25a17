//! Many writers or many readers: every cell has words that say whose turn it is.
//!
//! ```text
//!   turn   | lap 32 | state 4 | cells 28 |      one a cell, written by writers alone
//!            lap:    READY, a message of so many cells; SKIP, nothing of so many cells; before: not written yet
//!   back   | lap 64 |                           one a cell, written by readers alone, where they are contended
//!            the lap for which a writer may take it
//!   head                                        where one reader is alone, says the same for all cells
//! ```
//! Many writers take positions by compare-and-swap on `tail`, many readers on `head`; an end that is alone keeps
//! its position to itself and only tells it. Words of neighbouring cells stand side by side, and those of writers apart
//! from those of readers: where one side is a little ahead of the other, a line of words crosses between the cores once
//! for eight messages. A writer remembers how far cells are free, and looks again only when it gets there.
//!
//! A run is given back from its last cell to its first, so that the first word tells whether all of it was.

use super::atomic::{Ordering, spin_loop};
use super::pace::Pace;
use super::shared::{Consume, Fault, Produce, Run, Shared, to_end};

const READY: u64 = 1 << 28;
const SKIP: u64 = 2 << 28;
/// Inside a run: never looked at, only kept from growing so old that its lap looks new.
const INSIDE: u64 = 3 << 28;
const STATE: u64 = 0xF << 28;
const CELLS: u64 = (1 << 28) - 1;

/// Words inside runs are written once in so many laps.
const REFRESH: u64 = 1 << 16;

/// Cells that a look for free ones goes ahead at least: eight lines of words.
const AHEAD: u64 = 64;

/// A writing end: one of `MANY`, or alone.
#[derive(Debug)]
pub struct Producer<const MANY: bool> {
    peer: usize,
    tail: u64,
    /// Cells before it are free.
    limit: u64,
    contended: bool,
    pace: Pace,
}

/// A reading end.
#[derive(Debug)]
pub struct Consumer {
    peer: usize,
    head: u64,
    /// Whether others take messages, too.
    contended: bool,
    /// Messages since the last look in vain.
    streak: u64,
    pace: Pace,
}

impl<const MANY: bool> Producer<MANY> {
    #[inline(always)]
    fn reserve(&mut self, ring: &impl Shared, size: impl Fn(u64) -> (Run, u64)) -> Result<Run, Fault> {
        loop {
            let tail = if MANY { ring.tail().load(Ordering::Relaxed) } else { self.tail };
            let (run, least) = size(tail);
            let mut free = self.known(ring, tail);
            if free < least {
                free = self.look(ring, tail, run.pad + run.cells)?;
            }
            if free < least {
                if MANY && ring.tail().load(Ordering::Acquire) != tail {
                    spin_loop();
                    continue;
                }
                clear_intent(ring, self.peer);
                return Err(Fault::Wait);
            }
            let run = Run { cells: (free - run.pad).min(run.cells), ..run };
            if MANY {
                say_intent(ring, self.peer, WRITES, tail, run.pad + run.cells);
                let taken =
                    ring.tail().compare_exchange_weak(tail, run.end(), Ordering::AcqRel, Ordering::Relaxed);
                if taken.is_err() {
                    spin_loop();
                    continue;
                }
            }
            return Ok(run);
        }
    }

    /// Cells from `tail` on that are free, as far as this end knows.
    #[inline(always)]
    fn known(&self, ring: &impl Shared, tail: u64) -> u64 {
        let ahead = self.limit.wrapping_sub(tail);
        // Behind the tail: others have gone further.
        if ahead as i64 > 0 { ahead.min(ring.cells()) } else { 0 }
    }

    /// Looks how far cells are free from `tail` on, `wanted` of them or more.
    #[inline(never)]
    fn look(&mut self, ring: &impl Shared, tail: u64, wanted: u64) -> Result<u64, Fault> {
        self.pace.wait();
        let before = self.known(ring, tail);
        let mut found = None;
        if self.contended {
            let mut at = tail.wrapping_add(before);
            let end = tail.wrapping_add(wanted.max(AHEAD).min(ring.cells()));
            while at != end && ring.back(at).load(Ordering::Acquire) == number(ring, at) {
                at = at.wrapping_add(1);
            }
            self.limit = at;
            found = (at == end).then_some(ring.cells());
        } else {
            self.limit = ring.head().load(Ordering::Acquire).wrapping_add(ring.cells());
            let free = self.limit.wrapping_sub(tail);
            // Among many the tail may be an old one, and the head beyond it.
            if !MANY && free > ring.cells() {
                return Err(Fault::Corrupt);
            }
        }
        let free = self.known(ring, tail);
        self.pace.found(found.unwrap_or(free - before.min(free)), ring.cells());
        Ok(free)
    }

    #[inline(always)]
    fn advance(&mut self, ring: &impl Shared, end: u64) {
        if !MANY {
            self.tail = end;
            ring.tail().store(end, Ordering::Release);
        }
    }
}

impl<const MANY: bool> Produce for Producer<MANY> {
    fn attach(ring: &impl Shared, peer: usize) -> Self {
        let mut tail = ring.tail().load(Ordering::Acquire);
        if !MANY {
            // A writer that died may have published more than it told.
            let mut seen = 0;
            while let (Turn::Ready(cells) | Turn::Skip(cells), true) =
                (Turn::read(ring, tail), seen < ring.cells())
            {
                tail = tail.wrapping_add(cells);
                seen += cells;
            }
            ring.tail().store(tail, Ordering::Release);
        }
        Self { peer, tail, limit: tail, contended: ring.contended(), pace: Pace::default() }
    }

    #[inline(always)]
    fn claim(&mut self, ring: &impl Shared, cells: u64) -> Result<Run, Fault> {
        self.reserve(ring, |tail| {
            let run = Run::place(ring.cells(), tail, cells);
            (run, run.pad + run.cells)
        })
    }

    #[inline(always)]
    fn claim_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        self.reserve(ring, |tail| (Run { pad: 0, at: tail, cells: most.min(to_end(ring.cells(), tail)) }, 1))
    }

    #[inline(always)]
    fn publish(&mut self, ring: &impl Shared, run: Run, used: u64, each: u64) {
        let unused = run.cells - used;
        // An end that is alone takes back what it did not use; among many somebody may stand behind it already.
        if MANY && unused > 0 {
            set(ring, run.at.wrapping_add(used), SKIP, unused);
        }
        Turn::mark(ring, Run { cells: used, ..run }, each);
        self.advance(ring, run.at.wrapping_add(used));
    }

    fn abandon(&mut self, ring: &impl Shared, run: Run) {
        if MANY {
            skip(ring, run);
        }
    }

    fn evict(&mut self, ring: &impl Shared) -> bool {
        let tail = if MANY { ring.tail().load(Ordering::Acquire) } else { self.tail };
        let head = ring.head().load(Ordering::Acquire);
        // The first cell that is not free: when somebody reads it at this moment, dropping those behind it helps nobody.
        let stuck = tail.wrapping_add(self.known(ring, tail)).wrapping_sub(ring.cells());
        if !self.contended || head != stuck {
            return false;
        }
        let mut reader =
            Consumer { peer: self.peer, head: 0, contended: true, streak: 0, pace: Pace::default() };
        match reader.next(ring) {
            Ok(run) => {
                reader.release(ring, run);
                true
            }
            Err(_) => false,
        }
    }
}

impl Consumer {
    #[inline(always)]
    fn take(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        loop {
            let head = if self.contended { ring.head().load(Ordering::Relaxed) } else { self.head };
            let (cells, skipped) = match Turn::read(ring, head) {
                Turn::Ready(1) => (1 + ready_cells(ring, head, most), false),
                Turn::Ready(cells) => (cells, false),
                Turn::Skip(cells) => (cells, true),
                Turn::Later if self.contended && ring.head().load(Ordering::Acquire) != head => {
                    spin_loop();
                    continue;
                }
                Turn::Later | Turn::Corrupt => return Err(Fault::Corrupt),
                Turn::Earlier => {
                    clear_intent(ring, self.peer);
                    self.pace.found(self.streak, ring.cells());
                    self.streak = 0;
                    self.pace.wait();
                    return Err(Fault::Wait);
                }
            };
            let run = Run { pad: 0, at: head, cells };
            if self.contended {
                say_intent(ring, self.peer, READS, head, cells);
                let taken =
                    ring.head().compare_exchange_weak(head, run.end(), Ordering::AcqRel, Ordering::Relaxed);
                if taken.is_err() {
                    spin_loop();
                    continue;
                }
            }
            if !skipped {
                self.streak = self.streak.saturating_add(cells);
                return Ok(run);
            }
            self.release(ring, run);
        }
    }
}

impl Consume for Consumer {
    fn attach(ring: &impl Shared, peer: usize) -> Self {
        let head = ring.head().load(Ordering::Acquire);
        Self { peer, head, contended: ring.contended(), streak: 0, pace: Pace::default() }
    }

    #[inline(always)]
    fn next(&mut self, ring: &impl Shared) -> Result<Run, Fault> {
        self.take(ring, 1)
    }

    #[inline(always)]
    fn next_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        self.take(ring, most)
    }

    #[inline(always)]
    fn is_empty(&mut self, ring: &impl Shared) -> bool {
        let head = if self.contended { ring.head().load(Ordering::Relaxed) } else { self.head };
        let is_empty = Turn::read(ring, head) == Turn::Earlier;
        if is_empty {
            self.pace.found(0, ring.cells());
        }
        is_empty
    }

    #[inline(always)]
    fn release(&mut self, ring: &impl Shared, run: Run) {
        if self.contended {
            for back in 0..run.cells {
                give_back(ring, run.end().wrapping_sub(back + 1));
            }
        } else {
            self.head = run.end();
            ring.head().store(self.head, Ordering::Release);
        }
    }
}

/// What the writers' word of a cell says to whoever stands at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Ready(u64),
    Skip(u64),
    /// Of a lap before: not written yet.
    Earlier,
    /// Of a lap to come: read, and written over.
    Later,
    Corrupt,
}

impl Turn {
    /// Marks a run as messages of `each` cells, and the padding before it.
    #[inline]
    pub(crate) fn mark(ring: &impl Shared, run: Run, each: u64) {
        if run.pad > 0 {
            set(ring, run.at.wrapping_sub(run.pad), SKIP, run.pad);
        }
        let mut at = run.at;
        for _ in 0..run.cells / each {
            set(ring, at, READY, each);
            at = at.wrapping_add(each);
        }
    }

    #[inline(always)]
    pub(crate) fn read(ring: &impl Shared, position: u64) -> Self {
        let word = ring.turn(position).load(Ordering::Acquire);
        let ahead = ((word >> 32) as u32).wrapping_sub(lap(ring, position) as u32);
        if ahead != 0 {
            return if ahead < 1 << 31 { Self::Later } else { Self::Earlier };
        }
        let cells = word & CELLS;
        let fits = (1..=to_end(ring.cells(), position)).contains(&cells);
        match word & STATE {
            READY if fits => Self::Ready(cells),
            SKIP if fits => Self::Skip(cells),
            _ => Self::Corrupt,
        }
    }
}

/// Frees what a dead end held, when nobody alive says that it holds it: `rival` finds out. Whether that is settled.
pub(crate) fn recover(ring: &impl Shared, intent: u64, rival: impl Fn(u64) -> bool) -> Recovery {
    let (cells, writes) = (intent >> INTENT_CELLS, intent & READS == 0);
    if cells == 0 || cells > ring.cells() || !(writes || ring.contended()) {
        return Recovery::Nothing;
    }
    let passed = if writes { ring.tail() } else { ring.head() }.load(Ordering::Acquire);
    let behind = passed.wrapping_sub(intent) & INTENT_POSITION;
    // Not taken after all, or long ago.
    if behind < cells || behind > ring.cells() {
        return Recovery::Nothing;
    }
    let at = passed.wrapping_sub(behind);
    let is_held = if writes {
        Turn::read(ring, at) == Turn::Earlier || is_padded(ring, at, cells)
    } else {
        !is_back(ring, at)
    };
    if !is_held {
        return Recovery::Nothing;
    }
    if rival(intent) {
        return Recovery::Later;
    }
    if writes {
        skip_rest(ring, at, cells);
    } else {
        let run = (0..cells).map(|back| at.wrapping_add(cells - 1 - back));
        run.filter(|position| !is_back(ring, *position)).for_each(|position| give_back(ring, position));
    }
    Recovery::Freed
}

/// What came of [`recover`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// It held nothing.
    Nothing,
    /// A message was lost, and its cells are free again.
    Freed,
    /// Somebody alive may hold the same: ask again.
    Later,
}

/// Whether a writer died between publishing its padding and its message.
fn is_padded(ring: &impl Shared, at: u64, cells: u64) -> bool {
    matches!(Turn::read(ring, at), Turn::Skip(pad) if pad < cells
        && Turn::read(ring, at.wrapping_add(pad)) == Turn::Earlier)
}

/// Marks what is still unpublished of a run that may cross the end of the ring.
fn skip_rest(ring: &impl Shared, at: u64, cells: u64) {
    let end = at.wrapping_add(cells);
    let mut at = at;
    while at != end {
        let left = end.wrapping_sub(at).min(to_end(ring.cells(), at));
        at = at.wrapping_add(match Turn::read(ring, at) {
            Turn::Earlier => {
                set(ring, at, SKIP, left);
                left
            }
            Turn::Ready(cells) | Turn::Skip(cells) => cells.min(left),
            Turn::Later | Turn::Corrupt => left,
        });
    }
}

fn skip(ring: &impl Shared, run: Run) {
    if run.pad > 0 {
        set(ring, run.at.wrapping_sub(run.pad), SKIP, run.pad);
    }
    set(ring, run.at, SKIP, run.cells);
}

/// Writes the word of a run: it begins at `position` and does not cross the end of the ring.
#[inline]
fn set(ring: &impl Shared, position: u64, state: u64, cells: u64) {
    // Words begin at zero: the laps in them at one.
    let lap = lap(ring, position) << 32;
    if cells > 1 && (lap >> 32).is_multiple_of(REFRESH) {
        for inside in 1..cells {
            ring.turn(position.wrapping_add(inside)).store(lap | INSIDE, Ordering::Relaxed);
        }
    }
    ring.turn(position).store(lap | state | cells, Ordering::Release);
}

#[inline]
fn give_back(ring: &impl Shared, position: u64) {
    ring.back(position).store(number(ring, position).wrapping_add(1), Ordering::Release);
}

#[inline]
fn is_back(ring: &impl Shared, position: u64) -> bool {
    ring.back(position).load(Ordering::Acquire) == number(ring, position).wrapping_add(1)
}

/// How often positions went round the ring before this one.
#[inline]
fn number(ring: &impl Shared, position: u64) -> u64 {
    position >> ring.cells().trailing_zeros()
}

/// The lap of a position as its turn has it: not zero at first, as fresh memory is.
#[inline]
fn lap(ring: &impl Shared, position: u64) -> u64 {
    number(ring, position).wrapping_add(1) & 0xFFFF_FFFF
}

/// Single messages behind the one at `head`, up to the end of the ring, at most `most` together.
#[inline]
fn ready_cells(ring: &impl Shared, head: u64, most: u64) -> u64 {
    let is_ready = |ahead: &u64| Turn::read(ring, head.wrapping_add(*ahead)) == Turn::Ready(1);
    (1..most.min(to_end(ring.cells(), head))).take_while(is_ready).count() as u64
}

/// What an end is about to take: cells, whether it reads, and the lower bits of the position.
const INTENT_CELLS: u32 = 36;
const READS: u64 = 1 << 35;
const WRITES: u64 = 0;
const INTENT_POSITION: u64 = READS - 1;

#[inline]
fn say_intent(ring: &impl Shared, peer: usize, reads: u64, at: u64, cells: u64) {
    if let Some(intent) = ring.intent(peer) {
        intent.store(cells << INTENT_CELLS | reads | at & INTENT_POSITION, Ordering::Release);
    }
}

#[inline]
fn clear_intent(ring: &impl Shared, peer: usize) {
    if let Some(intent) = ring.intent(peer) {
        intent.store(0, Ordering::Release);
    }
}

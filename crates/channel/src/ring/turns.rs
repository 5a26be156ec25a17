//! Many writers or many readers: every cell has a word that says whose turn it is.
//!
//! ```text
//!   turn   | lap 32 | state 4 | cells 28 |
//!            FREE   lap: a writer may take it             written by the reader that released it, a lap before
//!            READY  lap: a message of so many cells       written by its writer
//!            SKIP   lap: nothing, of so many cells        written by its writer
//! ```
//! Many writers take positions by compare-and-swap on `tail`, many readers on `head`; an end that is alone keeps
//! its position to itself and only tells it. Nobody waits for `head` or `tail` of the other side: a writer finds
//! room, and a reader a message, in the turn of the cell that it needs anyway.
//!
//! A run is released from its last cell to its first, so that the first turn stays the gate to all of it.

use super::atomic::{Ordering, spin_loop};
use super::shared::{Consume, Fault, Produce, Run, Shared, to_end};

const READY: u64 = 1 << 28;
const SKIP: u64 = 2 << 28;
const STATE: u64 = 0xF << 28;
const CELLS: u64 = (1 << 28) - 1;
const INTENT_BITS: u32 = 36;

/// A writing end: one of `MANY`, or alone.
#[derive(Debug)]
pub struct Producer<const MANY: bool> {
    peer: usize,
    tail: u64,
}

/// A reading end: one of `MANY`, or alone.
#[derive(Debug)]
pub struct Consumer<const MANY: bool> {
    peer: usize,
    head: u64,
    /// Messages since the last look in vain, and pauses after the next one: see the ring of one to one.
    streak: u32,
    pause: u32,
}

/// Most pauses: about half a microsecond.
const MOST_PAUSE: u32 = 64;

/// After so many messages without a look in vain, the lines move seldom enough.
const STREAK: u32 = 32;

impl<const MANY: bool> Producer<MANY> {
    #[inline(always)]
    fn reserve(&mut self, ring: &impl Shared, size: impl Fn(u64) -> (Run, u64)) -> Result<Run, Fault> {
        loop {
            let tail = if MANY { ring.tail().load(Ordering::Relaxed) } else { self.tail };
            let (run, least) = size(tail);
            let free = free_cells(ring, tail, run.pad + run.cells);
            if free < least {
                if MANY && ring.tail().load(Ordering::Acquire) != tail {
                    spin_loop();
                    continue;
                }
                clear_intent(ring, self.peer);
                return Err(Fault::Wait);
            }
            let run = Run { cells: (free - run.pad).min(run.cells), ..run };
            if !MANY {
                return Ok(run);
            }
            say_intent(ring, self.peer, tail, run.pad + run.cells);
            let taken =
                ring.tail().compare_exchange_weak(tail, run.end(), Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                return Ok(run);
            }
            spin_loop();
        }
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
            for _ in 0..ring.cells() {
                match Turn::read(ring, tail) {
                    Turn::Ready(cells) | Turn::Skip(cells) => tail = tail.wrapping_add(cells),
                    Turn::Later => tail = tail.wrapping_add(1),
                    Turn::Free | Turn::Earlier | Turn::Corrupt => break,
                }
            }
            ring.tail().store(tail, Ordering::Release);
        }
        Self { peer, tail }
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
            set(ring, run.at.wrapping_add(used), SKIP | unused);
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
        let mut reader = Consumer::<true> { peer: self.peer, head: 0, streak: 0, pause: 0 };
        match reader.next(ring) {
            Ok(run) => {
                reader.release(ring, run);
                true
            }
            Err(_) => false,
        }
    }
}

impl<const MANY: bool> Consumer<MANY> {
    /// In a stream, the next look comes a little later and finds more.
    #[inline]
    fn looked_in_vain(&mut self) {
        let stream = (2..STREAK).contains(&self.streak);
        self.pause = if stream { (self.pause * 2 + 2).min(MOST_PAUSE) } else { self.pause / 2 };
        self.streak = 0;
        for _ in 0..self.pause {
            spin_loop();
        }
    }

    #[inline(always)]
    fn take(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        loop {
            let head = if MANY { ring.head().load(Ordering::Relaxed) } else { self.head };
            let (cells, skipped) = match Turn::read(ring, head) {
                Turn::Ready(1) => (1 + ready_cells(ring, head, most), false),
                Turn::Ready(cells) => (cells, false),
                Turn::Skip(cells) => (cells, true),
                Turn::Later if MANY && ring.head().load(Ordering::Acquire) != head => {
                    spin_loop();
                    continue;
                }
                Turn::Later | Turn::Corrupt => return Err(Fault::Corrupt),
                Turn::Free | Turn::Earlier => {
                    clear_intent(ring, self.peer);
                    self.looked_in_vain();
                    return Err(Fault::Wait);
                }
            };
            let run = Run { pad: 0, at: head, cells };
            if MANY {
                say_intent(ring, self.peer, head, cells);
                let taken =
                    ring.head().compare_exchange_weak(head, run.end(), Ordering::AcqRel, Ordering::Relaxed);
                if taken.is_err() {
                    spin_loop();
                    continue;
                }
            }
            if !skipped {
                self.streak = self.streak.saturating_add(1);
                return Ok(run);
            }
            self.release(ring, run);
        }
    }
}

impl<const MANY: bool> Consume for Consumer<MANY> {
    fn attach(ring: &impl Shared, peer: usize) -> Self {
        let mut head = ring.head().load(Ordering::Acquire);
        if !MANY {
            // A reader that died may have released more than it told.
            for _ in 0..ring.cells() {
                if Turn::read(ring, head) != Turn::Later {
                    break;
                }
                head = head.wrapping_add(1);
            }
            ring.head().store(head, Ordering::Release);
        }
        Self { peer, head, streak: 0, pause: 0 }
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
    fn release(&mut self, ring: &impl Shared, run: Run) {
        for back in 0..run.cells {
            free(ring, run.end().wrapping_sub(back + 1));
        }
        if !MANY {
            self.head = run.end();
            ring.head().store(self.head, Ordering::Release);
        }
    }
}

/// What the turn of a cell says to whoever stands at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Free,
    Ready(u64),
    Skip(u64),
    /// Of a lap before: not released yet.
    Earlier,
    /// Of a lap to come: released already.
    Later,
    Corrupt,
}

impl Turn {
    /// Marks a run as messages of `each` cells, and the padding before it.
    #[inline]
    pub(crate) fn mark(ring: &impl Shared, run: Run, each: u64) {
        if run.pad > 0 {
            set(ring, run.at.wrapping_sub(run.pad), SKIP | run.pad);
        }
        let mut at = run.at;
        for _ in 0..run.cells / each {
            set(ring, at, READY | each);
            at = at.wrapping_add(each);
        }
    }

    #[inline(always)]
    pub(crate) fn read(ring: &impl Shared, position: u64) -> Self {
        let word = ring.turn(position).load(Ordering::Acquire);
        let ahead = ((word >> 32) as u32).wrapping_sub((lap(ring, position) >> 32) as u32);
        if ahead != 0 {
            return if ahead < 1 << 31 { Self::Later } else { Self::Earlier };
        }
        let cells = word & CELLS;
        let fits = (1..=to_end(ring.cells(), position)).contains(&cells);
        match word & STATE {
            0 => Self::Free,
            READY if fits => Self::Ready(cells),
            SKIP if fits => Self::Skip(cells),
            _ => Self::Corrupt,
        }
    }
}

/// Frees what a dead end held, when nobody alive says that it holds it: `rival` finds out. Whether that is settled.
pub(crate) fn recover(
    ring: &impl Shared,
    intent: u64,
    writes: bool,
    rival: impl Fn(u64) -> bool,
) -> Recovery {
    let cells = intent >> INTENT_BITS;
    if cells == 0 || cells > ring.cells() {
        return Recovery::Nothing;
    }
    let passed = if writes { ring.tail() } else { ring.head() }.load(Ordering::Acquire);
    let behind = passed.wrapping_sub(intent) & ((1 << INTENT_BITS) - 1);
    // Not taken after all, or long ago.
    if behind < cells || behind > ring.cells() {
        return Recovery::Nothing;
    }
    let at = passed.wrapping_sub(behind);
    let held =
        |turn| if writes { turn == Turn::Free } else { matches!(turn, Turn::Ready(_) | Turn::Skip(_)) };
    let is_held = held(Turn::read(ring, at)) || (writes && is_padded(ring, at, cells));
    if !is_held {
        return Recovery::Nothing;
    }
    if rival(intent) {
        return Recovery::Later;
    }
    if writes {
        skip_rest(ring, at, cells);
    } else {
        for back in 0..cells {
            let position = at.wrapping_add(cells - 1 - back);
            if !matches!(Turn::read(ring, position), Turn::Later | Turn::Earlier) {
                free(ring, position);
            }
        }
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
        && Turn::read(ring, at.wrapping_add(pad)) == Turn::Free)
}

/// Marks what is still unpublished of a run that may cross the end of the ring.
fn skip_rest(ring: &impl Shared, at: u64, cells: u64) {
    let end = at.wrapping_add(cells);
    let mut at = at;
    while at != end {
        let left = end.wrapping_sub(at).min(to_end(ring.cells(), at));
        at = at.wrapping_add(match Turn::read(ring, at) {
            Turn::Free => {
                set(ring, at, SKIP | left);
                left
            }
            Turn::Ready(cells) | Turn::Skip(cells) => cells.min(left),
            Turn::Earlier | Turn::Later | Turn::Corrupt => left,
        });
    }
}

fn skip(ring: &impl Shared, run: Run) {
    if run.pad > 0 {
        set(ring, run.at.wrapping_sub(run.pad), SKIP | run.pad);
    }
    set(ring, run.at, SKIP | run.cells);
}

#[inline]
fn set(ring: &impl Shared, position: u64, state: u64) {
    ring.turn(position).store(lap(ring, position) | state, Ordering::Release);
}

#[inline]
fn free(ring: &impl Shared, position: u64) {
    ring.turn(position).store(lap(ring, position.wrapping_add(ring.cells())), Ordering::Release);
}

/// The lap of a position, where a turn has it.
#[inline]
fn lap(ring: &impl Shared, position: u64) -> u64 {
    (position >> ring.cells().trailing_zeros()) << 32
}

/// Cells from `tail` on that are free, at most `most`.
#[inline]
fn free_cells(ring: &impl Shared, tail: u64, most: u64) -> u64 {
    let is_free = |ahead: &u64| Turn::read(ring, tail.wrapping_add(*ahead)) == Turn::Free;
    (0..most).take_while(is_free).count() as u64
}

/// Single messages behind the one at `head`, up to the end of the ring, at most `most` together.
#[inline]
fn ready_cells(ring: &impl Shared, head: u64, most: u64) -> u64 {
    let is_ready = |ahead: &u64| Turn::read(ring, head.wrapping_add(*ahead)) == Turn::Ready(1);
    (1..most.min(to_end(ring.cells(), head))).take_while(is_ready).count() as u64
}

#[inline]
fn say_intent(ring: &impl Shared, peer: usize, at: u64, cells: u64) {
    if let Some(intent) = ring.intent(peer) {
        intent.store(cells << INTENT_BITS | at & ((1 << INTENT_BITS) - 1), Ordering::Release);
    }
}

#[inline]
fn clear_intent(ring: &impl Shared, peer: usize) {
    if let Some(intent) = ring.intent(peer) {
        intent.store(0, Ordering::Release);
    }
}

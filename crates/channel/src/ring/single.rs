//! One writer, one reader: two positions are enough, but where the writer may take the oldest message from the reader
//! both need to say which cells they hold.
//!
//! What the rarer ring answers passes through two registers: were it written to the stack, the compiler would copy what
//! the common one answers there, too, and read it back in pieces of another size. Processors wait for all writes before
//! such a read, those to the other core's lines among them: that is four times slower.

use super::shared::{Consume, Fault, Produce, Run, Shared};
use super::{indexed, turns};

/// The writing end.
#[derive(Debug)]
pub enum Producer {
    /// Waits for room, or goes without.
    Indexed(indexed::Producer),
    /// Takes the oldest.
    Evicting(turns::Producer<false>),
}

/// The reading end.
#[derive(Debug)]
pub enum Consumer {
    /// Nobody else takes messages.
    Indexed(indexed::Consumer),
    /// The writer may.
    Contended(turns::Consumer),
}

impl Produce for Producer {
    fn attach(ring: &impl Shared, peer: usize) -> Self {
        if ring.contended() {
            Self::Evicting(turns::Producer::attach(ring, peer))
        } else {
            Self::Indexed(indexed::Producer::attach(ring, peer))
        }
    }

    #[inline(always)]
    fn claim(&mut self, ring: &impl Shared, cells: u64) -> Result<Run, Fault> {
        match self {
            Self::Indexed(end) => end.claim(ring, cells),
            Self::Evicting(end) => {
                let (pad, at) = rare(|| pair(end.claim(ring, cells), |run| (run.pad, run.at)));
                Ok(Run { pad: unpair(pad)?, at, cells })
            }
        }
    }

    #[inline(always)]
    fn claim_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        match self {
            Self::Indexed(end) => end.claim_some(ring, most),
            Self::Evicting(end) => rare_run(|| end.claim_some(ring, most)),
        }
    }

    #[inline(always)]
    fn publish(&mut self, ring: &impl Shared, run: Run, used: u64, each: u64) {
        match self {
            Self::Indexed(end) => end.publish(ring, run, used, each),
            Self::Evicting(end) => rare(|| end.publish(ring, run, used, each)),
        }
    }

    #[inline]
    fn abandon(&mut self, ring: &impl Shared, run: Run) {
        match self {
            Self::Indexed(end) => end.abandon(ring, run),
            Self::Evicting(end) => end.abandon(ring, run),
        }
    }

    fn evict(&mut self, ring: &impl Shared) -> bool {
        match self {
            Self::Indexed(end) => end.evict(ring),
            Self::Evicting(end) => end.evict(ring),
        }
    }
}

impl Consume for Consumer {
    fn attach(ring: &impl Shared, peer: usize) -> Self {
        if ring.contended() {
            Self::Contended(turns::Consumer::attach(ring, peer))
        } else {
            Self::Indexed(indexed::Consumer::attach(ring, peer))
        }
    }

    #[inline(always)]
    fn next(&mut self, ring: &impl Shared) -> Result<Run, Fault> {
        match self {
            Self::Indexed(end) => end.next(ring),
            Self::Contended(end) => rare_run(|| end.next(ring)),
        }
    }

    #[inline(always)]
    fn next_some(&mut self, ring: &impl Shared, most: u64) -> Result<Run, Fault> {
        match self {
            Self::Indexed(end) => end.next_some(ring, most),
            Self::Contended(end) => rare_run(|| end.next_some(ring, most)),
        }
    }

    #[inline(always)]
    fn is_empty(&mut self, ring: &impl Shared) -> bool {
        match self {
            Self::Indexed(end) => end.is_empty(ring),
            Self::Contended(end) => end.is_empty(ring),
        }
    }

    #[inline(always)]
    fn release(&mut self, ring: &impl Shared, run: Run) {
        match self {
            Self::Indexed(end) => end.release(ring, run),
            Self::Contended(end) => rare(|| end.release(ring, run)),
        }
    }
}

#[cold]
#[inline(never)]
fn rare<T>(what: impl FnOnce() -> T) -> T {
    what()
}

/// A run without padding, or a fault, through two registers.
#[inline(always)]
fn rare_run(what: impl FnOnce() -> Result<Run, Fault>) -> Result<Run, Fault> {
    let (cells, at) = rare(|| pair(what(), |run| (run.cells, run.at)));
    Ok(Run { pad: 0, at, cells: unpair(cells)? })
}

/// More cells than a ring has.
const WAIT: u64 = u64::MAX;
const CORRUPT: u64 = u64::MAX - 1;

/// Two words of a run, or a fault in the first of them: these rings never lag.
fn pair(answer: Result<Run, Fault>, words: impl FnOnce(Run) -> (u64, u64)) -> (u64, u64) {
    match answer {
        Ok(run) => words(run),
        Err(Fault::Wait) => (WAIT, 0),
        Err(Fault::Corrupt | Fault::Lagged(_)) => (CORRUPT, 0),
    }
}

#[inline(always)]
fn unpair(word: u64) -> Result<u64, Fault> {
    match word {
        WAIT => Err(Fault::Wait),
        CORRUPT => Err(Fault::Corrupt),
        _ => Ok(word),
    }
}

//! [`Plan`]: in which order blocks and their copies are sent. The place where other orders join.
//!
//! Rounds are counted from 0. Round `r` sends block `r`, and copy `c` of block `r - c * lag`:
//!
//! ```text
//!   lag 0        0 0 0 1 1 1 2 2 2            copies together
//!   lag 2        0 1 2 0 3 1 4 2 0 5 3 1 ..   stream: at most 2 * copies blocks in memory
//!   lag blocks   0 1 2 3 0 1 2 3 0 1 2 3      whole passes
//! ```

use crate::fountain::SourceBlock;

/// What a plan has for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The block, and whether it is a copy.
    Block { number: u32, copy: bool },
    /// A repair symbol of a source block.
    Repair { source_block: SourceBlock, index: u32 },
    /// The next block is not there yet.
    Wait,
    /// Every block has been sent as often as planned.
    Done,
}

/// The order of blocks and copies; costs O(1) a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    copies: u64,
    lag: u64,
    round: u64,
    copy: u64,
}

impl Plan {
    pub(crate) const fn new(copies: u32, lag: u32) -> Self {
        Self { copies: copies as u64, lag: lag as u64, round: 0, copy: 0 }
    }

    /// The next block, of `blocks` that are there; `whole` when there will be no more.
    pub(crate) fn next(&mut self, blocks: u32, whole: bool) -> Next {
        let next = self.peek(blocks, whole);
        if let Next::Block { .. } = next {
            self.copy += 1;
        }
        next
    }

    /// Moves to the next block that is due without sending it.
    pub(crate) fn peek(&mut self, blocks: u32, whole: bool) -> Next {
        let blocks = u64::from(blocks);
        loop {
            if self.lag == 0 {
                if self.copy > self.copies {
                    (self.round, self.copy) = (self.round + 1, 0);
                }
                if self.round < blocks {
                    return Self::block(self.round, self.copy);
                }
                return if whole { Next::Done } else { Next::Wait };
            }
            let behind = self.round.checked_sub(blocks);
            if behind.is_some() && !whole {
                return Next::Wait;
            }
            // The first copy in this round of a block that exists; all before are beyond the end.
            let least = behind.map_or(0, |behind| behind / self.lag + 1);
            if least > self.copies {
                return Next::Done;
            }
            let copy = self.copy.max(least);
            if copy <= self.copies && copy * self.lag <= self.round {
                self.copy = copy;
                return Self::block(self.round - copy * self.lag, copy);
            }
            // A round without any: the lag is longer than the object. On to the round of the next copy.
            self.round = if copy == least { copy * self.lag } else { self.round + 1 };
            self.copy = 0;
        }
    }

    /// The first block that may still be sent.
    pub(crate) fn oldest_needed(&self) -> u64 {
        self.round.saturating_sub(self.copies * self.lag)
    }

    fn block(number: u64, copy: u64) -> Next {
        // Below the number of blocks, a u32.
        Next::Block { number: u32::try_from(number).unwrap_or(u32::MAX), copy: copy > 0 }
    }
}

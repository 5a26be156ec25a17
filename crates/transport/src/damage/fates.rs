//! [`Fates`]: what happens to each packet or piece as a whole.

use super::rate::Rate;
use super::{Damage, EXTEND_MOST, Faults};

#[derive(Clone, Debug)]
pub(crate) struct Fates {
    drop: Rate,
    dup: Rate,
    truncate: Rate,
    extend: Rate,
    reorder: Rate,
    /// Only its bytes are used: how many depends on the other faults, so they must not move the next `extend`.
    filler: Rate,
}

/// What happens to one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Dropped,
    Sent {
        /// Bytes left of the unit's own.
        keep: usize,
        /// Random bytes behind them.
        extra: usize,
        twice: bool,
        /// Packets that overtake this one.
        late: u32,
    },
}

impl Fates {
    /// `kind` and the five after it are used for sequences.
    pub(super) fn new(seed: u64, kind: u8, faults: &Faults) -> Self {
        Self {
            drop: Rate::new(seed, kind, faults.drop),
            dup: Rate::new(seed, kind + 1, faults.dup),
            truncate: Rate::new(seed, kind + 2, faults.truncate),
            extend: Rate::new(seed, kind + 3, faults.extend),
            reorder: Rate::new(seed, kind + 4, faults.reorder),
            filler: Rate::new(seed, kind + 5, 0.0),
        }
    }

    /// Units that certainly pass as they are. Streams keep their order and so do not ask for `reorder`.
    pub(super) fn clear(&self) -> u64 {
        let Self { drop, dup, truncate, extend, reorder: _, filler: _ } = self;
        drop.clear().min(dup.clear()).min(truncate.clear()).min(extend.clear())
    }

    /// Lets `units` pass, at most [`clear`](Self::clear).
    pub(super) fn skip(&mut self, units: u64) {
        for rate in [&mut self.drop, &mut self.dup, &mut self.truncate, &mut self.extend] {
            rate.skip(units);
        }
    }

    /// The fate of the next unit, of `len` bytes, and counts it.
    ///
    /// Every kind is tried for every unit, and what a fault needs is drawn from its own sequence: so the fate of
    /// the kind does not depend on the others.
    pub(crate) fn next(&mut self, len: usize, damage: &mut Damage) -> Fate {
        let dropped = self.drop.hit();
        let twice = self.dup.hit();
        let truncated = self.truncate.hit().then(|| self.truncate.index_below(len));
        let extended = self.extend.hit().then(|| 1 + self.extend.index_below(EXTEND_MOST));
        let late = self.reorder.hit().then(|| 1 + self.reorder.below(4));
        if dropped {
            damage.dropped += 1;
            return Fate::Dropped;
        }
        damage.duplicated += u64::from(twice);
        damage.truncated += u64::from(truncated.is_some());
        damage.extended += u64::from(extended.is_some());
        Fate::Sent {
            keep: truncated.unwrap_or(len),
            extra: extended.unwrap_or(0),
            twice,
            late: late.map_or(0, |late| u32::try_from(late).unwrap_or(0)),
        }
    }

    /// The random bytes of an extended unit.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.filler.fill(bytes);
    }
}

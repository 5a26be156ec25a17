//! [`Order`]: in which order the symbols of an object are sent. O(1) state, no memory of what was sent.
//!
//! ```text
//!   pass 0        blocks of group 0, its repair symbols, blocks of group 1, its repair symbols, ...
//!   pass 1, 2 ..  (carousel) as many fresh repair symbols of group 0 as it has blocks, then of group 1, ...
//! ```
//! The source blocks of a group take turns. When the numbers of repair symbols are used up, the carousel starts again
//! from the blocks. What a receiver asks for goes first.

use super::Geometry;
use crate::plan::Next;

/// Source blocks that receivers can ask symbols for at a time; what does not fit is asked for again.
const REQUESTS: usize = 12;
/// Of a carousel's first pass: one repair symbol for so many blocks.
const SHARE: u32 = 16;
/// Repair of a stream of which nobody said how much, in percent: a stream cannot be sent again.
const STREAM_PERCENT: u32 = 30;

/// In which order the symbols of an object are sent.
#[derive(Clone, Debug)]
pub struct Order {
    geometry: Geometry,
    percent: Option<u32>,
    extra: u32,
    /// Goes on after pass 0.
    carousel: bool,
    pass: u32,
    /// Passes that came before this one.
    rounds: u32,
    group: u32,
    phase: Phase,
    requests: [Request; REQUESTS],
    asked: usize,
    /// The index of the next symbol that is sent because somebody asked.
    fresh: u32,
    /// The first group that somebody may still ask for.
    released: u32,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Blocks(u32),
    /// Round, and place in the group.
    Repairs(u32, u32),
}

#[derive(Clone, Copy, Debug, Default)]
struct Request {
    source_block: u32,
    count: u32,
}

impl AsRef<Self> for Order {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl AsMut<Self> for Order {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl Order {
    /// `answers`: receivers tell what they lack, and nothing is sent that nobody asked for but what `percent` says.
    pub(crate) fn new(geometry: Geometry, percent: Option<u32>, extra: u32, answers: bool) -> Self {
        let stream = geometry.blocks().is_none();
        let percent = match percent {
            None if answers => Some(0),
            None if stream => Some(STREAM_PERCENT),
            percent => percent,
        };
        let mut order = Self {
            geometry,
            percent,
            extra,
            carousel: percent.is_none(),
            pass: 0,
            rounds: 0,
            group: 0,
            phase: Phase::Blocks(0),
            requests: [Request::default(); REQUESTS],
            asked: 0,
            fresh: 0,
            released: 0,
        };
        order.fresh = order.first_fresh();
        order
    }

    pub(crate) const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The stream has ended and has so many blocks.
    pub(crate) fn end_stream(&mut self, blocks: u32) {
        // The caller has numbered so many blocks already; what cannot be coded is still sent.
        let _ = self.geometry.end_stream(blocks);
    }

    /// A receiver lacks `count` symbols of a source block.
    pub(crate) fn request(&mut self, source_block: u32, count: u32) {
        let count = count.min(u32::from(self.geometry.shape().symbols));
        let gone = source_block < self.released.saturating_mul(u32::from(self.geometry.shape().interleave));
        if count == 0 || gone || self.geometry.source_block(source_block).is_none() {
            return;
        }
        let asked = self.requests.get_mut(..self.asked).unwrap_or_default();
        if let Some(known) = asked.iter_mut().find(|request| request.source_block == source_block) {
            // Symbols help every receiver: the one that lacks most decides.
            known.count = known.count.max(count);
        } else if let Some(free) = self.requests.get_mut(self.asked) {
            *free = Request { source_block, count };
            self.asked += 1;
        }
    }

    /// Every receiver holds the groups before this one, as far as they were sent: nothing of them is sent or coded again.
    pub(crate) fn release(&mut self, group: u32) {
        self.released = self.released.max(group.min(self.group));
        let gone = self.released.saturating_mul(u32::from(self.geometry.shape().interleave));
        let mut kept = 0;
        for at in 0..self.asked {
            if let Some(request) =
                self.requests.get(at).copied().filter(|request| request.source_block >= gone)
                && let Some(slot) = self.requests.get_mut(kept)
            {
                *slot = request;
                kept += 1;
            }
        }
        self.asked = kept;
    }

    /// The first group that may still be asked for.
    pub(crate) const fn released(&self) -> u32 {
        self.released
    }

    /// Whether somebody has asked for what was not sent since.
    pub(crate) const fn is_asked(&self) -> bool {
        self.asked > 0
    }

    /// How often a carousel has begun anew.
    pub(crate) const fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The first block that may still be sent or coded from; with `answers`, whatever receivers may ask for.
    pub(crate) fn oldest_needed(&self, answers: bool) -> u32 {
        let group = if answers { self.released } else { self.group };
        self.geometry.group(group).map_or(u32::MAX, |(first, _)| first)
    }

    /// Symbols of pass 0, as far as the object is known.
    pub(crate) fn planned(&self) -> u64 {
        let blocks = u64::from(self.geometry.blocks().unwrap_or(0));
        let per_block = u64::from(self.repairs(u32::from(self.geometry.shape().symbols)));
        blocks + self.geometry.source_blocks().unwrap_or(0) * per_block
    }

    /// The next symbol, of the first `available` blocks; `whole` when there will be no more blocks.
    pub(crate) fn next(&mut self, available: u32, whole: bool) -> Next {
        if let Some(next) = self.asked_for() {
            return next;
        }
        loop {
            let Some((first, len)) = self.geometry.group(self.group).filter(|(_, len)| *len > 0) else {
                if !self.carousel || self.group == 0 {
                    return if whole { Next::Done } else { Next::Wait };
                }
                self.next_pass();
                continue;
            };
            match self.phase {
                Phase::Blocks(at) if at < len && first + at < available => {
                    self.phase = Phase::Blocks(at + 1);
                    return Next::Block { number: first + at, copy: self.pass > 0 };
                }
                Phase::Blocks(at) if at < len => return if whole { Next::Done } else { Next::Wait },
                Phase::Blocks(_) => self.phase = Phase::Repairs(0, 0),
                Phase::Repairs(round, place) => {
                    if let Some(next) = self.repair(len, round, place) {
                        return next;
                    }
                }
            }
        }
    }

    /// Repair symbol `round` of the source block at `place`, if it has so many; moves on either way.
    fn repair(&mut self, len: u32, round: u32, place: u32) -> Option<Next> {
        let interleave = u32::from(self.geometry.shape().interleave);
        let places = self.geometry.source_blocks_in(len);
        // Source blocks of a group differ by one symbol at most: the first one has most repair symbols.
        let most = self.repairs(len.div_ceil(places.max(1)));
        if round >= most {
            self.group += 1;
            self.phase = if self.pass == 0 { Phase::Blocks(0) } else { Phase::Repairs(0, 0) };
            return None;
        }
        self.phase =
            if place + 1 < places { Phase::Repairs(round, place + 1) } else { Phase::Repairs(round + 1, 0) };
        let source_block = self.geometry.source_block(self.group * interleave + place)?;
        (round < self.repairs(source_block.symbols))
            .then(|| Next::Repair { source_block, index: self.first_index() + round })
    }

    fn asked_for(&mut self) -> Option<Next> {
        let request = self.requests.get_mut(..self.asked)?.last_mut()?;
        let number = request.source_block;
        request.count -= 1;
        if request.count == 0 {
            self.asked -= 1;
        }
        let source_block = self.geometry.source_block(number)?;
        let index = self.fresh;
        self.fresh += 1;
        if self.fresh >= self.geometry.repairs_max() {
            self.fresh = self.first_fresh();
        }
        Some(Next::Repair { source_block, index })
    }

    /// Repair symbols of a source block of so many symbols in this pass.
    fn repairs(&self, symbols: u32) -> u32 {
        let planned = match self.percent {
            Some(percent) => {
                let count = (u64::from(symbols) * u64::from(percent)).div_ceil(100);
                u32::try_from(count).unwrap_or(u32::MAX).saturating_add(self.extra)
            }
            None if self.pass == 0 => symbols.div_ceil(SHARE).saturating_add(self.extra),
            None => symbols,
        };
        planned.min(self.geometry.repairs_max())
    }

    /// The index of this pass's first repair symbol.
    fn first_index(&self) -> u32 {
        match self.pass.checked_sub(1) {
            None => 0,
            Some(before) => {
                let symbols = u32::from(self.geometry.shape().symbols);
                symbols.div_ceil(SHARE) + self.extra + before * symbols
            }
        }
    }

    /// The first index that no pass 0 uses.
    fn first_fresh(&self) -> u32 {
        let planned = self.repairs(u32::from(self.geometry.shape().symbols));
        if planned < self.geometry.repairs_max() { planned } else { 0 }
    }

    fn next_pass(&mut self) {
        let symbols = u32::from(self.geometry.shape().symbols);
        self.group = 0;
        self.rounds = self.rounds.wrapping_add(1);
        self.pass += 1;
        self.phase = Phase::Repairs(0, 0);
        if self.first_index() + symbols > self.geometry.repairs_max() {
            self.pass = 0;
            self.phase = Phase::Blocks(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use super::*;
    use crate::Layout;
    use crate::fountain::Shape;

    fn order(blocks: u32, percent: Option<u32>, answers: bool) -> Order {
        let shape = Shape { symbols: 10, interleave: 2, index_bits: 8 };
        let layout = Layout::new(u64::from(blocks), 1).unwrap();
        Order::new(Geometry::of(shape, layout).unwrap(), percent, 1, answers)
    }

    fn run(order: &mut Order, blocks: u32, most: usize) -> Vec<Next> {
        let mut sent = Vec::new();
        while sent.len() < most {
            match order.next(blocks, true) {
                Next::Done | Next::Wait => break,
                next => sent.push(next),
            }
        }
        sent
    }

    #[test]
    fn every_block_goes_once_and_every_source_block_gets_its_share() {
        for blocks in 1..100 {
            let mut order = order(blocks, Some(25), false);
            let sent = run(&mut order, blocks, 10_000);
            let plain: Vec<u32> = sent
                .iter()
                .filter_map(|next| if let Next::Block { number, .. } = next { Some(*number) } else { None })
                .collect();
            assert!(plain.iter().copied().eq(0..blocks));
            let mut repairs = BTreeSet::new();
            for next in &sent {
                if let Next::Repair { source_block, index } = next {
                    assert!(repairs.insert((source_block.number, *index)));
                }
            }
            let expected: u32 = (0..blocks)
                .filter_map(|number| order.geometry.source_block(number))
                .map(|source| (source.symbols * 25).div_ceil(100) + 1)
                .sum();
            assert_eq!(repairs.len(), expected as usize, "{blocks} blocks");
            assert!(order.planned() >= sent.len() as u64);
        }
    }

    #[test]
    fn a_carousel_never_ends_and_sends_no_symbol_twice_until_the_numbers_are_used_up() {
        let mut order = order(35, None, false);
        let mut seen = BTreeSet::new();
        for next in run(&mut order, 35, 700) {
            let key = match next {
                Next::Block { number, .. } => (u32::MAX, number),
                Next::Repair { source_block, index } => (source_block.number, index),
                Next::Wait | Next::Done => panic!("it goes on"),
            };
            assert!(seen.insert(key), "{next:?} again after {} symbols", seen.len());
        }
        assert_eq!(run(&mut order, 35, 10_000).len(), 10_000);
    }

    #[test]
    fn what_receivers_lack_is_sent_once_for_all_of_them() {
        let mut order = order(35, Some(0), true);
        let pass = run(&mut order, 35, 10_000);
        assert!(order.next(35, true) == Next::Done && !order.is_asked());
        order.request(1, 3);
        order.request(1, 5);
        order.request(0, 2);
        order.request(77, 2);
        let sent = run(&mut order, 35, 100);
        assert_eq!(sent.len(), 7);
        assert!(sent.iter().all(|next| !pass.contains(next)));
        assert_eq!(order.next(35, true), Next::Done);
    }

    #[test]
    fn what_every_receiver_holds_is_not_sent_again() {
        let mut order = order(35, Some(0), true);
        order.release(9);
        assert_eq!(order.oldest_needed(true), 0, "nothing was sent yet");
        while !matches!(order.next(35, true), Next::Done) {}
        order.request(0, 1);
        order.request(2, 1);
        order.release(1);
        assert_eq!(order.oldest_needed(true), 18);
        order.request(1, 4);
        assert!(
            matches!(order.next(35, true), Next::Repair { source_block, .. } if source_block.number == 2)
        );
        assert_eq!(order.next(35, true), Next::Done);
    }

    #[test]
    fn a_stream_s_group_waits_for_its_blocks() {
        let shape = Shape { symbols: 10, interleave: 2, index_bits: 8 };
        let mut order = Order::new(Geometry::of_stream(shape, 1).unwrap(), Some(10), 0, false);
        let mut sent = Vec::new();
        while let next @ (Next::Block { .. } | Next::Repair { .. }) = order.next(25, false) {
            sent.push(next);
        }
        // 20 blocks and a repair symbol for each source block, then what has come of the second group.
        assert_eq!(sent.len(), 20 + 2 + 5);
        assert_eq!((order.oldest_needed(false), order.oldest_needed(true)), (20, 0));
        order.end_stream(25);
        assert!(matches!(order.next(25, true), Next::Repair { index: 0, .. }));
        assert_eq!(order.next(25, true), Next::Done);
    }
}

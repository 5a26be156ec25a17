//! [`Slots`]: the heaps under way, found by number and by age in the same time however many there are.
//!
//! ```text
//!   substream   | cnt 7 | cnt 8 | cnt 9 |       a circle of `max_heaps`; a new heap takes the place of the oldest
//!                         newest ^
//!   index       cnt -> slot                     for long circles; short ones are searched from the newest on
//!   births      7 -> | 8 -> | 9 ->              of all substreams, oldest first; ended ones are passed over
//! ```

use alloc::collections::VecDeque;
use std::collections::HashMap;

/// Circles up to so long are searched, which is quicker than computing a hash.
const SHORT: usize = 16;

/// Where a heap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    substream: usize,
    slot: usize,
}

#[derive(Debug)]
pub(super) struct Slots<T> {
    substreams: Vec<Substream<T>>,
    births: VecDeque<(u64, Key)>,
    born: u64,
    occupied: usize,
}

#[derive(Debug)]
struct Substream<T> {
    slots: Vec<Option<Entry<T>>>,
    /// Where the newest heap is.
    head: usize,
    index: Option<HashMap<u64, usize>>,
}

#[derive(Debug)]
struct Entry<T> {
    cnt: u64,
    born: u64,
    heap: T,
}

impl<T> Slots<T> {
    pub(super) fn new(substreams: usize, max_heaps: usize) -> Self {
        let len = max_heaps.max(1);
        let substream = || Substream {
            slots: (0..len).map(|_| None).collect(),
            head: 0,
            // Twice as large, so that numbers that come and go never make it grow.
            index: (len > SHORT).then(|| HashMap::with_capacity(2 * len)),
        };
        let substreams = (0..substreams.max(1)).map(|_| substream()).collect();
        Self { substreams, births: VecDeque::new(), born: 0, occupied: 0 }
    }

    /// Where heap `cnt` is, and how many heaps were looked at to find it.
    pub(super) fn find(&self, cnt: u64) -> (Option<Key>, usize) {
        let number = self.number(cnt);
        let Some(Substream { slots, head, index }) = self.substreams.get(number) else { return (None, 0) };
        let key = |slot: usize| Key { substream: number, slot };
        if let Some(index) = index {
            return (index.get(&cnt).copied().map(key), 1);
        }
        let (newer, older) = slots.split_at_checked(head + 1).unwrap_or_default();
        let is = |slot: &Option<Entry<T>>| slot.as_ref().is_some_and(|entry| entry.cnt == cnt);
        let newest_first = newer.iter().rev().chain(older.iter().rev());
        match newest_first.enumerate().find(|(_, slot)| is(slot)) {
            Some((steps, _)) => (Some(key((head + slots.len() - steps) % slots.len())), steps + 1),
            None => (None, slots.len()),
        }
    }

    /// The place that a new heap `cnt` will take: whoever is there has to leave.
    pub(super) fn next(&self, cnt: u64) -> Key {
        let number = self.number(cnt);
        let slot =
            self.substreams.get(number).map_or(0, |substream| (substream.head + 1) % substream.slots.len());
        Key { substream: number, slot }
    }

    /// Puts a new heap into the place that is [`next`](Self::next) for it, and empty.
    pub(super) fn put(&mut self, key: Key, cnt: u64, heap: T) {
        let Some(substream) = self.substreams.get_mut(key.substream) else { return };
        self.born += 1;
        substream.head = key.slot;
        if let Some(slot) = substream.slots.get_mut(key.slot) {
            *slot = Some(Entry { cnt, born: self.born, heap });
        }
        if let Some(index) = &mut substream.index {
            index.insert(cnt, key.slot);
        }
        self.occupied += 1;
        self.births.push_back((self.born, key));
        // One heap that stays long must not make the queue longer and longer.
        if self.births.len() > 2 * self.occupied + SHORT {
            let substreams = &self.substreams;
            self.births.retain(|birth| is_there(substreams, *birth));
        }
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.substreams.get_mut(key.substream)?.slots.get_mut(key.slot)?;
        slot.as_mut().map(|entry| &mut entry.heap)
    }

    /// Empties a place: the number of the heap that was there, and the heap.
    pub(super) fn take(&mut self, key: Key) -> Option<(u64, T)> {
        let substream = self.substreams.get_mut(key.substream)?;
        let Entry { cnt, heap, .. } = substream.slots.get_mut(key.slot)?.take()?;
        if let Some(index) = &mut substream.index {
            index.remove(&cnt);
        }
        self.occupied -= 1;
        Some((cnt, heap))
    }

    /// Where the heap is that began before all others.
    pub(super) fn oldest(&mut self) -> Option<Key> {
        loop {
            let birth = *self.births.front()?;
            if is_there(&self.substreams, birth) {
                return Some(birth.1);
            }
            self.births.pop_front();
        }
    }

    fn number(&self, cnt: u64) -> usize {
        substream(cnt, self.substreams.len())
    }
}

/// Which of so many substreams heap `cnt` belongs to.
#[inline]
pub(super) fn substream(cnt: u64, substreams: usize) -> usize {
    match substreams {
        1 => 0,
        // Below the number of substreams, which is a usize.
        #[expect(clippy::cast_possible_truncation)]
        substreams => (cnt % substreams as u64) as usize,
    }
}

/// Whether the heap of this birth is still where it was put.
fn is_there<T>(substreams: &[Substream<T>], (born, key): (u64, Key)) -> bool {
    let entry = substreams.get(key.substream).and_then(|substream| substream.slots.get(key.slot));
    entry.is_some_and(|entry| entry.as_ref().is_some_and(|entry| entry.born == born))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Searched or indexed, a circle gives what a plain list gives.
        #[test]
        fn any_circle_agrees_with_a_list(
            long in any::<bool>(),
            substreams in 1_usize..4,
            steps in proptest::collection::vec((0_u64..80, 0_u8..4), 0..300),
        ) {
            let len = if long { SHORT + 3 } else { 3 };
            let mut slots = Slots::new(substreams, len);
            let mut list: Vec<u64> = Vec::new();
            for (cnt, what) in steps {
                let (key, steps) = slots.find(cnt);
                prop_assert_eq!(key.is_some(), list.contains(&cnt));
                let most = if long { 1 } else { len };
                prop_assert!(steps <= most);
                match (key, what) {
                    (Some(key), 0) => {
                        prop_assert_eq!(slots.take(key), Some((cnt, cnt)));
                        list.retain(|other| *other != cnt);
                    }
                    (Some(key), _) => prop_assert_eq!(slots.get_mut(key), Some(&mut cnt.clone())),
                    (None, _) => {
                        let next = slots.next(cnt);
                        if let Some((gone, _)) = slots.take(next) {
                            list.retain(|other| *other != gone);
                        }
                        slots.put(next, cnt, cnt);
                        list.push(cnt);
                    }
                }
                prop_assert!(slots.births.len() <= 2 * (list.len() + 1) + SHORT);
                let oldest = slots.oldest();
                prop_assert_eq!(oldest.and_then(|key| slots.get_mut(key).copied()), list.first().copied());
            }
            let mut all = Vec::new();
            while let Some(key) = slots.oldest() {
                all.extend(slots.take(key).map(|(cnt, _)| cnt));
            }
            prop_assert_eq!(all, list);
        }
    }
}

//! [`Window`]: the blocks of one object that are under way. Not their bytes: those are read again where they came from.
//!
//! ```text
//!        base                     next          base + slots
//!   acked | under way, lost, acked | not sent yet | ...
//! ```

use super::REORDER;
use crate::plan::Next;

/// What is known of one block in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// The packet that carried it last.
    sequence: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Free,
    Sent,
    Lost,
    Acked,
}

#[derive(Clone, Debug)]
pub(crate) struct Window<W> {
    slots: W,
    base: u32,
    next: u32,
    lost: u32,
    /// No lost block lies below.
    hint: u32,
}

impl<W: AsRef<[Slot]> + AsMut<[Slot]>> Window<W> {
    pub(crate) fn new(mut slots: W) -> Self {
        slots.as_mut().fill(Slot::default());
        Self { slots, base: 0, next: 0, lost: 0, hint: 0 }
    }

    /// The next block: a lost one, or a new one of the first `available`.
    pub(crate) fn next(&mut self, available: u32, whole: bool) -> Next {
        if self.lost > 0 {
            while self.hint < self.next {
                let number = self.hint;
                self.hint += 1;
                if let Some(slot) = self.slot(number)
                    && slot.state == State::Lost
                {
                    *slot = Slot { sequence: u64::MAX, state: State::Sent };
                    self.lost -= 1;
                    return Next::Block { number, copy: true };
                }
            }
            self.lost = 0;
        }
        let room = u32::try_from(self.slots.as_ref().len()).unwrap_or(u32::MAX);
        if self.next < available {
            if self.next - self.base >= room {
                return Next::Wait;
            }
            let number = self.next;
            self.next += 1;
            if let Some(slot) = self.slot(number) {
                *slot = Slot { sequence: u64::MAX, state: State::Sent };
            }
            return Next::Block { number, copy: false };
        }
        if whole { Next::Done } else { Next::Wait }
    }

    /// Whether [`next`](Self::next) has a block.
    pub(crate) fn has_next(&self, available: u32) -> bool {
        let room = u32::try_from(self.slots.as_ref().len()).unwrap_or(u32::MAX);
        self.lost > 0 || (self.next < available && self.next - self.base < room)
    }

    /// The block went out in this packet.
    pub(crate) fn sent_as(&mut self, number: u32, sequence: u64) {
        if let Some(slot) = self.slot(number)
            && slot.state == State::Sent
        {
            slot.sequence = sequence;
        }
    }

    /// Blocks below this one are acknowledged.
    pub(crate) const fn base(&self) -> u32 {
        self.base
    }

    /// Blocks that were sent at least once.
    pub(crate) const fn sent(&self) -> u32 {
        self.next
    }

    /// Blocks below `end` have come but for the `missing` ranges; above, none has come, unless the list was `cut`. The
    /// receiver has seen packet `highest`. The receiver may have had the first blocks before any was sent: those of the first
    /// `available` are passed over. False when this is about blocks that were never sent.
    pub(crate) fn handle(
        &mut self,
        available: u32,
        end: u32,
        cut: bool,
        missing: impl Iterator<Item = (u32, u16)>,
        highest: u64,
    ) -> bool {
        let mut missing = missing.peekable();
        let had = missing.peek().map_or(end, |(first, _)| (*first).min(end));
        if had > self.next && had <= available {
            (self.base, self.next, self.hint, self.lost) = (had, had, had, 0);
            self.slots.as_mut().fill(Slot::default());
        }
        if end > available.max(self.next) {
            return false;
        }
        let end = end.min(self.next);
        let mut at = self.base;
        for (first, count) in missing {
            let behind = first.saturating_add(u32::from(count)).min(end);
            let first = first.max(at).min(end.max(at));
            self.acked(at, first);
            self.missing(first, behind.max(first), highest);
            at = at.max(behind);
        }
        self.acked(at, end);
        if !cut {
            self.missing(end.max(self.base), self.next, highest);
        }
        self.advance();
        true
    }

    /// Nothing has come: another receiver is there.
    pub(crate) fn rewind(&mut self) {
        self.slots.as_mut().fill(Slot::default());
        (self.base, self.next, self.hint, self.lost) = (0, 0, 0, 0);
    }

    /// Everything has come.
    pub(crate) fn all_acked(&mut self) {
        (self.base, self.hint, self.lost) = (self.next, self.next, 0);
    }

    fn acked(&mut self, from: u32, to: u32) {
        for number in from.max(self.base)..to {
            let lost = self
                .slot(number)
                .is_some_and(|slot| core::mem::replace(&mut slot.state, State::Acked) == State::Lost);
            self.lost -= u32::from(lost);
        }
    }

    fn missing(&mut self, from: u32, to: u32, highest: u64) {
        for number in from.max(self.base)..to {
            let Some(slot) = self.slot(number) else { continue };
            if slot.state == State::Sent && slot.sequence.saturating_add(REORDER) <= highest {
                slot.state = State::Lost;
                self.lost += 1;
                self.hint = self.hint.min(number);
            }
        }
    }

    fn advance(&mut self) {
        while self.base < self.next {
            let number = self.base;
            match self.slot(number) {
                Some(slot) if slot.state == State::Acked => *slot = Slot::default(),
                _ => break,
            }
            self.base += 1;
        }
        self.hint = self.hint.max(self.base);
    }

    fn slot(&mut self, number: u32) -> Option<&mut Slot> {
        let slots = self.slots.as_mut();
        let at = usize::try_from(number).ok()?.checked_rem(slots.len())?;
        slots.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn send(window: &mut Window<[Slot; 8]>, blocks: u32, sequence: &mut u64) -> Vec<u32> {
        let mut sent = Vec::new();
        while let Next::Block { number, .. } = window.next(blocks, true) {
            window.sent_as(number, *sequence);
            *sequence += 1;
            sent.push(number);
        }
        sent
    }

    #[test]
    fn only_what_is_missing_goes_again_and_the_window_bounds_what_is_under_way() {
        let mut window = Window::new([Slot::default(); 8]);
        let mut sequence = 0;
        assert_eq!(send(&mut window, 20, &mut sequence), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(window.handle(20, 8, false, [(2, 1), (5, 2)].into_iter(), 7));
        // 5 and 6 may still be late: 7 was sent right after them.
        assert_eq!(window.base(), 2);
        assert_eq!(send(&mut window, 20, &mut sequence), [2, 8, 9]);
        assert!(window.handle(20, 10, false, [(5, 2)].into_iter(), 10));
        assert_eq!(send(&mut window, 20, &mut sequence), [5, 6, 10, 11, 12]);
        assert!(window.handle(20, 13, false, core::iter::empty(), 15));
        assert_eq!(send(&mut window, 20, &mut sequence), [13, 14, 15, 16, 17, 18, 19]);
        assert!(window.handle(20, 18, false, core::iter::empty(), 25));
        // Nothing above 18 has come, and packet 25 was long after.
        assert_eq!(send(&mut window, 20, &mut sequence), [18, 19]);
        window.all_acked();
        assert_eq!(window.next(20, true), Next::Done);
    }

    #[test]
    fn acknowledgements_of_what_was_never_sent_are_refused() {
        let mut window = Window::new([Slot::default(); 8]);
        send(&mut window, 4, &mut 0);
        assert!(!window.handle(4, 5, false, core::iter::empty(), 3));
        assert!(window.handle(20, 4, false, [(0, 9), (u32::MAX, 9), (1, 1)].into_iter(), 3));
        assert!(window.base() < 4);
        assert!(window.handle(20, 0, true, core::iter::empty(), 3));
    }

    #[test]
    fn an_old_acknowledgement_takes_nothing_back() {
        let mut window = Window::new([Slot::default(); 8]);
        let mut sequence = 0;
        send(&mut window, 8, &mut sequence);
        assert!(window.handle(20, 8, false, core::iter::empty(), 7));
        assert!(window.handle(20, 4, false, [(0, 2)].into_iter(), 4));
        assert_eq!(window.base(), 8);
        assert_eq!(window.next(8, true), Next::Done);
    }
}

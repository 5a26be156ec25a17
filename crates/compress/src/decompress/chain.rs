//! [`Chain`]: the history that linked blocks hand from one to the next, and whose turn it is.
//!
//! Linked blocks decode one after the other. Workers take blocks in the order of the stream, so whoever holds the turn
//! is already at work, and those who wait for it never wait for each other. Every block has a [`Ticket`], and whatever
//! becomes of that, those behind it learn of it: a block that is dropped on the way strands nobody.

use alloc::sync::Arc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::codec::WINDOW;

/// The shared history of the blocks of one linked frame.
#[derive(Debug)]
pub(crate) struct Chain {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug)]
struct State {
    /// The block that may decode now.
    turn: u64,
    /// The first block that failed, and with it all that follow. Those before it do not care.
    broken: Option<u64>,
    /// What was decoded last: at least the window, if there was as much.
    window: Vec<u8>,
}

impl Chain {
    /// A frame begins, with the dictionary as its history.
    pub(crate) fn new(dictionary: &[u8]) -> Self {
        let state = State { turn: 0, broken: None, window: dictionary.to_vec() };
        Self { state: Mutex::new(state), moved: Condvar::new() }
    }

    /// The place of block `number`. There has to be one for every block, in their order.
    pub(crate) fn ticket(self: &Arc<Self>, number: u64) -> Ticket {
        Ticket { chain: Arc::clone(self), number, done: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A block's place in the chain. Dropped before its turn was [`done`](Turn::done), it ends the chain there.
#[derive(Debug)]
pub(crate) struct Ticket {
    chain: Arc<Chain>,
    number: u64,
    done: bool,
}

impl Ticket {
    /// Waits for its turn. `None` when a block before it failed.
    pub(crate) fn turn(&mut self) -> Option<Turn<'_>> {
        let Self { chain, number, done } = self;
        let failed = |state: &State| state.broken.is_some_and(|broken| broken <= *number);
        let waiting = |state: &mut State| state.turn != *number && !failed(state);
        let state = chain.moved.wait_while(chain.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
        if failed(&state) { None } else { Some(Turn { moved: &chain.moved, state, done }) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut state = self.chain.lock();
        state.broken = Some(state.broken.map_or(self.number, |broken| broken.min(self.number)));
        self.chain.moved.notify_all();
    }
}

/// The right to decode now.
pub(crate) struct Turn<'a> {
    moved: &'a Condvar,
    state: MutexGuard<'a, State>,
    done: &'a mut bool,
}

impl Turn<'_> {
    /// The bytes before this block, at most 64 KiB.
    pub(crate) fn history(&self) -> &[u8] {
        let window = &self.state.window;
        &window[window.len().saturating_sub(WINDOW)..]
    }

    /// These are the block's bytes; the next block's turn.
    pub(crate) fn done(mut self, content: &[u8]) {
        let window = &mut self.state.window;
        let content = &content[content.len().saturating_sub(WINDOW)..];
        // Moved to the front only now and then, so that tiny blocks do not move 64 KiB each.
        if window.len() + content.len() > 4 * WINDOW {
            let kept = WINDOW - content.len();
            window.drain(..window.len() - kept);
        }
        window.extend_from_slice(content);
        self.state.turn += 1;
        *self.done = true;
        self.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_the_last_64_kib_however_it_came() {
        let chain = Arc::new(Chain::new(b"dictionary"));
        let mut all = b"dictionary".to_vec();
        for number in 0..2000_u64 {
            let mut ticket = chain.ticket(number);
            let turn = ticket.turn().unwrap();
            assert!(turn.history() == &all[all.len().saturating_sub(WINDOW)..], "{number}");
            let byte = u8::try_from(number % 251).unwrap();
            let block = vec![byte; usize::try_from(number * number % 70_000).unwrap()];
            all.extend_from_slice(&block);
            turn.done(&block);
        }
    }

    #[test]
    fn a_failed_block_ends_the_chain_for_all_that_follow_and_for_none_before_it() {
        let chain = Arc::new(Chain::new(b""));
        let mut tickets: Vec<_> = (0..4).map(|number| chain.ticket(number)).collect();
        drop(tickets.remove(2));
        assert!(tickets[2].turn().is_none(), "block 3");
        tickets[0].turn().unwrap().done(b"0");
        tickets[1].turn().unwrap().done(b"1");
        assert!(chain.ticket(2).turn().is_none() && chain.ticket(9).turn().is_none());
    }

    #[test]
    fn who_waits_learns_of_a_ticket_that_is_dropped_or_of_a_turn_without_an_end() {
        for taken in [false, true] {
            let chain = Arc::new(Chain::new(b""));
            let (mut first, mut second) = (chain.ticket(0), chain.ticket(1));
            std::thread::scope(|scope| {
                let waits = scope.spawn(move || second.turn().is_none());
                if taken {
                    drop(first.turn());
                }
                drop(first);
                assert!(waits.join().unwrap());
            });
        }
    }
}

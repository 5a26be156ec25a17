//! [`Chain`]: the history that linked blocks hand from one to the next, and whose turn it is.
//!
//! Linked blocks decode one after the other. Workers take blocks in the order of the stream, so whoever holds the turn
//! is already at work, and those who wait for it never wait for each other.

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
    /// A block failed, and with it all that follow.
    broken: bool,
    /// What was decoded last: at least the window, if there was as much.
    window: Vec<u8>,
}

impl Chain {
    /// A frame begins, with the dictionary as its history.
    pub(crate) fn new(dictionary: &[u8]) -> Self {
        let state = State { turn: 0, broken: false, window: dictionary.to_vec() };
        Self { state: Mutex::new(state), moved: Condvar::new() }
    }

    /// Waits for the turn of block `number`. `None` when a block before it failed.
    pub(crate) fn turn(&self, number: u64) -> Option<Turn<'_>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut State| state.turn != number && !state.broken;
        let state = self.moved.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        if state.broken { None } else { Some(Turn { chain: self, state, done: false }) }
    }
}

/// The right to decode now. Dropped without [`done`](Self::done), it ends the chain.
pub(crate) struct Turn<'a> {
    chain: &'a Chain,
    state: MutexGuard<'a, State>,
    done: bool,
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
        self.done = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.state.broken |= !self.done;
        self.chain.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_the_last_64_kib_however_it_came() {
        let chain = Chain::new(b"dictionary");
        let mut all = b"dictionary".to_vec();
        for number in 0..2000_u64 {
            let turn = chain.turn(number).unwrap();
            assert!(turn.history() == &all[all.len().saturating_sub(WINDOW)..], "{number}");
            let byte = u8::try_from(number % 251).unwrap();
            let block = vec![byte; usize::try_from(number * number % 70_000).unwrap()];
            all.extend_from_slice(&block);
            turn.done(&block);
        }
    }

    #[test]
    fn a_failed_block_ends_the_chain_for_all_that_follow() {
        let chain = Chain::new(b"");
        drop(chain.turn(0));
        assert!(chain.turn(1).is_none() && chain.turn(5).is_none());
    }
}

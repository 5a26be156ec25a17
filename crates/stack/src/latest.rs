//! [`Latest`]: what came last over a link, to find out whether somebody began to speak otherwise in the middle of it.

use alloc::sync::Arc;
use std::sync::{Mutex, PoisonError};

use packhorse_buffer::Instant;
use packhorse_transport::{Direction, Recorder};

use crate::{Wire, recognise};

/// Bytes that are kept at least: some packets.
const KEPT: usize = 8 * 1024;

/// The last bytes that a [`Tap`](packhorse_transport::Tap) has seen coming.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latest(Arc<Mutex<Vec<u8>>>);

impl Latest {
    /// What was seen so far.
    pub(crate) fn new(seen: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(seen[seen.len().saturating_sub(KEPT)..].to_vec())))
    }

    /// What a tap tells.
    pub(crate) fn recorder(&self) -> Self {
        self.clone()
    }

    /// What they are in that is not `wire`, in which `junk` bytes belonged to no frame.
    pub(crate) fn other(&self, wire: Wire, junk: u64) -> Option<Wire> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The first packets may still be those of the session that was received.
        let tails = (0..4).filter_map(|quarter| kept.get(kept.len() * quarter / 4..));
        // What stands inside a packet that was understood is content.
        let junk = tails.filter(|tail| !tail.is_empty() && junk >= tail.len() as u64 / 2);
        junk.filter_map(recognise).find(|found| !found.is_read_as(wire))
    }
}

impl Recorder for Latest {
    fn record(&mut self, _: Instant, direction: Direction, pieces: &[&[u8]]) {
        if direction == Direction::Sent {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in pieces {
            let cut = piece.len().saturating_sub(KEPT);
            if cut > 0 {
                kept.clear();
            }
            kept.extend_from_slice(&piece[cut..]);
        }
        let excess = if kept.len() > 4 * KEPT { kept.len() - KEPT } else { 0 };
        kept.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_came_is_kept_however_it_came() {
        for chunk in [1, 100, KEPT, 3 * KEPT] {
            let latest = Latest::default();
            let mut tap = latest.recorder();
            let all: Vec<u8> = (0..10 * KEPT).map(|at| (at % 251).to_le_bytes()[0]).collect();
            for piece in all.chunks(chunk) {
                tap.record(Instant::ZERO, Direction::Received, &[piece]);
                tap.record(Instant::ZERO, Direction::Sent, &[b"answers"]);
            }
            let kept = latest.0.lock().unwrap();
            assert!(kept.len() >= KEPT && kept.len() <= 5 * KEPT && all.ends_with(&kept), "{chunk}");
        }
    }
}

//! [`Assemblies`]: messages put together from their pieces, for many channels and objects at once, within a bound.

use std::collections::HashMap;

use packhorse_buffer::DecodeError;
use packhorse_packet::{Fragment, Reassembler};

/// Messages that may be put together at a time.
const ASSEMBLIES: usize = 64;

/// Who sent it, channel, tag, and whether it is a control message.
pub(crate) type Origin = (u64, u16, u16, bool);

#[derive(Default)]
pub(crate) struct Assemblies {
    /// By the sender's number of the message, too: repeats of META and of END, which lose pieces of their own, do not push
    /// one another out.
    under_way: HashMap<(Origin, u8), Assembly>,
    message: Vec<u8>,
    /// Counts pieces, to tell which message is the oldest.
    clock: u64,
}

struct Assembly {
    pieces: Reassembler<Vec<u8>>,
    touched: u64,
}

impl Assemblies {
    /// Takes a piece of a message of at most `most` bytes; true when [`message`](Self::take_message) is whole with it.
    pub(crate) fn handle(
        &mut self,
        origin: Origin,
        fragment: Fragment,
        piece: &[u8],
        most: usize,
    ) -> Result<bool, DecodeError> {
        self.message.clear();
        if fragment.last == 0 {
            self.message.extend_from_slice(piece);
            return Ok(true);
        }
        let key = (origin, fragment.message);
        // A flood of beginnings pushes out other beginnings, not memory.
        if self.under_way.len() >= ASSEMBLIES && !self.under_way.contains_key(&key) {
            let oldest = self.under_way.iter().min_by_key(|(_, assembly)| assembly.touched);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.under_way.remove(&oldest);
            }
        }
        self.clock += 1;
        let fresh = || Assembly { pieces: Reassembler::new(vec![0; most]), touched: 0 };
        let assembly = self.under_way.entry(key).or_insert_with(fresh);
        assembly.touched = self.clock;
        let message = assembly.pieces.handle(fragment, piece)?;
        self.message.extend_from_slice(message.unwrap_or_default());
        Ok(message.is_some())
    }

    /// The message that the last piece made whole. Give its memory back with [`recycle`](Self::recycle).
    pub(crate) fn take_message(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.message)
    }

    /// Memory for the next message.
    pub(crate) fn recycle(&mut self, message: Vec<u8>) {
        self.message = message;
    }

    /// Lets messages that were delivered be delivered again.
    pub(crate) fn forget(&mut self, origin: Origin) {
        self.under_way.retain(|(of, _), _| *of != origin);
    }
}

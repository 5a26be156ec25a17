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
    under_way: HashMap<Origin, Reassembler<Vec<u8>>>,
    message: Vec<u8>,
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
        // A flood of beginnings pushes out other beginnings, not memory.
        if self.under_way.len() >= ASSEMBLIES && !self.under_way.contains_key(&origin) {
            self.under_way.clear();
        }
        let assembly = self.under_way.entry(origin).or_insert_with(|| Reassembler::new(vec![0; most]));
        let message = assembly.handle(fragment, piece)?;
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

    /// Lets a message that was delivered be delivered again.
    pub(crate) fn forget(&mut self, origin: Origin) {
        self.under_way.remove(&origin);
    }
}

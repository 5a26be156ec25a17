//! Blocks out of the slabs that were read ahead: once and in order, or in whole passes.

use core::time::Duration;
use std::io;

use packhorse_buffer::Layer as _;
use packhorse_link::{Framing, Transport};
use packhorse_transfer::{BlockHeader, Meta, Sender};

use super::Outgoing;
use crate::feed::Waited;
use crate::outlet::Block;
use crate::profile::Profile;
use crate::{LinkError, SendError};

impl<P: Profile, F: Framing, T: Transport> Outgoing<P, F, T>
where
    T::Error: core::fmt::Display,
{
    /// Takes the next slab, if it has come, and what was learnt with it.
    pub(super) fn more(
        &mut self,
        sender: &mut Sender,
        meta: &mut Meta<'_>,
        name: &str,
    ) -> Result<bool, SendError> {
        let unreadable = |source| SendError::Read { name: name.to_owned(), source };
        let stream = meta.is_stream();
        let keep = if stream { sender.oldest_needed() } else { u32::MAX };
        let Some(came) = self.feed.next_slab(keep).map_err(unreadable)? else { return Ok(false) };
        if stream {
            sender
                .append(came.bytes as u64)
                .map_err(|error| unreadable(io::Error::other(error.to_string())))?;
            if came.ended {
                sender.finish();
                meta.size = sender.size();
            }
        }
        if came.hash.is_some() && meta.hash.is_none() {
            meta.hash = came.hash;
            self.meta_id = self.meta_id.wrapping_add(2);
        }
        Ok(true)
    }

    pub(super) fn block(
        &mut self,
        sender: &mut Sender,
        meta: &mut Meta<'_>,
        (number, offset): (u32, u64),
        name: &str,
    ) -> Result<(), SendError> {
        while !self.feed.has(number) {
            // What was made in the old slab leaves before the slab does.
            self.outlet.flush(self.feed.current())?;
            if !self.more(sender, meta, name)? && self.feed.wait(Duration::from_secs(3600)) == Waited::Input {
                self.send_waiting_messages()?;
                self.outlet.flush(None)?;
            }
        }
        if self.feed.moves_to(number) || self.outlet.holds_back(number) {
            self.outlet.flush(self.feed.current())?;
        }
        let Some(slab) = self.feed.slab_with(number) else { return Ok(()) };
        let Some((mut buf, slot)) = slab.packet(number) else { return Ok(()) };
        let len = buf.len();
        let header = BlockHeader { tag: meta.tag(), number };
        self.stack.push((header, (P::TRANSFER.data(), ())), &mut buf).map_err(LinkError::from)?;
        self.outlet.packet_in_slab(buf, Block { number, offset, slot, len, room: self.room })?;
        Ok(())
    }
}

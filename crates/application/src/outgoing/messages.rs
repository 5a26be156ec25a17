//! Control messages and messages beside the files, cut into packets.

use packhorse_buffer::{Layer as _, PacketBuf};
use packhorse_link::{Framing, Transport};
use packhorse_packet::{Channel, Fragment, Fragments};
use packhorse_transfer::{BlockHeader, Control, ControlCodec as _, EncodeError};

use super::Outgoing;
use crate::profile::{Down, MESSAGE_MAX, PIECE_MIN, Profile};
use crate::{LinkError, SendError};

impl<P: Profile, F: Framing, T: Transport> Outgoing<P, F, T>
where
    T::Error: core::fmt::Display,
{
    pub(super) fn encode(&mut self, control: &Control<'_>) -> Result<usize, EncodeError> {
        let mut buf = PacketBuf::new(&mut self.message[..]);
        P::Codec::encode(control, &mut buf)?;
        Ok(buf.len())
    }

    pub(super) fn control(
        &mut self,
        control: &Control<'_>,
        id: u8,
        tag: u16,
        name: &str,
    ) -> Result<(), SendError> {
        let len = self.encode(control).map_err(|error| SendError::Unsendable {
            name: name.to_owned(),
            profile: P::NAME,
            reason: error.to_string(),
        })?;
        let message = core::mem::take(&mut self.message);
        let address = P::TRANSFER.control();
        let mut result = Ok(());
        if P::Codec::FRAGMENTED {
            let most = (self.block as usize).max(PIECE_MIN);
            match Fragments::new(id, &message[..len], most) {
                Ok(pieces) => {
                    for (fragment, piece) in pieces {
                        let header = BlockHeader { tag, number: fragment.to_word() };
                        result = result.and_then(|()| self.single((header, (address, ())), piece));
                    }
                }
                Err(error) => result = Err(LinkError::Io(error.to_string())),
            }
        } else {
            result = self.single((BlockHeader { tag, number: 0 }, (address, ())), &message[..len]);
        }
        self.message = message;
        Ok(result?)
    }

    /// One packet that is not a block of the file under way.
    pub(super) fn single(&mut self, down: Down, body: &[u8]) -> Result<(), LinkError> {
        let mut memory = core::mem::take(&mut self.packet);
        memory.resize(self.room + body.len() + P::Stack::TAILROOM, 0);
        let mut buf = PacketBuf::with_headroom(&mut memory[..], self.room)?;
        buf.put_slice(body)?;
        self.stack.push(down, &mut buf)?;
        let result = self.outlet.packet(&mut buf);
        self.packet = memory;
        result
    }

    /// Without a pace, all messages that have come pass the next block.
    pub(super) fn send_waiting_messages(&mut self) -> Result<(), SendError> {
        while self.pacer.is_none() && !self.feed.messages.is_empty() {
            self.send_message()?;
        }
        Ok(())
    }

    pub(super) fn send_message(&mut self) -> Result<(), SendError> {
        if let Some((channel, message)) = self.feed.messages.pop_front() {
            match self.message(channel, &message) {
                Ok(()) => self.report.messages += 1,
                Err(LinkError::TooLong { len, most }) => {
                    tracing::warn!(len, most, "message too long, not sent");
                    self.report.messages_refused += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) fn message(&mut self, channel: Channel, message: &[u8]) -> Result<(), LinkError> {
        self.message_id = self.message_id.wrapping_add(1);
        let most =
            if P::Codec::FRAGMENTED { (self.block as usize).max(PIECE_MIN) } else { P::BLOCK_MAX as usize };
        let most_whole = if P::Codec::FRAGMENTED { MESSAGE_MAX } else { most };
        if message.len() > most_whole {
            return Err(LinkError::TooLong { len: message.len(), most: most_whole });
        }
        let too_long = LinkError::TooLong { len: message.len(), most };
        let pieces = Fragments::new(self.message_id, message, most).map_err(|_| too_long)?;
        for (fragment, piece) in pieces {
            let number = if P::Codec::FRAGMENTED { Fragment::to_word(fragment) } else { 0 };
            self.single((BlockHeader { tag: 0, number }, (channel.data(), ())), piece)?;
        }
        Ok(())
    }
}

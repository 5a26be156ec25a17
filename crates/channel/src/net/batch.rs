//! [`Batch`]: messages that travel as one packet, filled in place.
//!
//! ```text
//!   | headroom: frame, packet header | record | record | claimed ... |      room       | count, check |
//!   | frame | header                 | record | record | record      | count | check |                    sealed
//! ```
//!
//! A message is written where it will be sent from; sealing pushes the stack's headers around what is there.

use packhorse_buffer::{Layer as _, NoRoom, PacketBuf};
use packhorse_link::{Check, LengthPrefixed};

use super::wire::{ChannelLayer, DatagramStack, HEADROOM, Packet, StreamStack, TAILROOM};
use super::words::Words;
use crate::packed::Layout;

/// A packet that is being filled, or that waits to be sent.
#[derive(Debug)]
pub(crate) struct Batch {
    buf: PacketBuf<Words>,
    count: u32,
    /// Bytes that all records may take together.
    room: usize,
}

impl Batch {
    /// Room for records of `room` bytes together, a multiple of 8.
    pub(crate) fn new(room: usize) -> Self {
        let buf = PacketBuf::new(Words::new(HEADROOM + room + TAILROOM));
        let mut batch = Self { buf, count: 0, room };
        batch.clear();
        batch
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        // The memory was made with this room.
        self.buf.set_range(HEADROOM..HEADROOM).unwrap_or_default();
        self.count = 0;
    }

    /// Messages in it.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Bytes that records may still take.
    pub(crate) fn left(&self) -> usize {
        self.room.saturating_sub(self.buf.len())
    }

    /// Bytes that all records may take.
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// Takes the place of a message of `len` bytes, which [`left`](Self::left) allows: where its bytes go.
    pub(crate) fn claim(&mut self, len: usize) -> Result<usize, NoRoom> {
        let begin = self.buf.range().end;
        self.buf.put(Layout::Aligned.size(len))?;
        Ok(begin + Layout::Aligned.header())
    }

    /// The bytes of the claimed message that begins at `at`.
    pub(crate) fn bytes(&self, at: usize, len: usize) -> &[u8] {
        use packhorse_buffer::Storage as _;
        &self.buf.storage().as_slice()[at..at + len]
    }

    /// The same, to write into.
    pub(crate) fn bytes_mut(&mut self, at: usize, len: usize) -> &mut [u8] {
        let from = at - self.buf.range().start;
        &mut self.buf.as_mut_slice()[from..from + len]
    }

    /// The message claimed last, at `at`, is `len` bytes long, at most what was claimed, and complete.
    pub(crate) fn publish(&mut self, at: usize, kind: u32, len: usize) {
        let begin = at - Layout::Aligned.header();
        let range = self.buf.range();
        let end = begin + Layout::Aligned.size(len);
        // Both lie in what was claimed.
        self.buf.set_range(range.start..end).unwrap_or_default();
        let record = &mut self.buf.as_mut_slice()[begin - range.start..];
        Layout::Aligned.seal(record, kind, len).unwrap_or_default();
        self.count += 1;
    }

    /// The message claimed last, at `at`, will not come.
    pub(crate) fn cancel(&mut self, at: usize) {
        let start = self.buf.range().start;
        self.buf.set_range(start..at - Layout::Aligned.header()).unwrap_or_default();
    }

    /// Puts something that is no message into an empty batch.
    pub(crate) fn body(&mut self, body: &[u8]) -> Result<(), NoRoom> {
        self.buf.put_slice(body)
    }

    /// Makes it a packet, in a frame when it goes onto a stream.
    pub(crate) fn seal(&mut self, packet: Packet, stream: bool) -> Result<(), NoRoom> {
        let packet = Packet { count: self.count, ..packet };
        if stream {
            let datagram = DatagramStack::new(ChannelLayer, Check::new());
            let mut stack = StreamStack::new(datagram, LengthPrefixed::new(usize::MAX));
            stack.push(((packet, ()), ()), &mut self.buf)
        } else {
            DatagramStack::new(ChannelLayer, Check::new()).push((packet, ()), &mut self.buf)
        }
    }

    /// What was sealed.
    pub(crate) fn sealed(&self) -> &[u8] {
        self.buf.as_slice()
    }
}

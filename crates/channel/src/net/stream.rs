//! [`PacketStream`]: packets out of a TCP connection, where they lie in its receive memory.
//!
//! A stream that loses nothing has no junk between frames and no damaged packets. Where they are, the other end is
//! not one of ours or gone mad, and everything it may say later is worth nothing: one mistake ends the stream.

use core::ops::Range;
use core::time::Duration;

use packhorse_buffer::{Layer as _, PacketBuf};
use packhorse_link::{Framing as _, LengthPrefixed, StreamBuf, Transport as _, TransportError};
use packhorse_transport::ConnectionReader;

use super::wire::{AROUND, DatagramStack, Packet};
use super::words::Words;

/// Memory below this saves nothing.
const LEAST: usize = 4096;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct PacketStream {
    pub(crate) reader: ConnectionReader,
    memory: StreamBuf<Words>,
    framing: LengthPrefixed,
    stack: DatagramStack,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Came {
    /// A packet, and where its body lies: see [`PacketStream::body`].
    Packet(Packet, Range<usize>),
    /// Nothing, in the time given.
    Nothing,
    /// The stream ended between two packets, or was reset.
    End,
    /// What no end of ours sends.
    Garbage,
}

/// How long to wait for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    None,
    For(Duration),
    Forever,
}

impl PacketStream {
    /// Packets whose bodies have at most `body_max` bytes; `memory` bytes are received at once, if there is room.
    pub(crate) fn new(reader: ConnectionReader, body_max: usize, memory: usize) -> Self {
        let packet_max = body_max + AROUND;
        // Two of the largest frames, as the buffer wants them.
        let memory = memory.max(2 * (packet_max + 8)).max(LEAST);
        Self {
            reader,
            memory: StreamBuf::new(Words::new(memory)),
            framing: LengthPrefixed::new(packet_max),
            stack: DatagramStack::default(),
        }
    }

    /// Larger packets from now on; what has been received stays.
    pub(crate) fn grow(&mut self, body_max: usize, memory: usize) {
        let packet_max = body_max + AROUND;
        let memory = memory.max(2 * (packet_max + 8)).max(self.memory.capacity());
        // It is not smaller, so what is pending fits.
        let _ = self.memory.replace_storage(Words::new(memory));
        self.framing = LengthPrefixed::new(packet_max);
    }

    /// The next packet. What was handed out before is gone.
    pub(crate) fn next(&mut self, patience: Patience) -> std::io::Result<Came> {
        loop {
            if let Some(frame) = self.memory.next_range(&mut self.framing) {
                let mut packet = PacketBuf::filled(self.memory.packet_mut(frame.clone()));
                let Ok((header, ())) = self.stack.pull(&mut packet) else { return Ok(Came::Garbage) };
                let body = packet.range();
                return Ok(Came::Packet(header, frame.start + body.start..frame.start + body.end));
            }
            if self.framing.stats().junk_bytes > 0 {
                return Ok(Came::Garbage);
            }
            self.reader.set_blocking(patience != Patience::None);
            self.reader.set_timeout(match patience {
                Patience::For(time) => Some(time),
                _ => None,
            });
            match self.reader.receive(self.memory.spare()) {
                Ok(0) if self.memory.pending() == 0 => return Ok(Came::End),
                // Cut inside a packet: the other end died, which is not its fault.
                Ok(0) | Err(TransportError::Closed) => return Ok(Came::End),
                Ok(n) => self.memory.commit(n),
                Err(TransportError::WouldBlock) => return Ok(Came::Nothing),
                Err(TransportError::Io(error)) => return Err(error),
                Err(TransportError::TooLong { .. }) => return Ok(Came::Garbage),
            }
        }
    }

    /// The body of the last packet.
    #[inline]
    pub(crate) fn body(&mut self, range: Range<usize>) -> &mut [u8] {
        self.memory.packet_mut(range)
    }
}

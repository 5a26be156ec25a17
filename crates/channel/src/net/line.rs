//! [`Line`]: what a sender sends over, once both ends have greeted each other.

use alloc::sync::Arc;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Instant;

use packhorse_buffer::{Layer as _, PacketBuf};
use packhorse_link::{Transport as _, TransportError};
use packhorse_transport::{ConnectionWriter, Udp};

use super::stream::{Came, PacketStream, Patience};
use super::wire::{DatagramStack, Kind, Packet};

/// The mark of the end is sent again after so long, until it is answered.
const END_AGAIN: Duration = Duration::from_millis(30);
/// And so often at most.
const ENDS: u32 = 10;

/// A sender's way to the receiver.
#[derive(Debug)]
pub(crate) struct Line {
    wire: Wire,
    /// To wait on without holding the line.
    pub(crate) ready: Arc<OwnedFd>,
}

#[derive(Debug)]
enum Wire {
    Tcp { writer: ConnectionWriter, answers: PacketStream },
    Udp { socket: Udp, session: u32, refused: u64 },
}

/// What the receiver has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    /// It wants no more.
    Stop,
    /// It is not there any more.
    Gone,
}

impl Line {
    pub(crate) fn tcp(writer: ConnectionWriter, answers: PacketStream) -> io::Result<Self> {
        let ready = Arc::new(writer.as_fd().try_clone_to_owned()?);
        Ok(Self { wire: Wire::Tcp { writer, answers }, ready })
    }

    pub(crate) fn udp(mut socket: Udp, session: u32) -> io::Result<Self> {
        socket.set_blocking(false);
        let ready = Arc::new(socket.sender.as_fd().try_clone_to_owned()?);
        let refused = socket.sender.refused();
        Ok(Self { wire: Wire::Udp { socket, session, refused }, ready })
    }

    /// Writes the front of `bytes`, as much as goes without waiting; a datagram whole.
    pub(crate) fn send_some(&mut self, bytes: &[u8]) -> Result<usize, TransportError<io::Error>> {
        match &mut self.wire {
            Wire::Tcp { writer, .. } => writer.send_some(bytes),
            Wire::Udp { socket, .. } => socket.sender.send(bytes).map(|()| bytes.len()),
        }
    }

    /// What has been said, without waiting.
    pub(crate) fn heard(&mut self) -> Heard {
        match &mut self.wire {
            Wire::Tcp { answers, .. } => match answers.next(Patience::None) {
                Ok(Came::Nothing) => Heard::Nothing,
                Ok(Came::Packet(Packet { kind: Kind::Stop, .. }, _)) => Heard::Stop,
                Ok(Came::Packet(..) | Came::Garbage | Came::End) | Err(_) => Heard::Gone,
            },
            Wire::Udp { socket, session, refused } => {
                let mut memory = [0; 128];
                while let Ok(len) = socket.receiver.receive(&mut memory) {
                    let mut packet = PacketBuf::filled(&mut memory[..len]);
                    if let Ok((packet, ())) = DatagramStack::default().pull(&mut packet)
                        && (packet.kind, packet.session) == (Kind::Stop, *session)
                    {
                        return Heard::Stop;
                    }
                }
                if socket.sender.refused() > *refused { Heard::Gone } else { Heard::Nothing }
            }
        }
    }

    /// Everything is written, the mark of the end last. On tcp the system delivers it, whatever becomes of this process. A
    /// datagram may get lost: the mark is sent again until it is answered, a few times.
    pub(crate) fn finish(&mut self, end: &[u8], patience: Duration) {
        let until = Instant::now() + patience.min(END_AGAIN * ENDS);
        match &mut self.wire {
            // What lies there unread would make the system drop what the receiver has not read yet.
            Wire::Tcp { .. } => _ = self.heard(),
            Wire::Udp { .. } => {
                while self.heard() == Heard::Nothing && Instant::now() < until {
                    if let Wire::Udp { socket, .. } = &mut self.wire {
                        let left = until.saturating_duration_since(Instant::now());
                        let answered = socket.receiver.wait(Some(END_AGAIN.min(left)));
                        if !answered.unwrap_or(true) {
                            let _ = socket.sender.send(end);
                        }
                    }
                }
            }
        }
    }
}

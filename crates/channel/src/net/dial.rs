//! [`Dial`]: how a sender comes to its line: whom it connects to or where it listens, and the greetings.
//!
//! ```text
//!   connects   HELLO -->            listens   --> HELLO
//!              <-- WELCOME, REFUSE            WELCOME, REFUSE <--
//! ```
//! The receiver's half of this is in [`receiver`](super::receiver).

use core::time::Duration;
use std::io::{self, ErrorKind};
use std::time::Instant;

use packhorse_buffer::{Layer as _, PacketBuf};
use packhorse_link::{Transport as _, TransportError};
use packhorse_transport::tcp::{self, TcpOptions};
use packhorse_transport::{Connection, Udp, UdpOptions};

use super::batch::Batch;
use super::door::Door;
use super::greeting::{GREETING, Greeting, Refusal};
use super::line::Line;
use super::options::Options;
use super::stream::{Came, PacketStream, Patience};
use super::wire::{DatagramStack, Kind, Packet};
use crate::OpenError;

/// Who connects and says nothing is let go after so long.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// A greeting by datagram is said again after so long.
const HELLO_AGAIN: Duration = Duration::from_millis(50);
/// Bytes of the longest body in what receivers say.
const ANSWER_MAX: usize = 256;

/// Where a sender finds its receiver.
#[derive(Debug)]
pub(crate) enum Dial {
    Tcp { host: String, port: u16 },
    Listen(Door),
    Udp { host: String, port: u16 },
}

impl Dial {
    /// A line, waiting at most `patience` where this end connects; `None` when it listens and nobody came. Also the number of the message that
    /// the receiver wants next.
    pub(crate) fn line(
        &mut self,
        greeting: &Greeting,
        session: u32,
        options: &Options,
        patience: Duration,
    ) -> Result<Option<(Line, u64)>, OpenError> {
        match self {
            Self::Tcp { host, port } => {
                let connection = tcp::connect(host, *port, &tcp_options(options), patience)?;
                let (mut stream, mut writer) = stream(connection);
                send(&mut writer, Kind::Hello, session, 0, &greeting.encode())?;
                let (_, wanted) = answer(&mut stream, greeting, patience.max(SILENCE))?;
                Ok(Some((Line::tcp(writer, stream)?, wanted)))
            }
            Self::Listen(door) => door.receiver(greeting, session),
            Self::Udp { host, port } => {
                let until = Instant::now() + patience;
                let mut socket = Udp::connect(host, *port, &udp_options(options))?;
                let hello = packet(Kind::Hello, session, 0, &greeting.encode(), false);
                socket.receiver.set_timeout(Some(HELLO_AGAIN));
                let mut memory = [0; 256];
                loop {
                    socket.send(hello.sealed()).map_err(io_error)?;
                    let said = Instant::now();
                    while let Ok(len) = socket.receive(&mut memory) {
                        let mut buf = PacketBuf::filled(&mut memory[..len]);
                        let Ok((packet, ())) = DatagramStack::default().pull(&mut buf) else { continue };
                        if packet.session == session && packet.kind != Kind::Stop {
                            let wanted = judge(packet, buf.as_slice(), greeting)?;
                            return Ok(Some((Line::udp(socket, session)?, wanted)));
                        }
                    }
                    if Instant::now() >= until {
                        return Err(io::Error::new(ErrorKind::TimedOut, NOBODY).into());
                    }
                    // A refusal by the other machine comes at once.
                    std::thread::sleep(HELLO_AGAIN.saturating_sub(said.elapsed()));
                }
            }
        }
    }
}

const NOBODY: &str = "no receiver answers there: start it first, or wait longer";

/// The two halves of a connection, as channels use them.
pub(crate) fn stream(connection: Connection) -> (PacketStream, packhorse_transport::ConnectionWriter) {
    let (reader, writer) = connection.split();
    (PacketStream::new(reader, ANSWER_MAX.max(GREETING), 0), writer)
}

/// The answer to a HELLO, and what it says.
pub(crate) fn answer(
    stream: &mut PacketStream,
    greeting: &Greeting,
    patience: Duration,
) -> Result<(u32, u64), OpenError> {
    match stream.next(Patience::For(patience))? {
        Came::Packet(packet, body) => {
            judge(packet, stream.body(body), greeting).map(|next| (packet.session, next))
        }
        Came::Nothing => Err(io::Error::new(ErrorKind::TimedOut, "the other end does not answer").into()),
        Came::End => {
            Err(io::Error::new(ErrorKind::ConnectionReset, "the other end hung up without an answer").into())
        }
        Came::Garbage => Err(Refusal::Foreign.into()),
    }
}

fn judge(packet: Packet, body: &[u8], greeting: &Greeting) -> Result<u64, OpenError> {
    match packet.kind {
        Kind::Welcome => greeting.agree(body).map(|()| packet.number).map_err(OpenError::from),
        Kind::Refuse => Err(Refusal::decode(body).into()),
        _ => Err(Refusal::Foreign.into()),
    }
}

/// A packet that is no batch of messages.
pub(crate) fn packet(kind: Kind, session: u32, number: u64, body: &[u8], stream: bool) -> Batch {
    let mut batch = Batch::new(body.len().max(8));
    // Made with room for it, and for the stack.
    batch.body(body).unwrap_or_default();
    batch.seal(Packet { kind, session, number, count: 0 }, stream).unwrap_or_default();
    batch
}

/// Sends one over a connection.
pub(crate) fn send(
    writer: &mut packhorse_transport::ConnectionWriter,
    kind: Kind,
    session: u32,
    number: u64,
    body: &[u8],
) -> io::Result<()> {
    writer.set_timeout(Some(SILENCE));
    writer.send(packet(kind, session, number, body, true).sealed()).map_err(io_error)
}

pub(crate) fn io_error(error: TransportError<io::Error>) -> io::Error {
    match error {
        TransportError::Io(error) => error,
        TransportError::Closed => ErrorKind::ConnectionReset.into(),
        TransportError::WouldBlock => ErrorKind::WouldBlock.into(),
        TransportError::TooLong { .. } => io::Error::new(ErrorKind::InvalidInput, error.to_string()),
    }
}

pub(crate) const fn tcp_options(options: &Options) -> TcpOptions {
    TcpOptions {
        nodelay: options.nodelay,
        send_buffer: options.send_buffer,
        receive_buffer: options.receive_buffer,
    }
}

pub(crate) fn udp_options(options: &Options) -> UdpOptions {
    UdpOptions {
        mtu: Some(usize::MAX),
        send_buffer: options.send_buffer,
        receive_buffer: options.receive_buffer,
        ..UdpOptions::default()
    }
}

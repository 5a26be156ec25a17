//! Opening links by URI: who sends connects, who receives listens.

use core::time::Duration;
use std::io;

use packhorse_transport::tcp::{self, TcpOptions};
use packhorse_transport::{Connection, PipeReader, PipeWriter, Serial, Udp, unix};

use crate::ends::{ReceivingEnd, SendingEnd};
use crate::{Error, Uri};

/// Both directions of a link; of a pipe, the other one only when asked for.
pub(crate) struct Link {
    pub(crate) sending: SendingEnd,
    pub(crate) receiving: ReceivingEnd,
    /// Bytes may be damaged or lost on the way.
    pub(crate) lossy: bool,
}

/// What a receiver opens.
pub(crate) enum Listening {
    /// One link.
    Link {
        receiving: ReceivingEnd,
        /// Where answers go, if there may be some.
        answers: Option<SendingEnd>,
        /// The link never ends by itself.
        endless: bool,
    },
    /// One for everybody who connects.
    Connections(Listener),
}

/// Takes connections.
pub(crate) enum Listener {
    Tcp(tcp::Listener),
    Unix(unix::Listener),
}

impl Listener {
    /// The next connection, if one comes within `timeout`.
    pub(crate) fn accept(&self, timeout: Duration) -> io::Result<Option<Connection>> {
        match self {
            Self::Tcp(listener) => Ok(listener.accept(Some(timeout))?.map(|(connection, _)| connection)),
            Self::Unix(listener) => listener.accept(Some(timeout)),
        }
    }
}

/// Opens a link to send on. Who listens at the other end may come up to `patience` later.
pub(crate) fn to_send(to: &Uri, patience: Duration) -> Result<Link, Error> {
    let open = |source| Error::Open { uri: Box::new(to.clone()), source };
    let connection = |connected: io::Result<Connection>| {
        connected.map_err(|source| match source.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                Error::NobodyThere { uri: Box::new(to.clone()), source }
            }
            _ => open(source),
        })
    };
    let link = |made: Connection| {
        let (receiver, sender) = made.split();
        Link { sending: sender.into(), receiving: ReceivingEnd::new(receiver), lossy: false }
    };
    match to {
        Uri::Pipe => {
            let receiving = PipeReader::stdin().map_err(open)?;
            let sending = PipeWriter::stdout().map_err(open)?;
            Ok(Link { sending: sending.into(), receiving: ReceivingEnd::new(receiving), lossy: false })
        }
        Uri::Serial { path, line } => {
            let (receiver, sender) = Serial::open(path, line).map_err(open)?.split();
            Ok(Link { sending: sender.into(), receiving: ReceivingEnd::new(receiver), lossy: true })
        }
        Uri::Udp { host, port, options } => {
            let (receiver, sender) = Udp::connect(host, *port, options).map_err(open)?.split();
            Ok(Link { sending: sender.into(), receiving: ReceivingEnd::new(receiver), lossy: true })
        }
        Uri::Tcp { host, port } => {
            connection(tcp::connect(host, *port, &TcpOptions::default(), patience)).map(link)
        }
        Uri::Unix(path) => connection(unix::connect(path, patience)).map(link),
        Uri::Memory(_) | Uri::Ipc(_) => Err(Error::Unsupported(Box::new(to.clone()))),
    }
}

/// Opens a link to receive on. On a pipe, answers are written only when `duplex`.
pub(crate) fn to_receive(from: &Uri, duplex: bool) -> Result<Listening, Error> {
    let open = |source| Error::Open { uri: Box::new(from.clone()), source };
    match from {
        Uri::Pipe => Ok(Listening::Link {
            receiving: ReceivingEnd::new(PipeReader::stdin().map_err(open)?),
            answers: if duplex { Some(PipeWriter::stdout().map_err(open)?.into()) } else { None },
            endless: crate::session::endless().map_err(open)?,
        }),
        Uri::Serial { path, line } => {
            let (receiver, sender) = Serial::open(path, line).map_err(open)?.split();
            let receiving = ReceivingEnd::new(receiver);
            Ok(Listening::Link { receiving, answers: Some(sender.into()), endless: true })
        }
        Uri::Udp { host, port, options } => {
            let (receiver, sender) = Udp::bind(host, *port, options).map_err(open)?.split();
            let receiving = ReceivingEnd::new(receiver);
            Ok(Listening::Link { receiving, answers: Some(sender.into()), endless: true })
        }
        Uri::Tcp { host, port } => {
            let listener = tcp::Listener::bind(host, *port, &TcpOptions::default()).map_err(open)?;
            Ok(Listening::Connections(Listener::Tcp(listener)))
        }
        Uri::Unix(path) => {
            let listener = unix::Listener::bind(path).map_err(open)?;
            Ok(Listening::Connections(Listener::Unix(listener)))
        }
        Uri::Memory(_) | Uri::Ipc(_) => Err(Error::Unsupported(Box::new(from.clone()))),
    }
}

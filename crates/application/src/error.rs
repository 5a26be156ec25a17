//! What ends a session, told so that a person knows what to do next.

use std::io;

use packhorse_buffer::NoRoom;
use packhorse_link::TransportError;

use crate::catalog::CatalogError;

/// Why packets could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody reads at the other end.
    #[error("the receiving end is closed")]
    Closed,
    /// A packet that the framing or transport does not take.
    #[error("a packet does not fit the link ({0}); choose a smaller --block")]
    Room(#[from] NoRoom),
    /// A packet longer than the transport's.
    #[error("a packet of {len} bytes where the link takes {most}; choose a smaller --block")]
    TooLong {
        /// Bytes in the packet.
        len: usize,
        /// Bytes that the link takes.
        most: usize,
    },
    /// What the system said.
    #[error("the link failed: {0}")]
    Io(String),
}

impl LinkError {
    pub(crate) fn from_transport<E: core::fmt::Display>(error: TransportError<E>) -> Self {
        match error {
            TransportError::WouldBlock => Self::Io(TransportError::<E>::WouldBlock.to_string()),
            TransportError::Closed => Self::Closed,
            TransportError::TooLong { len, most } => Self::TooLong { len, most },
            TransportError::Io(error) => Self::Io(error.to_string()),
        }
    }
}

/// Why sending ended before everything was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// What was to be sent cannot be.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A file or the standard input could not be read.
    #[error("cannot read '{name}': {source}")]
    Read {
        /// The object.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The receiver says nothing.
    #[error("no answer for {seconds} s{}", if *ever { "; the link is down or the receiver is gone: send it again, what has arrived is kept" } else { ": is the receiver running, with --duplex, and does the way back work?" })]
    NoAnswer {
        /// How long.
        seconds: u64,
        /// Whether it ever said anything.
        ever: bool,
    },
    /// The object does not fit the profile.
    #[error("'{name}' cannot be sent in profile {profile}: {reason}")]
    Unsendable {
        /// The object.
        name: String,
        /// The profile.
        profile: &'static str,
        /// Which limit it exceeds, and what to do.
        reason: String,
    },
    /// A block size that profile or link do not have.
    #[error(
        "a block of {asked} bytes, where profile {profile} has 1 to {most} on this link; choose another --block"
    )]
    Block {
        /// The profile.
        profile: &'static str,
        /// Bytes asked for.
        asked: u32,
        /// Most bytes.
        most: usize,
    },
    /// The link failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A thread could not be started.
    #[error("the system gives no more threads: {0}")]
    Threads(#[source] io::Error),
}

impl SendError {
    /// Whether nothing more can be sent; otherwise only this object cannot.
    pub(crate) fn ends_session(&self) -> bool {
        matches!(self, Self::Link(_) | Self::Threads(_) | Self::Block { .. } | Self::NoAnswer { .. })
    }
}

/// Why receiving ended early. Damaged or missing objects do not end it: see the report.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The receive folder cannot be used.
    #[error(transparent)]
    Inbox(#[from] crate::inbox::InboxError),
    /// What was received cannot be written.
    #[error("cannot write what was received: {0}; free some space or choose another folder")]
    Write(String),
    /// Whoever reads the output has gone.
    #[error("nobody reads the output any more")]
    OutputClosed,
    /// The link failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A thread could not be started.
    #[error("the system gives no more threads: {0}")]
    Threads(#[source] io::Error),
}

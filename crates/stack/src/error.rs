//! [`Error`]: why a session could not be, or ended early, with what a person can do about it.

use packhorse_application::{CatalogError, InboxError, ReceiveError, SendError};

use crate::Uri;

/// Why a session could not be, or ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Links of this kind carry no files.
    #[error("cannot open {0}: links of this kind carry no files; {list} do", list = Uri::AVAILABLE.join(" "))]
    Unsupported(Box<Uri>),
    /// Nobody listens at the other end.
    #[error(
        "nobody listens at {uri} ({source}); start there: packhorse recv DIR --from {uri}, or wait longer: --give-up"
    )]
    NobodyThere {
        /// The link.
        uri: Box<Uri>,
        /// What the system said.
        source: std::io::Error,
    },
    /// The link cannot be opened.
    #[error("cannot open {uri}: {source}")]
    Open {
        /// The link.
        uri: Box<Uri>,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing came over the link.
    #[error("nothing came; is the sender running, and its output connected to this input?")]
    Silence,
    /// What came is no packet of any profile.
    #[error(
        "none of the {bytes} bytes that came are a packet of a known profile; is the other side `packhorse send`, \
         or is the link too bad? --profile names the profile if you know it"
    )]
    Unrecognised {
        /// Bytes that came.
        bytes: u64,
    },
    /// What to send cannot be found.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Sending ended early.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The receive folder cannot be used.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// Receiving ended early.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
}

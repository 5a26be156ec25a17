//! What a sender or receiver tells about its work while it goes on: for progress bars, logs and programs.

use core::time::Duration;
use std::path::Path;

/// Something that happened in a session.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An object is under way.
    Started {
        /// Its name.
        name: &'a str,
        /// Its bytes, when known.
        size: Option<u64>,
    },
    /// The object under way has come further.
    Progress {
        /// Its name.
        name: &'a str,
        /// Bytes of it that were sent for the first time, or received.
        bytes: u64,
        /// Its bytes, when known.
        size: Option<u64>,
    },
    /// An object is sent, or received and verified.
    Done {
        /// Its name.
        name: &'a str,
        /// Where it was put, on the receiving side.
        path: Option<&'a Path>,
        /// Its bytes.
        bytes: u64,
        /// Its hash; none for folders.
        hash: Option<[u8; 32]>,
        /// From its first to its last packet.
        took: Duration,
    },
    /// An object will not arrive; nothing stands under its name.
    Failed {
        /// Its name.
        name: &'a str,
        /// Why, and what to do.
        reason: &'a str,
    },
    /// Something that a person may want to know; nothing is wrong.
    Note {
        /// What.
        text: &'a str,
    },
    /// Something is odd, and the session goes on.
    Warning {
        /// What, and what to do.
        text: &'a str,
    },
    /// A message arrived on a message channel.
    Message {
        /// The channel's number.
        channel: u16,
        /// The message.
        bytes: &'a [u8],
    },
}

/// Takes events; called from the thread that drives the session, so it must not block for long.
pub trait Watch {
    /// Something happened.
    fn event(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Watch for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn event(&mut self, _event: Event<'_>) {}
}

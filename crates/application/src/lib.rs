#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod catalog;
#[cfg(test)]
mod copies;
mod error;
mod feed;
mod inbox;
mod incoming;
pub mod integrity;
mod loader;
mod name;
mod objects;
mod outgoing;
mod outlet;
mod profile;
mod progress;
mod sink;
mod slab;
mod writer;

pub use catalog::{Catalog, CatalogError, Entry, EntryKind};
pub use error::{LinkError, ReceiveError, SendError};
pub use feed::Messages;
pub use inbox::{Attributes, Existing, Inbox, InboxError, PartialFile, remove_partial_files};
pub use incoming::{Dropped, Incoming, ReceiveReport, Received, Until};
pub use name::SafePath;
pub use outgoing::{Outgoing, SendReport, SendSettings};
pub use profile::{Down, Profile, Up};
pub use progress::{Event, Unwatched, Watch};
pub use writer::Target;

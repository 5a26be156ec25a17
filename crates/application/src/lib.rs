#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

extern crate alloc;

mod assembly;
mod catalog;
mod check;
pub mod choose;
#[cfg(test)]
mod copies;
mod error;
mod extents;
mod feed;
mod inbox;
mod incoming;
mod inlet;
pub mod integrity;
mod journal;
mod loader;
mod memory;
mod name;
mod objects;
mod outgoing;
mod outlet;
mod pack;
mod partial;
mod profile;
mod progress;
mod received;
mod reception;
mod report;
mod sessions;
mod settings;
mod sink;
mod slab;
mod slab_reader;
mod transmission;
mod unpack;
mod until;
mod writer;

pub use catalog::{Catalog, CatalogError, Entry, EntryKind};
pub use error::{LinkError, ReceiveError, SendError};
pub use feed::Messages;
pub use inbox::{Attributes, Existing, Inbox, InboxError, Resume};
pub use incoming::Incoming;
pub use memory::MemoryStore;
pub use name::SafePath;
pub use outgoing::{Answers, Outgoing};
pub use partial::{PartialFile, remove_partial_files};
pub use profile::{Down, Profile, Up};
pub use progress::{Event, Unwatched, Watch};
pub use received::Received;
pub use reception::{Handled, ReceiveSession};
pub use report::{Dropped, ReceiveReport, SendReport};
pub use settings::SendSettings;
pub use transmission::{
    FileSource, Growth, ObjectSource, Offer, PATIENCE, SendEvent, SendPlan, SendSession, StreamSource,
};
pub use until::Until;
pub use writer::Target;

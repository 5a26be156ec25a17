//! Channels of many types: records of any length with a type word.
//!
//! ```text
//!   | header 32 | headroom | payload | tailroom |
//!                           what the sender fills and the receiver reads, in place
//!               |<------- a PacketBuf ------->|
//! ```
//! With headroom and tailroom a message becomes a packet of the stack without a copy: layers push their headers in
//! front of it where it lies. What the header of a record says is checked before it is believed.

mod claim;
mod message;
mod parse;
mod receiver;
mod sender;

pub use claim::{Claim, Room};
pub use message::Message;
pub use receiver::Receiver;
pub use sender::Sender;

/// A type word for `T`: from its name without modules, and its layout. Any other numbers do as well.
#[must_use]
pub fn kind_of<T>() -> u32 {
    let hash = crate::typed::hash_of::<T>();
    (hash >> 32) as u32 ^ hash as u32
}

//! Channels between hosts: `tcp://host:port` and `udp://host:port`.
//!
//! ```text
//!   Sender    claim -> batch -> link layer (check, frame) -> transport (tcp, udp)
//!   Receiver  message, read in place <- batch <- link layer <- transport
//! ```
//!
//! The same calls as on a ring, with [`Options`] for what a network adds. What travels is the stack's own link layer
//! over its own transports: see `docs/src/channels.md`. One receiver takes what one sender ([`Spsc`](crate::Spsc)) or
//! many ([`Mpsc`](crate::Mpsc)) send; other modes would need somebody who hands messages out, and are refused.
//! Not for secrets: nothing is encrypted, and whoever reaches the port can send.

mod alarm;
mod batch;
mod carrier;
mod counters;
mod dial;
mod door;
mod exit;
mod glances;
mod greeting;
mod line;
mod open;
mod options;
mod outbox;
mod ready;
mod receiver;
mod sender;
mod shared;
mod stream;
mod tcp_inbox;
mod udp_inbox;
mod wire;
mod words;

pub use greeting::Refusal;
pub use open::{Remote, receiver, sender, supports};
pub use options::Options;
pub use receiver::{Message, Receiver, ReceiverStopper};
pub use sender::{Claim, Sender, Stopper};

/// A number that tells sessions apart. Not a secret.
fn random() -> u32 {
    use core::hash::{BuildHasher as _, Hasher as _};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(0);
    #[expect(clippy::cast_possible_truncation, reason = "any of its bits are random")]
    let session = hasher.finish() as u32;
    session.max(1)
}

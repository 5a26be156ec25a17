#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate alloc;

pub mod hash;
pub mod inbound;
mod outbound;
#[cfg(any(target_has_atomic = "ptr", feature = "portable-atomic"))]
mod outbox;
pub mod radio;
mod serial;
#[cfg(feature = "simulated")]
pub mod simulated;
pub mod storage;
mod tasks;
pub mod wire;

pub use hash::hash_of;
pub use inbound::Inbound;
pub use outbound::{Object, Outbound, OutboundError, Polled};
#[cfg(any(target_has_atomic = "ptr", feature = "portable-atomic"))]
pub use outbox::{Frame, Outbox};
pub use serial::{AsyncSerial, Serial};
pub use tasks::{receive, send};
pub use wire::Wire;

#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate alloc;

pub mod answers;
pub mod hash;
pub mod inbound;
pub mod modes;
mod outbound;
#[cfg(any(target_has_atomic = "ptr", feature = "portable-atomic"))]
mod outbox;
pub mod radio;
mod serial;
#[cfg(feature = "simulated")]
pub mod simulated;
pub mod storage;
mod tasks;
mod way_back;
pub mod wire;

pub use hash::{HashError, hash_of};
pub use inbound::Inbound;
pub use outbound::{Object, Outbound, OutboundError, Polled};
#[cfg(any(target_has_atomic = "ptr", feature = "portable-atomic"))]
pub use outbox::{Frame, Outbox};
pub use serial::{AsyncSerial, Serial, SerialError};
pub use tasks::{receive, send};
pub use way_back::WayBack;
pub use wire::Wire;

#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "std")]
extern crate std;

pub mod check;
pub mod cobs;
mod credit;
mod framing;
pub mod length_prefixed;
pub mod rugged;
mod stats;
pub mod stream_buf;
pub mod stuffing;
mod transport;
mod unframed;

pub use check::{Check, Checksum, Crc16SpiFujitsu, Crc32c, LengthCheck};
pub use cobs::Cobs;
pub use framing::{Framing, Reject, Step};
pub use length_prefixed::LengthPrefixed;
pub use rugged::{Rugged, RuggedLayer};
pub use stats::{CheckStats, FrameStats};
pub use stream_buf::StreamBuf;
pub use stuffing::FfStuffing;
pub use transport::{Boundaries, Transport, TransportError};
pub use unframed::Unframed;

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)] // but in one system call
#![doc = include_str!("../README.md")]

#[cfg(feature = "std")]
extern crate alloc;

#[cfg(feature = "std")]
mod capture;
#[cfg(all(feature = "std", unix))]
mod connection;
pub mod damage;
#[cfg(all(feature = "std", unix))]
pub mod datagrams;
#[cfg(all(feature = "std", unix))]
mod dial;
mod duplex;
mod faulty;
#[cfg(feature = "std")]
mod gather;
#[cfg(all(feature = "std", unix))]
mod interface;
mod loopback;
#[cfg(feature = "std")]
mod memory;
#[cfg(all(feature = "std", unix))]
mod multicast;
#[cfg(all(feature = "std", unix))]
mod pipe;
#[cfg(all(feature = "std", unix))]
mod ready;
#[cfg(all(feature = "serial", unix))]
mod serial;
#[cfg(feature = "std")]
mod stream;
mod tap;
#[cfg(all(feature = "std", unix))]
pub mod tcp;
#[cfg(all(feature = "std", unix))]
mod udp;
#[cfg(all(feature = "std", unix))]
pub mod unix;

#[cfg(feature = "std")]
pub use capture::Capture;
#[cfg(all(feature = "std", unix))]
pub use connection::{Connection, ConnectionReader, ConnectionWriter};
pub use damage::{Damage, Faults, Noise};
pub use duplex::Duplex;
pub use faulty::Faulty;
#[cfg(all(feature = "std", unix))]
pub use interface::Interface;
pub use loopback::Loopback;
#[cfg(feature = "std")]
pub use memory::{Memory, MemoryReceiver, MemorySender};
#[cfg(all(feature = "std", unix))]
pub use pipe::{Pipe, PipeReader, PipeWriter};
#[cfg(all(feature = "serial", unix))]
pub use serial::{Flow, Parity, Serial, SerialOptions, SerialReader, SerialWriter};
#[cfg(feature = "std")]
pub use stream::{StreamReader, StreamWriter};
pub use tap::{Direction, Recorder, Tap};
#[cfg(all(feature = "std", unix))]
pub use udp::{Udp, UdpOptions, UdpReceiver, UdpSender};

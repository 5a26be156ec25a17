#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)] // but in one system call
#![doc = include_str!("../README.md")]

#[cfg(feature = "std")]
extern crate alloc;

#[cfg(feature = "std")]
mod capture;
pub mod damage;
#[cfg(all(feature = "std", unix))]
pub mod datagrams;
mod duplex;
mod faulty;
#[cfg(feature = "std")]
mod gather;
mod loopback;
#[cfg(feature = "std")]
mod memory;
#[cfg(all(feature = "std", unix))]
mod pipe;
#[cfg(feature = "std")]
mod stream;
mod tap;

#[cfg(feature = "std")]
pub use capture::Capture;
pub use damage::{Damage, Faults, Noise};
pub use duplex::Duplex;
pub use faulty::Faulty;
pub use loopback::Loopback;
#[cfg(feature = "std")]
pub use memory::{Memory, MemoryReceiver, MemorySender};
#[cfg(all(feature = "std", unix))]
pub use pipe::{Pipe, PipeReader, PipeWriter};
#[cfg(feature = "std")]
pub use stream::{StreamReader, StreamWriter};
pub use tap::{Direction, Recorder, Tap};

#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod address;
mod demux;
mod fragment;
pub mod ftag;
mod layer;
mod message;
pub mod native;
mod queue;
mod reassemble;
pub mod rugged;
mod schedule;
mod sequence;

pub use address::{Address, Arrival, Channel};
pub use demux::{Callback, Demux};
pub use fragment::{Fragment, Fragments, TooManyFragments};
pub use layer::{PacketHeader, PacketLayer};
pub use message::MessageLayer;
pub use queue::PacketQueue;
pub use reassemble::{Reassembler, ReassemblyStats};
pub use schedule::{PacketQueues, Scheduler, TooManyChannels};
pub use sequence::{Order, PacketStats, SequenceTracker};

use packhorse_buffer::{DecodeError, TooShort};

/// A packet that ends inside the header of this layer.
const fn short(available: usize, needed: usize) -> DecodeError {
    TooShort { needed, available }.at("packet", 0)
}

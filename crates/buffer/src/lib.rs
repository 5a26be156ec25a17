#![no_std]
#![deny(unsafe_code)] // but in the two modules of the pools
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod error;
#[cfg(feature = "bytes")]
mod freeze;
mod fresh;
mod layer;
pub mod log;
mod packet_buf;
#[cfg(any(target_has_atomic = "ptr", feature = "portable-atomic"))]
mod pool;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod slab;
mod storage;
pub mod time;
pub mod timing;

pub use error::{DecodeError, DecodeErrorKind, NoRoom, Side, TooShort};
pub use fresh::POISON;
pub use layer::{Layer, Over};
pub use packet_buf::PacketBuf;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use pool::{HeapPool, HeapSlot};
#[cfg(any(target_has_atomic = "ptr", feature = "portable-atomic"))]
pub use pool::{Pool, Pooled};
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub use slab::{FreshSlab, SharedSlab, SlabSlice, Slabs};
pub use storage::Storage;
#[cfg(feature = "std")]
pub use time::SystemClock;
pub use time::{Clock, Instant};
pub use timing::{NoProbe, Probe, Stage, Stopwatch, Timed};

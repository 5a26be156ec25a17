#![deny(unsafe_code)] // but in the modules that turn memory into messages
#![allow(clippy::cast_possible_truncation)] // positions and sizes were checked against memory that is mapped
#![doc = include_str!("../README.md")]

extern crate alloc;

mod address;
pub mod aggregate;
mod back_pressure;
pub mod batch;
mod builder;
mod carrier;
pub mod coalesce;
pub mod compress;
mod error;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
#[cfg(target_os = "linux")]
mod ipc;
mod memory;
mod metrics;
mod mode;
pub mod net;
mod observer;
pub mod packed;
pub mod pipeline;
pub mod placement;
mod port;
mod process;
pub mod record;
mod ring;
mod segment;
pub mod typed;
mod wait;

pub use address::{Address, AddressError};
pub use back_pressure::BackPressure;
pub use builder::{Builder, Channel, Records, Typed};
pub use carrier::{ClaimedRecord, OwnedRecord, ReceiveRecords, ReceivedRecord, SendRecords};
pub use error::{OpenError, ReceiveError, SendError};
pub use metrics::{Metrics, Percentiles};
pub use mode::{
    Broadcast, Exclusive, ManyReceivers, ManySenders, Mode, ModeName, Mpmc, Mpsc, Spmc, Spsc, UnknownMode,
};
pub use observer::Observer;
pub use wait::{Adaptive, Park, Spin, Step, Wait};

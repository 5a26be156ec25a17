#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod ack;
pub mod arq;
mod bitmap;
mod block;
mod block_set;
mod compression;
mod config;
mod control;
pub mod fountain;
pub mod ftag;
mod io;
mod layout;
pub mod native;
mod pace;
#[cfg(feature = "alloc")]
mod paged_bitmap;
mod plan;
mod receiver;
pub mod rugged;
mod sender;
mod stats;
mod verdict;

pub use ack::{Ack, AckEntries, AckEntry, AckState, AckWriter};
pub use bitmap::Bitmap;
pub use block::BlockHeader;
pub use block_set::{BlockSet, Full, MissingRanges};
pub use compression::{Compression, CompressionMethod};
pub use config::{Mode, RepeatOrder, SenderConfig};
pub use control::{
    Control, ControlCodec, EncodeError, End, HashKind, MTime, Meta, ObjectKind, SessionEnd, tag_of,
};
pub use io::{BlockSink, BlockSource};
pub use layout::{Layout, LayoutError, Place};
pub use pace::{Pace, Pacer};
#[cfg(feature = "alloc")]
pub use paged_bitmap::PagedBitmap;
pub use receiver::Receiver;
pub use sender::{Absent, PlainSender, Sender, SenderEvent, Transmit};
pub use stats::{RefusedStats, TransferStats};
pub use verdict::{EndVerdict, MetaVerdict, ReceiverEvent, Refused};

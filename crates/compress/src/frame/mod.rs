//! The LZ4 frame format, apart from any IO and any encoder (`lz4_Frame_format.md`, version 1.6.4).
//!
//! ```text
//!   | magic | FLG | BD | content size | dictionary id | HC |   block ...   | end mark | content checksum |
//!     4       1     1    0 or 8         0 or 4          1                    4 zeros    0 or 4
//!
//!   a block:  | length, top bit: stored as it is | bytes | checksum |       little-endian throughout
//!               4                                          0 or 4
//! ```
//! [`Descriptor`] writes and reads headers; [`Parser`] walks over frames, one behind the other, skippable and legacy
//! ones among them. Not for decoding blocks, nor for the order of reading and writing.

mod block_size;
mod checksum;
mod descriptor;
mod dictionary;
mod error;
mod parser;

pub use block_size::{BlockSize, NoSuchBlockSize};
pub use checksum::Checksum;
pub use descriptor::Descriptor;
pub use dictionary::Dictionary;
pub use error::{FrameError, FrameErrorKind};
pub use parser::{Event, Parser, Want};

/// First four bytes of a frame.
pub const MAGIC: u32 = 0x184D_2204;
/// First four bytes of a legacy frame, as the Linux kernel still carries them.
pub const LEGACY_MAGIC: u32 = 0x184C_2102;
/// First four bytes of a skippable frame; the last hex digit is any.
pub const SKIPPABLE_MAGIC: u32 = 0x184D_2A50;
/// Most bytes of content in a block of a legacy frame.
pub const LEGACY_BLOCK: usize = 8 << 20;
/// Bytes in front of a block: its length.
pub const BLOCK_HEADER: usize = 4;
/// Bytes of a checksum.
pub const CHECKSUM: usize = 4;
/// The length that ends a frame.
pub const END_MARK: [u8; 4] = [0; 4];
/// The bit of a block's length that says: these bytes are stored as they are.
pub const STORED: u32 = 0x8000_0000;

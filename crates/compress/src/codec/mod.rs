//! What turns one block into fewer bytes and back: the seam to other people's code.
//!
//! ```text
//!   encoding   liblz4   the C library: every level, high compression, dictionaries, history
//!   decoding   safe     lz4_flex in safe Rust: refuses what the C library lets pass (a match at distance 0),
//!                       and a hostile block meets no C
//! ```
//!
//! Measured on one core (`cargo bench -p packhorse-compress --bench codec`): the C library encodes 1 to 10 % faster
//! than lz4_flex and alone has levels and dictionaries; it decodes a quarter faster, which is lost in the cost of
//! writing what was decoded. Not for frames.

mod level;
mod liblz4;
mod safe;

pub use level::{Level, NoSuchLevel};
pub(crate) use liblz4::{Encoder, Loaded, compress_fast};
pub use safe::BlockError;
pub(crate) use safe::{decode, decode_after};

/// Bytes of history that a match can reach back.
pub(crate) const WINDOW: usize = 64 * 1024;

/// Longest block that the C library takes, in bytes (`LZ4_MAX_INPUT_SIZE`).
pub(crate) const LONGEST: usize = 0x7E00_0000;

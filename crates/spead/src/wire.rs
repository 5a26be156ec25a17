//! The bytes of a SPEAD packet, described once for building and for parsing.
//!
//! ```text
//!   0        8                    8 + 8 N
//!   | prefix | N item pointers    | payload: a part of the heap's |
//! ```
//! Not for what several packets make together (heaps), nor for what the payload means (descriptors, items).
//! All integers are big-endian.

pub mod id;
mod pointer;
mod prefix;

pub use pointer::Pointer;
pub use prefix::{HeaderError, MAGIC, Prefix, Split, VERSION};

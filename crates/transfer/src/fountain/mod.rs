//! Fountain mode: the blocks of an object, and repair symbols of which any stand in for any lost block.
//!
//! The code is RaptorQ (RFC 6330), systematic: the source symbols are the blocks themselves, so that on a link that
//! loses nothing the object is complete with its last block and nothing is ever decoded.
//!
//! [`Geometry`] says what belongs together, [`Sender`](crate::Sender) in which order it is sent, [`Encoder`] computes repair
//! symbols, [`Gather`] says which ones a receiver keeps and where, [`Decoder`] gets the missing blocks back.

#[cfg(feature = "fountain")]
mod decoder;
#[cfg(feature = "fountain")]
mod encoder;
#[cfg(feature = "alloc")]
mod gather;
mod geometry;
mod order;
mod shape;

#[cfg(feature = "fountain")]
pub use decoder::Decoder;
#[cfg(feature = "fountain")]
pub use encoder::Encoder;
#[cfg(feature = "alloc")]
pub use gather::{Decode, Gather, Keep};
pub use geometry::{Geometry, GeometryError, Number, SourceBlock};
pub use order::Order;
pub use shape::Shape;

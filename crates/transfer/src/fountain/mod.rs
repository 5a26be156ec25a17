//! Fountain mode: the blocks of an object, and repair symbols of which any stand in for any lost block.
//!
//! The code is RaptorQ (RFC 6330), systematic: the source symbols are the blocks themselves, so that on a link that
//! loses nothing the object is complete with its last block and nothing is ever decoded.

mod geometry;
mod shape;

pub use geometry::{Geometry, GeometryError, Number, SourceBlock};
pub use shape::Shape;

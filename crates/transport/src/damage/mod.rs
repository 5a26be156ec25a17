//! Damage on demand: what a bad link does to bytes and packets, from a seed.
//!
//! ```text
//!   Faults (what, how often)  +  seed
//!        |
//!        +--> Noise          a stream of bytes, in pieces of 32          filters: stdin to stdout
//!        +--> Faulty<T>      the packets (or the bytes) sent on a transport
//!                    both count what they did in a Damage
//! ```
//!
//! The same seed gives the same damage to the same bytes on every machine, whatever the timing and however
//! the stream was cut. Every kind of fault draws from a sequence of its own, so that switching one
//! on leaves the others where they were. Rare faults cost next to nothing: the distance to the next one is
//! drawn, not a decision for every byte.
//!
//! Not a model of one particular channel, and not random enough for secrets.

mod errors;
mod fates;
mod noise;
mod rate;
mod slips;

use core::fmt;

pub(crate) use errors::Errors;
pub(crate) use fates::{Fate, Fates};
pub use noise::Noise;
pub use slips::Slips;

/// What goes wrong, and how often. A unit is a packet, or on byte streams a piece of [`piece`](Self::piece) bytes.
///
/// All probabilities are from 0 (never) to 1 (always).
///
/// ```
/// use packhorse_transport::Faults;
/// let faults = Faults { drop: 0.05, byte_error: 0.001, ..Faults::NONE };
/// assert!(faults.check().is_ok());
/// assert_eq!(Faults { drop: 1.5, ..Faults::NONE }.check().unwrap_err().name, "drop");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Faults {
    /// Share of the bytes that are changed, always to another value.
    pub byte_error: f64,
    /// Byte errors come in runs of this many bytes; how many bytes are hit in all stays the same. At least 1.
    pub burst: u32,
    /// Share of the bits that are flipped.
    pub bit_error: f64,
    /// Share of the units that are lost.
    pub drop: f64,
    /// Share of the units that come twice.
    pub dup: f64,
    /// Share of the units that lose one or more bytes from their end, up to all of them.
    pub truncate: f64,
    /// Share of the units that get 1 to [`EXTEND_MOST`] random bytes behind their end.
    pub extend: f64,
    /// Share of the packets that are overtaken by the next 1 to 4; byte streams keep their order. One packet at a
    /// time is late, so high shares are not reached.
    pub reorder: f64,
    /// Bytes in a unit of a byte stream: 1 to [`PIECE_MOST`]. Counted from the start of the stream.
    pub piece: usize,
}

/// Most bytes in a piece of a byte stream.
pub const PIECE_MOST: usize = 1024;

/// Most bytes that are put behind a unit.
pub const EXTEND_MOST: usize = 16;

impl Faults {
    /// Nothing goes wrong; pieces of 32 bytes.
    pub const NONE: Self = Self {
        byte_error: 0.0,
        burst: 1,
        bit_error: 0.0,
        drop: 0.0,
        dup: 0.0,
        truncate: 0.0,
        extend: 0.0,
        reorder: 0.0,
        piece: 32,
    };

    /// Whether every value is within its range.
    ///
    /// # Errors
    /// [`BadFault`] for the first that is not.
    pub fn check(&self) -> Result<(), BadFault> {
        let probabilities = [
            ("byte_error", self.byte_error),
            ("bit_error", self.bit_error),
            ("drop", self.drop),
            ("dup", self.dup),
            ("truncate", self.truncate),
            ("extend", self.extend),
            ("reorder", self.reorder),
        ];
        for (name, value) in probabilities {
            // Also false for what is not a number.
            if !(0.0..=1.0).contains(&value) {
                return Err(BadFault { name, most: 1 });
            }
        }
        if self.burst == 0 {
            return Err(BadFault { name: "burst", most: u32::MAX });
        }
        if self.piece == 0 || self.piece > PIECE_MOST {
            return Err(BadFault { name: "piece", most: 1024 });
        }
        Ok(())
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::NONE
    }
}

/// A value of [`Faults`] that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFault {
    /// The field.
    pub name: &'static str,
    /// The largest value allowed. The least is 0 for probabilities and 1 for counts.
    pub most: u32,
}

impl fmt::Display for BadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = u32::from(matches!(self.name, "burst" | "piece"));
        write!(f, "{} must be from {least} to {}", self.name, self.most)
    }
}

impl core::error::Error for BadFault {}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Bytes given.
    pub bytes_in: u64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// Packets or pieces given; the last piece may be a short one.
    pub units: u64,
    /// Errors: runs of changed bytes, and flipped bits.
    pub errors: u64,
    /// Bytes changed by byte errors.
    pub bytes_changed: u64,
    /// Bits flipped by bit errors.
    pub bits_flipped: u64,
    /// Units that did not go out.
    pub dropped: u64,
    /// Units that went out twice.
    pub duplicated: u64,
    /// Units that went out shorter.
    pub truncated: u64,
    /// Units that went out longer.
    pub extended: u64,
    /// Packets that went out late.
    pub reordered: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes in, {} out: {} bytes changed, {} bits flipped in {} errors; of {} units {} dropped, \
             {} duplicated, {} truncated, {} extended, {} late",
            self.bytes_in,
            self.bytes_out,
            self.bytes_changed,
            self.bits_flipped,
            self.errors,
            self.units,
            self.dropped,
            self.duplicated,
            self.truncated,
            self.extended,
            self.reordered
        )
    }
}

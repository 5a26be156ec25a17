//! What can go wrong with a buffer or a header, in types that are `Copy` and need no allocator.

use core::fmt;

/// Which end of the buffer was too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Side {
    /// The room in front of the data.
    Head,
    /// The room behind the data.
    Tail,
}

/// The only way in which pushing can fail: the buffer has not enough room on one side.
///
/// A stack built with [`PacketBuf::for_stack`](crate::PacketBuf::for_stack) cannot meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoRoom {
    /// Where the room was missing.
    pub side: Side,
    /// Bytes that were asked for.
    pub needed: usize,
    /// Bytes that were there.
    pub available: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Head => "headroom",
            Side::Tail => "tailroom",
        };
        write!(f, "{} bytes of {side} needed, {} available", self.needed, self.available)
    }
}

impl core::error::Error for NoRoom {}

/// Fewer bytes in the data than were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooShort {
    /// Bytes that were asked for.
    pub needed: usize,
    /// Bytes that were there.
    pub available: usize,
}

impl TooShort {
    /// The same, told as a layer's decoding error at `offset` bytes into the packet.
    #[must_use]
    pub const fn at(self, layer: &'static str, offset: usize) -> DecodeError {
        DecodeError {
            layer,
            offset,
            kind: DecodeErrorKind::Truncated { needed: self.needed, available: self.available },
        }
    }
}

impl fmt::Display for TooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes needed, {} available", self.needed, self.available)
    }
}

impl core::error::Error for TooShort {}

/// A packet that a layer could not accept: which layer, where in the layer's bytes, and why.
///
/// A bad packet is normal on a bad link: count it, drop it, go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DecodeError {
    /// The layer that refused the packet, by its field's name: `"link"`, `"packet"`, `"transfer"`.
    pub layer: &'static str,
    /// Bytes from the start of what this layer was given to the field that was wrong.
    pub offset: usize,
    /// What was wrong.
    pub kind: DecodeErrorKind,
}

/// The reasons for a [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The packet ends before the field does.
    Truncated {
        /// Bytes needed from the field's start.
        needed: usize,
        /// Bytes that were there.
        available: usize,
    },
    /// A length field that disagrees with the packet, or exceeds what is allowed.
    BadLength {
        /// What the field says.
        stated: usize,
        /// What it should have been, or the most it may be.
        expected: usize,
    },
    /// The check does not fit the bytes.
    BadCheck {
        /// What the packet says.
        stated: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A field has a value that the format does not allow.
    BadValue {
        /// What the field says.
        value: u64,
    },
    /// A version, flag or type that this implementation does not know.
    Unsupported {
        /// What the field says.
        value: u64,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} layer, byte {}: ", self.layer, self.offset)?;
        match self.kind {
            DecodeErrorKind::Truncated { needed, available } => {
                write!(f, "{needed} bytes needed, {available} there")
            }
            DecodeErrorKind::BadLength { stated, expected } => {
                write!(f, "length {stated} stated, {expected} expected")
            }
            DecodeErrorKind::BadCheck { stated, computed } => {
                write!(f, "check {stated:#x} stated, {computed:#x} computed")
            }
            DecodeErrorKind::BadValue { value } => write!(f, "value {value} is not allowed"),
            DecodeErrorKind::Unsupported { value } => write!(f, "value {value} is not known here"),
        }
    }
}

impl core::error::Error for DecodeError {}

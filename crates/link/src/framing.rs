//! [`Framing`]: how packets are told apart on a stream of bytes.
//!
//! Not a check: a framing only says where a packet starts and ends. Damage to the packet itself is
//! found by the [check](crate::check) inside it.

use core::ops::Range;

use packhorse_buffer::{NoRoom, PacketBuf, Side, Storage};

use crate::FrameStats;

/// Marks the borders of packets on a byte stream and finds them again.
///
/// Deframing works in place: the decoded packet is never longer than its frame, so it lies in the
/// same memory. A framing keeps only what it needs to go on from any cut; the bytes stay with the caller,
/// for whom [`StreamBuf`](crate::StreamBuf) keeps them and follows the rules below.
///
/// What every framing promises:
/// - however the stream is cut, the packets are the same;
/// - whatever was damaged, lost or inserted, the next whole frame that starts behind it is found, provided that the
///   caller tells of damage by [`reject`](Self::reject). One exception, where a length marks the end: when exactly as
///   many bytes are missing as whole frames behind them have, those look like the rest of the damaged one;
/// - every byte is looked at a bounded number of times, and nothing is stored.
pub trait Framing {
    /// Headroom that [`frame_in_place`](Self::frame_in_place) takes, where a frame is the packet with a header in
    /// front; `None` where the packet must be encoded.
    const IN_PLACE: Option<usize> = None;

    /// Makes the frame around the packet where it lies, without touching its bytes.
    ///
    /// # Errors
    /// [`NoRoom`] when the headroom is smaller than [`IN_PLACE`](Self::IN_PLACE), the packet longer than the framing
    /// allows, or the framing must encode.
    fn frame_in_place<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        Err(NoRoom { side: Side::Head, needed: usize::MAX, available: buf.headroom() })
    }

    /// Most bytes that a packet of `packet` bytes becomes on the stream.
    fn frame_len_max(&self, packet: usize) -> usize;

    /// Writes the frame for `packet` to the front of `out` and returns its length.
    ///
    /// # Errors
    /// [`NoRoom`] when `out` is shorter than the frame needs; [`frame_len_max`](Self::frame_len_max) is always enough.
    /// The bytes of `out` are then unspecified.
    fn enframe(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom>;

    /// Looks for the next frame in `bytes`, which holds everything received and not yet consumed, oldest first.
    ///
    /// After [`Step::Frame`] the caller drops `consumed` bytes from the front and calls again; after
    /// [`Step::More`] it drops `consumed`, appends what arrives next, and calls again. The bytes that stay must
    /// not be changed: the framing remembers how far it has looked.
    fn deframe(&mut self, bytes: &mut [u8]) -> Step;

    /// The caller gives up a frame, and says why; the answer is how many of the bytes that it consumed with the last
    /// [`Step`] come back to the front, to be looked at again.
    ///
    /// - [`Reject::Damaged`], right after [`Step::Frame`]: the check inside refuses the packet. Where a length marks
    ///   the end of a frame, a lost byte makes it reach into the next one, which is found by looking again, once the
    ///   bytes behind the frame show that some are missing. Then the packet's bytes must be as they were (checking
    ///   changes none). Where a mark ends the frame the answer is 0.
    /// - [`Reject::Overflow`] and [`Reject::Ended`], right after [`Step::More`]: the rest of the frame that is being
    ///   collected will not come, because the memory is full or the stream is over. The answer is 0, and the next
    ///   [`deframe`](Self::deframe) consumes at least one byte, if there is any.
    fn reject(&mut self, why: Reject) -> usize;

    /// The stream was interrupted, and the caller drops all bytes that it holds: a frame that was being collected is
    /// counted as cut short, and the next byte is the first of a new stream. The counters stay.
    fn reset(&mut self);

    /// What was found and what was thrown away so far.
    fn stats(&self) -> &FrameStats;
}

/// What [`Framing::deframe`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A packet, decoded in place; it lies in this range of the given bytes.
    Frame {
        /// The packet.
        packet: Range<usize>,
        /// Bytes to drop from the front, the packet's own included.
        consumed: usize,
    },
    /// No whole frame yet.
    More {
        /// Bytes to drop from the front: junk.
        consumed: usize,
    },
}

impl Step {
    /// Bytes that are done with.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        match self {
            Self::Frame { consumed, .. } | Self::More { consumed } => *consumed,
        }
    }
}

/// Why a frame is given up: see [`Framing::reject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The packet that was handed on failed its check.
    Damaged,
    /// The memory is full and the frame is not whole.
    Overflow,
    /// No more bytes will come, or not in time.
    Ended,
}

//! [`RuggedLayer`]: a rugged frame made where the packet lies, for senders without memory for a second copy.
//!
//! ```text
//!   | headroom        | packet                    | tailroom               |
//!   | marker | header | packet, whitened in place | parity, DEPTH * PARITY |
//! ```
//! Not the search for frames on a stream: that is [`Rugged`](super::Rugged)'s. Code and depth are known when compiling, so
//! that a microcontroller carries one code only; any [`Rugged`](super::Rugged) receives the frames.

use packhorse_buffer::{DecodeError, DecodeErrorKind, Layer, NoRoom, PacketBuf, Side, Storage, TooShort};

use super::body::{Code, Geometry, restore};
use super::{FRONT, MARKER, finish, parse, whiten::whiten};

/// Pushes marker, header and parity around a packet of at most `DEPTH * (255 - PARITY)` bytes, whose own bytes are
/// whitened in place.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuggedLayer<const PARITY: usize, const DEPTH: usize>;

impl<const PARITY: usize, const DEPTH: usize> RuggedLayer<PARITY, DEPTH> {
    /// The code; numbers that are none do not compile.
    pub const CODE: Code = Code::new(PARITY, DEPTH).expect("parity is even, 2 to 32; depth is 1 to 64");

    fn geometry(packet: usize) -> Result<Geometry, NoRoom> {
        let too_long = NoRoom { side: Side::Tail, needed: packet, available: Self::CODE.packet_max() };
        Self::CODE
            .fitting(packet)
            .filter(|code| code.depth() <= DEPTH)
            .and_then(|code| Geometry::new(packet, code))
            .ok_or(too_long)
    }
}

impl<const PARITY: usize, const DEPTH: usize> Layer for RuggedLayer<PARITY, DEPTH> {
    const HEADROOM: usize = FRONT;
    const TAILROOM: usize = PARITY * DEPTH;
    type Tx = ();
    /// How many bytes were wrong.
    type Rx = usize;
    type Error = DecodeError;

    /// # Errors
    /// Besides too small a buffer, a packet that is longer than the code takes.
    fn push<S: Storage>(&mut self, (): (), buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let geometry = Self::geometry(buf.len())?;
        buf.put(geometry.len() - geometry.data)?;
        buf.push(FRONT)?;
        if let Some((front, body)) = buf.as_mut_slice().split_first_chunk_mut() {
            finish(geometry, front, body);
        }
        Ok(())
    }

    /// # Errors
    /// When the buffer is not exactly one frame of any code, or has more wrong bytes than that corrects.
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<usize, DecodeError> {
        let refuse = |offset, kind| DecodeError { layer: "link", offset, kind };
        let available = buf.len();
        let front = buf.pull(FRONT).map_err(|short| short.at("link", 0))?;
        let found = front.first_chunk().and_then(parse);
        let (geometry, wrong) =
            found.ok_or_else(|| refuse(MARKER.len(), DecodeErrorKind::BadValue { value: 0 }))?;
        if geometry.len() != buf.len() {
            let short = TooShort { needed: FRONT + geometry.len(), available };
            return Err(short.at("link", MARKER.len()));
        }
        whiten(buf.as_mut_slice());
        let corrected = restore(geometry, buf.as_mut_slice())
            .ok_or_else(|| refuse(FRONT, DecodeErrorKind::BadCheck { stated: 0, computed: 0 }))?;
        buf.trim(geometry.len() - geometry.data).map_err(|short| short.at("link", FRONT))?;
        Ok(wrong + corrected.bytes)
    }
}

//! [`Rugged`]: frames that arrive although some of their bytes do not.
//!
//! ```text
//!   0        4          13
//!   | marker | header 9 | packet, its bytes in order ... | parity, depth * parity bytes |
//!   |        |          |'------- whitened: XORed with a fixed sequence ---------------'|
//!     found with       its own code        Reed-Solomon: byte i belongs to codeword i modulo depth
//!     2 of 4 bytes     corrects 3 bytes    half the parity's count of wrong bytes corrected in each
//! ```
//!
//! For lines and radios that damage bytes as a matter of course. Nothing marks the end and nothing is stuffed, so no
//! single wrong byte costs a frame. When bytes are lost or inserted the frame cannot be corrected; then the next marker
//! is searched inside of it, so that a lost byte costs one frame. Correcting happens where the packet lies.
//!
//! Not a check: beyond what it can correct a code sometimes finds a wrong codeword, so a [`Check`](crate::Check)
//! belongs inside. Not for whole frames that are lost: those are the transfer's business.
//!
//! The Reed-Solomon code is our own: the crates for it keep a codeword in one run of bytes, allocate or panic, or are no
//! longer kept up. Source: `docs/src/rugged-wire.md`.

mod body;
mod correct;
mod field;
mod header;
mod layer;
mod marker;
mod remainder;
mod whiten;

pub use body::Code;
pub use layer::RuggedLayer;

use core::ops::Range;

use packhorse_buffer::{NoRoom, Side, log_debug};

use crate::credit::Credit;
use crate::{FrameStats, Framing, Reject, Step};
use body::{Geometry, protect, restore};
use header::HEADER;
use marker::MARKER;
use whiten::{whiten, whiten_from};

/// Bytes of a codeword at most.
pub const CODEWORD_MAX: usize = 255;
/// Parity bytes of a codeword at most.
pub const PARITY_MAX: usize = 32;
/// Codewords in a frame at most.
pub const DEPTH_MAX: usize = 64;
/// Bytes in front of a packet: marker and header.
pub const FRONT: usize = MARKER.len() + HEADER;

/// Frames with a marker and an inner Reed-Solomon code: see the [module](self).
///
/// It sends with one [`Code`] and receives all of them: a frame's header says which.
#[derive(Clone, Debug)]
pub struct Rugged {
    code: Code,
    packet_max: usize,
    /// The frame at the front, once its header has been read, and the wrong bytes in marker and header.
    whole: Option<(Geometry, usize)>,
    /// Bytes at the front that cannot start a frame.
    skip: usize,
    /// The frame handed on last, and the bytes of its body that were consumed.
    last: Option<(Geometry, usize)>,
    /// What is at the front of a frame that was refused, until the bytes behind it are there.
    refused: Option<Refused>,
    /// How far from the front the next frame begins, if no bytes were lost: there its header alone is believed.
    due: Option<usize>,
    /// Bytes at the front that are no junk: the parity of the last frame, when the next may begin in it.
    spent: usize,
    /// Whether the bytes before the front were junk.
    in_junk: bool,
    credit: Credit,
    stats: FrameStats,
}

/// A frame whose errors were too many, or that the check inside refused. Its marker is gone already.
#[derive(Clone, Copy, Debug)]
struct Refused {
    /// Bytes from the front to its end.
    len: usize,
    /// Bytes of its packet, when their whitening is off.
    open: usize,
    /// Whether the bytes that are there end exactly with it.
    is_last: bool,
}

impl Rugged {
    /// A framing that sends with `code` and neither sends nor accepts packets longer than `packet_max` bytes.
    #[must_use]
    pub const fn new(packet_max: usize, code: Code) -> Self {
        Self {
            code,
            packet_max,
            whole: None,
            skip: 0,
            last: None,
            refused: None,
            due: Some(0),
            spent: 0,
            in_junk: false,
            credit: Credit::new(packet_max + FRONT + PARITY_MAX * DEPTH_MAX),
            stats: FrameStats::new(),
        }
    }

    /// The code that is sent with.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Sends with `code` from now on; the receiver need not know.
    pub fn set_code(&mut self, code: Code) {
        self.code = code;
    }

    /// Bytes that the frame of a packet of `packet` bytes has, sent with `code`; `None` when it does not fit one.
    #[must_use]
    pub fn frame_len(packet: usize, code: Code) -> Option<usize> {
        Some(FRONT + Geometry::new(packet, code.fitting(packet)?)?.len())
    }

    /// Puts the frame of `packet` into `out`, without the memory of one that receives as well. Returns its length.
    ///
    /// # Errors
    /// When it does not fit, or the packet is longer than the code takes.
    pub fn encode(code: Code, packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom> {
        let most = Code::new(code.parity(), DEPTH_MAX).map_or(0, Code::packet_max);
        let too_long = NoRoom { side: Side::Tail, needed: packet.len(), available: most };
        let code = code.fitting(packet.len()).filter(|_| packet.len() <= most).ok_or(too_long)?;
        let geometry = Geometry::new(packet.len(), code).ok_or(too_long)?;
        let needed = FRONT + geometry.len();
        let available = out.len();
        let Some((front, body)) = out.get_mut(..needed).and_then(<[u8]>::split_first_chunk_mut) else {
            return Err(NoRoom { side: Side::Tail, needed, available });
        };
        body[..packet.len()].copy_from_slice(packet);
        finish(geometry, front, body);
        Ok(needed)
    }

    /// The length of the whole frame whose header stands at the front of `bytes`, marker and all, if one does: to tell
    /// such streams from others.
    #[must_use]
    pub fn peek(bytes: &[u8]) -> Option<usize> {
        let front = bytes.first_chunk().filter(|_| marker::is_at_front(bytes))?;
        parse(front).map(|(geometry, _)| FRONT + geometry.len())
    }

    /// The next frame in `bytes`: how many bytes are in front, and its geometry unless more bytes are needed.
    fn seek(&mut self, bytes: &[u8]) -> (usize, Option<(Geometry, usize)>) {
        let mut at = 0;
        if let Some(due) = self.due {
            let Some(front) = bytes.get(due..).and_then(<[u8]>::first_chunk) else { return (0, None) };
            self.due = None;
            // In front of the place where it is due a frame begins only if bytes were lost.
            let sooner = self.search(bytes, 0..due);
            if sooner.1.is_some() {
                return sooner;
            }
            if let Some(found) = self.accept(front) {
                return (due, Some(found));
            }
            at = due + 1;
        }
        self.search(bytes, at..bytes.len())
    }

    /// The next marker in `range` with a header behind it: as [`seek`](Self::seek).
    fn search(&mut self, bytes: &[u8], range: Range<usize>) -> (usize, Option<(Geometry, usize)>) {
        let mut at = range.start;
        loop {
            let Some(found) = marker::find(bytes, at..range.end) else {
                // The last bytes may be the first of a marker.
                let rest = bytes.len().saturating_sub(MARKER.len() - 1);
                return (at.max(rest.min(range.end)).min(bytes.len()), None);
            };
            let Some(front) = bytes[found..].first_chunk() else { return (found, None) };
            if let Some(geometry) = self.accept(front) {
                return (found, Some(geometry));
            }
            at = found + 1;
        }
    }

    fn accept(&mut self, front: &[u8; FRONT]) -> Option<(Geometry, usize)> {
        match parse(front) {
            Some((geometry, _)) if geometry.data > self.packet_max => {
                log_debug!("header of a packet that is too long: {} bytes", geometry.data);
                self.stats.long += 1;
                None
            }
            None => {
                if marker::is_certain(front) {
                    log_debug!("header with too many wrong bytes");
                    self.stats.bad_length += 1;
                }
                None
            }
            found => found,
        }
    }

    /// Decides what becomes of a refused frame at the front; false while the bytes behind it are not there.
    fn settle(&mut self, bytes: &mut [u8]) -> bool {
        let Some(refused) = &mut self.refused else { return true };
        let len = refused.len;
        whiten(&mut bytes[HEADER..HEADER + core::mem::take(&mut refused.open)]);
        let Some(behind) = bytes.get(len..).and_then(<[u8]>::first_chunk::<FRONT>) else {
            refused.is_last = len == bytes.len();
            return false;
        };
        if marker::is_at_front(behind) && parse(behind).is_some() {
            // Nothing is missing, and what the payload looks like is nobody's business.
            self.skip = len;
            self.due = Some(0);
        }
        self.refused = None;
        true
    }

    /// Gives up a frame of which `consumed` bytes of the body were looked at. Returns how many bytes come back.
    fn refuse(&mut self, geometry: Geometry, consumed: usize, open: usize) -> usize {
        if !self.credit.give_back(HEADER + consumed) {
            return 0;
        }
        self.due = None;
        self.spent = 0;
        self.refused = Some(Refused { len: HEADER + geometry.len(), open, is_last: false });
        HEADER + consumed
    }

    /// These bytes at the front belong to no frame, but for what is left of the last one. Logged once for each run.
    fn count_junk(&mut self, bytes: usize, found: bool) {
        let spent = bytes.min(self.spent);
        self.spent = if found { 0 } else { self.spent - spent };
        let junk = bytes - spent;
        self.stats.junk_bytes += junk as u64;
        if junk > 0 && !self.in_junk {
            log_debug!("junk, {} bytes or more: searching for a marker", junk);
        }
        self.in_junk = (self.in_junk || junk > 0) && !found;
    }
}

impl Framing for Rugged {
    fn frame_len_max(&self, packet: usize) -> usize {
        Self::frame_len(packet, self.code)
            .unwrap_or_else(|| packet.saturating_add(FRONT + PARITY_MAX * DEPTH_MAX))
    }

    fn enframe(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom> {
        let most = self.packet_max;
        if packet.len() > most {
            return Err(NoRoom { side: Side::Tail, needed: packet.len(), available: most });
        }
        Self::encode(self.code, packet, out)
    }

    fn deframe(&mut self, bytes: &mut [u8]) -> Step {
        let mut at = 0;
        // Up to here the credit knows.
        let mut known = 0;
        loop {
            let settled = self.settle(&mut bytes[at..]);
            if settled {
                at += core::mem::take(&mut self.skip).min(bytes.len() - at);
                if self.whole.is_none() {
                    let (junk, found) = self.seek(&bytes[at..]);
                    at += junk;
                    self.whole = found;
                }
            }
            let whole = self.whole.filter(|(geometry, _)| FRONT + geometry.len() <= bytes.len() - at);
            let Some((geometry, wrong)) = whole.filter(|_| settled) else {
                self.last = None;
                self.count_junk(at, false);
                self.credit.consume(at - known);
                return Step::More { consumed: at };
            };
            self.whole = None;
            let from = at + FRONT;
            let end = from + geometry.len();
            let body = &mut bytes[from..end];
            whiten(body);
            let Some(found) = restore(geometry, body) else {
                whiten(body);
                log_debug!("frame with more wrong bytes than its code corrects");
                self.stats.uncorrectable += 1;
                self.credit.consume(end - known);
                at = end - self.refuse(geometry, geometry.len(), 0);
                known = at;
                continue;
            };
            whiten_from(geometry.data, &mut body[geometry.data..]);
            self.stats.frames += 1;
            self.stats.corrected += (wrong + found.bytes) as u64;
            self.count_junk(at, true);
            // Wrong parity may be the next frame, come early.
            let consumed = if found.in_parity { geometry.data } else { geometry.len() };
            self.spent = geometry.len() - consumed;
            self.due = Some(self.spent);
            self.last = Some((geometry, consumed));
            self.credit.consume(from + consumed - known);
            return Step::Frame { packet: from..from + geometry.data, consumed: from + consumed };
        }
    }

    fn reject(&mut self, why: Reject) -> usize {
        if why == Reject::Damaged {
            return self
                .last
                .take()
                .map_or(0, |(geometry, consumed)| self.refuse(geometry, consumed, geometry.data));
        }
        self.due = None;
        if let Some(refused) = self.refused.take() {
            self.skip = if why == Reject::Ended && refused.is_last { refused.len } else { 1 };
        } else if self.whole.take().is_some() {
            self.stats.cut(why);
            self.skip = MARKER.len();
        } else {
            self.skip = 1;
        }
        0
    }

    fn reset(&mut self) {
        if self.whole.take().is_some() {
            self.stats.cut(Reject::Ended);
        }
        self.skip = 0;
        self.last = None;
        self.refused = None;
        self.due = Some(0);
        self.spent = 0;
        self.in_junk = false;
        self.credit.forget();
    }

    fn stats(&self) -> &FrameStats {
        &self.stats
    }
}

/// Makes the frame around the packet that lies at the front of `body`.
fn finish(geometry: Geometry, front: &mut [u8; FRONT], body: &mut [u8]) {
    protect(geometry, body);
    whiten(body);
    let (marker, header) = front.split_at_mut(MARKER.len());
    marker.copy_from_slice(&MARKER);
    header.copy_from_slice(&header::encode(geometry));
}

/// What a marker and header say, and how many of their bytes are wrong. Whatever the marker is: the header is enough.
fn parse(front: &[u8; FRONT]) -> Option<(Geometry, usize)> {
    let (marker, header) = front.split_first_chunk::<{ MARKER.len() }>()?;
    let (geometry, wrong) = header::decode(header.first_chunk()?)?;
    Some((geometry, wrong + marker.iter().zip(&MARKER).filter(|(byte, right)| byte != right).count()))
}

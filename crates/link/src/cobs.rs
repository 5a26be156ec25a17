//! [`Cobs`]: consistent overhead byte stuffing; frames between zero bytes at one byte in 254.
//!
//! ```text
//!   packet            | 11 | 00 | 22   33 |                  a code says how far the next zero is;
//!   frame   | 00 | 02 | 11 | 03 | 22   33 | 00 |             in place, decoding writes a zero over each
//! ```
//!
//! A code of FF stands for 254 bytes and no zero. Each frame has a zero in front as well as behind, so that noise or a
//! lost zero before it does not cost it; [`Cobs::back_to_back`] goes without. A receiver takes frames with the zero only behind them, too: the start of
//! the stream counts as a border. Source: Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM
//! Transactions on Networking 7(2), 1999.

use core::ops::Range;

use memchr::memchr;
use packhorse_buffer::{NoRoom, Side, log_debug};

use crate::{FrameStats, Framing, Reject, Step};

const FLAG: u8 = 0;
/// Bytes that one code can stand for.
const RUN_MAX: usize = 254;

/// Consistent overhead byte stuffing: see the [module](self).
#[derive(Clone, Debug)]
pub struct Cobs {
    packet_max: usize,
    /// Bytes of the frame being collected that are known to hold no zero.
    looked: usize,
    /// Whether the frame sent next has a zero in front, and whether all have.
    open_next: bool,
    open_all: bool,
    /// Whether the rest of a frame is to be skipped that was given up and counted.
    skipping: bool,
    stats: FrameStats,
}

impl Cobs {
    /// A framing that refuses packets longer than `packet_max` bytes when receiving.
    #[must_use]
    pub const fn new(packet_max: usize) -> Self {
        Self {
            packet_max,
            looked: 0,
            open_next: true,
            open_all: true,
            skipping: false,
            stats: FrameStats::new(),
        }
    }

    /// The same for a sender whose frames follow one another at once: only the first has a zero in front, all share the
    /// one behind. A byte less a frame; a damaged zero costs two frames, which is cheaper up to one wrong byte in twenty.
    #[must_use]
    pub const fn back_to_back(packet_max: usize) -> Self {
        Self { open_all: false, ..Self::new(packet_max) }
    }
}

impl Framing for Cobs {
    fn frame_len_max(&self, packet: usize) -> usize {
        body_len_max(packet).saturating_add(2)
    }

    fn enframe(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom> {
        let available = out.len();
        if available < self.frame_len_max(packet.len()) {
            let needed = body_len(packet) + 1 + usize::from(self.open_next);
            if available < needed {
                return Err(NoRoom { side: Side::Tail, needed, available });
            }
        }
        out[0] = FLAG;
        let open = usize::from(self.open_next);
        self.open_next = self.open_all;
        let end = open + encode(packet, &mut out[open..]);
        out[end] = FLAG;
        Ok(end + 1)
    }

    fn deframe(&mut self, bytes: &mut [u8]) -> Step {
        let mut at = 0;
        loop {
            if self.looked == 0 && !self.skipping {
                // A run of zeros is one border.
                at += bytes[at..].iter().take_while(|&&byte| byte == FLAG).count();
            }
            let Some(more) = memchr(FLAG, &bytes[at + self.looked..]) else {
                let collected = bytes.len() - at;
                if !self.skipping && collected > body_len_max(self.packet_max) {
                    log_debug!("frame of more than {} bytes", self.packet_max);
                    self.stats.long += 1;
                    self.skipping = true;
                }
                if self.skipping {
                    self.looked = 0;
                    return Step::More { consumed: bytes.len() };
                }
                self.looked = collected;
                return Step::More { consumed: at };
            };
            let end = at + self.looked + more;
            self.looked = 0;
            if core::mem::take(&mut self.skipping) {
                // Counted when it was given up.
            } else if end - at > body_len_max(self.packet_max) {
                log_debug!("frame of more than {} bytes", self.packet_max);
                self.stats.long += 1;
            } else {
                match decode(&mut bytes[at..end]) {
                    None => {
                        log_debug!("frame whose codes contradict its end");
                        self.stats.bad_length += 1;
                    }
                    Some(packet) if packet.len() > self.packet_max => {
                        log_debug!("frame of more than {} bytes", self.packet_max);
                        self.stats.long += 1;
                    }
                    Some(packet) => {
                        self.stats.frames += 1;
                        return Step::Frame { packet: at + packet.start..at + packet.end, consumed: end + 1 };
                    }
                }
            }
            at = end + 1;
        }
    }

    fn reject(&mut self, why: Reject) -> usize {
        if self.looked > 0 && why != Reject::Damaged {
            self.stats.cut(why);
            self.looked = 0;
            self.skipping = true;
        }
        0
    }

    fn reset(&mut self) {
        self.reject(Reject::Ended);
        self.skipping = false;
    }

    fn stats(&self) -> &FrameStats {
        &self.stats
    }
}

/// Most bytes between the zeros for a packet of `packet` bytes.
fn body_len_max(packet: usize) -> usize {
    packet.saturating_add(packet.div_ceil(RUN_MAX).max(1))
}

/// Bytes between the zeros for this packet: one code for every zero, for every 254 bytes without one, and for the rest.
fn body_len(packet: &[u8]) -> usize {
    let mut length = 0;
    let mut rest = packet;
    loop {
        let run = &rest[..rest.len().min(RUN_MAX)];
        let zero = memchr(FLAG, run);
        let run = zero.unwrap_or(run.len());
        length += 1 + run;
        rest = &rest[run + usize::from(zero.is_some())..];
        if zero.is_none() && (run < RUN_MAX || rest.is_empty()) {
            return length;
        }
    }
}

/// Writes the body of the frame for `packet` to the front of `out` and returns its length. `out` has room for that.
fn encode(packet: &[u8], out: &mut [u8]) -> usize {
    let mut rest = packet;
    let mut to = 0;
    loop {
        let window = &rest[..rest.len().min(RUN_MAX)];
        let zero = memchr(FLAG, window);
        let run = zero.unwrap_or(window.len());
        out[to] = code(run);
        out[to + 1..=to + run].copy_from_slice(&window[..run]);
        to += 1 + run;
        rest = &rest[run + usize::from(zero.is_some())..];
        // A full run that ends the packet needs no code behind it.
        if zero.is_none() && (run < RUN_MAX || rest.is_empty()) {
            return to;
        }
    }
}

/// The code for `run` bytes, at most 254.
fn code(run: usize) -> u8 {
    u8::try_from(run + 1).unwrap_or(u8::MAX)
}

/// Decodes the body of a frame in place and returns where the packet lies; `None` when a code points behind the end.
fn decode(body: &mut [u8]) -> Option<Range<usize>> {
    // The packet starts behind the first code. As long as no run was full, each later code lies where its zero
    // belongs, and nothing moves.
    let mut at = 0;
    let mut to = 1;
    let mut code = usize::from(*body.first()?);
    loop {
        let end = at + code;
        if code == 0 || end > body.len() {
            return None;
        }
        if to <= at {
            body.copy_within(at + 1..end, to);
        }
        to += code - 1;
        at = end;
        if at == body.len() {
            return Some(1..to);
        }
        let full = code > RUN_MAX;
        // Read before the zero goes over it.
        code = usize::from(body[at]);
        if !full {
            body[to] = FLAG;
            to += 1;
        }
    }
}

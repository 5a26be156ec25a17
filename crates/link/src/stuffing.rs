//! [`FfStuffing`]: frames between FF bytes, as the `ftag` profile has them.
//!
//! ```text
//!   packet      | 01 | FF | 02 | FE |
//!   frame  | FF | 01 | FE   FD | 02 | FE   FE | FF |        FF -> FE FD, FE -> FE FE
//! ```
//!
//! Every frame brings its own opening and closing FF, and each of them may serve as the other: so a lost one costs
//! one packet, never two. Bytes between two frames look like a packet and are left to the check. An empty packet has
//! no frame. Source: `docs/src/wire-format.md`, profile `ftag`.

use memchr::{memchr, memchr2};
use packhorse_buffer::{NoRoom, Side, log_debug};

use crate::{FrameStats, Framing, Reject, Step};

const FLAG: u8 = 0xFF;
const ESCAPE: u8 = 0xFE;
const ESCAPED_FLAG: u8 = 0xFD;
/// Up to here stuffing word by word is faster than calling for runs (`cargo bench -p packhorse-link`).
const SHORT: usize = 64;

/// FF/FE byte stuffing: see the [module](self).
#[derive(Clone, Debug)]
pub struct FfStuffing {
    packet_max: usize,
    state: State,
    stats: FrameStats,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No FF was seen yet: bytes are junk.
    Hunting,
    /// The rest of a frame that was given up and counted.
    Skipping,
    /// Behind an FF; this many bytes are known to hold none.
    Collecting(usize),
}

impl FfStuffing {
    /// A framing that refuses packets longer than `packet_max` bytes when receiving.
    #[must_use]
    pub const fn new(packet_max: usize) -> Self {
        Self { packet_max, state: State::Hunting, stats: FrameStats::new() }
    }

    /// The framing of the `ftag` profile: link messages are at most 256 bytes long.
    #[must_use]
    pub const fn ftag() -> Self {
        Self::new(256)
    }
}

impl Framing for FfStuffing {
    fn frame_len_max(&self, packet: usize) -> usize {
        packet.saturating_mul(2).saturating_add(2)
    }

    fn enframe(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom> {
        let available = out.len();
        if available < self.frame_len_max(packet.len()) {
            let needed = packet.len() + 2 + packet.iter().filter(|&&byte| byte >= ESCAPE).count();
            if available < needed {
                return Err(NoRoom { side: Side::Tail, needed, available });
            }
        }
        out[0] = FLAG;
        let end = 1 + stuff(packet, &mut out[1..]);
        out[end] = FLAG;
        Ok(end + 1)
    }

    fn deframe(&mut self, bytes: &mut [u8]) -> Step {
        let mut at = 0;
        loop {
            let looked = match self.state {
                State::Collecting(0) => {
                    // A run of FF is one border.
                    at += bytes[at..].iter().take_while(|&&byte| byte == FLAG).count();
                    0
                }
                State::Collecting(looked) => looked,
                State::Hunting | State::Skipping => {
                    let flag = memchr(FLAG, &bytes[at..]);
                    let skipped = flag.unwrap_or(bytes.len() - at);
                    if matches!(self.state, State::Hunting) {
                        self.stats.junk_bytes += skipped as u64;
                    }
                    at += skipped;
                    if flag.is_none() {
                        return Step::More { consumed: at };
                    }
                    if matches!(self.state, State::Hunting) && self.stats.junk_bytes > 0 {
                        log_debug!("junk before the first flag: {} bytes by now", self.stats.junk_bytes);
                    }
                    self.state = State::Collecting(0);
                    continue;
                }
            };
            let Some(more) = memchr(FLAG, &bytes[at + looked..]) else {
                let looked = bytes.len() - at;
                if looked > self.packet_max.saturating_mul(2) {
                    log_debug!("frame of more than {} bytes", self.packet_max);
                    self.stats.long += 1;
                    self.state = State::Skipping;
                    return Step::More { consumed: bytes.len() };
                }
                self.state = State::Collecting(looked);
                return Step::More { consumed: at };
            };
            let end = at + looked + more;
            self.state = State::Collecting(0);
            // Too long in any case: as when the flag comes later, whatever else is wrong with it.
            if end - at > self.packet_max.saturating_mul(2) {
                log_debug!("frame of more than {} bytes", self.packet_max);
                self.stats.long += 1;
            } else {
                match unstuff(&mut bytes[at..end]) {
                    None => {
                        log_debug!("frame whose codes contradict its end");
                        self.stats.bad_length += 1;
                    }
                    Some(length) if length > self.packet_max => {
                        log_debug!("frame of more than {} bytes", self.packet_max);
                        self.stats.long += 1;
                    }
                    Some(length) => {
                        self.stats.frames += 1;
                        return Step::Frame { packet: at..at + length, consumed: end + 1 };
                    }
                }
            }
            at = end + 1;
        }
    }

    fn reject(&mut self, why: Reject) -> usize {
        if let (State::Collecting(1..), Reject::Overflow | Reject::Ended) = (self.state, why) {
            self.stats.cut(why);
            self.state = State::Skipping;
        }
        0
    }

    fn reset(&mut self) {
        self.reject(Reject::Ended);
        self.state = State::Hunting;
    }

    fn stats(&self) -> &FrameStats {
        &self.stats
    }
}

/// Writes `packet` to the front of `out` with FF and FE replaced, and returns the length. `out` has room for that.
#[inline]
fn stuff(packet: &[u8], out: &mut [u8]) -> usize {
    if packet.len() <= SHORT { stuff_words(packet, out) } else { stuff_runs(packet, out) }
}

/// Finds each byte to replace and copies the run before it.
fn stuff_runs(packet: &[u8], out: &mut [u8]) -> usize {
    let (mut from, mut to) = (0, 0);
    while let Some(run) = memchr2(FLAG, ESCAPE, &packet[from..]) {
        out[to..to + run].copy_from_slice(&packet[from..from + run]);
        out[to + run..to + run + 2].copy_from_slice(&replacement(packet[from + run]));
        from += run + 1;
        to += run + 2;
    }
    let rest = packet.len() - from;
    out[to..to + rest].copy_from_slice(&packet[from..]);
    to + rest
}

/// Copies eight bytes first and then looks whether one of them is to be replaced: no calls, which is what short
/// packets would pay for most.
fn stuff_words(packet: &[u8], out: &mut [u8]) -> usize {
    let (mut from, mut to) = (0, 0);
    while let (Some(word), Some(copy)) = (packet[from..].first_chunk(), out[to..].first_chunk_mut::<8>()) {
        *copy = *word;
        let run = high_run(u64::from_le_bytes(*word));
        if run == 8 {
            from += 8;
            to += 8;
        } else {
            out[to + run..to + run + 2].copy_from_slice(&replacement(word[run]));
            from += run + 1;
            to += run + 2;
        }
    }
    for &byte in &packet[from..] {
        if byte >= ESCAPE {
            out[to..to + 2].copy_from_slice(&replacement(byte));
            to += 2;
        } else {
            out[to] = byte;
            to += 1;
        }
    }
    to
}

/// How many of the lowest bytes of `word` stand before the first that is FE or FF, 8 if there is none.
#[inline]
fn high_run(word: u64) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // Zero in the bytes that are FE or FF; then the usual test for a zero byte, exact for the lowest one.
    let rest = !word & (ONES * 0xFE);
    let hits = rest.wrapping_sub(ONES) & !rest & (ONES * 0x80);
    hits.trailing_zeros() as usize / 8
}

/// What FF or FE is sent as.
#[inline]
const fn replacement(byte: u8) -> [u8; 2] {
    [ESCAPE, if byte == FLAG { ESCAPED_FLAG } else { ESCAPE }]
}

/// Decodes a frame without its flags in place and returns the packet's length; `None` when it ends in an escape.
fn unstuff(frame: &mut [u8]) -> Option<usize> {
    // Everything before the first escape stays where it is.
    let Some(mut escape) = memchr(ESCAPE, frame) else {
        return Some(frame.len());
    };
    let mut to = escape;
    loop {
        let code = *frame.get(escape + 1)?;
        frame[to] = if code == ESCAPED_FLAG { FLAG } else { code };
        to += 1;
        let from = escape + 2;
        let run = memchr(ESCAPE, &frame[from..]);
        let end = run.map_or(frame.len(), |run| from + run);
        frame.copy_within(from..end, to);
        to += end - from;
        match run {
            Some(_) => escape = end,
            None => return Some(to),
        }
    }
}

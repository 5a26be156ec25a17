//! [`Choice`]: frame size, inner code and repair for a link, so that a transfer succeeds with a chance of 99.9 % for the
//! least number of bytes.
//!
//! ```text
//!   LinkEstimate        said (--expect-errors, --expect-loss) or measured over a way back
//!        |              chance that a frame is lost, for every size and code: binomial tails
//!        v
//!   Choice              block, code, chance of loss       once a session, or again when the measurement has changed
//!        |
//!        v
//!   repair_symbols, copies, times                         for every object, by its number of blocks
//! ```
//! Pure functions: no link, no clock. The worse of two models counts: single errors, and bursts of the same average. In
//! both the events are independent; a link that is good for an hour and then bad for another needs a way back.

mod estimate;
mod repair;
mod tails;

pub use estimate::LinkEstimate;
pub use repair::{copies, repair_symbols, times};

use packhorse_link::rugged::{CODEWORD_MAX, Code, Rugged};
use packhorse_transfer::Mode;

/// Size that is reckoned with when that of the object is not known: 1 MB.
const SIZE: u64 = 1_000_000;
/// Blocks are not chosen smaller than this.
const BLOCK_MIN: usize = 32;
/// Depths that are tried.
const DEPTHS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// What goes around a block on its way, in a profile on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Bytes of headers and check around a block, at most, without the frame.
    pub headers: usize,
    /// Bytes of the frame around a packet; `None` for rugged frames, whose bytes are chosen.
    pub frame: Option<usize>,
    /// Largest block.
    pub block_max: u32,
}

/// What suits a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Bytes of a block.
    pub block: u32,
    /// The inner code, where there is one.
    pub code: Option<Code>,
    /// The chance of a packet to be lost.
    pub loss: f64,
    /// Bytes on the wire for a byte of a file of the size that was reckoned with, announcements not counted.
    pub cost: f64,
}

impl Choice {
    /// The cheapest way for an object of `size` bytes over the link of `estimate`, and if `block` is given with blocks of
    /// that size.
    #[must_use]
    pub fn new(
        estimate: &LinkEstimate,
        envelope: Envelope,
        mode: Mode,
        size: Option<u64>,
        block: Option<u32>,
    ) -> Self {
        // What is sent once arrives only if nothing is lost for other reasons: then the code alone counts.
        let estimate = &match mode {
            Mode::Once => LinkEstimate { loss: 0.0, ..*estimate },
            _ => *estimate,
        };
        let size = size.unwrap_or(SIZE).max(1);
        let longest = usize::try_from(size).unwrap_or(usize::MAX).min(envelope.block_max as usize).max(1);
        let candidates = |len: usize| block.map_or(len, |block| block as usize).clamp(1, longest);
        let mut best: Option<Self> = None;
        let mut consider = |block: usize, code: Option<Code>, frame: usize, loss: f64| {
            let cost = cost(mode, size, block, frame, loss);
            if best.is_none_or(|best| cost < best.cost) {
                best = Some(Self { block: u32::try_from(block).unwrap_or(u32::MAX), code, loss, cost });
            }
        };
        match envelope.frame {
            Some(frame) => {
                // A quarter of a power of two apart: between them the cost changes by less than a thousandth.
                let mut len = BLOCK_MIN;
                loop {
                    let block = candidates(len);
                    let whole = block + envelope.headers + frame;
                    consider(block, None, whole, estimate.loss_of_frame(whole));
                    if len >= longest {
                        break;
                    }
                    len += (len / 8).max(4);
                }
            }
            None => {
                for parity in (2..=32).step_by(2) {
                    for code in DEPTHS.into_iter().filter_map(|depth| Code::new(parity, depth)) {
                        let full = (code.depth() * (CODEWORD_MAX - parity)).saturating_sub(envelope.headers);
                        let block = candidates(full);
                        let packet = block + envelope.headers;
                        let Some(frame) = Rugged::frame_len(packet, code) else { continue };
                        consider(block, Some(code), frame, estimate.loss_of_rugged(packet, code));
                    }
                }
            }
        }
        best.unwrap_or(Self { block: block.unwrap_or(1), code: None, loss: 1.0, cost: f64::INFINITY })
    }

    /// Announcements before the first block, so that with as many behind the last one it is heard.
    #[must_use]
    pub fn metas_first(&self) -> u32 {
        times(self.meta_packets(), self.loss).div_ceil(2).max(1)
    }

    /// How often the end is said. With it goes an announcement, which says the same.
    #[must_use]
    pub fn ends(&self) -> u32 {
        times(self.meta_packets(), self.loss).div_ceil(2).max(1)
    }

    /// Packets of an announcement with a name of usual length.
    fn meta_packets(&self) -> u32 {
        const USUAL: u32 = 140;
        USUAL.div_ceil(self.block.max(32))
    }
}

/// Bytes on the wire for a byte of the object.
fn cost(mode: Mode, size: u64, block: usize, frame: usize, loss: f64) -> f64 {
    let symbols = size.div_ceil(block as u64).min(u64::from(u32::MAX));
    let symbols = u32::try_from(symbols).unwrap_or(u32::MAX);
    let per_byte = frame_per_byte(size, symbols, frame);
    match mode {
        Mode::Arq => per_byte / (1.0 - loss).max(1e-9),
        // All of them must arrive: what falls short of that is worse than any number of bytes.
        Mode::Once => {
            let failure = estimate::hit(loss, f64::from(symbols));
            per_byte * (1.0 + 1e3 * (failure - repair::FAILURE).max(0.0))
        }
        Mode::Repeat { copies } => per_byte * f64::from(repair::copies(symbols, loss).max(copies) + 1),
        // Fountains, in source blocks of at most so many symbols.
        _ => {
            const SOURCE_BLOCK: u32 = 2048;
            let blocks = symbols.div_ceil(SOURCE_BLOCK).max(1);
            let each = symbols.div_ceil(blocks);
            per_byte * (1.0 + f64::from(repair_symbols(each, blocks, loss)) / f64::from(each.max(1)))
        }
    }
}

fn frame_per_byte(size: u64, symbols: u32, frame: usize) -> f64 {
    tails::as_f64(frame as u64) * f64::from(symbols) / tails::as_f64(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NATIVE: Envelope = Envelope { headers: 16, frame: Some(3), block_max: 256 * 1024 };
    const RUGGED: Envelope = Envelope { headers: 14, frame: None, block_max: 14_000 };
    const FOUNTAIN: Mode = Mode::Fountain { repair_percent: Some(0) };

    #[test]
    fn native_blocks_are_those_of_the_table_of_byte_errors() {
        for (errors, from, to, cost) in
            [(1e-5, 1000, 1600, 1.03), (1e-4, 380, 480, 1.093), (1e-3, 90, 150, 1.35)]
        {
            let estimate = LinkEstimate { byte_errors: errors, burst: 1, loss: 0.0 };
            let choice = Choice::new(&estimate, NATIVE, Mode::Arq, None, None);
            assert!((from..=to).contains(&choice.block), "{errors}: {choice:?}");
            assert!(choice.cost < cost, "{errors}: {choice:?}");
        }
    }

    #[test]
    fn rugged_frames_cost_what_was_promised() {
        for (errors, cost) in [(1e-4, 1.06), (1e-3, 1.08), (1e-2, 1.18)] {
            let choice = Choice::new(&LinkEstimate::damaging(errors), RUGGED, FOUNTAIN, None, None);
            assert!(choice.cost < cost, "{errors}: {choice:?}");
        }
    }

    #[test]
    fn what_is_sent_once_gets_a_code_that_suffices() {
        for errors in [1e-4, 1e-3, 1e-2] {
            let estimate =
                LinkEstimate { loss: 0.0, ..LinkEstimate { burst: 1, ..LinkEstimate::damaging(errors) } };
            let choice = Choice::new(&estimate, RUGGED, Mode::Once, None, None);
            let frames = 1_000_000.0 / f64::from(choice.block);
            assert!(choice.loss * frames < 1e-3, "{errors}: {choice:?}");
        }
    }

    #[test]
    fn small_objects_get_small_blocks() {
        let estimate = LinkEstimate::damaging(1e-3);
        for size in [0, 1, 100, 5000] {
            let choice = Choice::new(&estimate, RUGGED, FOUNTAIN, Some(size), None);
            assert!(u64::from(choice.block) <= size.max(1), "{size}: {choice:?}");
            assert!(choice.cost.is_finite());
        }
    }

    #[test]
    fn a_block_that_was_asked_for_stays() {
        let estimate = LinkEstimate::damaging(1e-3);
        assert_eq!(Choice::new(&estimate, RUGGED, FOUNTAIN, None, Some(777)).block, 777);
        assert_eq!(Choice::new(&estimate, NATIVE, Mode::Arq, None, Some(777)).block, 777);
    }

    #[test]
    fn links_without_hope_still_get_an_answer() {
        let estimate = LinkEstimate { byte_errors: 0.5, burst: 1, loss: 0.9 };
        for mode in [Mode::Once, Mode::Arq, FOUNTAIN, Mode::Repeat { copies: 1 }] {
            assert!(Choice::new(&estimate, RUGGED, mode, None, None).block > 0);
            assert!(Choice::new(&estimate, NATIVE, mode, None, None).block > 0);
        }
    }
}

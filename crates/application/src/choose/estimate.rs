//! [`LinkEstimate`]: what a link does to bytes and packets, said by a person or measured, and what follows for a frame.

use packhorse_link::rugged::{Code, FRONT, Rugged};

use super::tails::{as_f64, more_than};

/// Wrong bytes of a header and of a marker that a rugged frame survives.
const HEADER: (u64, u64) = (9, 3);
const MARKER: (u64, u64) = (4, 2);

/// What a link is expected to do.
///
/// Errors come singly or in bursts; nobody knows which, so the worse of the two counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkEstimate {
    /// The chance of a byte to arrive as another one, 0 to below 1.
    pub byte_errors: f64,
    /// Bytes that are wrong in a row when errors come in bursts; 1 for single ones.
    pub burst: u32,
    /// The chance of a packet to be lost for other reasons, 0 to below 1.
    pub loss: f64,
}

impl LinkEstimate {
    /// Wrong bytes in a row that are allowed for when nothing is said about bursts.
    pub const BURST: u32 = 20;
    /// The expected byte errors of a link that damages bytes, when nobody says more.
    pub const BYTE_ERRORS: f64 = 1e-3;
    /// The expected loss of packets when nobody says more.
    pub const LOSS: f64 = 0.05;
    /// The same where damage is accounted for by `byte_errors`: what lost and inserted bytes cost.
    pub const LOSS_BESIDE_ERRORS: f64 = 0.005;

    /// A link that damages nothing and loses packets.
    #[must_use]
    pub const fn losing(loss: f64) -> Self {
        Self { byte_errors: 0.0, burst: 1, loss }
    }

    /// A link that damages bytes, and loses hardly any.
    #[must_use]
    pub const fn damaging(byte_errors: f64) -> Self {
        Self { byte_errors, burst: Self::BURST, loss: Self::LOSS_BESIDE_ERRORS }
    }

    /// What was measured: of `bytes` that arrived `wrong` were wrong, of `packets` sent `lost` did not arrive. Few events
    /// say little, so both rates are taken two deviations above the middle.
    #[must_use]
    pub fn measured(bytes: u64, wrong: u64, packets: u64, lost: u64) -> Self {
        Self { byte_errors: upper(bytes, wrong), burst: Self::BURST, loss: upper(packets, lost) }
    }

    /// The chance that a frame of `len` bytes without a code of its own is lost or damaged.
    #[must_use]
    pub fn loss_of_frame(&self, len: usize) -> f64 {
        let single = hit(self.byte_errors, as_f64(len as u64));
        let burst = f64::from(self.burst.max(1));
        let bursts = hit(self.byte_errors / burst, as_f64(len as u64) + burst - 1.0);
        together(self.loss, single.max(bursts))
    }

    /// The chance that a rugged frame with a packet of `packet` bytes is lost, or has more wrong bytes than `code`
    /// corrects. 1 when the packet does not fit.
    #[must_use]
    pub fn loss_of_rugged(&self, packet: usize, code: Code) -> f64 {
        let Some(frame) = Rugged::frame_len(packet, code) else { return 1.0 };
        together(self.loss, self.single(frame, code).max(self.bursts(frame, code)))
    }

    /// Errors that come singly.
    fn single(&self, frame: usize, code: Code) -> f64 {
        let p = self.byte_errors;
        let codeword = (frame - FRONT).div_ceil(code.depth()) as u64;
        let one = more_than(codeword, p, code.parity() as u64 / 2);
        let body = hit(one, as_f64(code.depth() as u64));
        let front = together(more_than(HEADER.0, p, HEADER.1), more_than(MARKER.0, p, MARKER.1));
        together(front, body)
    }

    /// Errors that come in bursts: each hits marker and header or not, and every codeword `whole` times, some once more.
    fn bursts(&self, frame: usize, code: Code) -> f64 {
        let burst = u64::from(self.burst.max(1));
        let p = self.byte_errors / as_f64(burst);
        let depth = code.depth() as u64;
        // What a header corrects is no burst to it.
        let front = if burst <= HEADER.1 { 0.0 } else { hit(p, as_f64(burst + FRONT as u64 - 1)) };
        let (whole, more) = (burst / depth, as_f64(burst % depth) / as_f64(depth));
        let corrects = code.parity() as u64 / 2;
        let places = (frame - FRONT) as u64 + burst - 1;
        let (mut body, mut before) = (0.0, 0.0);
        for bursts in 1..=places {
            // At least so many; each one more makes it worse by the difference.
            let chance = more_than(places, p, bursts - 1);
            let left = corrects.checked_sub(bursts * whole);
            let lost = left.map_or(1.0, |left| (as_f64(depth) * more_than(bursts, more, left)).min(1.0));
            body += chance * (lost - before).max(0.0);
            before = lost;
            if lost >= 1.0 || chance < 1e-12 {
                break;
            }
        }
        together(front, body.min(1.0))
    }
}

/// The chance of at least one event with chance `p` in `trials`.
pub(super) fn hit(p: f64, trials: f64) -> f64 {
    if p >= 1.0 { 1.0 } else { -libm::expm1(trials * libm::log1p(-p)) }
}

/// The chance of at least one of two independent events.
fn together(a: f64, b: f64) -> f64 {
    a + b - a * b
}

/// Events of trials: their rate, two deviations above the middle (Wilson's interval).
fn upper(trials: u64, events: u64) -> f64 {
    const DEVIATIONS: f64 = 2.0;
    if trials == 0 {
        return 0.0;
    }
    let (n, rate) = (as_f64(trials), as_f64(events.min(trials)) / as_f64(trials));
    let square = DEVIATIONS * DEVIATIONS / n;
    let spread = DEVIATIONS * libm::sqrt(rate * (1.0 - rate) / n + square / (4.0 * n));
    ((rate + square / 2.0 + spread) / (1.0 + square)).min(0.99)
}

//! [`Expect`]: what a person expects of a link, and what follows from it for frames and blocks before the first byte.
//!
//! Not the mathematics: those are in `application::choose`. Here is what is expected when nothing is said.

use packhorse_application::Profile;
use packhorse_application::choose::{Choice, Envelope, LinkEstimate};
use packhorse_buffer::{Layer, NoProbe};
use packhorse_transfer::Mode;

use crate::{Ftag, Native, ProfileName, Rugged, SendOptions, Wire};

/// What is expected of a link, as far as it was said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expect {
    /// The chance of a byte to arrive as another one.
    pub errors: Option<f64>,
    /// The chance of a packet not to arrive, for other reasons than wrong bytes.
    pub loss: Option<f64>,
}

impl Expect {
    /// Whether anything was said.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        self.errors.is_some() || self.loss.is_some()
    }

    /// The estimate for sending in `mode` over `wire`; `None` where nothing has to be chosen.
    ///
    /// | | byte errors | loss |
    /// |---|---|---|
    /// | said | as said | as said |
    /// | rugged frames | 1 in 1,000 | 0.5 % |
    /// | selective repeat on a byte stream | 1 in 10,000 | none |
    /// | otherwise | none; 0.5 % with byte errors | 5 % |
    fn estimate(&self, wire: Wire, mode: Mode) -> Option<LinkEstimate> {
        let framed = !wire.is_packets();
        let rugged = framed && wire.profile() == ProfileName::Rugged;
        let answered = framed && mode == Mode::Arq;
        let chosen = matches!(mode, Mode::Repeat { copies: 0 } | Mode::Fountain { repair_percent: Some(0) });
        if !(self.is_given() || rugged || answered || chosen) {
            return None;
        }
        let usual = match () {
            () if rugged => LinkEstimate::BYTE_ERRORS,
            () if answered => LinkEstimate::BYTE_ERRORS / 10.0,
            () => 0.0,
        };
        let byte_errors = self.errors.unwrap_or(usual);
        let loss = self.loss.unwrap_or(match () {
            () if mode == Mode::Arq => 0.0,
            () if byte_errors > 0.0 => LinkEstimate::LOSS_BESIDE_ERRORS,
            () => LinkEstimate::LOSS,
        });
        let burst = if rugged { LinkEstimate::BURST } else { 1 };
        Some(LinkEstimate { byte_errors, burst, loss })
    }
}

/// How `wire` is used for an object of `size` bytes, if that is known, and what was chosen for it, if anything was.
pub(crate) fn fit(wire: Wire, options: &SendOptions, size: Option<u64>) -> (Wire, Option<Choice>) {
    let damages = options.expect.errors.is_some_and(|errors| errors > 0.0);
    let marked = damages || matches!(options.mode, Mode::Arq | Mode::Fountain { .. });
    let wire = if marked && !wire.is_packets() { wire.or_lossy() } else { wire };
    let Some(estimate) = options.expect.estimate(wire, options.mode) else { return (wire, None) };
    let choice = Choice::new(&estimate, envelope(wire), options.mode, size, options.block);
    (choice.code.map_or(wire, |code| wire.with_code(code)), Some(choice))
}

/// Framing costs about so much around the blocks that are chosen on links with errors.
pub(crate) const MARKS: usize = 3;

/// What goes around a block.
fn envelope(wire: Wire) -> Envelope {
    const fn of<P: Profile>(frame: Option<usize>) -> Envelope {
        Envelope { headers: P::Stack::HEADROOM + P::Stack::TAILROOM, frame, block_max: P::BLOCK_MAX }
    }
    let frame = if wire.is_packets() { 0 } else { MARKS };
    match wire.profile() {
        ProfileName::Native => of::<Native<NoProbe>>(Some(frame)),
        ProfileName::Ftag => of::<Ftag<NoProbe>>(Some(frame)),
        ProfileName::Rugged => of::<Rugged<NoProbe>>(wire.is_packets().then_some(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUNTAIN: Mode = Mode::Fountain { repair_percent: Some(0) };

    fn options(mode: Mode, errors: Option<f64>, loss: Option<f64>) -> SendOptions {
        SendOptions { mode, expect: Expect { errors, loss }, ..SendOptions::default() }
    }

    #[test]
    fn where_nothing_is_said_nothing_is_chosen() {
        let wire = Wire::stream(ProfileName::Native);
        for mode in [Mode::Once, Mode::Repeat { copies: 3 }] {
            assert_eq!(fit(wire, &options(mode, None, None), None), (wire, None));
        }
        let fountain = Mode::Fountain { repair_percent: None };
        assert_eq!(fit(wire, &options(fountain, None, None), None).1, None);
    }

    #[test]
    fn a_stream_that_damages_bytes_gets_marks_and_small_blocks() {
        let wire = Wire::stream(ProfileName::Native);
        let (fitted, choice) = fit(wire, &options(FOUNTAIN, Some(1e-4), None), Some(1_000_000));
        assert_eq!(fitted, Wire::lossy_stream(ProfileName::Native));
        assert!((300..500).contains(&choice.unwrap().block), "{choice:?}");
        let (fitted, choice) = fit(wire, &options(Mode::Arq, None, None), None);
        assert_eq!(fitted, Wire::lossy_stream(ProfileName::Native));
        assert!((400..460).contains(&choice.unwrap().block), "{choice:?}");
    }

    #[test]
    fn rugged_frames_follow_what_is_expected() {
        let wire = Wire::stream(ProfileName::Rugged);
        let strength = |errors| fit(wire, &options(FOUNTAIN, errors, None), None).1.unwrap().code.unwrap();
        assert!(strength(Some(1e-4)).parity() < strength(Some(1e-2)).parity());
        assert_eq!(strength(None), strength(Some(1e-3)));
        let (fitted, choice) = fit(Wire::packets(ProfileName::Rugged), &options(FOUNTAIN, None, None), None);
        assert_eq!(fitted, Wire::packets(ProfileName::Rugged));
        assert_eq!(choice.unwrap().code, None);
    }

    #[test]
    fn a_block_that_was_said_stays() {
        let options = SendOptions { block: Some(99), ..options(FOUNTAIN, Some(1e-3), None) };
        for profile in ProfileName::ALL {
            assert_eq!(fit(Wire::stream(profile), &options, None).1.unwrap().block, 99);
        }
    }
}

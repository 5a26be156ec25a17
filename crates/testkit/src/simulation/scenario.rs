//! [`Scenario`]: what is sent, over what, and what goes wrong; drawn from a seed.

use core::time::Duration;

use packhorse::application::Profile;
use packhorse::application::integrity::Hasher;
use packhorse::{ByteStream, Ftag, Native, Rugged};
use packhorse_link::{Cobs, Unframed};
use packhorse_transfer::{ControlCodec as _, Mode, SenderConfig};

use super::{Dice, Outcome, Quality, World};
use crate::patterns;

/// Longest packet that the framings here take.
const PACKET_MAX: usize = 8192;

/// An object to send: its bytes come from a seed.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: usize,
    /// Its length is not known beforehand.
    pub stream: bool,
    /// Decides its bytes.
    pub seed: u64,
}

impl Object {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        patterns::random(self.seed, self.size)
    }

    pub(super) fn hash<P: Profile>(&self) -> [u8; 32] {
        let mut hasher = Hasher::new(P::Codec::HASH);
        hasher.update(&self.bytes());
        hasher.finish()
    }
}

/// What goes wrong at one end, or is done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The receiver loses its power and comes back; with `rot`, a byte that it had kept is wrong afterwards.
    Receiver {
        /// A byte is wrong.
        rot: bool,
    },
    /// The sender begins anew.
    Sender,
    /// The receiver's journals are written.
    Sync,
}

/// A transfer to simulate.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Decides what the links do.
    pub seed: u64,
    /// How objects are sent.
    pub config: SenderConfig,
    /// Bytes of a block.
    pub block: u32,
    /// There is a way back, and it is used.
    pub answers: bool,
    /// The receiver waits for a session to end, not for the link.
    pub endless: bool,
    /// Hashes are told from the start.
    pub hash_first: bool,
    /// Objects that have not begun are cut for the link as it was measured.
    pub fits: bool,
    /// How long the sender waits for a receiver.
    pub patience: Duration,
    /// What is sent.
    pub objects: Vec<Object>,
    /// The link.
    pub there: Quality,
    /// Its way back.
    pub back: Quality,
    /// What goes wrong, at which step.
    pub crashes: Vec<(u64, Crash)>,
    /// Of a million steps, before how many the clock of the sender, or of the receiver, jumps ahead by up to 100 s.
    pub clock_jumps_ppm: u32,
    /// By what theory says, everything has to arrive.
    pub must_arrive: bool,
    /// When everything has arrived, the sender has to know.
    pub must_know: bool,
}

/// Which layers carry it.
#[derive(Clone, Copy, Debug)]
enum Stack {
    Packets,
    Frames,
    Cobs,
    Rugged,
    Ftag,
}

/// The transfer that a seed stands for, run to its end.
///
/// # Errors
/// What did not hold, and the scenario.
pub fn run_seed(seed: u64) -> Result<Outcome, String> {
    let (stack, scenario) = draw(seed);
    let outcome = match stack {
        Stack::Packets => World::<Native, _>::run(&scenario, &Unframed::new()),
        Stack::Frames => World::<Native, _>::run(&scenario, &Native::<packhorse_buffer::NoProbe>::framing()),
        Stack::Cobs => World::<Native, _>::run(&scenario, &Cobs::back_to_back(PACKET_MAX)),
        Stack::Rugged => World::<Rugged, _>::run(&scenario, &Rugged::<packhorse_buffer::NoProbe>::framing()),
        Stack::Ftag => World::<Ftag, _>::run(&scenario, &Ftag::<packhorse_buffer::NoProbe>::framing()),
    };
    outcome.map_err(|broken| format!("seed {seed}: {broken}\n{stack:?} {scenario:#?}"))
}

/// A transfer in the native profile, in COBS frames.
///
/// # Errors
/// What did not hold.
pub fn run_cobs(scenario: &Scenario) -> Result<Outcome, String> {
    World::<Native, _>::run(scenario, &Cobs::back_to_back(PACKET_MAX))
}

/// A scenario from a seed: every combination comes up sooner or later.
fn draw(seed: u64) -> (Stack, Scenario) {
    let mut dice = Dice::new(seed);
    let stack =
        dice.of(&[Stack::Packets, Stack::Packets, Stack::Frames, Stack::Cobs, Stack::Rugged, Stack::Ftag]);
    let ftag = matches!(stack, Stack::Ftag);
    let block = if ftag { dice.of(&[20, 50, 200]) } else { dice.of(&[50, 64, 200, 400, 1000]) };
    let loss_ppm = dice.of(&[0, 0, 10_000, 100_000, 300_000]);
    let modes = [
        Mode::Once,
        Mode::Repeat { copies: 3 },
        Mode::Fountain { repair_percent: Some(20) },
        Mode::Fountain { repair_percent: Some(120) },
        Mode::Fountain { repair_percent: None },
        Mode::Arq,
        Mode::Arq,
        Mode::Arq,
    ];
    let mode = if ftag { dice.of(&modes[..2]) } else { dice.of(&modes) };
    let carousel = mode == Mode::Fountain { repair_percent: None };
    let fountain = matches!(mode, Mode::Fountain { .. });
    let answers = mode == Mode::Arq || (fountain && dice.below(3) == 0);
    let there = Quality {
        loss_ppm,
        burst: dice.of(&[1, 1, 5, 30]),
        byte_errors_ppm: dice.of(&[0, 0, 0, 100, 1000]),
        error_burst: dice.of(&[1, 20]),
        repeats_ppm: dice.of(&[0, 0, 50_000]),
        late_ppm: if matches!(stack, Stack::Packets) { dice.of(&[0, 0, 50_000]) } else { 0 },
        delay: Duration::from_millis(dice.of(&[0, 1, 50, 1000])),
        rate: dice.of(&[20_000, 92_160, 4_000_000]),
        queue: dice.of(&[2_000, 65_536]),
    };
    let back = Quality { loss_ppm: loss_ppm / 2, ..there };
    let (count, most) = dice.of(&[(1, 300), (1, 20_000), (1, 60_000), (5, 2_000), (12, 500)]);
    let objects = (0..count).map(|index| Object {
        name: format!("object {index}"),
        size: usize::try_from(dice.of(&[0, 1, most / 2, dice.clone().below(most + 1)])).unwrap_or(0),
        stream: !ftag && !carousel && dice.below(5) == 0,
        seed: dice.any(),
    });
    let objects: Vec<Object> = objects.collect();
    let mut crashes = Vec::new();
    if dice.below(4) == 0 {
        for _ in 0..1 + dice.below(3) {
            let at = dice.below(dice.clone().of(&[50, 500, 3000]));
            let crash = match dice.below(5) {
                0 => Crash::Sender,
                1 => Crash::Receiver { rot: true },
                2 => Crash::Receiver { rot: false },
                _ => Crash::Sync,
            };
            crashes.push((at, crash));
        }
        crashes.sort_by_key(|(at, _)| *at);
    }
    let base = match mode {
        Mode::Once => SenderConfig::once(),
        Mode::Repeat { copies } if ftag => SenderConfig::ftag(copies),
        Mode::Repeat { copies } => SenderConfig::repeat(copies),
        Mode::Arq => SenderConfig::arq(),
        Mode::Fountain { repair_percent } => SenderConfig::fountain(repair_percent),
        _ => SenderConfig::once(),
    };
    // One byte in a thousand wrong hits two of three long packets; what a carousel or answers repeat still arrives.
    // Bursts are more than the inner code alone can correct, now and then.
    let clean = there.byte_errors_ppm == 0 || (matches!(stack, Stack::Rugged) && there.error_burst == 1);
    let hopeless = there.byte_errors_ppm >= 1000 && block > 200;
    let lossless = loss_ppm == 0 && clean;
    let crashed = crashes.iter().any(|(_, crash)| *crash != Crash::Sync);
    // A burst is counted in packets: where hardly any are sent, since nobody answers, it outlasts all patience.
    let hopeless = hopeless || (there.burst >= 30 && loss_ppm >= 100_000);
    let endless = carousel || answers || dice.below(2) == 0;
    // One way, an end that overtakes what it ends comes too early, and is not said again.
    let lossless = lossless && there.late_ppm == 0;
    let clock_jumps_ppm = dice.of(&[0, 0, 1000]);
    // A clock that jumps again and again leaves time for few questions, all of which may get lost.
    let hopeless = hopeless || (clock_jumps_ppm > 0 && loss_ppm >= 300_000);
    // A sender that begins anew may find a receiver that has all and has left; as does one whose receiver's clock was set.
    let must_know =
        answers && clock_jumps_ppm == 0 && !crashes.iter().any(|(_, crash)| *crash == Crash::Sender);
    let must_arrive = match mode {
        Mode::Arq => !hopeless,
        Mode::Fountain { .. } if answers => !hopeless && !crashed,
        Mode::Fountain { repair_percent: None } => !hopeless && !crashed,
        _ => lossless && !crashed,
    };
    let scenario = Scenario {
        seed: dice.any(),
        config: SenderConfig { stream_window: 64, ..base },
        block,
        answers,
        endless,
        hash_first: ftag || dice.below(2) == 0,
        fits: answers && dice.below(2) == 0,
        patience: Duration::from_secs(120),
        objects,
        there,
        back,
        crashes,
        clock_jumps_ppm,
        must_arrive,
        must_know,
    };
    (stack, scenario)
}

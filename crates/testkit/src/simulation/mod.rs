//! Whole transfers in virtual time, decided by a seed: the real sessions, stacks and framings over links that lose, damage, repeat
//! and disorder, with crashes on either side.
//!
//! ```text
//!   SendSession -> stack -> framing -> Link (there) -> framing -> stack -> ReceiveSession -> MemoryStore
//!        ^------- stack <- framing <- Link (back)  <- framing <- stack <-----'
//! ```
//! Nothing here waits: time jumps to the next moment at which something happens. [`World::run`] checks what must hold of every
//! transfer, and says which seed broke it.

mod dice;
mod ends;
mod link;
mod many;
mod scenario;

use core::time::Duration;

use packhorse::application::{Profile, Unwatched};
use packhorse_buffer::Instant;
use packhorse_link::Framing;

pub use dice::Dice;
pub use link::{Link, Quality};
pub use many::run_seeds;
pub use scenario::{Crash, Object, Scenario, run_cobs, run_seed};

use ends::{Receiver, Sender};

/// A transfer that takes longer than this in virtual time never ends.
const FOREVER: Duration = Duration::from_secs(3_600);
/// Time goes on by this much at least: a timer is not more exact.
const TICK: Duration = Duration::from_micros(20);
/// Nor does one that takes more steps.
const STEPS: u64 = 400_000;

/// What a simulated transfer came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Objects that stand under their names.
    pub arrived: usize,
    /// The sender knows or believes that all is well.
    pub sender_content: bool,
    /// Bytes on the wire, there and back.
    pub wire: (u64, u64),
    /// Virtual time until the sender was done, or the receiver where the sender goes on without end.
    pub took: Duration,
    /// Crashes that happened.
    pub crashes: u32,
}

/// Both ends of a link, and the link.
pub(crate) struct World<P: Profile, F> {
    now: Instant,
    sender: Option<Sender<P, F>>,
    receiver: Option<Receiver<P, F>>,
    there: Link,
    back: Link,
    sender_clock: Clock,
    receiver_clock: Clock,
}

/// What the clock of one end says: it was stopped, or jumped ahead, for so long in all.
#[derive(Clone, Copy, Default)]
struct Clock(Duration);

impl Clock {
    fn at(self, real: Instant) -> Instant {
        real + self.0
    }

    /// When it is so late by this clock.
    fn real(self, own: Instant) -> Instant {
        let jump = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(own.as_nanos().saturating_sub(jump))
    }

    fn maybe_jump(&mut self, ppm: u32, dice: &mut Dice) {
        if dice.ppm(ppm) {
            self.0 += Duration::from_millis(dice.below(100_000));
        }
    }
}

impl<P: Profile, F: Framing + Clone> World<P, F> {
    /// Runs a scenario to its end.
    ///
    /// # Errors
    /// What did not hold.
    pub(crate) fn run(scenario: &Scenario, framing: &F) -> Result<Outcome, String> {
        let mut dice = Dice::new(scenario.seed);
        let mut world = Self {
            now: Instant::from_millis(1),
            sender: Some(Sender::new(scenario, framing.clone(), dice.any())),
            receiver: Some(Receiver::new(scenario, framing.clone(), Instant::from_millis(1), dice.any())),
            there: Link::new(scenario.there, dice.split()),
            back: Link::new(scenario.back, dice.split()),
            sender_clock: Clock::default(),
            receiver_clock: Clock::default(),
        };
        world.events(scenario, framing, &mut dice)
    }

    fn events(&mut self, scenario: &Scenario, framing: &F, dice: &mut Dice) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        let mut crashes = scenario.crashes.clone();
        let began = self.now;
        for step in 0.. {
            if step >= STEPS || self.now.since(began) > FOREVER {
                return Err(format!("it does not end: {step} steps, {:?}", self.now.since(began)));
            }
            while crashes.first().is_some_and(|(at, _)| *at <= step) {
                let (_, crash) = crashes.remove(0);
                outcome.crashes += 1;
                self.crash(scenario, framing, crash, dice);
            }
            self.receiver_clock.maybe_jump(scenario.clock_jumps_ppm, dice);
            self.sender_clock.maybe_jump(scenario.clock_jumps_ppm, dice);
            let busy = self.step()?;
            let receiver = self.receiver.as_ref();
            let enough = receiver.is_some_and(|receiver| receiver.is_over(self.receiver_clock.at(self.now)));
            let sent = self.sender.as_ref().is_none_or(Sender::is_done);
            if enough && scenario.endless {
                break;
            }
            if sent && self.there.next_at().is_none() && !busy {
                break;
            }
            if !busy {
                let next = self.next_at().ok_or("nothing will ever happen again")?;
                self.now = next.max(self.now);
            }
        }
        outcome.took = self.now.since(began);
        outcome.wire = (self.there.bytes, self.back.bytes);
        outcome.sender_content = self.sender.as_ref().is_some_and(Sender::is_content);
        self.finish(scenario, outcome)
    }

    /// Whatever is due now. False when nothing was.
    fn step(&mut self) -> Result<bool, String> {
        let mut busy = false;
        let there = self.receiver_clock.at(self.now);
        let here = self.sender_clock.at(self.now);
        while let Some(bytes) = self.there.take(self.now) {
            busy = true;
            if let Some(receiver) = &mut self.receiver {
                receiver.take(there, &bytes);
                receiver.check_bounds()?;
            }
        }
        while let Some(bytes) = self.back.take(self.now) {
            busy = true;
            if let Some(sender) = &mut self.sender {
                sender.take(here, &bytes);
            }
        }
        if let Some(receiver) = &mut self.receiver {
            busy |= receiver.answer(there, self.now, &mut self.back);
        }
        if let Some(sender) = &mut self.sender {
            busy |= sender.send(here, self.now, &mut self.there);
        }
        Ok(busy)
    }

    fn next_at(&self) -> Option<Instant> {
        let receiver = self.receiver.as_ref().and_then(Receiver::next_at);
        // Timers are told by each end's own clock.
        let receiver = receiver.map(|at| self.receiver_clock.real(at));
        let here = self.sender_clock.at(self.now);
        let sender = match &self.sender {
            Some(sender) if !sender.is_done() && self.there.is_full(self.now) => Some(self.there.takes_at()),
            Some(sender) => sender.next_at(here).map(|at| self.sender_clock.real(at)),
            None => None,
        };
        let soonest =
            [self.there.next_at(), self.back.next_at(), receiver, sender].into_iter().flatten().min()?;
        Some(soonest.max(self.now + TICK))
    }

    fn crash(&mut self, scenario: &Scenario, framing: &F, crash: Crash, dice: &mut Dice) {
        match crash {
            Crash::Receiver { rot } => {
                if let Some(receiver) = self.receiver.take() {
                    let mut store = receiver.into_store();
                    store.crash(rot);
                    let now = self.receiver_clock.at(self.now);
                    let receiver = Receiver::with_store(scenario, framing.clone(), now, dice.any(), store);
                    self.receiver = Some(receiver);
                }
            }
            Crash::Sender => {
                self.back.clear();
                self.sender = Some(Sender::new(scenario, framing.clone(), dice.any()));
            }
            Crash::Sync => {
                if let Some(receiver) = &mut self.receiver {
                    receiver.sync();
                }
            }
        }
    }

    fn finish(&mut self, scenario: &Scenario, mut outcome: Outcome) -> Result<Outcome, String> {
        let Some(receiver) = self.receiver.take() else { return Err("no receiver is left".to_owned()) };
        let store = receiver.close();
        for (name, bytes) in store.files() {
            let original = scenario.objects.iter().find(|object| object.name == *name);
            let Some(original) = original else { return Err(format!("'{name}' was never sent")) };
            if original.bytes() != *bytes {
                return Err(format!("'{name}' arrived and is not what was sent"));
            }
            outcome.arrived += 1;
        }
        if store.held() != (0, 0) {
            return Err(format!("what has ended is still held: {:?}", store.held()));
        }
        if scenario.answers && outcome.sender_content && outcome.arrived < scenario.objects.len() {
            return Err("the sender was told that all is well, and it is not".to_owned());
        }
        if scenario.must_arrive && outcome.arrived < scenario.objects.len() {
            let said = self.sender.as_ref().map(Sender::said).unwrap_or_default();
            return Err(format!(
                "{} of {} objects arrived; the sender: {said}",
                outcome.arrived,
                scenario.objects.len()
            ));
        }
        if scenario.must_arrive && scenario.must_know && !outcome.sender_content {
            return Err("all arrived and the sender does not know".to_owned());
        }
        Ok(outcome)
    }
}

/// Nobody watches.
pub(crate) fn unwatched() -> Unwatched {
    Unwatched
}

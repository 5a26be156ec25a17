//! [`Path`]: what acknowledgements tell about the link, and what may be sent because of it.
//!
//! As much is kept under way as the link carries in a round trip, at the rate at which packets arrive. Losses do not slow it
//! down, since on such links they say nothing about queues; a queue shows in the round-trip time, and is let drain.

use core::time::Duration;

use packhorse_buffer::Instant;

use super::rate::Rate;
use super::{LinkMeasure, RoundTrip};
use crate::Ack;

/// Bytes that may be under way before anything is known.
const FIRST: u64 = 16 * 1024;
/// The receiver may hold acknowledgements back for so long, and the link must not run dry meanwhile.
const SLACK: Duration = Duration::from_millis(60);
/// Starting is over when a round trip brings less than a quarter more, so many times.
const PLATEAU: u32 = 3;
/// Percent of the measured rate, one round trip each: asks for more, lets the queue drain, stays.
const GAINS: [u64; 8] = [125, 75, 100, 100, 100, 100, 100, 100];
/// A question that is so late was not late by chance.
const STOPPED: Duration = Duration::from_secs(1);
/// A step is not shorter than this.
const STEP: Duration = Duration::from_millis(50);

/// A packet that was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    sequence: u64,
    at: Instant,
    /// Bytes of all packets up to and including it.
    bytes: u64,
}

/// When the next packet may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Now.
    Now,
    /// At this time.
    At(Instant),
    /// When something was acknowledged.
    AfterAnswer,
}

/// What an acknowledgement said about the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The highest packet that the receiver has seen.
    pub highest: u64,
}

/// The way there and back. `W` are slots for the packets under way: the more, the further back a round trip can be measured.
#[derive(Clone, Debug)]
pub struct Path<W> {
    log: W,
    /// Bits of the sequence numbers on the wire.
    bits: u32,
    /// The number of the next packet, and bytes sent so far.
    next: u64,
    bytes: u64,
    /// Of the highest packet that was acknowledged: its number plus one, and bytes up to it.
    acked: u64,
    acked_bytes: u64,
    round_trip: RoundTrip,
    rate: Rate,
    /// Most bytes under way while starting; `None` afterwards.
    window: Option<u64>,
    plateau: (u64, u32, Instant),
    step: (usize, Instant),
    /// No packet before this moment.
    pace: Instant,
    started: Option<Instant>,
    answered: Option<Instant>,
    /// When something was sent that an answer is due for, and questions since the last answer.
    waiting: Option<Instant>,
    asked: u32,
    /// The packet before which there was nothing to send.
    limited: u64,
    counts: Counts,
    strange: u64,
}

/// Totals of the receiver, as it told them last, and what they add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    known: Option<(u32, u32, u32)>,
    measure: LinkMeasure,
    /// Packets that were acknowledged before measuring began.
    from: u64,
}

impl<W: AsRef<[Sent]> + AsMut<[Sent]>> Path<W> {
    /// Nothing is known yet. `bits`: of the profile's packet sequence numbers, 1 to 32.
    pub fn new(mut log: W, bits: u32) -> Self {
        log.as_mut().fill(Sent::default());
        Self {
            log,
            bits: bits.clamp(1, 32),
            next: 0,
            bytes: 0,
            acked: 0,
            acked_bytes: 0,
            round_trip: RoundTrip::default(),
            rate: Rate::default(),
            window: Some(FIRST),
            plateau: (0, 0, Instant::ZERO),
            step: (0, Instant::ZERO),
            pace: Instant::ZERO,
            started: None,
            answered: None,
            waiting: None,
            asked: 0,
            limited: 0,
            counts: Counts::default(),
            strange: 0,
        }
    }

    /// A packet of `bytes` on the wire went out. Returns its number, which is what the packet layer put into it, without
    /// the modulus: this is told of every packet of the link.
    pub fn sent(&mut self, now: Instant, bytes: u32) -> u64 {
        let sequence = self.next;
        self.next += 1;
        self.bytes += u64::from(bytes);
        self.started.get_or_insert(now);
        self.waiting.get_or_insert(now);
        let record = Sent { sequence, at: now, bytes: self.bytes };
        if let Some(slot) = self.slot(sequence) {
            *slot = record;
        }
        if let Some(rate) = self.pace_rate(now) {
            let nanos = u64::from(bytes).saturating_mul(1_000_000_000) / rate.max(1);
            let earliest = Instant::from_nanos(now.as_nanos().saturating_sub(5_000_000));
            let from = self.pace.max(earliest);
            // Never so late that questions take the place of what is to be sent.
            let latest = now + self.round_trip.timeout(0) / 2;
            self.pace = Instant::from_nanos(from.as_nanos().saturating_add(nanos)).min(latest);
        }
        sequence
    }

    /// Whether a packet may go.
    #[must_use]
    pub fn ready(&self, now: Instant) -> Ready {
        if self.under_way() >= self.limit() {
            Ready::AfterAnswer
        } else if self.pace > now {
            Ready::At(self.pace)
        } else {
            Ready::Now
        }
    }

    /// There is nothing to send now, though it might go: what the next answers say about the rate is no limit of the link's.
    pub const fn idle(&mut self) {
        self.limited = self.next;
    }

    /// Whether an acknowledgement tells of packets that were sent.
    pub fn believes(&self, ack: &Ack<'_>) -> bool {
        self.unwrap(ack.sequence).is_some()
    }

    /// An acknowledgement came. `None` when it tells of packets that were never sent: it is counted, and nothing in it is
    /// to be believed.
    pub fn handle_ack(&mut self, now: Instant, ack: &Ack<'_>) -> Option<Heard> {
        let Some(highest) = self.unwrap(ack.sequence) else {
            self.strange += 1;
            return None;
        };
        self.answered = Some(now);
        self.asked = 0;
        if highest < self.acked {
            return Some(Heard { highest });
        }
        let limited = self.acked < self.limited;
        let newly = self.slot(highest).filter(|sent| sent.sequence == highest).copied();
        self.acked = highest + 1;
        if let Some(sent) = newly {
            let before = core::mem::replace(&mut self.acked_bytes, sent.bytes);
            let took = now.since(sent.at).saturating_sub(Duration::from_micros(ack.held_us.into()));
            self.round_trip.sample(now, took);
            if let Some(window) = &mut self.window {
                *window += sent.bytes.saturating_sub(before);
            }
        } else {
            // Too long ago to be remembered: nothing before it is under way either.
            self.acked_bytes = self.acked_bytes.max(self.bytes.saturating_sub(self.limit()));
        }
        let round_trip = self.round_trip.least().unwrap_or_default();
        self.rate.sample(now, (ack.bytes, ack.clock_us), round_trip, limited);
        if !limited {
            self.leave_start(now);
        }
        self.turn_step(now);
        self.count(highest, ack);
        self.waiting = (self.acked < self.next).then_some(now);
        Some(Heard { highest })
    }

    /// When to ask the receiver how it stands, because nothing was heard for too long: send anything that it answers at
    /// once, and tell [`asked`](Self::asked).
    #[must_use]
    pub fn ask_at(&self) -> Option<Instant> {
        let since = self.waiting?;
        Some(since + self.round_trip.timeout(self.asked))
    }

    /// Called before [`silence`](Self::silence) is judged. Whoever was stopped, or could not send, while an answer was waited
    /// for, has not been kept waiting by the receiver.
    pub fn excuse(&mut self, now: Instant) {
        let late = self.ask_at().map_or(Duration::ZERO, |at| now.since(at));
        if late >= STOPPED {
            for at in [&mut self.answered, &mut self.started].into_iter().flatten() {
                *at = *at + late;
            }
        }
    }

    /// A question goes out now.
    pub const fn asked(&mut self, now: Instant) {
        self.asked = self.asked.saturating_add(1);
        self.waiting = Some(now);
    }

    /// Questions since the last answer.
    #[must_use]
    pub const fn questions(&self) -> u32 {
        self.asked
    }

    /// An answer is due from here on: something was sent that a receiver answers at once.
    pub fn expect_answer(&mut self, now: Instant) {
        self.waiting.get_or_insert(now);
    }

    /// How long nothing was heard; since the first packet, when nothing ever was.
    #[must_use]
    pub fn silence(&self, now: Instant) -> Duration {
        self.answered.or(self.started).map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Whether anything was ever heard.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        self.answered.is_some()
    }

    /// What is known of the link.
    #[must_use]
    pub fn measure(&self) -> LinkMeasure {
        LinkMeasure {
            round_trip: self.round_trip.smoothed().unwrap_or_default(),
            rate: self.rate.best(),
            ..self.counts.measure
        }
    }

    /// The round-trip time.
    #[must_use]
    pub const fn round_trip(&self) -> &RoundTrip {
        &self.round_trip
    }

    /// Acknowledgements of packets that were never sent.
    #[must_use]
    pub const fn strange(&self) -> u64 {
        self.strange
    }

    /// Bytes that were sent after the last packet that is known to have come.
    #[must_use]
    pub const fn under_way(&self) -> u64 {
        self.bytes - self.acked_bytes
    }

    /// Most bytes that may be under way.
    fn limit(&self) -> u64 {
        let rate = self.rate.best();
        let round_trip = self.round_trip.least().unwrap_or_default();
        let steady = bytes_in(rate, round_trip * 2 + SLACK).max(4 * 1024);
        self.window.unwrap_or(steady)
    }

    fn pace_rate(&self, _now: Instant) -> Option<u64> {
        if self.window.is_some() || self.rate.best() == 0 {
            return None;
        }
        let gain = GAINS.get(self.step.0).copied().unwrap_or(100);
        Some((self.rate.best() * gain / 100).max(1))
    }

    fn leave_start(&mut self, now: Instant) {
        if self.window.is_none() {
            return;
        }
        let round_trip = self.round_trip.smoothed().unwrap_or_default().max(STEP);
        let (best, rounds, since) = self.plateau;
        if now.since(since) < round_trip {
            return;
        }
        let rate = self.rate.best();
        let rounds = if rate > best + best / 4 || rate == 0 { 0 } else { rounds + 1 };
        self.plateau = (best.max(rate), rounds, now);
        if rounds >= PLATEAU {
            self.window = None;
            self.step = (1, now);
        }
    }

    fn turn_step(&mut self, now: Instant) {
        let round_trip = self.round_trip.least().unwrap_or_default().max(STEP);
        if self.window.is_none() && now.since(self.step.1) >= round_trip {
            self.step = ((self.step.0 + 1) % GAINS.len(), now);
        }
    }

    fn count(&mut self, highest: u64, ack: &Ack<'_>) {
        let counts = &mut self.counts;
        if let Some((packets, damaged, bytes)) = counts.known {
            counts.measure.arrived += u64::from(ack.packets.wrapping_sub(packets));
            counts.measure.damaged += u64::from(ack.damaged.wrapping_sub(damaged));
            counts.measure.bytes += u64::from(ack.bytes.wrapping_sub(bytes));
            counts.measure.sent = highest + 1 - counts.from.min(highest + 1);
        } else {
            // What it received before the first answer that came counts as well, if it began with this session.
            let arrived = u64::from(ack.packets);
            counts.from = if arrived <= highest + 1 { 0 } else { highest + 1 };
            counts.measure.arrived = if counts.from == 0 { arrived } else { 0 };
            counts.measure.bytes = u64::from(ack.bytes);
            counts.measure.sent = highest + 1 - counts.from;
        }
        counts.known = Some((ack.packets, ack.damaged, ack.bytes));
    }

    /// The number behind what an acknowledgement echoes; `None` when no such packet can have come.
    fn unwrap(&self, sequence: u32) -> Option<u64> {
        let last = self.next.checked_sub(1)?;
        let modulus = 1_u64 << self.bits;
        let sequence = u64::from(sequence);
        if sequence >= modulus {
            return None;
        }
        let behind = (last % modulus + modulus - sequence) % modulus;
        last.checked_sub(behind)
    }

    fn slot(&mut self, sequence: u64) -> Option<&mut Sent> {
        let log = self.log.as_mut();
        let at = usize::try_from(sequence % u64::try_from(log.len()).ok()?.max(1)).ok()?;
        log.get_mut(at)
    }
}

/// Bytes that a rate brings in a time.
fn bytes_in(rate: u64, time: Duration) -> u64 {
    let bytes = u128::from(rate) * time.as_micros() / 1_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

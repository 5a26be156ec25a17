//! [`Answering`]: whether an [`Inbound`](crate::Inbound) tells its sender what has come: [`Silent`] or [`Answers`].
//!
//! Every answer says all that is known of the one object under way, so none is ever repeated for its own sake. It is due at once when
//! the sender asks (an announcement, an end) or an object has ended; otherwise after some packets, or a moment after the last one.

use core::fmt::Debug;
use core::time::Duration;

use packhorse_buffer::Instant;
use packhorse_transfer::{Ack, AckState, AckWriter, BlockSet, Meta, SessionEnd};

/// Packets after which an answer is due, how long it may wait for them, and how long at least.
const PACKETS: u32 = 16;
const DELAY: Duration = Duration::from_millis(25);
const LEAST: Duration = Duration::from_millis(5);

/// What an `Inbound` does about a sender that listens.
pub trait Answering: Debug {
    /// A packet came, with this number, of so many bytes.
    fn arrived(&mut self, _now: Instant, _sequence: u32, _bytes: usize, _control: bool) {}

    /// A packet came whose check failed.
    fn damaged(&mut self) {}

    /// An object was announced, perhaps once more; it stands like this.
    fn announced(&mut self, _now: Instant, _meta: &Meta<'_>, _state: AckState) {}

    /// A block of it came.
    fn block(&mut self, _number: u32) {}

    /// It has ended.
    fn ended(&mut self, _now: Instant, _state: AckState) {}

    /// The sender has said all.
    fn session_ended(&mut self, _now: Instant, _end: &SessionEnd) {}
}

/// What is known of the blocks of the object under way.
pub(crate) enum Known<'a, B> {
    /// There is none.
    Nothing,
    /// These have come.
    Blocks(&'a B),
    /// All have come, so many; the hash is being computed.
    All(u32),
}

/// Says nothing: for lines without a way back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Answering for Silent {}

/// Answers the sender that announced an object last, if it listens.
#[derive(Clone, Debug)]
pub struct Answers {
    /// A number of its own.
    receiver: u32,
    /// Numbers of packets go round at this.
    mask: u32,
    session: Option<u64>,
    index: u32,
    state: AckState,
    /// Behind the highest block that came.
    end: u32,
    /// Numbers of the last packet, and of the one that is furthest ahead.
    last: u32,
    highest: Option<u32>,
    highest_at: Instant,
    last_at: Instant,
    bytes: u32,
    packets: u32,
    damaged: u32,
    unanswered: u32,
    answered_at: Instant,
    due: Option<Instant>,
    session_ended: bool,
    /// And knows that this was heard.
    heard: bool,
}

impl Answers {
    /// Nobody has announced anything. `receiver` is a number that other receivers and earlier starts of this one have not;
    /// `bits`: of the wire's sequence numbers.
    #[must_use]
    pub const fn new(receiver: u32, bits: u32) -> Self {
        Self {
            receiver,
            mask: if bits < 32 { (1 << bits) - 1 } else { u32::MAX },
            session: None,
            index: 0,
            state: AckState::Receiving,
            end: 0,
            last: 0,
            highest: None,
            highest_at: Instant::ZERO,
            last_at: Instant::ZERO,
            bytes: 0,
            packets: 0,
            damaged: 0,
            unanswered: 0,
            answered_at: Instant::ZERO,
            due: None,
            session_ended: false,
            heard: false,
        }
    }

    /// Whether the session has ended, and its sender has heard all that it needs to know: nobody asks any more.
    #[must_use]
    pub const fn may_leave(&self) -> bool {
        self.session_ended && self.heard
    }

    /// When an answer is due; nothing is as long as no sender listens.
    #[must_use]
    pub const fn due(&self) -> Option<Instant> {
        if self.session.is_some() { self.due } else { None }
    }

    fn is_due_at(&mut self, at: Instant) {
        let at = at.max(self.answered_at + LEAST);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// The answer, whose list is written to `list`.
    pub(crate) fn answer<'m, B: BlockSet>(
        &mut self,
        now: Instant,
        known: Known<'_, B>,
        list: &'m mut [u8],
    ) -> Option<Ack<'m>> {
        let session = self.session?;
        (self.due, self.answered_at, self.unanswered) = (None, now, 0);
        let mut writer = AckWriter::new(list);
        let about = (self.index, self.state);
        match known {
            Known::Blocks(blocks) if self.state == AckState::Receiving => {
                let end = self.end.max(blocks.first_missing());
                let missing = blocks
                    .missing(end)
                    .map(|range| (range.start, u16::try_from(range.end - range.start).unwrap_or(u16::MAX)));
                writer.entry(about, false, end, missing);
            }
            Known::All(end) if self.state == AckState::Receiving => {
                writer.entry(about, false, end, core::iter::empty());
            }
            _ => {
                // Nothing is said of the blocks of an object that is not there.
                let unknown = self.state == AckState::Receiving;
                let (end, cut) = if unknown { (0, Some((0, 0))) } else { (self.end, None) };
                writer.entry(about, false, end, cut.into_iter());
            }
        }
        let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        Some(Ack {
            session_ended: self.session_ended,
            session,
            receiver: self.receiver,
            sequence: self.highest.unwrap_or(0),
            held_us: micros(now.since(self.highest_at)),
            clock_us: u32::try_from(self.last_at.as_nanos() / 1000 % (1 << 32)).unwrap_or(0),
            bytes: self.bytes,
            packets: self.packets,
            damaged: self.damaged,
            list: writer.finish(),
        })
    }
}

impl Answering for Answers {
    fn arrived(&mut self, now: Instant, sequence: u32, bytes: usize, control: bool) {
        (self.last, self.last_at) = (sequence, now);
        self.bytes = self.bytes.wrapping_add(u32::try_from(bytes).unwrap_or(0));
        self.packets = self.packets.wrapping_add(1);
        self.unanswered += 1;
        // Ahead by less than half the circle.
        let mask = self.mask;
        let ahead = |highest: u32| (1..=mask / 2).contains(&(sequence.wrapping_sub(highest) & mask));
        if self.highest.is_none_or(ahead) {
            self.highest = Some(sequence);
            self.highest_at = now;
        }
        // A control message may be one that is known, and then it is a question.
        let waits = if control || self.unanswered >= PACKETS { Duration::ZERO } else { DELAY };
        self.is_due_at(now + waits);
    }

    fn damaged(&mut self) {
        self.damaged = self.damaged.wrapping_add(1);
    }

    fn announced(&mut self, now: Instant, meta: &Meta<'_>, state: AckState) {
        if self.session != Some(meta.session) {
            // Another sender, or the same one after a start: its packets are counted from here on.
            let (mask, damaged, last) = (self.mask, self.damaged, self.last);
            *self = Self { mask, damaged, packets: 1, ..Self::new(self.receiver, u32::BITS) };
            (self.last, self.highest, self.highest_at, self.last_at) = (last, Some(last), now, now);
        }
        self.session = meta.answers.then_some(meta.session);
        if self.index != meta.index {
            (self.index, self.end) = (meta.index, 0);
        }
        self.state = state;
        self.is_due_at(now);
    }

    fn block(&mut self, number: u32) {
        self.end = self.end.max(number.saturating_add(1));
    }

    fn ended(&mut self, now: Instant, state: AckState) {
        self.state = state;
        self.is_due_at(now);
    }

    fn session_ended(&mut self, now: Instant, end: &SessionEnd) {
        if self.session == Some(end.session) {
            self.session_ended = true;
            self.heard |= end.heard;
            self.is_due_at(now);
        }
    }
}

//! [`SendSession`]: everything that sending decides where packets may get lost, without a link, a thread or a clock.
//!
//! ```text
//!   objects in    | offered by whoever reads the catalog, with a source to read their bytes from
//!   packets out   | which object, which block or repair symbol or message next, and when
//!   answers in    | what came and what is missing: what goes again, how fast, and when an object is done
//! ```
//! How to drive it: [`offer`](SendSession::offer) objects while it [wants some](SendSession::wants_object), then
//! [`finish`](SendSession::finish); send what [`poll_transmit`](SendSession::poll_transmit) gives and tell
//! [`sent`](SendSession::sent); wait until [`poll_timeout`](SendSession::poll_timeout), an answer
//! ([`handle_answer`](SendSession::handle_answer)), or more of a stream; until it [is done](SendSession::is_done).

mod adapt;
mod answer;
mod object;
mod source;
mod turns;

use alloc::collections::VecDeque;
use core::time::Duration;
use std::io;

use packhorse_buffer::{Instant, Layer as _, PacketBuf};
use packhorse_packet::{Channel, Fragment, Fragments};
use packhorse_transfer::arq::{LinkMeasure, Path, Ready, Sent};
use packhorse_transfer::{
    BlockHeader, Control, ControlCodec as _, Mode, SenderConfig, SessionEnd, TransferStats, tag_of,
};

use crate::choose::Envelope;
use crate::profile::{CONTROL_MAX, MESSAGE_MAX, PIECE_MIN, Profile};
use crate::{LinkError, SendError};
use object::{Active, Next};

pub use object::Offer;
pub use source::{FileSource, Growth, ObjectSource, StreamSource};

/// Objects under way at a time, where receivers answer: many small files do not wait for one another's verdicts.
const ACTIVE_MAX: usize = 32;
/// Packets that are remembered for the round-trip time.
const LOG: usize = 4096;
/// How long nothing is heard before the receiver is given up.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often SESSION END is repeated when it is not answered.
const FAREWELLS: u32 = 5;

/// How a session sends.
#[derive(Clone, Copy, Debug)]
pub struct SendPlan {
    /// How objects are sent.
    pub config: SenderConfig,
    /// Bytes of a block.
    pub block: u32,
    /// Receivers answer.
    pub answers: bool,
    /// A random number that no other session has.
    pub session: u64,
    /// Objects in the session, 0 while that is not known.
    pub objects: u32,
    /// How long to wait for a receiver that says nothing.
    pub patience: Duration,
    /// The chance of a packet to be lost: with a fountain of 0 percent, each object gets the repair that suits it.
    pub loss: Option<f64>,
    /// With answers: what goes around a block, where objects that have not begun yet are cut for the link as it was measured.
    pub fit: Option<Envelope>,
}

/// Sends objects over one link, in one profile.
pub struct SendSession<P: Profile, S> {
    stack: P::Stack,
    plan: SendPlan,
    path: Option<Path<Box<[Sent]>>>,
    active: VecDeque<Active<S>>,
    /// Of a carousel: whose turn it is; behind the last one, that of the object offered next.
    turn: usize,
    /// Packets that were sent when the link was judged last.
    judged: u64,
    /// Pieces of messages that are next.
    pieces: VecDeque<Piece>,
    /// Which object the packet handed out last was of.
    last: Option<u32>,
    next_index: u32,
    finished: bool,
    ending: Ending,
    message_id: u8,
    events: VecDeque<SendEvent>,
    /// Receivers that were heard: their numbers, and when last.
    receivers: Vec<(u32, Instant)>,
    stats: TransferStats,
    failed: u64,
    strange: u64,
}

struct Piece {
    header: BlockHeader,
    channel: Channel,
    control: bool,
    bytes: Box<[u8]>,
    /// The object it is META of.
    meta_of: Option<u32>,
}

/// SESSION END.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Objects are under way.
    Not,
    /// Said so often; once more at this time.
    Said(u32, Instant),
    Done,
}

/// What happened to a [`SendSession`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendEvent {
    /// An object is done: with answers, a receiver has verified it.
    Done {
        /// Its index.
        index: u32,
        /// Its name.
        name: String,
        /// Its bytes.
        bytes: u64,
        /// Its hash.
        hash: Option<[u8; 32]>,
        /// How long it took.
        took: Duration,
    },
    /// An object was given up.
    Failed {
        /// Its index.
        index: u32,
        /// Its name.
        name: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl<P: Profile, S: ObjectSource> SendSession<P, S> {
    /// Nothing is offered yet.
    #[must_use]
    pub fn new(plan: SendPlan) -> Self {
        let log = || vec![Sent::default(); LOG].into_boxed_slice();
        Self {
            stack: P::stack(),
            path: plan.answers.then(|| Path::new(log(), P::SEQUENCE_BITS)),
            plan,
            active: VecDeque::new(),
            turn: 0,
            judged: 0,
            pieces: VecDeque::new(),
            last: None,
            next_index: 0,
            finished: false,
            ending: Ending::Not,
            message_id: 0,
            events: VecDeque::new(),
            receivers: Vec::new(),
            stats: TransferStats::default(),
            failed: 0,
            strange: 0,
        }
    }

    /// Whether another object can be offered.
    #[must_use]
    pub fn wants_object(&self) -> bool {
        if self.is_carousel() {
            return !self.finished && self.turn >= self.active.len();
        }
        let most = if self.plan.answers { ACTIVE_MAX } else { 1 };
        !self.finished && self.active.len() < most
    }

    /// The next object of the session.
    ///
    /// # Errors
    /// When the profile or the mode cannot say it; it is then not sent, and the session goes on.
    pub fn offer(&mut self, now: Instant, offer: Offer<S>) -> Result<u32, SendError> {
        let index = self.next_index;
        self.next_index += 1;
        let active = Active::new::<P>(&self.plan, index, offer, now)?;
        let mut memory = vec![0; CONTROL_MAX];
        // Found out before anything is on the wire.
        P::Codec::encode(&Control::Meta(active.meta()), &mut PacketBuf::new(&mut memory[..]))
            .map_err(|error| active.unsendable::<P>(error.to_string()))?;
        self.active.push_back(active);
        Ok(index)
    }

    /// There is no object with the next number: what was to be sent could not be read.
    pub fn skip(&mut self) {
        self.next_index += 1;
    }

    /// No more objects come.
    pub fn finish(&mut self) {
        self.finished = true;
        self.count_objects();
    }

    /// A message for `channel`, which goes before anything else.
    ///
    /// # Errors
    /// When it is too long for the profile.
    pub fn message(&mut self, channel: Channel, message: &[u8]) -> Result<(), LinkError> {
        self.message_id = self.message_id.wrapping_add(1);
        let piece = (self.plan.block as usize).max(PIECE_MIN);
        let most = if P::Codec::FRAGMENTED { piece } else { P::BLOCK_MAX as usize };
        let most_whole = if P::Codec::FRAGMENTED { MESSAGE_MAX } else { most };
        let too_long = LinkError::TooLong { len: message.len(), most: most_whole };
        if message.len() > most_whole {
            return Err(too_long);
        }
        for (fragment, bytes) in Fragments::new(self.message_id, message, most).map_err(|_| too_long)? {
            let number = if P::Codec::FRAGMENTED { Fragment::to_word(fragment) } else { 0 };
            let header = BlockHeader { tag: 0, number };
            let bytes = bytes.into();
            self.pieces.push_back(Piece { header, channel, control: false, bytes, meta_of: None });
        }
        Ok(())
    }

    /// The next packet, made in `memory` with `room` free bytes in front of it: send it, then tell [`sent`](Self::sent).
    /// `None`: nothing now.
    ///
    /// # Errors
    /// When a message cannot be said, or the receiver is silent for too long. What cannot be read is an event.
    pub fn poll_transmit<'m>(
        &mut self,
        now: Instant,
        memory: &'m mut Vec<u8>,
        room: usize,
    ) -> Result<Option<PacketBuf<&'m mut [u8]>>, SendError> {
        self.last = None;
        self.handle_timeout(now)?;
        if self.pieces.is_empty() && !self.active.is_empty() && !self.may_send(now) {
            return Ok(None);
        }
        let head = room + P::Stack::HEADROOM;
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                memory.resize(head + piece.bytes.len() + P::Stack::TAILROOM, 0);
                let mut buf = PacketBuf::with_headroom(&mut memory[..], head).map_err(LinkError::from)?;
                buf.put_slice(&piece.bytes).map_err(LinkError::from)?;
                let address = if piece.control { piece.channel.control() } else { piece.channel.data() };
                self.stack.push((piece.header, (address, ())), &mut buf).map_err(LinkError::from)?;
                self.last = piece.meta_of;
                return Ok(Some(buf));
            }
            let Some((at, next)) = self.next(now) else {
                // The end of the session may have been said just now.
                if self.pieces.is_empty() {
                    self.path.iter_mut().for_each(Path::idle);
                    return Ok(None);
                }
                continue;
            };
            let Some(object) = self.active.get_mut(at) else { return Ok(None) };
            let (index, tag) = (object.index, object.tag());
            match next {
                Next::Meta => {
                    let (control, id) = (Control::Meta(object.meta()), object.message_id);
                    let pieces = cut::<P>(&control, id, tag, object.block(), Some(index))?;
                    self.pieces.extend(pieces);
                }
                Next::End => match object.end() {
                    Ok(end) => {
                        let id = object.message_id.wrapping_add(1);
                        let pieces = cut::<P>(&Control::End(end), id, tag, object.block(), Some(index))?;
                        self.pieces.extend(pieces);
                    }
                    Err(error) => self.give_up(at, &unreadable(&error)),
                },
                Next::Data(transmit) => {
                    let len = object.len(transmit);
                    memory.resize(head + len + P::Stack::TAILROOM, 0);
                    let mut buf = PacketBuf::with_headroom(&mut memory[..], head).map_err(LinkError::from)?;
                    let number = match object.read(transmit, buf.put(len).map_err(LinkError::from)?) {
                        Ok(number) => number,
                        Err(error) => {
                            self.give_up(at, &unreadable(&error));
                            continue;
                        }
                    };
                    let header = BlockHeader { tag, number };
                    self.stack.push((header, (P::TRANSFER.data(), ())), &mut buf).map_err(LinkError::from)?;
                    self.last = Some(index);
                    // The borrow checker cannot see that this one leaves the loop.
                    let range = buf.range();
                    let mut buf = PacketBuf::new(&mut memory[..]);
                    let _ = buf.set_range(range);
                    return Ok(Some(buf));
                }
            }
        }
    }

    /// The packet handed out last had so many bytes on the wire.
    pub fn sent(&mut self, now: Instant, wire_bytes: u32) {
        self.stats.started.get_or_insert(now);
        self.stats.ended = Some(now);
        self.stats.packets += 1;
        self.stats.wire_bytes += u64::from(wire_bytes);
        let sequence = self.path.as_mut().map(|path| path.sent(now, wire_bytes));
        let last = self.last.take();
        let Some(object) = self.active.iter_mut().find(|object| Some(object.index) == last) else { return };
        object.sent(now, wire_bytes, sequence);
    }

    /// When [`poll_transmit`](Self::poll_transmit) has something next; `None` when only an answer or more of a stream brings
    /// that.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let ending = match self.ending {
            Ending::Said(_, at) => Some(at),
            Ending::Not | Ending::Done => None,
        };
        let Some(path) = &self.path else { return ending };
        let ready = match path.ready(now) {
            Ready::At(at) => Some(at),
            Ready::Now | Ready::AfterAnswer => None,
        };
        // Whoever has nothing under way asks with SESSION END, which has a time of its own.
        let ask = path.ask_at().filter(|_| !self.active.is_empty());
        [ready, ask, ending].into_iter().flatten().min()
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<SendEvent> {
        self.events.pop_front()
    }

    /// Whether everything is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pieces.is_empty() && self.ending == Ending::Done
    }

    /// How it went: all objects together.
    #[must_use]
    pub fn stats(&self) -> TransferStats {
        let mut stats = self.stats;
        self.active.iter().for_each(|object| object.add_to(&mut stats));
        stats
    }

    /// Objects that failed.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// What the answers told about the link.
    #[must_use]
    pub fn measure(&self) -> LinkMeasure {
        self.path.as_ref().map(Path::measure).unwrap_or_default()
    }

    /// Answers that told of what was never sent.
    #[must_use]
    pub fn strange(&self) -> u64 {
        self.strange + self.path.as_ref().map_or(0, Path::strange)
    }

    /// Bytes and size of the object under way, for whoever shows progress.
    pub fn progress(&self) -> Option<(&str, u64, Option<u64>)> {
        self.active.front().map(Active::progress)
    }

    fn may_send(&self, now: Instant) -> bool {
        self.path.as_ref().is_none_or(|path| path.ready(now) == Ready::Now)
    }

    /// The next thing to send, and of which object.
    fn next(&mut self, now: Instant) -> Option<(usize, Next)> {
        if self.is_carousel() {
            return self.next_in_turn(now);
        }
        let mut at = 0;
        while at < self.active.len() {
            let object = self.active.get_mut(at)?;
            match object.next(now) {
                Ok(Some(next)) => return Some((at, next)),
                Ok(None) if object.is_done() => self.end(at, now),
                Ok(None) => at += 1,
                Err(error) => self.give_up(at, &unreadable(&error)),
            }
        }
        if self.finished && self.active.is_empty() {
            self.farewell(now);
        }
        None
    }

    /// SESSION END: until it is answered where it can be, several times otherwise.
    fn farewell(&mut self, now: Instant) {
        if self.ending == Ending::Done {
            return;
        }
        let said = match self.ending {
            Ending::Said(_, at) if at > now => return,
            Ending::Said(said, _) => said,
            Ending::Not | Ending::Done => 0,
        };
        let unanswered = said >= FAREWELLS && self.path.is_some();
        if !P::Codec::SESSIONS || unanswered {
            self.ending = Ending::Done;
            return;
        }
        let copies = if self.path.is_some() { 1 } else { self.plan.config.end_copies.max(1) };
        for _ in 0..copies {
            self.say_end(false);
        }
        self.ending = match &self.path {
            None => Ending::Done,
            Some(path) => Ending::Said(said + 1, now + path.round_trip().timeout(said)),
        };
    }

    fn say_end(&mut self, heard: bool) {
        let end = SessionEnd { session: self.plan.session, objects: self.next_index, heard };
        let tag = tag_of(self.plan.session);
        if let Ok(pieces) = cut::<P>(&Control::SessionEnd(end), 0xFE, tag, self.plan.block, None) {
            self.pieces.extend(pieces);
        }
    }

    /// Lets go of what has ended, also while nothing may be sent: the next ones are asked for then.
    fn sweep(&mut self, now: Instant) {
        while let Some(at) = self.active.iter().position(Active::is_done) {
            self.end(at, now);
        }
    }

    fn end(&mut self, at: usize, now: Instant) {
        let Some(object) = self.active.remove(at) else { return };
        object.add_to(&mut self.stats);
        match object.verdict(now) {
            Ok(done) => self.events.push_back(done),
            Err(failed) => {
                self.failed += 1;
                self.events.push_back(failed);
            }
        }
    }

    fn give_up(&mut self, at: usize, reason: &str) {
        let Some(object) = self.active.remove(at) else { return };
        object.add_to(&mut self.stats);
        self.failed += 1;
        let (index, name, reason) = (object.index, object.name, reason.to_owned());
        self.events.push_back(SendEvent::Failed { index, name, reason });
    }
}

/// Where the mode needs this way of sending: blocks that are read more than once, or code, or answers.
pub(crate) const fn needs_session(mode: Mode, answers: bool) -> bool {
    answers || matches!(mode, Mode::Fountain { .. } | Mode::Arq)
}

fn unreadable(error: &io::Error) -> String {
    format!("it could not be read: {error}; send it again")
}

/// The pieces of a control message.
fn cut<P: Profile>(
    control: &Control<'_>,
    id: u8,
    tag: u16,
    block: u32,
    meta_of: Option<u32>,
) -> Result<Vec<Piece>, SendError> {
    let mut memory = vec![0; CONTROL_MAX];
    let mut buf = PacketBuf::new(&mut memory[..]);
    P::Codec::encode(control, &mut buf).map_err(|error| LinkError::Io(error.to_string()))?;
    let most = if P::Codec::FRAGMENTED { (block as usize).max(PIECE_MIN) } else { CONTROL_MAX };
    let pieces =
        Fragments::new(id, buf.as_slice(), most).map_err(|error| LinkError::Io(error.to_string()))?;
    Ok(pieces
        .map(|(fragment, piece)| Piece {
            header: BlockHeader { tag, number: if P::Codec::FRAGMENTED { fragment.to_word() } else { 0 } },
            channel: P::TRANSFER,
            control: true,
            bytes: piece.into(),
            meta_of,
        })
        .collect())
}

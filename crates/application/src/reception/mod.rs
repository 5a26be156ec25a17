//! [`ReceiveSession`]: everything that receiving decides, without a link, a disk, a thread or a clock.
//!
//! ```text
//!   packets in    | pull link, packet, transfer header -> whose block is it? where does it belong?
//!   commands out  | begin, write this there, decode, verify, give up          to whoever has the disk
//!   outcomes in   | landed, damaged, decoded
//!   answers out   | what came and what is missing                             on links with a way back
//! ```
//! How to drive it: [`handle_packet`](ReceiveSession::handle_packet) for every packet; then carry out
//! [`take_commands`](ReceiveSession::take_commands) in their order, and tell
//! [`handle_outcome`](ReceiveSession::handle_outcome) what came of them; send what
//! [`poll_transmit`](ReceiveSession::poll_transmit) gives, and come back at
//! [`poll_timeout`](ReceiveSession::poll_timeout). Nothing that arrives can end it but a full disk; what is wrong is counted and
//! dropped.

mod answer;
mod control;
mod orphans;
mod outcome;
mod repair;
mod senders;

pub(crate) use repair::{DecodeJob, Fountain};

use core::ops::Range;

use packhorse_buffer::{Instant, Layer as _, PacketBuf};
use packhorse_transfer::{ControlCodec as _, ReceiverEvent, Refused};

use crate::ReceiveError;
use crate::assembly::Assemblies;
use crate::objects::{Label, ObjectKind, Objects, Stage};
use crate::profile::{MESSAGE_MAX, Profile};
use crate::progress::{Event, Watch};
use crate::received::missing;
use crate::report::ReceiveReport;
use crate::sessions::Sessions;
use crate::until::Until;
use crate::writer::{Command, Delivery};
use answer::Answers;
use orphans::Orphans;
use senders::Senders;

/// Receives whatever comes over a link, in one profile.
pub struct ReceiveSession<P: Profile> {
    pub(crate) stack: P::Stack,
    /// Commands that are due before the deliveries at hand.
    first: Vec<Command>,
    deliveries: Vec<Delivery>,
    /// Commands that are due behind them.
    due: Vec<Command>,
    objects: Objects,
    assemblies: Assemblies,
    sessions: Sessions,
    orphans: Orphans,
    senders: Senders,
    answers: Option<Answers>,
    /// A META for which there is no place before the disk has told more.
    waiting: Option<(Label, Vec<u8>)>,
    /// What ends everything.
    broken: Option<ReceiveError>,
    now: Instant,
    pub(crate) report: ReceiveReport,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It was taken, or counted and dropped.
    Taken,
    /// Its check failed: the framing looks for packets inside.
    Damaged,
    /// No more objects can be open before the disk has told what became of some: carry out the commands, tell the outcomes,
    /// and then call [`ReceiveSession::retry`].
    Crowded,
}

impl<P: Profile> ReceiveSession<P> {
    /// `receiver`: a random number under which this receiver answers, on a link with a way back.
    #[must_use]
    pub fn new(now: Instant, receiver: Option<u32>) -> Self {
        Self {
            stack: P::stack(),
            first: Vec::new(),
            deliveries: Vec::new(),
            due: Vec::new(),
            objects: Objects::default(),
            assemblies: Assemblies::default(),
            sessions: Sessions::default(),
            orphans: Orphans::default(),
            senders: Senders::default(),
            answers: receiver.map(|receiver| Answers::new(receiver, P::SEQUENCE_BITS)),
            waiting: None,
            broken: None,
            now,
            report: ReceiveReport::default(),
        }
    }

    /// A packet came from `source` (0 where a link has but one sender). It lies `at` bytes into the memory that the deliveries
    /// tell of, and its headers are pulled in place.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        source: u64,
        packet: &mut [u8],
        at: usize,
        watch: &mut dyn Watch,
    ) -> Handled {
        self.now = now;
        let wire = packet.len();
        let mut buf = PacketBuf::filled(packet);
        let (header, (arrival, ())) = match self.stack.pull(&mut buf) {
            Ok(up) => up,
            Err(error) => {
                tracing::debug!(%error, "packet dropped");
                if error.layer == "link" {
                    if let Some(answers) = &mut self.answers {
                        answers.damaged();
                    }
                    return Handled::Damaged;
                }
                return Handled::Taken;
            }
        };
        let body = at + buf.range().start..at + buf.range().end;
        self.report.transfer.packets += 1;
        self.report.transfer.started.get_or_insert(now);
        self.report.transfer.ended = Some(now);
        let channel = arrival.address.channel;
        let label = (source, channel.get(), header.tag);
        if source != 0 {
            self.senders.came(source, arrival.sequence, P::SEQUENCE_BITS);
        }
        let control = arrival.address.control;
        if let Some(answers) = &mut self.answers {
            answers.arrived(now, label, arrival.sequence, wire, control);
        }
        let bytes = buf.as_slice();
        if control {
            self.control(label, header.number, bytes, watch);
        } else if self.objects.get_mut(label).is_some() {
            self.block(label, header.number, bytes, Some(body), watch);
        } else if channel == P::TRANSFER {
            if P::Codec::FRAGMENTED && self.orphans.keep(label, header.number, bytes) {
                return Handled::Taken;
            }
            self.report.dropped.unannounced += 1;
        } else {
            self.message(label, header.number, bytes, watch);
        }
        if self.waiting.is_some() { Handled::Crowded } else { Handled::Taken }
    }

    /// The commands and deliveries so far, in the order in which they are due. Deliveries tell of the memory that the packets
    /// were in.
    pub(crate) fn take_commands(
        &mut self,
        fresh: Vec<Delivery>,
    ) -> (Vec<Command>, Vec<Delivery>, Vec<Command>) {
        let first = core::mem::take(&mut self.first);
        let deliveries =
            if self.deliveries.is_empty() { fresh } else { core::mem::replace(&mut self.deliveries, fresh) };
        (first, deliveries, core::mem::take(&mut self.due))
    }

    /// What ends everything, if something has happened that does.
    pub(crate) fn take_broken(&mut self) -> Option<ReceiveError> {
        self.broken.take()
    }

    /// A block or a repair symbol of a known object. Without `body` it lies in no memory that a delivery could tell of.
    fn block(
        &mut self,
        label: Label,
        number: u32,
        bytes: &[u8],
        body: Option<Range<usize>>,
        watch: &mut dyn Watch,
    ) {
        let Some(object) = self.objects.get_mut(label) else { return };
        let key = object.key;
        object.heard = self.now;
        // Everything has come already, which its sender cannot know yet.
        let enough = object.stage == Stage::Verifying;
        let Some(receiver) = object.receiver.as_mut().filter(|_| !enough) else {
            self.report.transfer.repeats += 1;
            return;
        };
        if number >> 31 != 0 && object.fountain.is_some() {
            // Its place may turn out to hold a block that an earlier receiver left.
            if object.begun {
                self.repair(label, number, bytes, body, watch);
            } else {
                self.orphans.keep(label, number, bytes);
            }
            return;
        }
        if object.fountain.as_ref().is_some_and(|fountain| fountain.gather.awaits_decoding(number)) {
            self.report.transfer.repeats += 1;
            return;
        }
        match receiver.handle_block(self.now, number, bytes.len()) {
            Ok(place) => {
                self.report.transfer.blocks += 1;
                self.report.transfer.bytes += u64::from(place.len);
                object.highest = object.highest.max(Some(number));
                if let Some(fountain) = &mut object.fountain {
                    fountain.gather.handle_block(number);
                }
                self.deliver(Delivery { key, offset: place.offset, range: 0..0, repair: false }, bytes, body);
            }
            Err(Refused::Repeat) => self.report.transfer.repeats += 1,
            Err(refused) => {
                tracing::debug!(?refused, number, "block dropped");
                match refused {
                    Refused::SetFull => self.report.dropped.crowded += 1,
                    _ => self.report.dropped.misplaced += 1,
                }
                return;
            }
        }
        self.events(label, watch);
    }

    /// Says where bytes are to be written: from the memory that they came in, or from a copy.
    fn deliver(&mut self, delivery: Delivery, bytes: &[u8], body: Option<Range<usize>>) {
        match body {
            Some(range) => self.deliveries.push(Delivery { range, ..delivery }),
            None => {
                let Delivery { key, offset, repair, .. } = delivery;
                self.due.push(Command::Write { key, offset, repair, bytes: bytes.into() });
            }
        }
    }

    fn message(&mut self, label: Label, word: u32, bytes: &[u8], watch: &mut dyn Watch) {
        let (source, channel, _) = label;
        if self.assemble((source, channel, 0, false), word, bytes, MESSAGE_MAX) {
            self.report.messages += 1;
            let message = self.assemblies.take_message();
            watch.event(Event::Message { channel, bytes: &message });
            self.assemblies.recycle(message);
        }
    }

    /// What the transfer's receiver has to tell.
    fn events(&mut self, label: Label, watch: &mut dyn Watch) {
        let Some(object) = self.objects.get_mut(label) else { return };
        let Some(receiver) = object.receiver.as_mut() else { return };
        let mut complete = false;
        let mut conflict = false;
        while let Some(event) = receiver.poll_event() {
            match event {
                ReceiverEvent::Complete => complete = true,
                ReceiverEvent::ConflictingMeta | ReceiverEvent::ConflictingEnd => conflict = true,
                ReceiverEvent::Started | ReceiverEvent::EndedIncomplete { .. } => {}
            }
        }
        if conflict && !core::mem::replace(&mut object.warned, true) {
            let text =
                format!("'{}' was announced again with other properties; the first ones count", object.name);
            watch.event(Event::Warning { text: &text });
        }
        let Some(receiver) = object.receiver.as_ref().filter(|_| complete) else { return };
        object.stage = Stage::Verifying;
        object.hash = receiver.hash();
        if let (Some(layout), Some(hash)) = (receiver.layout(), receiver.hash()) {
            let (key, size, attributes) = (object.key, layout.size(), object.attributes);
            if object.kind != ObjectKind::Folder {
                self.due.push(Command::Complete { key, size, hash, attributes });
            }
        }
        object.fountain = None;
    }

    fn fail(&mut self, key: u32, reason: &str, watch: &mut dyn Watch) {
        // At once: blocks of it that are still to be handed over are dropped there.
        self.first.push(Command::Abandon { key });
        if let Some(object) = self.objects.end(key, Stage::Failed) {
            self.report.failed += 1;
            watch.event(Event::Failed { name: &object.name.to_string(), reason });
            if let Some(answers) = &mut self.answers {
                answers.told(object.label.0, object.session, object.key, self.now);
            }
            object.shrink();
        }
    }

    /// Tells how far the open objects are.
    pub(crate) fn tell(&self, watch: &mut dyn Watch) {
        for object in self.objects.open() {
            if let Some(receiver) = object.receiver.as_ref().filter(|_| object.stage == Stage::Open) {
                let size = receiver.layout().map(|layout| layout.size());
                watch.event(Event::Progress {
                    name: &object.name.to_string(),
                    bytes: receiver.stats().bytes,
                    size,
                });
            }
        }
    }

    /// The link is over: what is incomplete has failed.
    pub fn close(&mut self, watch: &mut dyn Watch) {
        let broken: Vec<(u32, String)> = self
            .objects
            .open()
            .filter(|object| object.stage == Stage::Open)
            .map(|object| (object.key, missing(object)))
            .collect();
        for (key, reason) in broken {
            self.fail(key, &reason, watch);
        }
        self.report.dropped.unannounced += self.orphans.left();
        self.report.unheard = self.sessions.unheard();
        self.report.unended = self.sessions.unended();
        self.report.checks = P::check_stats(&self.stack);
        let pulled = P::packet_stats(&self.stack);
        self.report.packets = self.senders.stats(pulled.short).unwrap_or(pulled);
    }

    /// Nothing more can be received, for this reason: senders that listen are told, as soon as what
    /// [`poll_transmit`](Self::poll_transmit) gives is sent. Each further call tells them once more.
    pub fn give_up(&mut self, now: Instant, reason: &str, watch: &mut dyn Watch) {
        self.now = now;
        let open: Vec<u32> = self.objects.open().map(|object| object.key).collect();
        for key in open {
            self.fail(key, reason, watch);
        }
        if let Some(answers) = &mut self.answers {
            answers.tell_again(now);
        }
    }

    /// What was received.
    #[must_use]
    pub fn report(&self) -> &ReceiveReport {
        &self.report
    }

    /// Objects of which everything has come, and nobody has said yet what came of them.
    pub(crate) fn verifying(&self) -> usize {
        self.objects.verifying()
    }

    /// Whether nothing more is to be waited for, though the link has not ended.
    #[must_use]
    pub fn is_over(&self, now: Instant, until: Until) -> bool {
        match until {
            Until::Stopped => false,
            Until::LinkEnds => self.sessions.any_complete(),
            Until::SessionComplete => {
                let may_leave = || self.answers.as_ref().is_none_or(|answers| answers.may_leave(now));
                let over = self.sessions.any_complete() || (self.sessions.any_ended() && may_leave());
                over && !self.others_go_on(now)
            }
        }
    }

    /// Whether another sender of the link is in the middle of its session.
    fn others_go_on(&self, now: Instant) -> bool {
        let mut open = self.objects.open();
        self.sessions.any_goes_on(now)
            || open.any(|object| self.sessions.goes_on(object.session, object.heard, now))
    }

    /// Answers senders that listen, under this random number.
    pub(crate) fn answer(&mut self, receiver: u32) {
        self.answers = Some(Answers::new(receiver, P::SEQUENCE_BITS));
    }

    /// Whether there are deliveries that were not taken yet.
    pub(crate) fn has_deliveries(&self) -> bool {
        !self.deliveries.is_empty()
    }

    /// Whether an object is open of which the writer has not said yet what an earlier receiver left.
    pub(crate) fn is_beginning(&self) -> bool {
        self.objects
            .open()
            .any(|object| object.stage == Stage::Open && object.kind != ObjectKind::Folder && !object.begun)
    }

    /// Whether something is being decoded, or will be as soon as its place is known.
    pub(crate) fn is_decoding(&self) -> bool {
        self.objects.open().filter(|object| object.stage == Stage::Open).any(|object| {
            object.fountain.as_ref().is_some_and(|fountain| !object.begun || fountain.gather.is_decoding())
        })
    }
}

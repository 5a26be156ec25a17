//! [`Incoming`]: receives whatever comes over a link: files, folders and streams to the writer, messages to the watcher.
//!
//! ```text
//!   this thread      receive -> deframe -> pull link, packet, transfer header -> where does the block belong?
//!   writer thread    write + hash what was received before
//! ```
//! Nothing that arrives can end it but the end of the link or a full disk; what is wrong is counted and dropped.

use core::ops::Range;
use core::time::Duration;

use packhorse_buffer::{Clock as _, Instant, Layer as _, PacketBuf, SystemClock};
use packhorse_link::{Framing, Transport};
use packhorse_packet::{Channel, Fragment};
use packhorse_transfer::{
    Control, ControlCodec, End, Meta, ObjectKind, ReceiverEvent, Refused, TransferStats,
};

use crate::ReceiveError;
use crate::assembly::{Assemblies, Origin};
use crate::inlet::{Came, Inlet};
use crate::objects::{Announced, Label, Objects, Stage};
use crate::partial::Identity;
use crate::profile::{CONTROL_MAX, MESSAGE_MAX, Profile};
use crate::progress::{Event, Watch};
use crate::received::{Received, missing};
use crate::report::ReceiveReport;
use crate::sessions::Sessions;
use crate::writer::{Batch, Command, Delivery, Target, Writer};

/// Longest wait for the writer when no more objects can be open.
const CATCH_UP: Duration = Duration::from_millis(100);
/// How often progress is told, at most.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// When receiving is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// The link ends: pipes, recorded files.
    #[default]
    LinkEnds,
    /// A session is complete: links that never end.
    SessionComplete,
}

/// Receives from one link, in one profile.
pub struct Incoming<P: Profile, F, T> {
    stack: P::Stack,
    inlet: Inlet<F, T, P::Probe>,
    until: Until,
    deliveries: Vec<Delivery>,
    /// Commands that are due behind the deliveries at hand.
    due: Vec<Command>,
    pub(crate) writer: Writer<P::Probe>,
    pub(crate) objects: Objects,
    assemblies: Assemblies,
    sessions: Sessions,
    /// What ends the session as soon as the packet at hand is done with.
    broken: Option<ReceiveError>,
    /// The writer had nothing to tell when it was waited for.
    pub(crate) stalled: bool,
    clock: SystemClock,
    pub(crate) now: Instant,
    told: Instant,
    pub(crate) report: ReceiveReport,
}

impl<P: Profile, F: Framing, T: Transport> Incoming<P, F, T>
where
    T::Error: core::fmt::Display,
{
    /// Receives over `transport` through `framing` into `target`. `seen` was already read from the link.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(
        framing: F,
        transport: T,
        target: Target,
        until: Until,
        seen: &[u8],
    ) -> Result<Self, ReceiveError> {
        let packet = P::BLOCK_MAX as usize + P::Stack::HEADROOM + P::Stack::TAILROOM;
        let transfer = TransferStats { wire_bytes: seen.len() as u64, ..TransferStats::default() };
        let writer = Writer::start(target, P::Codec::HASH).map_err(ReceiveError::Threads)?;
        let clock = SystemClock;
        let now = clock.now();
        Ok(Self {
            stack: P::stack(),
            inlet: Inlet::new(framing, transport, packet, seen),
            until,
            deliveries: Vec::new(),
            due: Vec::new(),
            writer,
            objects: Objects::default(),
            assemblies: Assemblies::default(),
            sessions: Sessions::default(),
            broken: None,
            stalled: false,
            clock,
            now,
            told: now,
            report: ReceiveReport { transfer, ..ReceiveReport::default() },
        })
    }

    /// Receives until it is over.
    ///
    /// # Errors
    /// When the link or the disk fails. Damaged and missing objects are no errors: the report counts them.
    pub fn receive(mut self, watch: &mut dyn Watch) -> Result<Received<P>, ReceiveError> {
        let result = self.listen(watch);
        if result.is_err() {
            // What was whole lands before anybody is told, and partial files are gone.
            self.hand_over();
            self.writer.finish();
        }
        result?;
        self.close(watch)
    }

    fn listen(&mut self, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        self.take_packets(watch);
        while !self.is_over(watch)? {
            self.outcomes(watch)?;
            if !self.fill()? {
                break;
            }
            self.now = self.clock.now();
            self.take_packets(watch);
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            self.tell(watch);
        }
        while let Some(range) = self.inlet.rest() {
            self.packet(range, watch);
        }
        Ok(())
    }

    /// Reads what has come. False at the end of the link.
    fn fill(&mut self) -> Result<bool, ReceiveError> {
        // The read may wait for long: nothing that has come waits with it.
        self.hand_over();
        match self.inlet.receive()? {
            Came::Bytes(len) => self.report.transfer.wire_bytes += len as u64,
            Came::Nothing => {}
            Came::Ended => return Ok(false),
        }
        Ok(true)
    }

    /// Gives the writer the memory received so far and the blocks in it, then what was due behind them.
    fn hand_over(&mut self) {
        if !self.deliveries.is_empty()
            && let Some(memory) = self.inlet.take_memory()
        {
            let deliveries = core::mem::replace(&mut self.deliveries, self.writer.recycle());
            self.writer.give(Command::Batch(Batch { memory, deliveries }));
        }
        for command in self.due.drain(..) {
            self.writer.give(command);
        }
    }

    fn take_packets(&mut self, watch: &mut dyn Watch) {
        while let Some(range) = self.inlet.next() {
            self.packet(range, watch);
        }
    }

    fn packet(&mut self, range: Range<usize>, watch: &mut dyn Watch) {
        let start = range.start;
        let mut buf = PacketBuf::filled(self.inlet.packet_mut(range));
        let (header, (arrival, ())) = match self.stack.pull(&mut buf) {
            Ok(up) => up,
            Err(error) => {
                tracing::debug!(%error, "packet dropped");
                if error.layer == "link" {
                    self.inlet.reject();
                }
                return;
            }
        };
        let body = start + buf.range().start..start + buf.range().end;
        self.report.transfer.packets += 1;
        self.report.transfer.started.get_or_insert(self.now);
        self.report.transfer.ended = Some(self.now);
        let channel = arrival.address.channel;
        // Tags are the sender's: two of them may use the same.
        let label = (self.inlet.source(), channel.get(), header.tag);
        if arrival.address.control {
            self.control(label, header.number, body, watch);
        } else if self.objects.get_mut(label).is_some() {
            self.block(label, header.number, body, watch);
        } else if channel == P::TRANSFER {
            self.report.dropped.unannounced += 1;
        } else {
            self.message(channel, header.number, body, watch);
        }
    }

    fn block(&mut self, label: Label, number: u32, body: Range<usize>, watch: &mut dyn Watch) {
        let Some(object) = self.objects.get_mut(label) else { return };
        let key = object.key;
        object.heard = self.now;
        let Some(receiver) = object.receiver.as_mut() else {
            self.report.transfer.repeats += 1;
            return;
        };
        match receiver.handle_block(self.now, number, body.len()) {
            Ok(place) => {
                self.report.transfer.blocks += 1;
                self.report.transfer.bytes += u64::from(place.len);
                self.deliveries.push(Delivery { key, offset: place.offset, range: body });
            }
            Err(Refused::Repeat) => self.report.transfer.repeats += 1,
            Err(refused) => {
                tracing::debug!(?refused, number, "block dropped");
                self.report.dropped.misplaced += 1;
                return;
            }
        }
        self.events(label, watch);
    }

    fn control(&mut self, label: Label, word: u32, body: Range<usize>, watch: &mut dyn Watch) {
        let (source, channel, tag) = label;
        if !self.assemble((source, channel, tag, true), word, body, CONTROL_MAX) {
            return;
        }
        let message = self.assemblies.take_message();
        match P::Codec::decode(&message) {
            Ok(Control::Meta(meta)) if meta.hash_kind == P::Codec::HASH && meta.tag() == tag => {
                self.meta(label, &meta, watch);
            }
            Ok(Control::Meta(_)) => self.report.dropped.refused += 1,
            Ok(Control::End(end)) => self.end(label, &end, watch),
            Ok(Control::SessionEnd(end)) => self.sessions.end(end),
            // What another receiver tells the sender, on a link that all of them hear.
            Ok(Control::Ack(_)) => {}
            Err(error) => {
                tracing::debug!(%error, "control message dropped");
                self.report.dropped.bad_control += 1;
            }
        }
        self.assemblies.recycle(message);
    }

    /// Takes a piece of a message; true when that makes it whole.
    fn assemble(&mut self, origin: Origin, word: u32, body: Range<usize>, most: usize) -> bool {
        let fragment = if P::Codec::FRAGMENTED { Fragment::from_word(word) } else { Ok(Fragment::whole(0)) };
        let piece = self.inlet.packet_mut(body);
        fragment.and_then(|fragment| self.assemblies.handle(origin, fragment, piece, most)).unwrap_or_else(
            |error| {
                tracing::debug!(%error, "piece of a message dropped");
                self.report.dropped.bad_control += 1;
                false
            },
        )
    }

    fn meta(&mut self, label: Label, meta: &Meta<'_>, watch: &mut dyn Watch) {
        self.report.transfer.metas += 1;
        if self.objects.is_full() {
            self.catch_up(label.0, watch);
        }
        match self.objects.announce(label, meta, P::Codec::SESSIONS, self.now) {
            Announced::New { key, replaced } => {
                let Some(name) = self.objects.get_mut(label).map(|object| object.name.clone()) else {
                    return;
                };
                if let Some(replaced) = replaced {
                    self.fail(replaced, "another file began before it was complete; send it again", watch);
                }
                if P::Codec::SESSIONS {
                    self.sessions.hear_of(meta);
                }
                watch.event(Event::Started { name: &name.to_string(), size: meta.size });
                tracing::info!(%name, size = meta.size, "object announced");
                match meta.kind {
                    ObjectKind::Folder => {
                        let attributes = crate::inbox::Attributes { mode: meta.mode, modified: meta.mtime };
                        self.due.push(Command::Folder { key, name, attributes });
                    }
                    ObjectKind::File | ObjectKind::Stream => {
                        // A hash that is there from the first announcement on is there in each.
                        let hash = meta.hash.filter(|_| P::HASH_FIRST);
                        let identity = Identity::new(meta.size, meta.mtime, hash);
                        self.writer.give(Command::Begin { key, name, identity });
                    }
                }
            }
            Announced::Known => {
                if let Some(receiver) =
                    self.objects.get_mut(label).and_then(|object| object.receiver.as_mut())
                {
                    receiver.handle_meta(self.now, meta);
                }
            }
            Announced::Ended => return,
            Announced::Refused => {
                self.report.dropped.refused += 1;
                // Or it would count as delivered, and there may be a place for it later.
                self.assemblies.forget((label.0, label.1, label.2, true));
                return;
            }
        }
        self.events(label, watch);
    }

    fn end(&mut self, label: Label, end: &End, watch: &mut dyn Watch) {
        self.report.transfer.ends += 1;
        let now = self.now;
        if let Some(receiver) = self.objects.get_mut(label).and_then(|object| object.receiver.as_mut()) {
            receiver.handle_end(now, end);
            self.events(label, watch);
        }
    }

    fn message(&mut self, channel: Channel, word: u32, body: Range<usize>, watch: &mut dyn Watch) {
        if self.assemble((self.inlet.source(), channel.get(), 0, false), word, body, MESSAGE_MAX) {
            self.report.messages += 1;
            let message = self.assemblies.take_message();
            watch.event(Event::Message { channel: channel.get(), bytes: &message });
            self.assemblies.recycle(message);
        }
    }

    /// No more objects can be open: gives up one whose sender is done with it, or waits for one that is verified.
    fn catch_up(&mut self, source: u64, watch: &mut dyn Watch) {
        while self.objects.is_full() && self.broken.is_none() {
            if let Some((key, reason)) = self.objects.hopeless().map(|object| (object.key, missing(object))) {
                self.fail(key, &reason, watch);
                continue;
            }
            if let Some(key) = self.objects.victim(source, self.now).map(|object| object.key) {
                self.fail(key, "another object needed its place; send it again", watch);
                continue;
            }
            if self.stalled || self.objects.verifying() == 0 {
                return;
            }
            self.hand_over();
            // Bounded, and once: in a stream the verified ones may have to wait for one that is still open.
            match self.writer.outcomes.recv_timeout(CATCH_UP) {
                Ok(outcome) => self.broken = self.outcome(outcome, watch).err(),
                Err(_) => self.stalled = true,
            }
        }
    }

    /// What the transfer's receiver has to tell.
    pub(crate) fn events(&mut self, label: Label, watch: &mut dyn Watch) {
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
    }

    /// Whether nothing more is to be waited for. On a link that never ends that is so when a session has ended: what
    /// is incomplete then has failed, and what is being verified is waited for.
    fn is_over(&mut self, watch: &mut dyn Watch) -> Result<bool, ReceiveError> {
        if self.until != Until::SessionComplete || !self.sessions.any_ended() {
            return Ok(false);
        }
        self.hand_over();
        while self.objects.verifying() > 0 {
            let Ok(outcome) = self.writer.outcomes.recv() else { break };
            self.outcome(outcome, watch)?;
        }
        Ok(true)
    }

    fn tell(&mut self, watch: &mut dyn Watch) {
        if self.now.since(self.told) < TELL_EVERY {
            return;
        }
        self.told = self.now;
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
    fn close(mut self, watch: &mut dyn Watch) -> Result<Received<P>, ReceiveError> {
        self.hand_over();
        let broken: Vec<(u32, String)> = self
            .objects
            .open()
            .filter(|object| object.stage == Stage::Open)
            .map(|object| (object.key, missing(object)))
            .collect();
        for (key, reason) in broken {
            self.fail(key, &reason, watch);
        }
        self.hand_over();
        let (outcomes, finished) = self.writer.finish();
        self.now = self.clock.now();
        for outcome in outcomes {
            self.outcome(outcome, watch)?;
        }
        if let Err(lost) = finished.closing {
            watch.event(Event::Warning { text: &lost.to_string() });
        }
        self.report.transfer.ended = self.report.transfer.started.map(|_| self.clock.now());
        self.report.unheard = self.sessions.unheard();
        self.report.unended = self.sessions.unended();
        self.report.frames = self.inlet.frame_stats();
        self.report.checks = P::check_stats(&self.stack);
        self.report.packets = P::packet_stats(&self.stack);
        Ok(Received {
            report: self.report,
            stack: self.stack,
            received: self.inlet.received,
            deframed: self.inlet.deframed,
            written: finished.writing,
        })
    }
}

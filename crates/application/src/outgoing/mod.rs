//! [`Outgoing`]: sends files, folders and byte streams over a link, with messages between their blocks.
//!
//! ```text
//!   loader thread     read + hash a slab ahead
//!   this thread       poll the transfer's sender -> push transfer, packet, link header -> frame -> write
//! ```
//! The thread that calls [`Outgoing::send`] does the sending; nothing here knows what the layers look like. Where blocks are read
//! more than once, coded or acknowledged, a [`SendSession`](crate::SendSession) decides instead: see `session`.

mod blocks;
mod form;
mod messages;
mod open;
mod session;

pub use session::Answers;

use open::unsendable;

use core::hash::{BuildHasher as _, Hasher as _};
use core::time::Duration;

use packhorse_buffer::timing::{Row, Timings};
use packhorse_buffer::{Clock as _, Layer, SystemClock};
use packhorse_link::{Boundaries, Framing, Transport};
use packhorse_transfer::{
    Control, ControlCodec, End, Meta, Mode, ObjectKind, Pace, Pacer, Sender, SenderConfig, SessionEnd,
    Transmit, tag_of,
};

use crate::SendError;
use crate::catalog::{Catalog, Entry};
use crate::feed::{Feed, Messages};
use crate::outlet::Outlet;
use crate::profile::{CONTROL_MAX, Profile};
use crate::progress::{Event, Watch};
use crate::report::{SendReport, add};
use crate::settings::{SendSettings, ahead, config, smooth};
use crate::slab::Shape;
use crate::transmission::PATIENCE;
use crate::transmission::needs_session;

/// How often progress is told, at most.
const TELL_EVERY: Duration = Duration::from_millis(50);
/// Packets between two looks at the clock and at what else came, when nothing is paced.
const LOOK_EVERY: u32 = 32;

/// Sends over one link, in one profile.
pub struct Outgoing<P: Profile, F, T> {
    stack: P::Stack,
    outlet: Outlet<F, T, P::Probe>,
    feed: Feed,
    clock: SystemClock,
    config: SenderConfig,
    block: u32,
    /// Headroom of a packet with its frame.
    room: usize,
    /// Where control messages are encoded.
    message: Vec<u8>,
    /// Where packets that are not blocks are made.
    packet: Vec<u8>,
    /// Keeps the whole link to its pace, whatever is sent over it.
    pacer: Option<Pacer>,
    /// Number of the META under way, the END that belongs to it has the next one; and of the last message.
    meta_id: u8,
    message_id: u8,
    session: u64,
    /// Receivers answer.
    duplex: bool,
    /// The chance of a packet to be lost.
    loss: Option<f64>,
    /// Bytes of a frame around a packet, where blocks follow what is measured.
    fits: Option<usize>,
    /// How long receivers may be silent.
    patience: Duration,
    /// Copies of a block follow it, object by object.
    chooses_copies: bool,
    /// Objects are sent compressed.
    compress: bool,
    /// Where there is a pace: a message goes next, if one waits.
    message_next: bool,
    report: SendReport,
}

impl<P: Profile, F: Framing, T: Transport> Outgoing<P, F, T>
where
    T::Error: core::fmt::Display,
{
    /// Sends through `framing` over `transport`.
    ///
    /// # Errors
    /// When the block size does not suit profile or transport, or the system gives no thread.
    pub fn new(framing: F, transport: T, settings: &SendSettings) -> Result<Self, SendError> {
        let chooses_copies = settings.chooses_copies();
        let settings = &settings.with_copies();
        let lossy = settings.mode != Mode::Once;
        let default = if lossy { P::BLOCK_LOSSY } else { smooth(P::BLOCK, settings.pace) };
        let block = settings.block.unwrap_or(default);
        let room = P::Stack::HEADROOM + F::IN_PLACE.unwrap_or(0);
        let most = match transport.boundaries() {
            Boundaries::Bytes => P::BLOCK_MAX as usize,
            Boundaries::Packets => transport
                .mtu()
                .saturating_sub(P::Stack::HEADROOM + P::Stack::TAILROOM)
                .min(P::BLOCK_MAX as usize),
        };
        if block == 0 || block as usize > most {
            // An explicit size is the user's mistake; a default one gives way to the link.
            if settings.block.is_some() || most == 0 {
                return Err(SendError::Block { profile: P::NAME, asked: block, most });
            }
        }
        let block = block.min(u32::try_from(most).unwrap_or(u32::MAX));
        let shape = Shape { room, block: block as usize, tail: P::Stack::TAILROOM };
        let config = config::<P>(settings, block);
        // A framing that encodes copies every block already.
        let staged = F::IN_PLACE.is_some() || transport.boundaries() == Boundaries::Packets;
        let feed = Feed::new(ahead::<P>(shape, settings.mode, config.stream_window, staged))
            .map_err(SendError::Threads)?;
        let session = random();
        let overhead = u32::try_from(room + P::Stack::TAILROOM).unwrap_or(u32::MAX);
        let packet = block.saturating_add(overhead);
        Ok(Self {
            stack: P::stack(),
            outlet: Outlet::new(framing, transport),
            feed,
            clock: SystemClock,
            config: SenderConfig { overhead, ..config },
            block,
            room,
            message: vec![0; CONTROL_MAX],
            packet: Vec::new(),
            pacer: (settings.pace != Pace::UNLIMITED).then(|| Pacer::new(settings.pace, packet)),
            meta_id: 0,
            message_id: 0,
            session,
            duplex: settings.duplex,
            loss: settings.loss,
            fits: settings.fits.filter(|_| settings.duplex),
            patience: settings.patience.unwrap_or(PATIENCE),
            chooses_copies,
            compress: settings.compress,
            message_next: false,
            report: SendReport::default(),
        })
    }

    /// A handle by which any thread sends messages beside the files.
    #[must_use]
    pub fn messages(&self) -> Messages {
        self.feed.messages()
    }

    /// What was sent so far.
    #[must_use]
    pub fn report(&self) -> &SendReport {
        &self.report
    }

    /// Sends everything in the catalog, then says that the session is over.
    ///
    /// What cannot be read is told to `watch`, counted as failed, and does not stop the rest.
    ///
    /// # Errors
    /// When the link fails, or nothing of this kind can be sent in this profile.
    pub fn send(&mut self, catalog: &mut Catalog, watch: &mut dyn Watch) -> Result<SendReport, SendError> {
        if needs_session(self.config.mode, self.duplex) {
            return self.send_by_session(catalog, watch);
        }
        let objects = catalog.count_known().unwrap_or(0);
        let mut index = 0;
        for entry in catalog.by_ref() {
            match entry.map_err(SendError::from).and_then(|entry| self.object(&entry, index, objects, watch))
            {
                Ok(()) => self.report.objects += 1,
                Err(error) if error.ends_session() => return Err(error),
                Err(error) => {
                    self.report.failed += 1;
                    watch.event(Event::Warning { text: &error.to_string() });
                }
            }
            index += 1;
        }
        self.report.passed_over = catalog.passed_over();
        self.feed.poll();
        // Those that wait by now: a flood of messages does not keep the session from ending.
        for _ in 0..self.feed.messages.len() {
            self.keep_pace()?;
            self.send_message()?;
        }
        if P::Codec::SESSIONS {
            let end = SessionEnd { session: self.session, objects: index, heard: false };
            self.meta_id = self.meta_id.wrapping_add(2);
            for _ in 0..self.config.end_copies.max(1) {
                self.keep_pace()?;
                self.control(&Control::SessionEnd(end), self.meta_id, tag_of(self.session), "the session")?;
            }
        }
        self.outlet.flush(None)?;
        self.count();
        Ok(self.report)
    }

    /// Brings the report up to what has left by now.
    fn count(&mut self) {
        let transfer = &mut self.report.transfer;
        transfer.wire_bytes = self.outlet.wire_bytes();
        transfer.packets = self.outlet.packets();
        transfer.ended = transfer.started.map(|_| self.clock.now());
    }

    fn object(
        &mut self,
        entry: &Entry,
        index: u32,
        objects: u32,
        watch: &mut dyn Watch,
    ) -> Result<(), SendError> {
        let name = entry.name.as_str();
        // Counts on in its low bits, so that neighbours have different tags.
        let object_id = self.session.wrapping_add(u64::from(index));
        let mut meta = Meta {
            object_id,
            session: self.session,
            index,
            objects,
            kind: entry.kind.into(),
            block_size: self.block,
            size: None,
            hash_kind: P::Codec::HASH,
            hash: None,
            name: name.as_bytes(),
            mode: entry.mode,
            mtime: entry.modified,
            fountain: None,
            compression: None,
            answers: false,
            carousel: false,
        };
        let mut sender = self.open(entry, &mut meta)?;
        // Found out before anything is on the wire.
        self.encode(&Control::Meta(meta)).map_err(|error| unsendable::<P>(name, error.to_string()))?;
        self.meta_id = self.meta_id.wrapping_add(2);
        let started = self.clock.now();
        watch.event(Event::Started { name, size: meta.size });
        let result = self.run(&mut sender, &mut meta, name, watch);
        self.feed.clear();
        add(&mut self.report.transfer, sender.stats());
        self.count();
        result?;
        let content = meta.compression.and_then(|compression| compression.content);
        let bytes = content.unwrap_or(sender.layout().size());
        let hash = if meta.kind == ObjectKind::Folder { None } else { meta.hash };
        watch.event(Event::Done { name, path: None, bytes, hash, took: self.clock.now().since(started) });
        Ok(())
    }

    /// Sends one object until its last packet has left.
    fn run(
        &mut self,
        sender: &mut Sender,
        meta: &mut Meta<'_>,
        name: &str,
        watch: &mut dyn Watch,
    ) -> Result<(), SendError> {
        let mut now = self.clock.now();
        let mut told = now;
        let mut tick = 0_u32;
        loop {
            tick = tick.wrapping_add(1);
            if self.pacer.is_some() {
                self.feed.poll();
                self.keep_pace()?;
                now = self.clock.now();
                // Messages and blocks take turns, so that neither starves the other.
                self.message_next = !self.message_next && !self.feed.messages.is_empty();
                if self.message_next {
                    self.send_message()?;
                    continue;
                }
            } else if tick % LOOK_EVERY == 1 {
                now = self.clock.now();
                self.feed.poll();
                self.send_waiting_messages()?;
            }
            let before = self.outlet.wire_bytes();
            match sender.poll_transmit(now) {
                Some(Transmit::Meta) => {
                    self.control(&Control::Meta(*meta), self.meta_id, meta.tag(), name)?;
                }
                Some(Transmit::Block { number, offset, .. }) => {
                    self.block(sender, meta, (number, offset), name)?;
                }
                // Only a session sends those.
                Some(Transmit::Repair { .. }) => continue,
                Some(Transmit::End) => {
                    let end = End { object_id: meta.object_id, size: sender.size(), hash: meta.hash };
                    self.control(&Control::End(end), self.meta_id.wrapping_add(1), meta.tag(), name)?;
                }
                None => {
                    self.outlet.flush(self.feed.current())?;
                    if sender.is_done() {
                        return Ok(());
                    }
                    self.wait_for_stream(sender, meta, name)?;
                    now = self.clock.now();
                    continue;
                }
            }
            let wire = self.outlet.wire_bytes() - before;
            sender.sent(now, u32::try_from(wire).unwrap_or(u32::MAX));
            if self.outlet.is_full() {
                self.outlet.flush(self.feed.current())?;
            }
            if now.since(told) >= TELL_EVERY {
                told = now;
                watch.event(Event::Progress { name, bytes: sender.stats().bytes, size: meta.size });
            }
        }
    }

    /// With a pace: what was sent so far leaves, and the next packet waits for its time.
    fn keep_pace(&mut self) -> Result<(), SendError> {
        while let Some(pacer) = &mut self.pacer {
            let now = self.clock.now();
            let (packets, bytes) = self.outlet.take_unpaced();
            pacer.sent(now, packets, bytes);
            let ready = pacer.ready_at();
            self.outlet.flush(self.feed.current())?;
            if ready <= now {
                return Ok(());
            }
            self.feed.rest(ready.since(now));
        }
        Ok(())
    }

    /// Nothing can be sent before more of a stream has come, or a message.
    fn wait_for_stream(
        &mut self,
        sender: &mut Sender,
        meta: &mut Meta<'_>,
        name: &str,
    ) -> Result<(), SendError> {
        if !self.more(sender, meta, name)? {
            self.feed.wait(Duration::from_secs(3600));
            self.send_waiting_messages()?;
            self.outlet.flush(None)?;
        }
        Ok(())
    }
}

impl<P: Profile, F, T> Timings for Outgoing<P, F, T> {
    fn visit(&self, see: &mut dyn FnMut(Row)) {
        self.stack.visit(see);
        self.outlet.framed.visit(see);
        self.outlet.written.visit(see);
    }
}

/// Bits that no two sessions share, as far as chance goes; nothing secret.
pub(crate) fn random() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

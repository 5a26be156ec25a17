//! [`Active`]: one object on its way.

use std::io;

use packhorse_buffer::Instant;
use packhorse_transfer::arq::Slot;
use packhorse_transfer::fountain::{Encoder, Geometry, Shape};
use packhorse_transfer::{
    AckState, Compression, ControlCodec as _, End, Layout, MTime, Meta, Mode, ObjectKind, Sender,
    SenderConfig, TransferStats, Transmit, tag_of,
};

use super::{ObjectSource, SendEvent, SendPlan};
use crate::SendError;
use crate::choose::repair_symbols;
use crate::profile::Profile;
use crate::report::add;

/// Blocks of one object under way at a time.
const WINDOW: usize = 4096;

/// An object to send.
#[derive(Clone, Debug)]
pub struct Offer<S> {
    /// Its name on the other side.
    pub name: String,
    /// What it is.
    pub kind: ObjectKind,
    /// Its bytes; `None` for a stream that still grows.
    pub size: Option<u64>,
    /// What its bytes are, when they are not the content itself; the hash is the content's then.
    pub compression: Option<Compression>,
    /// Its hash, if it is known.
    pub hash: Option<[u8; 32]>,
    /// Unix permission bits.
    pub mode: Option<u32>,
    /// When it was modified.
    pub modified: Option<MTime>,
    /// Where its bytes are read.
    pub source: S,
}

/// What an object has for now.
pub(super) enum Next {
    Meta,
    Data(Transmit),
    End,
}

pub(super) struct Active<S> {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) sender: Sender<Box<[Slot]>>,
    /// A receiver has told of it.
    pub(super) heard: bool,
    /// Of its META; the END that belongs to it has the next one.
    pub(super) message_id: u8,
    meta: Meta<'static>,
    source: S,
    encoder: Option<Encoder>,
    /// The packet of the last META.
    announced: Option<u64>,
    began: Instant,
    /// Of a carousel: passes that were behind it when its turn began.
    rounds: u32,
    /// What receivers said became of it.
    verdicts: Vec<(u32, AckState)>,
    /// Of a stream in a fountain's symbols: groups that each receiver holds.
    held: Vec<(u32, u32)>,
}

/// Every so many packets is META, so that about three times in a thousand none comes whole: its pieces are as likely to get lost as
/// the repair makes up for. Of long objects it takes one packet in a hundred, or less.
fn meta_every(
    geometry: &Geometry,
    repair_percent: Option<u32>,
    config: &SenderConfig,
    plan: &SendPlan,
) -> u32 {
    /// Bytes of a usual META.
    const META: u32 = 120;
    let pieces = META.div_ceil(plan.block.max(32));
    let most = 100 * pieces;
    let (Some(blocks), Some(percent)) = (geometry.blocks(), repair_percent) else { return most };
    let loss = plan.loss.unwrap_or_else(|| (f64::from(percent) / f64::from(100 + percent)).max(0.02));
    // Each piece has to come once, from any of the repeats.
    let copies = ((0.003 / f64::from(pieces)).ln() / loss.clamp(0.001, 0.9).ln()).ceil();
    let copies = u64::from((2..64_u32).find(|count| f64::from(*count) >= copies).unwrap_or(64));
    let extra = geometry.source_blocks().unwrap_or(0) * u64::from(config.repair_extra);
    let packets = u64::from(blocks) + u64::from(blocks) * u64::from(percent) / 100 + extra;
    let every = (packets + copies).div_ceil(copies) + 1;
    u32::try_from(every).unwrap_or(most).clamp(2, most.max(2))
}

impl<S: ObjectSource> Active<S> {
    pub(super) fn new<P: Profile>(
        plan: &SendPlan,
        index: u32,
        offer: Offer<S>,
        now: Instant,
    ) -> Result<Self, SendError> {
        let Offer { name, kind, size, compression, hash, mode, modified, source } = offer;
        // Counts on in its low bits, so that neighbours have different tags.
        let object_id = plan.session.wrapping_add(u64::from(index));
        let meta = Meta {
            object_id,
            session: plan.session,
            index,
            objects: plan.objects,
            kind,
            block_size: plan.block,
            size,
            hash_kind: P::Codec::HASH,
            hash,
            mode,
            mtime: modified,
            compression,
            answers: plan.answers,
            ..Meta::default()
        };
        let cut = Cut::new(plan, meta).map_err(|reason| SendError::Unsendable {
            name: name.clone(),
            profile: P::NAME,
            reason,
        })?;
        Ok(Self {
            index,
            name,
            sender: cut.sender,
            heard: false,
            message_id: 0,
            meta: cut.meta,
            source,
            encoder: cut.encoder,
            announced: None,
            began: now,
            rounds: 0,
            verdicts: Vec::new(),
            held: Vec::new(),
        })
    }

    /// Nothing of it was sent yet: it is cut anew, as the plan says now. What cannot be cut so stays as it is.
    pub(super) fn cut_anew(&mut self, plan: &SendPlan) {
        let begun = self.heard || self.sender.stats().packets > 0 || self.sender.stats().metas > 0;
        // Of a stream, blocks may be counted already.
        if begun || self.sender.size().is_none() {
            return;
        }
        if let Ok(cut) = Cut::new(plan, self.meta) {
            (self.sender, self.meta, self.encoder) = (cut.sender, cut.meta, cut.encoder);
        }
    }

    /// Bytes of its blocks, and of the pieces of its messages, which must be cut the same way each time.
    pub(super) const fn block(&self) -> u32 {
        self.meta.block_size
    }

    pub(super) const fn tag(&self) -> u16 {
        tag_of(self.meta.object_id)
    }

    pub(super) fn meta(&self) -> Meta<'_> {
        Meta { name: self.name.as_bytes(), ..self.meta }
    }

    pub(super) fn unsendable<P: Profile>(&self, reason: String) -> SendError {
        SendError::Unsendable { name: self.name.clone(), profile: P::NAME, reason }
    }

    /// What to say when everything was sent. Hashes what was not read in order.
    pub(super) fn end(&mut self) -> io::Result<End> {
        if self.meta.hash.is_none() {
            self.meta.hash = self.source.hash()?;
            self.message_id = self.message_id.wrapping_add(2);
        }
        Ok(End { object_id: self.meta.object_id, size: self.sender.size(), hash: self.meta.hash })
    }

    pub(super) fn next(&mut self, now: Instant) -> io::Result<Option<Next>> {
        if self.sender.size().is_none() {
            let keep = u64::from(self.sender.oldest_needed()) * u64::from(self.meta.block_size);
            let grown = self.source.grow(keep)?;
            let more = grown.available.saturating_sub(self.sender.layout().size());
            self.sender.append(more).map_err(|error| io::Error::other(error.to_string()))?;
            if grown.whole {
                self.sender.finish();
                if let (Some(encoder), Some(geometry)) = (&mut self.encoder, self.sender.geometry()) {
                    *encoder = Encoder::new(*geometry);
                }
                self.meta.size = self.sender.size();
                self.meta.hash = self.source.hash()?;
                self.message_id = self.message_id.wrapping_add(2);
            }
        }
        let next = self.sender.poll_transmit(now);
        if next == Some(Transmit::Meta) && self.meta.hash.is_none() && self.is_sent() {
            // A carousel has no END to tell it.
            self.meta.hash = self.source.hash()?;
            self.message_id = self.message_id.wrapping_add(2);
        }
        Ok(next.map(|transmit| match transmit {
            Transmit::Meta => Next::Meta,
            Transmit::End => Next::End,
            Transmit::Block { .. } | Transmit::Repair { .. } => Next::Data(transmit),
        }))
    }

    /// Bytes of what is to be sent.
    pub(super) fn len(&self, transmit: Transmit) -> usize {
        match transmit {
            Transmit::Block { len, .. } => len as usize,
            Transmit::Repair { .. } => self.meta.block_size as usize,
            Transmit::Meta | Transmit::End => 0,
        }
    }

    /// Fills `into` with it, and gives its number.
    pub(super) fn read(&mut self, transmit: Transmit, into: &mut [u8]) -> io::Result<u32> {
        match transmit {
            Transmit::Block { number, offset, .. } => {
                self.source.read_at(offset, into)?;
                Ok(number)
            }
            Transmit::Repair { number, source_block, index } => {
                let (source, layout) = (&mut self.source, self.sender.layout());
                if let Some(encoder) = &mut self.encoder {
                    encoder.repair(source_block, index, into, |block, memory| match layout.place(block) {
                        Some(place) => source.read_at(place.offset, &mut memory[..place.len as usize]),
                        None => Ok(()),
                    })?;
                }
                Ok(number)
            }
            Transmit::Meta | Transmit::End => Ok(0),
        }
    }

    pub(super) fn sent(&mut self, now: Instant, wire_bytes: u32, sequence: Option<u64>) {
        match sequence {
            Some(sequence) => {
                self.announced.get_or_insert(sequence);
                self.sender.sent_as(now, wire_bytes, sequence);
            }
            None => self.sender.sent(now, wire_bytes),
        }
    }

    /// Whether it goes round with the others until somebody stops the sender.
    pub(super) const fn goes_round(&self) -> bool {
        self.meta.carousel
    }

    /// Whether one more pass over it is behind it.
    pub(super) fn has_had_its_turn(&self) -> bool {
        self.meta.carousel && self.sender.rounds() != self.rounds
    }

    /// Others come first: lets go of what can be got again, and begins its next turn with META.
    pub(super) fn rest(&mut self) -> io::Result<()> {
        self.rounds = self.sender.rounds();
        if self.meta.hash.is_none() {
            self.meta.hash = self.source.hash()?;
            self.message_id = self.message_id.wrapping_add(2);
        }
        if let Some(encoder) = &mut self.encoder {
            encoder.clear();
        }
        self.source.rest();
        self.next_turn();
        Ok(())
    }

    /// Its next turn begins with META; what is empty is said once more.
    pub(super) fn next_turn(&mut self) {
        self.sender.announce();
        if self.sender.is_done() {
            self.sender.ask();
        }
    }

    /// So many objects are in the session, which was not known before.
    pub(super) fn count(&mut self, objects: u32) {
        self.meta.objects = objects;
        self.message_id = self.message_id.wrapping_add(2);
    }

    /// Another receiver is there, which has not what the one before had.
    pub(super) fn rewind(&mut self) {
        self.heard = false;
        self.sender.rewind();
    }

    /// The receiver has seen later packets and not this object: its META was lost.
    pub(super) fn announce_if_unheard(&mut self, highest: u64) {
        if !self.heard && self.announced.is_some_and(|sequence| sequence + 16 <= highest) {
            self.announced = None;
            self.sender.announce();
        }
    }

    /// A receiver has said what became of the object: its last word counts.
    pub(super) fn judged(&mut self, receiver: u32, verdict: AckState) {
        match self.verdicts.iter_mut().find(|(of, _)| *of == receiver) {
            Some((_, known)) => *known = verdict,
            None => self.verdicts.push((receiver, verdict)),
        }
    }

    /// A receiver holds so many groups of a stream. False when it lacks some that nobody has any more.
    pub(super) fn holds(&mut self, receiver: u32, groups: u32) -> bool {
        let held = match self.held.iter_mut().find(|(of, _)| *of == receiver) {
            Some((_, held)) => {
                *held = groups.max(*held);
                *held
            }
            None => {
                self.held.push((receiver, groups));
                groups
            }
        };
        held >= self.sender.released()
    }

    /// Lets go of what every one of the `receivers` holds that may still get the stream.
    pub(super) fn release(&mut self, receivers: impl Iterator<Item = u32>) {
        if self.sender.size().is_some() {
            return;
        }
        let held = |receiver| self.held.iter().find(|(of, _)| *of == receiver).map_or(0, |(_, held)| *held);
        if let Some(groups) = receivers.filter(|receiver| !self.has_judged(*receiver)).map(held).min() {
            self.sender.release(groups);
        }
    }

    /// What became of it, once every one of the `receivers` has said so: verified where nobody said anything else.
    pub(super) fn judgement(&self, mut receivers: impl Iterator<Item = u32>) -> Option<AckState> {
        receivers.all(|receiver| self.has_judged(receiver)).then(|| {
            let mut verdicts = self.verdicts.iter().map(|(_, verdict)| *verdict);
            verdicts.find(|verdict| *verdict != AckState::Verified).unwrap_or(AckState::Verified)
        })
    }

    fn has_judged(&self, receiver: u32) -> bool {
        self.verdicts.iter().any(|(of, _)| *of == receiver)
    }

    pub(super) const fn is_done(&self) -> bool {
        self.sender.is_done()
    }

    /// Whether every block was sent once.
    pub(super) fn is_sent(&self) -> bool {
        self.sender.size().is_some() && self.sender.stats().blocks >= u64::from(self.sender.layout().blocks())
    }

    pub(super) fn add_to(&self, stats: &mut TransferStats) {
        let of = *self.sender.stats();
        // Packets and their bytes are counted by the link.
        add(stats, &TransferStats { packets: 0, wire_bytes: 0, ..of });
    }

    pub(super) fn progress(&self) -> (&str, u64, Option<u64>) {
        (&self.name, self.sender.stats().bytes, self.meta.size)
    }

    /// How it ended.
    pub(super) fn verdict(self, now: Instant) -> Result<SendEvent, SendEvent> {
        let (index, name) = (self.index, self.name);
        let reason = match self.sender.outcome() {
            None | Some(AckState::Verified) => {
                let hash = if self.meta.kind == ObjectKind::Folder { None } else { self.meta.hash };
                let content = self.meta.compression.and_then(|compression| compression.content);
                let bytes = content.unwrap_or(self.sender.layout().size());
                let took = now.since(self.began);
                return Ok(SendEvent::Done { index, name, bytes, hash, took });
            }
            Some(AckState::Failed) => "the receiver could not put it together or keep it; send it again",
            Some(_) => "the receiver does not take it",
        };
        Err(SendEvent::Failed { index, name, reason: reason.to_owned() })
    }
}

/// How an object is cut into blocks, and what sends them.
struct Cut {
    sender: Sender<Box<[Slot]>>,
    /// With what follows for META.
    meta: Meta<'static>,
    encoder: Option<Encoder>,
}

impl Cut {
    /// Of an object that `meta` tells of, as the plan says. The error says why that cannot be.
    fn new(plan: &SendPlan, meta: Meta<'static>) -> Result<Self, String> {
        let mut meta = Meta { block_size: plan.block, ..meta };
        let size = meta.size;
        let layout = Layout::new(size.unwrap_or(0), plan.block).map_err(|error| error.to_string())?;
        let mut encoder = None;
        let sender = match plan.config.mode {
            Mode::Arq => {
                let blocks = size.map_or(WINDOW, |_| layout.blocks() as usize);
                let slots = vec![Slot::default(); blocks.clamp(1, WINDOW)].into_boxed_slice();
                Sender::arq(layout, plan.config, slots, size.is_some())
            }
            Mode::Fountain { repair_percent } => {
                let shape = Shape::for_blocks(plan.block, size);
                let geometry = match size {
                    Some(_) if !meta.is_stream() => Geometry::of(shape, layout),
                    _ => Geometry::of_stream(shape, plan.block),
                };
                let geometry = geometry.map_err(|error| error.to_string())?;
                let mut config = plan.config;
                if let Some(loss) = plan.loss.filter(|_| repair_percent == Some(0)) {
                    let source_blocks = geometry.source_blocks().unwrap_or(64);
                    let symbols =
                        geometry.source_block(0).map_or(u32::from(shape.symbols), |source| source.symbols);
                    let source_blocks = u32::try_from(source_blocks).unwrap_or(u32::MAX).max(1);
                    config.repair_extra = repair_symbols(symbols, source_blocks, loss);
                }
                if config.meta_every == 0 && !plan.answers {
                    config.meta_every = meta_every(&geometry, repair_percent, &config, plan);
                }
                meta.fountain = Some(shape);
                meta.carousel = repair_percent.is_none() && size.is_some() && !plan.answers;
                encoder = Some(Encoder::new(geometry));
                Sender::fountain(layout, geometry, config, plan.answers)
            }
            Mode::Once | Mode::Repeat { .. } => Sender::passes(layout, plan.config, size.is_some()),
            _ => return Err("this mode is not known".to_owned()),
        };
        Ok(Self { sender, meta, encoder })
    }
}

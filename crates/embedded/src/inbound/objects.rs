//! [`Objects`]: the object that an [`Inbound`](super::Inbound) receives, what became of those before it, and what their sender is told.
//!
//! ```text
//!   META --> Receiving: bitmap, what is known --all blocks there--> Hashing: hash, how far      in the same memory
//! ```

use packhorse_buffer::Instant;
use packhorse_transfer::{
    Ack, AckState, Bitmap, BlockHeader, BlockSet as _, BlockSink, BlockSource, Control, ControlCodec as _,
    Meta, ObjectKind, Receiver, ReceiverEvent, Refused, TransferStats,
};

use super::ended::{Ended, Key};
use super::event::{Event, Failure, InboundStats, NAME_MAX, Reason};
use crate::answers::{Answering, Answers, Known};
use crate::hash::{Hashing, ObjectHash};
use crate::wire::Wire;

/// Pieces of [`Hashing`] in one call: 128 bytes.
const PIECES: usize = 4;

/// One object under way, and the last ones before it.
#[derive(Debug)]
pub(crate) struct Objects<W: Wire, const BITMAP: usize, A> {
    pub(super) answers: A,
    pub(super) stats: InboundStats,
    open: Option<Open<W::Hash, BITMAP>>,
    ended: Ended,
    most: u64,
}

#[derive(Debug)]
struct Open<H, const BITMAP: usize> {
    stage: Stage<H, BITMAP>,
    key: Key,
    tag: u16,
    size: u64,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put the large one on")]
enum Stage<H, const BITMAP: usize> {
    Receiving(Receiver<Bitmap<[u8; BITMAP]>>),
    /// All blocks, so many, are there; the hash as it ought to be.
    Hashing(Hashing<H>, u32, Option<[u8; 32]>),
}

impl<W: Wire, const BITMAP: usize> Objects<W, BITMAP, Answers> {
    /// See [`Answers::answer`].
    pub(super) fn answer<'m>(&mut self, now: Instant, list: &'m mut [u8]) -> Option<Ack<'m>> {
        let known = match self.open.as_ref().map(|open| &open.stage) {
            None => Known::Nothing,
            Some(Stage::Receiving(receiver)) => Known::Blocks(receiver.blocks()),
            Some(Stage::Hashing(_, blocks, _)) => Known::All(*blocks),
        };
        self.answers.answer(now, known, list)
    }
}

impl<W: Wire, const BITMAP: usize, A: Answering> Objects<W, BITMAP, A> {
    pub(super) fn new(answers: A, most: u64) -> Self {
        let most = most.min(W::Hash::MOST);
        Self { answers, stats: InboundStats::default(), open: None, ended: Ended::default(), most }
    }

    pub(super) const fn is_receiving(&self) -> bool {
        self.open.is_some()
    }

    pub(crate) const fn is_verifying(&self) -> bool {
        matches!(self.open, Some(Open { stage: Stage::Hashing(..), .. }))
    }

    pub(super) fn transfer_stats(&self) -> Option<&TransferStats> {
        match &self.open.as_ref()?.stage {
            Stage::Receiving(receiver) => Some(receiver.stats()),
            Stage::Hashing(..) => None,
        }
    }

    pub(super) fn damaged(&mut self) {
        self.stats.damaged += 1;
        self.answers.damaged();
    }

    /// A block has come.
    pub(super) fn block<O: BlockSink>(
        &mut self,
        now: Instant,
        header: BlockHeader,
        bytes: &[u8],
        sink: &mut O,
        see: &mut dyn FnMut(Event<'_>),
    ) {
        let Some(open) = self.open.as_mut().filter(|open| open.tag == header.tag) else {
            self.stats.unannounced += 1;
            return;
        };
        // Otherwise it was there before.
        let Stage::Receiving(receiver) = &mut open.stage else { return };
        match receiver.handle_block(now, header.number, bytes.len()) {
            Ok(place) => {
                self.answers.block(header.number);
                if sink.write_at(place.offset, bytes).is_err() {
                    self.fail(now, Failure::Storage, see);
                }
            }
            Err(Refused::Repeat) => {}
            Err(_) => self.stats.misplaced += 1,
        }
    }

    /// A control message has come: none as long as pieces are missing.
    // Not inlined, as those below: the message and a new receiver are on the stack only here.
    #[inline(never)]
    pub(super) fn control<O: BlockSink + BlockSource>(
        &mut self,
        now: Instant,
        message: Result<Option<&[u8]>, ()>,
        sink: &mut O,
        see: &mut dyn FnMut(Event<'_>),
    ) {
        let message = match message {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(()) => {
                self.stats.bad_control += 1;
                return;
            }
        };
        match W::Codec::decode(message) {
            Ok(Control::Meta(meta)) => {
                if self.is_next(&meta, now, see) {
                    // The one before is whole, and is not given up for this one.
                    while self.hash(now, sink, see) {}
                    self.begin(&meta, now, see);
                    if sink.begin(meta.size.unwrap_or(0)).is_err() {
                        self.fail(now, Failure::Storage, see);
                    }
                }
                self.answers.announced(now, &meta, self.state_of(&meta));
            }
            Ok(Control::End(end)) => {
                if let Some(Open { stage: Stage::Receiving(receiver), .. }) = &mut self.open {
                    receiver.handle_end(now, &end);
                }
                if !W::Codec::SESSIONS {
                    // Whoever sends it again begins anew.
                    self.ended = Ended::default();
                }
            }
            Ok(Control::SessionEnd(end)) => self.answers.session_ended(now, &end),
            // What another receiver tells the sender.
            Ok(Control::Ack(_)) => {}
            Err(_) => self.stats.bad_control += 1,
        }
    }

    /// How an object stands that was announced.
    fn state_of(&self, meta: &Meta<'_>) -> AckState {
        let key = Key::of(meta);
        if self.open.as_ref().is_some_and(|open| open.key.object == key.object) {
            AckState::Receiving
        } else {
            self.ended.state_of(&key).unwrap_or(AckState::Failed)
        }
    }

    /// A META has come. True when it is about a new object, which is taken.
    #[inline(never)]
    fn is_next(&mut self, meta: &Meta<'_>, now: Instant, see: &mut dyn FnMut(Event<'_>)) -> bool {
        let key = Key::of(meta);
        if let Some(open) = &mut self.open
            && open.key.object == key.object
        {
            if let Stage::Receiving(receiver) = &mut open.stage {
                receiver.handle_meta(now, meta);
            }
            return false;
        }
        if self.ended.state_of(&key).is_some() {
            return false;
        }
        let Some(reason) = self.reason(meta) else { return true };
        self.ended.note(&key, AckState::Refused);
        see(Event::Refused { name: name(meta), reason });
        false
    }

    /// Why an object is not taken, if it is not.
    fn reason(&self, meta: &Meta<'_>) -> Option<Reason> {
        if meta.kind != ObjectKind::File || meta.hash_kind != W::Hash::KIND || meta.compression.is_some() {
            return Some(Reason::Unsupported);
        }
        let Some(size) = meta.size else { return Some(Reason::UnknownSize) };
        if size > self.most {
            return Some(Reason::TooLarge { most: self.most });
        }
        let capacity = u32::try_from(BITMAP.saturating_mul(8)).unwrap_or(u32::MAX);
        let fits = meta.layout().ok().flatten().is_some_and(|layout| layout.blocks() <= capacity);
        let held = u64::from(capacity).saturating_mul(u64::from(meta.block_size));
        (!fits).then_some(Reason::TooLarge { most: held.min(self.most) })
    }

    #[inline(never)]
    fn begin(&mut self, meta: &Meta<'_>, now: Instant, see: &mut dyn FnMut(Event<'_>)) {
        if self.open.take().is_some() {
            self.stats.failed += 1;
            see(Event::Failed(Failure::Replaced));
        }
        let Ok(receiver) = Receiver::new(meta, Bitmap::new([0; BITMAP]), now) else { return };
        let size = meta.size.unwrap_or(0);
        self.open =
            Some(Open { stage: Stage::Receiving(receiver), key: Key::of(meta), tag: meta.tag(), size });
        see(Event::Announced { name: name(meta), size });
    }

    /// Whether something is to be told, or all blocks are there.
    #[inline(never)]
    pub(super) fn settle(&mut self, see: &mut dyn FnMut(Event<'_>)) {
        let Some(Open { stage, .. }) = &mut self.open else { return };
        let Stage::Receiving(receiver) = stage else { return };
        while let Some(event) = receiver.poll_event() {
            match event {
                ReceiverEvent::Complete => {
                    let (blocks, hash) = (receiver.blocks().first_missing(), receiver.hash());
                    *stage = Stage::Hashing(Hashing::default(), blocks, hash);
                    return;
                }
                ReceiverEvent::EndedIncomplete { missing } => see(Event::Incomplete { missing }),
                ReceiverEvent::Started | ReceiverEvent::ConflictingMeta | ReceiverEvent::ConflictingEnd => {}
            }
        }
    }

    /// Hashes a piece of an object that is there. True as long as there is more.
    #[inline(never)]
    pub(crate) fn hash<O: BlockSource>(
        &mut self,
        now: Instant,
        sink: &mut O,
        see: &mut dyn FnMut(Event<'_>),
    ) -> bool {
        let Some(Open { stage: Stage::Hashing(hashing, _, expected), size, key, .. }) = &mut self.open else {
            return false;
        };
        let mut stepped = Ok(true);
        for _ in 0..PIECES {
            if stepped.is_ok_and(|more| more) {
                stepped = hashing.step(sink, *size).map_err(|_| Failure::Storage);
            }
        }
        let failure = match stepped {
            Ok(true) => return true,
            Ok(false) if Some(hashing.finish()) == *expected => {
                let size = *size;
                // Objects of `ftag` have no numbers: one that comes again is received again.
                if W::Codec::SESSIONS {
                    self.ended.note(key, AckState::Verified);
                }
                self.open = None;
                self.stats.verified += 1;
                self.answers.ended(now, AckState::Verified);
                see(Event::Verified { size });
                return false;
            }
            Ok(false) => Failure::Damaged,
            Err(failure) => failure,
        };
        self.fail(now, failure, see);
        false
    }

    /// The object is lost.
    #[inline(never)]
    fn fail(&mut self, now: Instant, failure: Failure, see: &mut dyn FnMut(Event<'_>)) {
        let Some(open) = self.open.take() else { return };
        self.ended.note(&open.key, AckState::Failed);
        self.stats.failed += 1;
        self.answers.ended(now, AckState::Failed);
        see(Event::Failed(failure));
    }
}

fn name<'m>(meta: &Meta<'m>) -> &'m [u8] {
    meta.name.get(..NAME_MAX).unwrap_or(meta.name)
}

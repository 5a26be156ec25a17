//! [`Inbound`]: receives objects and messages on a device, from whatever bytes the line brings.
//!
//! ```text
//!   line -> memory of MEMORY bytes -> frames -> packets -> blocks -> sink (flash, card)
//!                                                       -> control messages -> what is coming
//!                                                       -> messages -> the caller
//! ```
//! Nothing that arrives ends it: what is damaged is counted, what is too large for the device is refused and told, and the
//! next object can come.

use packhorse_buffer::{Instant, Layer as _, NoRoom, PacketBuf, Storage};
use packhorse_link::{FrameStats, StreamBuf};
use packhorse_packet::{Channel, Fragment, Reassembler};
use packhorse_transfer::{
    Ack, AckState, Bitmap, BlockHeader, BlockSink, BlockSource, Control, ControlCodec as _, Meta, ObjectKind,
    Receiver, ReceiverEvent, Refused, TransferStats, tag_of,
};

use crate::answers::{Answering, Answers, Silent};
use crate::hash::ObjectHash as _;
use crate::wire::Wire;

/// Most bytes of a name that is kept.
pub const NAME_MAX: usize = 32;

/// What happened while receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// An object is coming, so many bytes of it.
    Announced {
        /// Its name as the wire says it, shortened to [`NAME_MAX`] bytes.
        name: &'a [u8],
        /// Bytes.
        size: u64,
    },
    /// An object is not taken.
    Refused {
        /// Its name.
        name: &'a [u8],
        /// Why.
        reason: Reason,
    },
    /// A message beside the objects.
    Message {
        /// On which channel.
        channel: Channel,
        /// The message.
        bytes: &'a [u8],
    },
    /// Every block has come and the hash is right.
    Verified {
        /// Bytes of the object.
        size: u64,
    },
    /// The object is lost; another one may come.
    Failed(Failure),
}

/// Why an object is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has more bytes or more blocks than the device: at most so many bytes.
    TooLarge {
        /// Most bytes.
        most: u64,
    },
    /// Its size must be known beforehand here.
    UnknownSize,
    /// It is not a file, or its hash is of another kind.
    Unsupported,
}

/// Why an object is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The sender has ended it, and so many blocks are missing.
    Incomplete {
        /// Blocks.
        missing: u32,
    },
    /// Its bytes give another hash.
    Damaged,
    /// The sink did not take bytes, or did not give them back.
    Storage,
    /// Another object began before this one was whole.
    Replaced,
}

/// Receives over one line, in one profile: `MEMORY` bytes from the line, control messages of at most `MESSAGE` bytes,
/// objects of at most 8 * `BITMAP` blocks.
#[derive(Debug)]
pub struct Inbound<
    W: Wire,
    const MEMORY: usize,
    const MESSAGE: usize,
    const BITMAP: usize,
    A: Answering = Silent,
> {
    answers: A,
    stack: W::Stack,
    framing: W::Framing,
    stream: StreamBuf<[u8; MEMORY]>,
    control: Reassembler<[u8; MESSAGE]>,
    object: Option<Open<BITMAP>>,
    /// The last object that was verified: its METAs may still come.
    verified: Option<u64>,
    refused: Option<u64>,
    most: u64,
    /// Of the last answer.
    message: u8,
    stats: InboundStats,
}

/// Most bytes of an answer, and of what stands around it in a packet.
const ANSWER: usize = 100;
const HEADERS: usize = 16;

#[derive(Debug)]
struct Open<const BITMAP: usize> {
    receiver: Receiver<Bitmap<[u8; BITMAP]>>,
    tag: u16,
    size: u64,
}

/// What an [`Inbound`] counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboundStats {
    /// Packets that were whole.
    pub packets: u64,
    /// Packets refused by a layer.
    pub damaged: u64,
    /// Blocks of objects that were not announced, or not taken.
    pub unannounced: u64,
    /// Blocks that cannot belong to the object.
    pub misplaced: u64,
    /// Control messages that say nothing that is understood.
    pub bad_control: u64,
    /// Objects verified.
    pub verified: u64,
    /// Objects lost.
    pub failed: u64,
    /// Interruptions of the line.
    pub interruptions: u32,
}

impl<W: Wire, const MEMORY: usize, const MESSAGE: usize, const BITMAP: usize>
    Inbound<W, MEMORY, MESSAGE, BITMAP>
{
    /// Receives objects of at most `most` bytes: what the sink takes.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self::with(Silent, most)
    }
}

impl<W: Wire, const MEMORY: usize, const MESSAGE: usize, const BITMAP: usize>
    Inbound<W, MEMORY, MESSAGE, BITMAP, Answers>
{
    /// As [`new`](Inbound::new), and answers senders that listen: see [`poll_answer`](Self::poll_answer). `receiver` is a
    /// number that other receivers and earlier starts of this one have not.
    ///
    /// Only in profiles that have answers, which `ftag` has not.
    #[must_use]
    pub fn answering(most: u64, receiver: u32) -> Self {
        const { assert!(W::ANSWERS, "this profile has no answers") };
        Self::with(Answers::new(receiver, W::SEQUENCE_BITS), most)
    }

    /// Makes the frame of an answer, if one is due: write it. It tells of as many gaps as fit 100 bytes; the frame has up to
    /// 30 more.
    ///
    /// # Errors
    /// When the buffer is too small for it; it is then due later.
    #[inline(never)]
    pub fn poll_answer<S: Storage>(
        &mut self,
        now: Instant,
        frame: &mut PacketBuf<S>,
    ) -> Result<bool, NoRoom> {
        if self.answers.due().is_none_or(|due| due > now) {
            return Ok(false);
        }
        let mut list = [0; ANSWER - Ack::HEADER];
        let receiver = self.object.as_ref().map(|open| &open.receiver);
        let Some(ack) = self.answers.answer(now, receiver, &mut list) else { return Ok(false) };
        let tag = tag_of(ack.session);
        let mut packet = PacketBuf::with_headroom([0; ANSWER + HEADERS], W::Stack::HEADROOM)?;
        if W::Codec::encode(&Control::Ack(ack), &mut packet).is_err() {
            return Ok(false);
        }
        self.message = self.message.wrapping_add(1);
        let header = BlockHeader { tag, number: Fragment::whole(self.message).to_word() };
        self.stack.push((header, (W::TRANSFER.control(), ())), &mut packet)?;
        frame.reset(0)?;
        let room = frame.tailroom();
        let len = W::enframe(packet.as_slice(), frame.put(room)?)?;
        frame.set_range(0..len)?;
        Ok(true)
    }

    /// When [`poll_answer`](Self::poll_answer) has something next.
    #[must_use]
    pub const fn answer_at(&self) -> Option<Instant> {
        self.answers.due()
    }
}

impl<W: Wire, const MEMORY: usize, const MESSAGE: usize, const BITMAP: usize, A: Answering>
    Inbound<W, MEMORY, MESSAGE, BITMAP, A>
{
    fn with(answers: A, most: u64) -> Self {
        Self {
            answers,
            stack: W::stack(),
            framing: W::framing(MEMORY / 2),
            stream: StreamBuf::new([0; MEMORY]),
            control: Reassembler::new([0; MESSAGE]),
            object: None,
            verified: None,
            refused: None,
            most: most.min(W::Hash::MOST),
            message: 0,
            stats: InboundStats::default(),
        }
    }

    /// Where the next bytes from the line are to be put; [`take`](Self::take) says how many came.
    pub fn spare(&mut self) -> &mut [u8] {
        self.stream.spare()
    }

    /// `len` bytes have come into [`spare`](Self::spare): everything that is whole now is handled.
    pub fn take<O: BlockSink + BlockSource>(
        &mut self,
        now: Instant,
        len: usize,
        sink: &mut O,
        see: &mut dyn FnMut(Event<'_>),
    ) {
        self.stream.commit(len);
        while let Some(range) = self.stream.next_range(&mut self.framing) {
            let bytes = range.len();
            let mut packet = PacketBuf::filled(self.stream.packet_mut(range));
            let Ok((header, (arrival, ()))) = self.stack.pull(&mut packet) else {
                self.stats.damaged += 1;
                self.answers.damaged();
                self.stream.reject(&mut self.framing);
                continue;
            };
            self.stats.packets += 1;
            let address = arrival.address;
            self.answers.arrived(now, arrival.sequence, bytes, address.control);
            if !address.control && address.channel == W::TRANSFER {
                let Some(open) = self.object.as_mut().filter(|open| open.tag == header.tag) else {
                    self.stats.unannounced += 1;
                    continue;
                };
                match open.receiver.handle_block(now, header.number, packet.len()) {
                    Ok(place) => {
                        self.answers.block(header.number);
                        if sink.write_at(place.offset, packet.as_slice()).is_err() {
                            self.object = None;
                            self.stats.failed += 1;
                            self.answers.ended(now, AckState::Failed);
                            see(Event::Failed(Failure::Storage));
                            continue;
                        }
                    }
                    Err(Refused::Repeat) => {}
                    Err(_) => self.stats.misplaced += 1,
                }
            } else if address.control {
                if address.channel != W::TRANSFER {
                    // Of a channel that this device does not serve.
                    continue;
                }
                let mut known = Known {
                    answers: &mut self.answers,
                    object: &mut self.object,
                    refused: &mut self.refused,
                    stats: &mut self.stats,
                    verified: self.verified,
                    most: self.most,
                };
                let assembled = assemble::<W>(&mut self.control, header.number, packet.as_slice());
                known.control::<W, O>(now, assembled, sink, see);
            } else {
                see(Event::Message { channel: address.channel, bytes: packet.as_slice() });
            }
            self.settle(now, sink, see);
        }
    }

    /// The line was interrupted: what is not whole is forgotten.
    pub fn interrupted(&mut self) {
        self.stats.interruptions = self.stats.interruptions.saturating_add(1);
        self.stream.reset(&mut self.framing);
        self.control.reset();
    }

    /// What it tells the sender.
    pub const fn answers(&self) -> &A {
        &self.answers
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &InboundStats {
        &self.stats
    }

    /// What the framing counted.
    pub fn frame_stats(&self) -> &FrameStats {
        use packhorse_link::Framing as _;
        self.framing.stats()
    }

    /// How the object under way goes.
    #[must_use]
    pub fn transfer_stats(&self) -> Option<&TransferStats> {
        self.object.as_ref().map(|open| open.receiver.stats())
    }

    /// Whether an object is under way.
    #[must_use]
    pub const fn is_receiving(&self) -> bool {
        self.object.is_some()
    }

    // Not inlined: the stack of the hash is not under that of every packet.
    #[inline(never)]
    fn settle<O: BlockSource>(&mut self, now: Instant, sink: &mut O, see: &mut dyn FnMut(Event<'_>)) {
        let Some(open) = &mut self.object else { return };
        while let Some(event) = open.receiver.poll_event() {
            match event {
                ReceiverEvent::Complete => {
                    let verdict = crate::hash_of::<W::Hash, O>(sink, open.size);
                    let good = verdict.as_ref().is_ok_and(|hash| Some(*hash) == open.receiver.hash());
                    if good {
                        self.verified = Some(open.receiver.object_id());
                        self.stats.verified += 1;
                        self.answers.ended(now, AckState::Verified);
                        see(Event::Verified { size: open.size });
                    } else {
                        self.stats.failed += 1;
                        self.answers.ended(now, AckState::Failed);
                        let failure = if verdict.is_err() { Failure::Storage } else { Failure::Damaged };
                        see(Event::Failed(failure));
                    }
                    self.object = None;
                    return;
                }
                ReceiverEvent::EndedIncomplete { missing } => {
                    see(Event::Failed(Failure::Incomplete { missing }));
                }
                ReceiverEvent::Started | ReceiverEvent::ConflictingMeta | ReceiverEvent::ConflictingEnd => {}
            }
        }
    }
}

/// What control messages are about.
struct Known<'a, A, const BITMAP: usize> {
    answers: &'a mut A,
    object: &'a mut Option<Open<BITMAP>>,
    refused: &'a mut Option<u64>,
    stats: &'a mut InboundStats,
    verified: Option<u64>,
    most: u64,
}

impl<A: Answering, const BITMAP: usize> Known<'_, A, BITMAP> {
    /// A control message has come: none as long as pieces are missing.
    // Not inlined, as those below: the message and a new receiver are on the stack only here.
    #[inline(never)]
    fn control<W: Wire, O: BlockSink>(
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
                if self.announce::<W>(&meta, now, see) && sink.begin(meta.size.unwrap_or(0)).is_err() {
                    *self.object = None;
                    self.stats.failed += 1;
                    see(Event::Failed(Failure::Storage));
                }
                self.answers.announced(now, &meta, self.state_of(meta.object_id));
            }
            Ok(Control::End(end)) => {
                if let Some(open) = self.object {
                    open.receiver.handle_end(now, &end);
                }
            }
            Ok(Control::SessionEnd(end)) => self.answers.session_ended(now, &end),
            // What another receiver tells the sender.
            Ok(Control::Ack(_)) => {}
            Err(_) => self.stats.bad_control += 1,
        }
    }

    /// How an object stands that was announced.
    fn state_of(&self, object_id: u64) -> AckState {
        if self.object.as_ref().is_some_and(|open| open.receiver.object_id() == object_id) {
            AckState::Receiving
        } else if self.verified == Some(object_id) {
            AckState::Verified
        } else if *self.refused == Some(object_id) {
            AckState::Refused
        } else {
            AckState::Failed
        }
    }

    /// A META has come. True when a new object begins.
    #[inline(never)]
    fn announce<W: Wire>(&mut self, meta: &Meta<'_>, now: Instant, see: &mut dyn FnMut(Event<'_>)) -> bool {
        let Self { object, refused, stats, verified, most, .. } = self;
        let (verified, most) = (*verified, *most);
        let name = &meta.name[..meta.name.len().min(NAME_MAX)];
        if let Some(open) = object.as_mut()
            && open.receiver.object_id() == meta.object_id
        {
            open.receiver.handle_meta(now, meta);
            return false;
        }
        // ids of ftag are all 0: an object that comes again is received again.
        if meta.object_id != 0 && (verified == Some(meta.object_id) || **refused == Some(meta.object_id)) {
            return false;
        }
        let reason = match meta.size {
            _ if meta.kind != ObjectKind::File
                || meta.hash_kind != W::Hash::KIND
                || meta.compression.is_some() =>
            {
                Some(Reason::Unsupported)
            }
            None => Some(Reason::UnknownSize),
            Some(size) if size > most => Some(Reason::TooLarge { most }),
            Some(_) => None,
        };
        let blocks = Bitmap::new([0; BITMAP]);
        let fits = meta.layout().ok().flatten().is_some_and(|layout| layout.blocks() <= blocks.capacity());
        let reason = reason.or_else(|| {
            let held = u64::from(blocks.capacity()).saturating_mul(u64::from(meta.block_size));
            (!fits).then_some(Reason::TooLarge { most: held.min(most) })
        });
        if let Some(reason) = reason {
            **refused = Some(meta.object_id);
            see(Event::Refused { name, reason });
            return false;
        }
        if object.take().is_some() {
            stats.failed += 1;
            see(Event::Failed(Failure::Replaced));
        }
        let Ok(receiver) = Receiver::new(meta, blocks, now) else { return false };
        let size = meta.size.unwrap_or(0);
        **object = Some(Open { receiver, tag: meta.tag(), size });
        see(Event::Announced { name, size });
        true
    }
}

/// Puts the pieces of a control message together.
fn assemble<'a, W: Wire>(
    pieces: &'a mut Reassembler<impl Storage>,
    number: u32,
    packet: &'a [u8],
) -> Result<Option<&'a [u8]>, ()> {
    let fragment = if W::Codec::FRAGMENTED { Fragment::from_word(number) } else { Ok(Fragment::whole(0)) };
    fragment.and_then(|fragment| pieces.handle(fragment, packet)).map_err(|_| ())
}

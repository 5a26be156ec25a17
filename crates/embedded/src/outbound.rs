//! [`Outbound`]: sends objects and messages from a device, a frame at a time, in memory that is given once.
//!
//! No thread, no clock, no line: the caller passes the time in and writes the frames where it likes, so a poll loop, an
//! interrupt and an async task drive it alike.
//!
//! ```text
//!   source (flash, card, image)   packet   | headroom | block | tailroom |     PACKET bytes, one of them
//!                                 frame    | marked for the line         |     the caller's, as many as are in flight
//! ```

use packhorse_buffer::{Instant, Layer as _, NoRoom, PacketBuf, Storage};
use packhorse_packet::{Channel, Fragment, Fragments};
use packhorse_transfer::{
    AckState, BlockHeader, BlockSource, Control, ControlCodec as _, EncodeError, End, Layout, LayoutError,
    Meta, Sender, SenderConfig, SessionEnd, TransferStats, Transmit, tag_of,
};

use crate::hash::ObjectHash as _;
use crate::modes::{Acknowledged, Fountain, Repeats, Sending, Turn};
use crate::wire::{Down, Wire};

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// Its name on the other side.
    pub name: &'a str,
    /// Bytes in it.
    pub size: u64,
    /// Its hash, of the wire's kind ([`hash_of`](crate::hash_of) computes it).
    pub hash: [u8; 32],
}

impl Object<'_> {
    /// A number that is the same whenever this object is sent, so that a receiver goes on with what it has after the
    /// device was started again.
    #[must_use]
    pub fn id(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.hash[..8]);
        u64::from_be_bytes(first)
    }
}

/// What [`Outbound::poll`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A frame is in the buffer: write it.
    Frame,
    /// Nothing before this time.
    Wait(Instant),
    /// Everything was sent.
    Done,
}

/// Why an object was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundError<E> {
    /// The source did not give the bytes.
    Read(E),
    /// The object cannot be cut like this.
    Layout(LayoutError),
    /// The profile cannot say it, or the control message is longer than `MESSAGE` bytes.
    Control(EncodeError),
    /// The buffer for frames is too small.
    NoRoom(NoRoom),
    /// A message is longer than a block: at most `most` bytes.
    MessageTooLong {
        /// Most bytes.
        most: usize,
    },
    /// Nobody has answered for too long. The object is given up; the next one may be sent.
    NoAnswer,
}

impl<E> From<NoRoom> for OutboundError<E> {
    fn from(no_room: NoRoom) -> Self {
        Self::NoRoom(no_room)
    }
}

impl<E> From<EncodeError> for OutboundError<E> {
    fn from(error: EncodeError) -> Self {
        Self::Control(error)
    }
}

/// Sends over one line, in one profile and mode: packets of at most `PACKET` bytes, control messages of at most `MESSAGE`.
#[derive(Debug)]
pub struct Outbound<'a, W: Wire, const PACKET: usize, const MESSAGE: usize, M: Sending = Repeats> {
    mode: M,
    stack: W::Stack,
    packet: [u8; PACKET],
    message: [u8; MESSAGE],
    under_way: UnderWay<'a, M>,
    /// What `message` holds, as far as it is not sent.
    pieces: Option<Pieces>,
    message_id: u8,
    session: u64,
    objects: u32,
    /// How often the end of the session is still to be told.
    session_ends: u8,
    /// What became of the last object, where that is answered.
    outcome: Option<AckState>,
}

/// What is being sent. How it is sent is kept once, by whoever needs it now.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put the large one on")]
enum UnderWay<'a, M: Sending> {
    Nothing(SenderConfig),
    Object(Object<'a>, Sender<M::Slots, M::Symbols>),
}

impl<M: Sending> UnderWay<'_, M> {
    fn config(&self) -> &SenderConfig {
        match self {
            Self::Nothing(config) => config,
            Self::Object(_, sender) => sender.config(),
        }
    }

    const fn object(&self) -> Option<&Object<'_>> {
        match self {
            Self::Nothing(_) => None,
            Self::Object(object, _) => Some(object),
        }
    }
}

/// How often the end of the session is said when nobody answers.
const FAREWELLS: u32 = 5;

#[derive(Clone, Copy, Debug)]
struct Pieces {
    /// Bytes of the message: few, on a machine like this.
    len: u16,
    next: u8,
    id: u8,
    tag: u16,
}

impl<W: Wire, const PACKET: usize, const MESSAGE: usize> Outbound<'_, W, PACKET, MESSAGE> {
    /// Sends as `config` says, once or repeating. `session` is a number that the far end has not heard from another sender: a
    /// random one, or the [id](Object::id) of the first object, to go on after a restart.
    #[must_use]
    pub fn new(config: SenderConfig, session: u64) -> Self {
        Self::in_mode(Repeats, config, session)
    }
}

impl<W: Wire, const PACKET: usize, const MESSAGE: usize> Outbound<'_, W, PACKET, MESSAGE, Fountain> {
    /// Sends the source symbols of a fountain code, for receivers that have that mode.
    #[must_use]
    pub fn fountain(config: SenderConfig, session: u64) -> Self {
        Self::in_mode(Fountain, config, session)
    }
}

impl<W: Wire, const PACKET: usize, const MESSAGE: usize, const SLOTS: usize, const LOG: usize>
    Outbound<'_, W, PACKET, MESSAGE, Acknowledged<SLOTS, LOG>>
{
    /// Sends until the far end has everything, which answers: see [`handle_answer`](Self::handle_answer). `session` has to be
    /// another number after every start of the device, since packets are counted anew.
    ///
    /// Only in profiles that have answers, which `ftag` has not.
    #[must_use]
    pub fn acknowledged(config: SenderConfig, session: u64) -> Self {
        const { assert!(W::ANSWERS, "this profile has no answers") };
        Self::in_mode(Acknowledged::new(W::SEQUENCE_BITS), config, session)
    }
}

impl<'a, W: Wire, const PACKET: usize, const MESSAGE: usize, M: Sending> Outbound<'a, W, PACKET, MESSAGE, M> {
    /// Bytes of an object in one packet.
    pub const BLOCK: usize = PACKET
        - <W::Stack as packhorse_buffer::Layer>::HEADROOM
        - <W::Stack as packhorse_buffer::Layer>::TAILROOM;
    const HEADROOM: usize = <W::Stack as packhorse_buffer::Layer>::HEADROOM;

    /// Sends in this mode, as `config` says.
    // Inlined: it is made where it stays, not copied there.
    #[inline(always)]
    #[must_use]
    pub fn in_mode(mode: M, config: SenderConfig, session: u64) -> Self {
        const { assert!(MESSAGE <= 4096, "control messages of a device are short") };
        let overhead = u32::try_from(PACKET - Self::BLOCK + 2).unwrap_or(u32::MAX);
        Self {
            mode,
            stack: W::stack(),
            packet: [0; PACKET],
            message: [0; MESSAGE],
            under_way: UnderWay::Nothing(SenderConfig { order: W::REPEATS, overhead, ..config }),
            pieces: None,
            message_id: 0,
            session,
            objects: 0,
            session_ends: 0,
            outcome: None,
        }
    }

    /// How it sends.
    pub const fn mode(&mut self) -> &mut M {
        &mut self.mode
    }

    /// Begins with an object, or once more with one that nobody had answered. What was being sent before is given up.
    ///
    /// # Errors
    /// When it is larger than block numbers can count.
    pub fn begin(&mut self, object: Object<'a>) -> Result<(), LayoutError> {
        let block = u32::try_from(Self::BLOCK).unwrap_or(u32::MAX);
        let layout = Layout::new(object.size, block)?;
        let cut = M::cut(layout)?;
        self.under_way = UnderWay::Object(object, self.mode.sender(layout, cut, *self.under_way.config()));
        self.outcome = None;
        self.pieces = None;
        self.message_id = self.message_id.wrapping_add(2);
        if !self.mode.is_again(object.id()) {
            self.objects += 1;
        }
        Ok(())
    }

    /// There will be no more objects: says so to the far end, when the one under way is sent.
    pub fn end_session(&mut self) {
        if W::Codec::SESSIONS {
            let copies = if M::ANSWERS { FAREWELLS } else { self.under_way.config().end_copies.max(1) };
            self.session_ends = u8::try_from(copies).unwrap_or(u8::MAX);
        }
    }

    /// Makes the next frame in `frame`, which is emptied first.
    ///
    /// # Errors
    /// When the source fails, or a buffer is too small for this wire: nothing was made.
    pub fn poll<S: Storage, O: BlockSource>(
        &mut self,
        now: Instant,
        source: &mut O,
        frame: &mut PacketBuf<S>,
    ) -> Result<Polled, OutboundError<O::Error>> {
        if let Some(pieces) = self.pieces {
            return self.piece(now, pieces, frame);
        }
        let UnderWay::Object(object, sender) = &mut self.under_way else {
            return self.session_end(now, frame);
        };
        let tag = tag_of(object.id());
        let transmit = match self.mode.next(now) {
            Turn::Send => sender.poll_transmit(now),
            // Whoever has not heard of the object answers only when it is announced.
            Turn::Ask(turn)
                if turn % 2 == 1 && sender.stats().blocks == u64::from(sender.layout().blocks()) =>
            {
                Some(Transmit::End)
            }
            Turn::Ask(_) => Some(Transmit::Meta),
            Turn::Wait(at) if !sender.is_done() => return Ok(Polled::Wait(at)),
            Turn::Wait(_) => None,
            Turn::GiveUp => {
                self.mode.give_up(object.id());
                self.under_way = UnderWay::Nothing(*sender.config());
                return Err(OutboundError::NoAnswer);
            }
        };
        let Some(transmit) = transmit else {
            if sender.is_done() {
                self.outcome = sender.outcome();
                self.under_way = UnderWay::Nothing(*sender.config());
                return self.session_end(now, frame);
            }
            let idle = self.mode.idle(now);
            return Ok(Polled::Wait(sender.poll_timeout().unwrap_or(idle)));
        };
        match transmit {
            Transmit::Block { number, offset, len } => {
                self.block(now, source, tag, (number, offset, len), frame)
            }
            // Only where symbols can be coded, for which there is no memory.
            Transmit::Repair { .. } => Ok(Polled::Wait(now)),
            Transmit::Meta => {
                let len = self.encode_meta()?;
                self.piece(now, Pieces { len, next: 0, id: self.message_id, tag }, frame)
            }
            Transmit::End => {
                let len = self.encode_end()?;
                self.piece(now, Pieces { len, next: 0, id: self.message_id.wrapping_add(1), tag }, frame)
            }
        }
    }

    /// A control message has come from the far end: what came of the packets so far. Whether it was an answer to this sender.
    pub fn handle_answer(&mut self, now: Instant, message: &[u8]) -> bool {
        let Ok(Control::Ack(ack)) = W::Codec::decode(message) else { return false };
        if !M::ANSWERS || ack.session != self.session {
            return false;
        }
        let Some(heard) = self.mode.heard(now, &ack) else { return false };
        if let UnderWay::Object(_, sender) = &mut self.under_way {
            if heard.anew {
                sender.rewind();
            }
            for entry in ack.entries().filter(|entry| entry.index + 1 == self.objects) {
                sender.handle_entry(&entry, heard.highest, 0);
            }
        } else if ack.session_ended && self.session_ends > 0 && !self.mode.has_parted() {
            self.mode.part();
            self.session_ends = 1;
        }
        true
    }

    /// What the far end has told of the last object: verified, failed, refused. Nothing where nobody answers, or as long as it
    /// is under way.
    #[must_use]
    pub const fn outcome(&self) -> Option<AckState> {
        self.outcome
    }

    /// A packet is in `frame`.
    fn sent<S: Storage>(&mut self, now: Instant, frame: &PacketBuf<S>, is_block: bool) {
        if !M::ANSWERS {
            return;
        }
        let wire_bytes = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        if let Some(sequence) = self.mode.sent(now, wire_bytes)
            && let UnderWay::Object(_, sender) = &mut self.under_way
            && is_block
        {
            sender.sent_as(now, wire_bytes, sequence);
        }
    }

    #[inline(never)]
    fn block<S: Storage, O: BlockSource>(
        &mut self,
        now: Instant,
        source: &mut O,
        tag: u16,
        (number, offset, len): (u32, u64, u32),
        frame: &mut PacketBuf<S>,
    ) -> Result<Polled, OutboundError<O::Error>> {
        let mut packet = PacketBuf::with_headroom(&mut self.packet[..], Self::HEADROOM)?;
        let room = packet.put(usize::try_from(len).unwrap_or(usize::MAX))?;
        source.read_at(offset, room).map_err(OutboundError::Read)?;
        let down: Down = (BlockHeader { tag, number }, (W::TRANSFER.data(), ()));
        Self::frame(&mut self.stack, down, packet, frame)?;
        self.sent(now, frame, true);
        Ok(Polled::Frame)
    }

    /// Makes a frame of a message beside the objects, at this time: a reading, a line of a log.
    ///
    /// # Errors
    /// When it is longer than a [`BLOCK`](Self::BLOCK), or the frame has no room.
    #[inline(never)]
    pub fn message<S: Storage>(
        &mut self,
        now: Instant,
        channel: Channel,
        message: &[u8],
        frame: &mut PacketBuf<S>,
    ) -> Result<(), OutboundError<core::convert::Infallible>> {
        if message.len() > Self::BLOCK {
            return Err(OutboundError::MessageTooLong { most: Self::BLOCK });
        }
        let mut packet = PacketBuf::with_headroom(&mut self.packet[..], Self::HEADROOM)?;
        packet.put_slice(message)?;
        self.message_id = self.message_id.wrapping_add(2);
        let number = if W::Codec::FRAGMENTED { Fragment::whole(self.message_id).to_word() } else { 0 };
        let down = (BlockHeader { tag: 0, number }, (channel.data(), ()));
        Self::frame(&mut self.stack, down, packet, frame)?;
        self.sent(now, frame, false);
        Ok(())
    }

    /// How the object under way goes.
    #[must_use]
    pub fn stats(&self) -> Option<&TransferStats> {
        match &self.under_way {
            UnderWay::Nothing(_) => None,
            UnderWay::Object(_, sender) => Some(sender.stats()),
        }
    }

    fn session_end<S: Storage, E>(
        &mut self,
        now: Instant,
        frame: &mut PacketBuf<S>,
    ) -> Result<Polled, OutboundError<E>> {
        if !W::Codec::SESSIONS || self.session_ends == 0 {
            return Ok(Polled::Done);
        }
        let at = self.mode.farewell(now);
        if at > now {
            return Ok(Polled::Wait(at));
        }
        self.session_ends -= 1;
        let len = self.encode_session_end()?;
        self.piece(now, Pieces { len, next: 0, id: 0, tag: tag_of(self.session) }, frame)
    }

    // Encoding is not inlined: a control message is on the stack before the packet is made of it, not below that.

    #[inline(never)]
    fn encode_meta(&mut self) -> Result<u16, EncodeError> {
        let UnderWay::Object(object, sender) = &self.under_way else { return Ok(0) };
        let meta = Meta {
            object_id: object.id(),
            session: self.session,
            index: self.objects - 1,
            objects: 0,
            block_size: u32::try_from(Self::BLOCK).unwrap_or(u32::MAX),
            size: Some(object.size),
            hash_kind: W::Hash::KIND,
            hash: Some(object.hash),
            name: object.name.as_bytes(),
            fountain: sender.geometry().map(packhorse_transfer::fountain::Geometry::shape),
            answers: M::ANSWERS,
            ..Meta::default()
        };
        encode::<W>(&mut self.message, &Control::Meta(meta))
    }

    #[inline(never)]
    fn encode_end(&mut self) -> Result<u16, EncodeError> {
        let Some(object) = self.under_way.object() else { return Ok(0) };
        let end = End { object_id: object.id(), size: Some(object.size), hash: Some(object.hash) };
        encode::<W>(&mut self.message, &Control::End(end))
    }

    #[inline(never)]
    fn encode_session_end(&mut self) -> Result<u16, EncodeError> {
        let end = SessionEnd { session: self.session, objects: self.objects, heard: self.mode.has_parted() };
        encode::<W>(&mut self.message, &Control::SessionEnd(end))
    }

    fn piece<S: Storage, E>(
        &mut self,
        now: Instant,
        pieces: Pieces,
        frame: &mut PacketBuf<S>,
    ) -> Result<Polled, OutboundError<E>> {
        let message = self.message.get(..usize::from(pieces.len)).unwrap_or_default();
        let most = if W::Codec::FRAGMENTED { Self::BLOCK } else { message.len() };
        let cut = Fragments::new(pieces.id, message, most);
        let too_long = NoRoom { side: packhorse_buffer::Side::Tail, needed: message.len(), available: most };
        let Some((fragment, piece)) = cut.ok().and_then(|mut cut| cut.nth(usize::from(pieces.next))) else {
            return Err(OutboundError::NoRoom(too_long));
        };
        let mut packet = PacketBuf::with_headroom(&mut self.packet[..], Self::HEADROOM)?;
        packet.put_slice(piece)?;
        let more = fragment.index < fragment.last;
        self.pieces = more.then_some(Pieces { next: pieces.next + 1, ..pieces });
        let number = if W::Codec::FRAGMENTED { fragment.to_word() } else { 0 };
        let down = (BlockHeader { tag: pieces.tag, number }, (W::TRANSFER.control(), ()));
        Self::frame(&mut self.stack, down, packet, frame)?;
        self.sent(now, frame, false);
        Ok(Polled::Frame)
    }

    /// Pushes the headers and marks the packet for the line.
    fn frame<S: Storage, E>(
        stack: &mut W::Stack,
        down: Down,
        mut packet: PacketBuf<&mut [u8]>,
        frame: &mut PacketBuf<S>,
    ) -> Result<(), OutboundError<E>> {
        stack.push(down, &mut packet)?;
        frame.reset(0)?;
        let room = frame.tailroom();
        let len = W::enframe(packet.as_slice(), frame.put(room)?)?;
        frame.set_range(0..len)?;
        Ok(())
    }
}

/// Writes a control message into `memory`. Returns how long it is.
// Inlined: each caller needs a third of it.
#[inline(always)]
fn encode<W: Wire>(memory: &mut [u8], control: &Control<'_>) -> Result<u16, EncodeError> {
    let mut message = PacketBuf::new(memory);
    W::Codec::encode(control, &mut message)?;
    // `Outbound::new` has seen to it.
    Ok(u16::try_from(message.len()).unwrap_or(u16::MAX))
}

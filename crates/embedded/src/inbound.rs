//! [`Inbound`]: receives objects and messages on a device, from whatever bytes the line brings.
//!
//! ```text
//!   line -> memory of MEMORY bytes -> frames -> packets -> blocks -> sink (flash, card)
//!                                                       -> control messages -> what is coming
//!                                                       -> messages -> the caller
//! ```
//! Nothing that arrives ends it: what is damaged is counted, what is too large for the device is refused and told, and the
//! next object can come. No call works for long: an object that is there is hashed a piece a call.

mod ended;
mod event;
mod objects;

use packhorse_buffer::{Instant, Layer as _, NoRoom, PacketBuf, Storage};
use packhorse_link::{FrameStats, StreamBuf};
use packhorse_packet::{Fragment, Reassembler};
use packhorse_transfer::{
    Ack, BlockHeader, BlockSink, BlockSource, Control, ControlCodec as _, TransferStats, tag_of,
};

pub use self::event::{Event, Failure, InboundStats, NAME_MAX, Reason};
use self::objects::Objects;
use crate::answers::{Answering, Answers, Silent};
use crate::wire::Wire;

/// Receives over one line, in one profile: `MEMORY` bytes from the line, control messages of at most `MESSAGE` bytes,
/// objects of at most 8 * `BITMAP` blocks. Memory that can hold nothing does not compile:
///
/// ```
/// # use packhorse_embedded::{Inbound, wire::Native};
/// let inbound = Inbound::<Native, 192, 160, 96>::new(4096);
/// ```
/// ```compile_fail
/// # use packhorse_embedded::{Inbound, wire::Native};
/// let inbound = Inbound::<Native, 32, 160, 96>::new(4096); // no packet
/// ```
/// ```compile_fail
/// # use packhorse_embedded::{Inbound, wire::Native};
/// let inbound = Inbound::<Native, 192, 16, 96>::new(4096); // no announcement
/// ```
/// ```compile_fail
/// # use packhorse_embedded::{Inbound, wire::Native};
/// let inbound = Inbound::<Native, 192, 160, 0>::new(4096); // no block
/// ```
#[derive(Debug)]
pub struct Inbound<
    W: Wire,
    const MEMORY: usize,
    const MESSAGE: usize,
    const BITMAP: usize,
    A: Answering = Silent,
> {
    stack: W::Stack,
    framing: W::Framing,
    stream: StreamBuf<[u8; MEMORY]>,
    control: Reassembler<[u8; MESSAGE]>,
    objects: Objects<W, BITMAP, A>,
    /// Of the last answer.
    message: u8,
}

/// Bytes of the shortest announcement there is, that of `ftag`.
const LEAST_MESSAGE: usize = 38;
/// Most bytes of an answer, and of what stands around it in a packet.
const ANSWER: usize = 100;
const HEADERS: usize = 16;

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
        if self.objects.answers.due().is_none_or(|due| due > now) {
            return Ok(false);
        }
        let mut list = [0; ANSWER - Ack::HEADER];
        let Some(ack) = self.objects.answer(now, &mut list) else { return Ok(false) };
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
        self.objects.answers.due()
    }
}

impl<W: Wire, const MEMORY: usize, const MESSAGE: usize, const BITMAP: usize, A: Answering>
    Inbound<W, MEMORY, MESSAGE, BITMAP, A>
{
    fn with(answers: A, most: u64) -> Self {
        const {
            let packet = W::Stack::HEADROOM + W::Stack::TAILROOM;
            assert!(MEMORY / 2 > packet, "MEMORY holds no packet: two of the longest frames are needed");
            assert!(MESSAGE >= LEAST_MESSAGE, "MESSAGE holds no announcement: its hash alone has 32 bytes");
            assert!(BITMAP > 0, "BITMAP is a bit for each block");
        }
        Self {
            stack: W::stack(),
            framing: W::framing(MEMORY / 2),
            stream: StreamBuf::new([0; MEMORY]),
            control: Reassembler::new([0; MESSAGE]),
            objects: Objects::new(answers, most),
            message: 0,
        }
    }

    /// Where the next bytes from the line are to be put; [`take`](Self::take) says how many came.
    pub fn spare(&mut self) -> &mut [u8] {
        self.stream.spare()
    }

    /// `len` bytes have come into [`spare`](Self::spare): everything that is whole now is handled. Then a piece of an object that is
    /// there is hashed, 128 bytes: as long as it [is being verified](Self::is_verifying), call this again, with 0 when nothing has
    /// come, and what comes meanwhile is not lost.
    pub fn take<O: BlockSink + BlockSource>(
        &mut self,
        now: Instant,
        len: usize,
        sink: &mut O,
        see: &mut dyn FnMut(Event<'_>),
    ) {
        let Self { stack, framing, stream, control, objects, .. } = self;
        stream.commit(len);
        while let Some(range) = stream.next_range(framing) {
            let bytes = range.len();
            let mut packet = PacketBuf::filled(stream.packet_mut(range));
            let Ok((header, (arrival, ()))) = stack.pull(&mut packet) else {
                objects.damaged();
                stream.reject(framing);
                continue;
            };
            objects.stats.packets += 1;
            let address = arrival.address;
            objects.answers.arrived(now, arrival.sequence, bytes, address.control);
            if !address.control && address.channel == W::TRANSFER {
                objects.block(now, header, packet.as_slice(), sink, see);
            } else if address.control {
                // Other channels are not served here, and neither are their control messages.
                if address.channel == W::TRANSFER {
                    let message = assemble::<W>(control, header.number, packet.as_slice());
                    objects.control(now, message, sink, see);
                }
            } else {
                see(Event::Message { channel: address.channel, bytes: packet.as_slice() });
            }
            objects.settle(see);
        }
        objects.hash(now, sink, see);
    }

    /// Whether all blocks of an object are there and its hash is still being computed: [`take`](Self::take) goes on with it.
    #[must_use]
    pub const fn is_verifying(&self) -> bool {
        self.objects.is_verifying()
    }

    /// Room for the next bytes, and meanwhile the objects, for a task that reads and hashes at the same time.
    pub(crate) fn split(&mut self) -> (&mut [u8], &mut Objects<W, BITMAP, A>) {
        (self.stream.spare(), &mut self.objects)
    }

    /// The line was interrupted: what is not whole is forgotten.
    pub fn interrupted(&mut self) {
        self.objects.stats.interruptions = self.objects.stats.interruptions.saturating_add(1);
        self.stream.reset(&mut self.framing);
        self.control.reset();
    }

    /// What it tells the sender.
    pub const fn answers(&self) -> &A {
        &self.objects.answers
    }

    /// What was counted.
    #[must_use]
    pub const fn stats(&self) -> &InboundStats {
        &self.objects.stats
    }

    /// What the framing counted.
    pub fn frame_stats(&self) -> &FrameStats {
        use packhorse_link::Framing as _;
        self.framing.stats()
    }

    /// How the object under way goes, until all its blocks are there.
    #[must_use]
    pub fn transfer_stats(&self) -> Option<&TransferStats> {
        self.objects.transfer_stats()
    }

    /// Whether an object is under way.
    #[must_use]
    pub const fn is_receiving(&self) -> bool {
        self.objects.is_receiving()
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

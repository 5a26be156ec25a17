//! Reads a recorded byte stream and tells of every packet in it, whole or damaged: what `packhorse inspect` prints.
//!
//! Not a receiver: nothing is put together but control messages, nothing is verified beyond each packet's check, and
//! memory stays the same however long the recording is.

use std::io::{self, Read};

use packhorse_application::Profile;
use packhorse_buffer::{DecodeError, Layer as _, PacketBuf};
use packhorse_link::{CheckStats, FrameStats, Framing, Reject, Step};
use packhorse_packet::{Address, Arrival, Fragment, Order, PacketStats, Reassembler};
use packhorse_transfer::{Ack, BlockHeader, Control, ControlCodec, End, Meta, SessionEnd};

use crate::profile_name::packet_max;
use crate::{Speak, Wire};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;
/// The longest control message that is put together.
const MESSAGE_MAX: usize = 8 * 1024;

/// A packet of the recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// Where the packet starts in the recording: bytes in front of its first byte.
    pub offset: u64,
    /// Bytes of the packet, check included, marks and escapes not.
    pub length: usize,
    /// What it is, or why it was refused.
    pub content: Result<Seen<'a>, DecodeError>,
}

/// A packet that passed its check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<'a> {
    /// Whose it is.
    pub address: Address,
    /// Its sequence number.
    pub sequence: u32,
    /// How that follows the packet before.
    pub order: Order,
    /// What it carries.
    pub body: Body<'a>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Body<'a> {
    /// A block of an object.
    Block {
        /// Which.
        header: BlockHeader,
        /// Bytes of it.
        length: usize,
    },
    /// The announcement of an object.
    Meta(Meta<'a>),
    /// The end of an object.
    End(End),
    /// The end of a session.
    SessionEnd(SessionEnd),
    /// What a receiver has and lacks.
    Ack(Ack<'a>),
    /// A piece of a control message that is not whole yet, or was before.
    Piece {
        /// Which piece of which message.
        fragment: Fragment,
        /// Bytes of it.
        length: usize,
    },
    /// A message, or a piece of it, on a channel that is not the files'.
    Message {
        /// Which piece of which message.
        fragment: Fragment,
        /// Its bytes.
        bytes: &'a [u8],
    },
}

/// What was in the recording, by cause and kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Bytes in the recording.
    pub bytes: u64,
    /// What the framing found.
    pub frames: FrameStats,
    /// What the check found.
    pub check: CheckStats,
    /// What the sequence numbers told.
    pub packets: PacketStats,
    /// Data packets of transfers.
    pub blocks: u64,
    /// Announcements.
    pub metas: u64,
    /// Ends of objects.
    pub ends: u64,
    /// Ends of sessions.
    pub session_ends: u64,
    /// Acknowledgements.
    pub acks: u64,
    /// Messages and pieces of messages.
    pub messages: u64,
    /// Pieces of control messages.
    pub pieces: u64,
    /// Packets with a good check whose contents make no sense.
    pub malformed: u64,
}

/// Reads `input`, which is in this profile and framing, to its end and shows every packet in it to `see`, in order.
///
/// # Errors
/// The first error of `input` or `see`. Damage is no error: see [`Record::content`] and [`Summary`].
pub fn inspect(
    wire: impl Into<Wire>,
    input: impl Read,
    see: &mut dyn FnMut(&Record<'_>) -> io::Result<()>,
) -> io::Result<Summary> {
    wire.into().speak(false, Inspecting { input, see })
}

struct Inspecting<'a, R> {
    input: R,
    see: &'a mut dyn FnMut(&Record<'_>) -> io::Result<()>,
}

impl<R: Read> Speak for Inspecting<'_, R> {
    type Output = io::Result<Summary>;

    fn speak<P: Profile, F: Framing + Clone + Send + 'static>(self, framing: F) -> Self::Output {
        Inspector::<P, F>::new(framing).run(self.input, self.see)
    }
}

struct Inspector<P: Profile, F> {
    framing: F,
    stack: P::Stack,
    control: Reassembler<Vec<u8>>,
    summary: Summary,
}

impl<P: Profile, F: Framing> Inspector<P, F> {
    fn new(framing: F) -> Self {
        Self {
            framing,
            stack: P::stack(),
            control: Reassembler::new(vec![0; MESSAGE_MAX]),
            summary: Summary::default(),
        }
    }

    fn run(
        mut self,
        mut input: impl Read,
        see: &mut dyn FnMut(&Record<'_>) -> io::Result<()>,
    ) -> io::Result<Summary> {
        // memory[start..end] is read and not consumed; memory[0] lies `base` bytes into the recording.
        let mut memory = vec![0; self.framing.frame_len_max(packet_max::<P>()) + CHUNK];
        let (mut start, mut end, mut base) = (0, 0, 0_u64);
        let mut ended = false;
        while !ended || start < end {
            if !ended {
                memory.copy_within(start..end, 0);
                base += start as u64;
                (start, end) = (0, end - start);
                let len = match input.read(&mut memory[end..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    other => other?,
                };
                end += len;
                ended = len == 0;
                self.summary.bytes += len as u64;
            }
            loop {
                match self.framing.deframe(&mut memory[start..end]) {
                    Step::Frame { packet, consumed } => {
                        let packet = start + packet.start..start + packet.end;
                        let offset = base + packet.start as u64;
                        start += consumed;
                        if !self.packet(offset, &mut memory[packet], see)? {
                            start -= self.framing.reject(Reject::Damaged).min(start);
                        }
                    }
                    Step::More { consumed } => {
                        start += consumed;
                        if ended && start < end {
                            self.framing.reject(Reject::Ended);
                        } else if end - start == memory.len() {
                            self.framing.reject(Reject::Overflow);
                        } else {
                            break;
                        }
                    }
                }
            }
        }
        self.summary.check = P::check_stats(&self.stack);
        self.summary.packets = P::packet_stats(&self.stack);
        self.summary.frames = *self.framing.stats();
        Ok(self.summary)
    }

    /// Shows a packet. Returns whether its check was good.
    fn packet(
        &mut self,
        offset: u64,
        bytes: &mut [u8],
        see: &mut dyn FnMut(&Record<'_>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let length = bytes.len();
        let mut buf = PacketBuf::filled(bytes);
        let pulled = self.stack.pull(&mut buf);
        let good = P::check_stats(&self.stack).good;
        let whole = good > self.summary.check.good;
        self.summary.check.good = good;
        let content = pulled.and_then(|(header, (arrival, ()))| {
            let Arrival { address, sequence, order } = arrival;
            let body = body::<P>(address, header, buf.as_slice(), &mut self.control)?;
            Ok(Seen { address, sequence, order, body })
        });
        let count = match &content {
            Ok(seen) => match seen.body {
                Body::Block { .. } => &mut self.summary.blocks,
                Body::Meta(_) => &mut self.summary.metas,
                Body::End(_) => &mut self.summary.ends,
                Body::SessionEnd(_) => &mut self.summary.session_ends,
                Body::Ack(_) => &mut self.summary.acks,
                Body::Piece { .. } => &mut self.summary.pieces,
                Body::Message { .. } => &mut self.summary.messages,
            },
            Err(_) if whole => &mut self.summary.malformed,
            // Counted by the check.
            Err(_) => &mut 0,
        };
        *count += 1;
        see(&Record { offset, length, content })?;
        Ok(whole)
    }
}

fn body<'a, P: Profile>(
    address: Address,
    header: BlockHeader,
    bytes: &'a [u8],
    control: &'a mut Reassembler<Vec<u8>>,
) -> Result<Body<'a>, DecodeError> {
    let length = bytes.len();
    if address == P::TRANSFER.data() {
        return Ok(Body::Block { header, length });
    }
    let fragment =
        if P::Codec::FRAGMENTED { Fragment::from_word(header.number)? } else { Fragment::whole(0) };
    if !address.control {
        return Ok(Body::Message { fragment, bytes });
    }
    let message = if fragment.last == 0 { Some(bytes) } else { control.handle(fragment, bytes)? };
    Ok(match message.map(P::Codec::decode).transpose()? {
        Some(Control::Meta(meta)) => Body::Meta(meta),
        Some(Control::End(end)) => Body::End(end),
        Some(Control::SessionEnd(end)) => Body::SessionEnd(end),
        Some(Control::Ack(ack)) => Body::Ack(ack),
        None => Body::Piece { fragment, length },
    })
}

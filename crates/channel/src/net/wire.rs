//! The packets of a channel that crosses a network, and the link layer under them.
//!
//! ```text
//!   tcp   | frame 8 | kind u8 | 0 u24 | session u32 | number u64 | body | count u32 | check 4 |
//!   udp             | kind u8 | 0 u24 | session u32 | number u64 | body | count u32 | check 4 |
//!            "PH",                                     8 n bytes             CRC-32C
//!            length
//!
//!   kind      body             number                                count
//!   1 HELLO   a greeting       0                                     0         from who connects
//!   2 WELCOME a greeting       next message that the receiver wants  0         the answer to HELLO
//!   3 REFUSE  code u32, 0      0                                     0         the other answer
//!   4 DATA    aligned records  of the first message                  messages  from the sender
//!   5 END     empty            messages there ever were              0         from the sender, the last one
//!   6 STOP    empty            messages received                     0         from the receiver: wants no more
//! ```
//!
//! All numbers are big-endian. Every frame is a multiple of 8 bytes, so that on tcp all messages lie on multiples of 8.
//! The frame and the check are the stack's link layer, as in the profile `native`. The session is a random number that
//! tells a sender from the one before it at the same address. Numbers count messages, those that were dropped on the
//! way included: a gap is what was lost, at both ends.

use packhorse_buffer::{DecodeError, DecodeErrorKind, Layer, NoRoom, Over, PacketBuf, Storage};
use packhorse_link::{Check, Crc32c, LengthPrefixed};
use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const LAYER: &str = "channel";

/// Bytes of the longest packet that a frame can hold, less what stands around the body.
pub(crate) const BODY_MAX: usize = 0x00FF_FFF8 - AROUND;
/// Bytes of a packet besides its body: header, count, check.
pub(crate) const AROUND: usize = 16 + 4 + 4;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hello = 1,
    Welcome = 2,
    Refuse = 3,
    Data = 4,
    End = 5,
    Stop = 6,
}

/// A packet's header and trailer, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) kind: Kind,
    pub(crate) session: u32,
    pub(crate) number: u64,
    pub(crate) count: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    kind: u8,
    zero: [u8; 3],
    session: U32,
    number: U64,
}

/// The layer that pushes and pulls it. Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChannelLayer;

/// Over datagrams.
pub(crate) type DatagramStack = Over<ChannelLayer, Check<Crc32c>>;
/// What a framing's packet holds on a stream of bytes: the same.
pub(crate) type StreamStack = Over<DatagramStack, LengthPrefixed>;

/// Room in front of the body.
pub(crate) const HEADROOM: usize = StreamStack::HEADROOM;
/// Room behind it.
pub(crate) const TAILROOM: usize = StreamStack::TAILROOM;

impl Layer for ChannelLayer {
    const HEADROOM: usize = size_of::<Header>();
    const TAILROOM: usize = 4;
    type Tx = Packet;
    type Rx = Packet;
    type Error = DecodeError;

    fn push<S: Storage>(&mut self, tx: Packet, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        buf.put_array::<4>()?.copy_from_slice(&tx.count.to_be_bytes());
        let header = Header {
            kind: tx.kind as u8,
            zero: [0; 3],
            session: U32::new(tx.session),
            number: U64::new(tx.number),
        };
        buf.push_array::<{ size_of::<Header>() }>()?.copy_from_slice(header.as_bytes());
        Ok(())
    }

    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<Packet, DecodeError> {
        let bytes = *buf.pull_array::<{ size_of::<Header>() }>().map_err(|short| short.at(LAYER, 0))?;
        let count = *buf.trim_array::<4>().map_err(|short| short.at(LAYER, bytes.len()))?;
        let header: Header = zerocopy::transmute!(bytes);
        let kind = [Kind::Hello, Kind::Welcome, Kind::Refuse, Kind::Data, Kind::End, Kind::Stop]
            .into_iter()
            .find(|kind| *kind as u8 == header.kind && header.zero == [0; 3])
            .ok_or(DecodeError {
                layer: LAYER,
                offset: 0,
                kind: DecodeErrorKind::Unsupported { value: header.kind.into() },
            })?;
        Ok(Packet {
            kind,
            session: header.session.get(),
            number: header.number.get(),
            count: u32::from_be_bytes(count),
        })
    }
}

//! [`Wire`]: what the agents need to know about a named stack, and the stacks that suit a UART.
//!
//! The layers are those of the hosts, without what measures them; what goes over the line is the same.

use packhorse_buffer::{DecodeError, Layer, NoRoom, Over};
use packhorse_link::rugged::{self, Code};
use packhorse_link::{Check, Cobs, Crc16SpiFujitsu, Crc32c, FfStuffing, Framing, LengthCheck};
use packhorse_packet::{Address, Arrival, Channel};
use packhorse_transfer::{BlockHeader, ControlCodec, RepeatOrder};

use crate::hash::{Blake3, ObjectHash, Sha256};

/// What a stack is told about a packet on its way down: transfer, packet, link.
pub type Down = (BlockHeader, (Address, ()));
/// What a stack tells about a packet on its way up.
pub type Up = (BlockHeader, (Arrival, ()));

/// A named stack on a byte stream. A wire of your own needs a type, without values: here `native` with a link layer that changes
/// bytes below the check's place in the stack.
///
/// ```
/// use packhorse_buffer::{DecodeError, Layer, NoRoom, Over, PacketBuf, Storage};
/// use packhorse_embedded::hash::Blake3;
/// use packhorse_embedded::{Inbound, Outbound, Wire};
/// use packhorse_link::{Check, Cobs, Crc32c};
/// use packhorse_packet::Channel;
/// use packhorse_transfer::{RepeatOrder, native};
///
/// /// The check, and below it every byte inverted.
/// #[derive(Debug, Default)]
/// struct Inverted(Check<Crc32c>);
///
/// fn invert(bytes: &mut [u8]) {
///     bytes.iter_mut().for_each(|byte| *byte = !*byte);
/// }
///
/// impl Layer for Inverted {
///     const HEADROOM: usize = <Check<Crc32c>>::HEADROOM;
///     const TAILROOM: usize = <Check<Crc32c>>::TAILROOM;
///     type Tx = ();
///     type Rx = ();
///     type Error = DecodeError;
///
///     fn push<S: Storage>(&mut self, (): (), packet: &mut PacketBuf<S>) -> Result<(), NoRoom> {
///         self.0.push((), packet)?;
///         invert(packet.as_mut_slice());
///         Ok(())
///     }
///
///     fn pull<S: Storage>(&mut self, packet: &mut PacketBuf<S>) -> Result<(), DecodeError> {
///         invert(packet.as_mut_slice());
///         self.0.pull(packet)
///     }
/// }
///
/// #[derive(Debug)]
/// struct Mine;
///
/// impl Wire for Mine {
///     const NAME: &'static str = "mine";
///     const TRANSFER: Channel = Channel::TRANSFER;
///     const REPEATS: RepeatOrder = RepeatOrder::Spread;
///     const HASH_FIRST: bool = false;
///     const SEQUENCE_BITS: u32 = 32;
///     type Stack = Over<native::BlockLayer, Over<packhorse_packet::native::PacketLayer, Inverted>>;
///     type Framing = Cobs;
///     type Codec = native::Codec;
///     type Hash = Blake3<6>;
///
///     fn stack() -> Self::Stack {
///         Self::Stack::default()
///     }
///
///     fn framing(packet: usize) -> Cobs {
///         Cobs::new(packet)
///     }
/// }
///
/// type Sending<'a> = Outbound<'a, Mine, 64, 92>;
/// type Receiving = Inbound<Mine, 192, 160, 96>;
/// # let (_, block) = (Receiving::new(1000), Sending::BLOCK);
/// # assert_eq!(block, 48);
/// ```
pub trait Wire {
    /// The name that a person gives to `packhorse --profile`.
    const NAME: &'static str;
    /// The channel of objects.
    const TRANSFER: Channel;
    /// How repeats follow one another.
    const REPEATS: RepeatOrder;
    /// The first announcement must have the hash already.
    const HASH_FIRST: bool;

    /// Bits of a packet's sequence number.
    const SEQUENCE_BITS: u32;
    /// Receivers can answer.
    const ANSWERS: bool = true;

    /// Transfer, packet and link layer.
    type Stack: Layer<Tx = Down, Rx = Up, Error = DecodeError>;
    /// How packets are marked on the line.
    type Framing: Framing;
    /// The control messages.
    type Codec: ControlCodec;
    /// The hash of objects.
    type Hash: ObjectHash;

    /// A stack at the start of its life.
    fn stack() -> Self::Stack;
    /// The framing, for packets of at most `packet` bytes.
    fn framing(packet: usize) -> Self::Framing;

    /// Puts the frame of `packet` into `out`. Returns its length. A sender remembers nothing from frame to frame.
    ///
    /// # Errors
    /// When it does not fit.
    fn enframe(packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom> {
        Self::framing(packet.len()).enframe(packet, out)
    }
}

/// Profile `native` as on serial lines: COBS frames, CRC-32C, BLAKE3. `DEPTH` bounds the objects that can be verified:
/// 2^`DEPTH` KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native<const DEPTH: usize = 12>;

impl<const DEPTH: usize> Wire for Native<DEPTH> {
    const NAME: &'static str = "native";
    const TRANSFER: Channel = Channel::TRANSFER;
    const REPEATS: RepeatOrder = RepeatOrder::Spread;
    const HASH_FIRST: bool = false;
    const SEQUENCE_BITS: u32 = 32;

    type Stack = Over<
        packhorse_transfer::native::BlockLayer,
        Over<packhorse_packet::native::PacketLayer, Check<Crc32c>>,
    >;
    type Framing = Cobs;
    type Codec = packhorse_transfer::native::Codec;
    type Hash = Blake3<DEPTH>;

    fn stack() -> Self::Stack {
        Self::Stack::default()
    }

    fn framing(packet: usize) -> Cobs {
        Cobs::new(packet)
    }
}

/// Profile `ftag`: FF/FE stuffing, CRC-16, SHA-256; the wire of the public radio toolkit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ftag;

impl Wire for Ftag {
    const NAME: &'static str = "ftag";
    const TRANSFER: Channel = Channel::LINK;
    const REPEATS: RepeatOrder = RepeatOrder::Together;
    const HASH_FIRST: bool = true;
    const SEQUENCE_BITS: u32 = 8;
    const ANSWERS: bool = false;

    type Stack = Over<
        packhorse_transfer::ftag::BlockLayer,
        Over<packhorse_packet::ftag::PacketLayer, LengthCheck<Crc16SpiFujitsu>>,
    >;
    type Framing = FfStuffing;
    type Codec = packhorse_transfer::ftag::Codec;
    type Hash = Sha256;

    fn stack() -> Self::Stack {
        Self::Stack::default()
    }

    fn framing(_packet: usize) -> FfStuffing {
        FfStuffing::ftag()
    }
}

/// Profile `rugged`: frames whose wrong bytes are corrected. `PARITY` bytes of parity a packet, an even number from 2 to 32,
/// correct half as many; other numbers do not compile. `DEPTH` as in [`Native`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Rugged<const PARITY: usize = 8, const DEPTH: usize = 12>;

impl<const PARITY: usize, const DEPTH: usize> Wire for Rugged<PARITY, DEPTH> {
    const NAME: &'static str = "rugged";
    const TRANSFER: Channel = Channel::TRANSFER;
    const REPEATS: RepeatOrder = RepeatOrder::Spread;
    const HASH_FIRST: bool = false;
    const SEQUENCE_BITS: u32 = 16;

    type Stack = Over<
        packhorse_transfer::rugged::BlockLayer,
        Over<packhorse_packet::rugged::PacketLayer, Check<Crc32c>>,
    >;
    type Framing = rugged::Rugged;
    type Codec = packhorse_transfer::rugged::Codec;
    type Hash = Blake3<DEPTH>;

    fn stack() -> Self::Stack {
        Self::Stack::default()
    }

    fn framing(packet: usize) -> rugged::Rugged {
        rugged::Rugged::new(packet, Self::CODE)
    }

    fn enframe(packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom> {
        rugged::Rugged::encode(Self::CODE, packet, out)
    }
}

impl<const PARITY: usize, const DEPTH: usize> Rugged<PARITY, DEPTH> {
    const CODE: Code = Code::new(PARITY, 1).expect("parity is even, from 2 to 32");
}

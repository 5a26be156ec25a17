//! [`Profile`]: what the agents need to know about a stack, without knowing the stack.

use packhorse_buffer::timing::Timings;
use packhorse_buffer::{DecodeError, Layer, Probe};
use packhorse_link::CheckStats;
use packhorse_packet::{Address, Arrival, Channel, PacketStats};
use packhorse_transfer::{BlockHeader, ControlCodec, RepeatOrder};

/// Memory for a control message and everything around it: a name of 4096 bytes, attributes, headers, frame.
pub(crate) const CONTROL_MAX: usize = 4096 + 512;
/// Control messages are not cut smaller than this: 256 pieces must carry the longest.
pub(crate) const PIECE_MIN: usize = 32;

/// Bytes of the longest message beside the files.
pub(crate) const MESSAGE_MAX: usize = 64 * 1024;

/// What the stack is told about an outgoing packet, upper layer first: transfer, packet, link.
pub type Down = (BlockHeader, (Address, ()));
/// What the stack tells about an incoming packet.
pub type Up = (BlockHeader, (Arrival, ()));

/// A named stack: which layers, which messages, which hash, and what the format can and cannot say.
///
/// The concrete ones are in crate `packhorse`; whoever builds a stack of their own implements this for it.
pub trait Profile: Send + 'static {
    /// The name that a person gives on the command line.
    const NAME: &'static str;
    /// The first announcement must have the hash already, so the file is read twice.
    const HASH_FIRST: bool;
    /// How repeats follow one another.
    const REPEATS: RepeatOrder;
    /// The channel of file transfers.
    const TRANSFER: Channel;
    /// Block size in bytes when none is asked for.
    const BLOCK: u32;
    /// Block size in bytes when none is asked for and the link is expected to lose packets.
    const BLOCK_LOSSY: u32;
    /// Largest block size in bytes.
    const BLOCK_MAX: u32;
    /// Bits of the packets' sequence numbers: what acknowledgements echo.
    const SEQUENCE_BITS: u32;

    /// What measures the layers and the stages around them; [`NoProbe`](packhorse_buffer::NoProbe) costs nothing.
    type Probe: Probe + Default + Send;
    /// Transfer, packet and link layer.
    type Stack: Layer<Tx = Down, Rx = Up, Error = DecodeError> + Timings;
    /// The control messages.
    type Codec: ControlCodec;

    /// A stack at the start of its life.
    fn stack() -> Self::Stack;
    /// What the link layer's check has seen.
    fn check_stats(stack: &Self::Stack) -> CheckStats;
    /// What the packet layer has seen.
    fn packet_stats(stack: &Self::Stack) -> PacketStats;
}

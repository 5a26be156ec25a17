//! Profile `native`: everything by default. Its wire format is in `docs/src/wire-format.md`.

use core::marker::PhantomData;

use packhorse_application::Profile;
use packhorse_buffer::{NoProbe, Over, Probe, Timed};
use packhorse_link::{Check, CheckStats, Crc32c};
use packhorse_packet::{Channel, PacketStats, native::PacketLayer};
use packhorse_transfer::RepeatOrder;
use packhorse_transfer::native::{BlockLayer, Codec};

/// The three layers that a native packet passes inside the program; below them comes the framing, by transport.
///
/// ```text
///   | frame 8 |  packet 6  | transfer 6 | payload | CRC-32C 4 |
/// ```
pub type NativeStack<P = NoProbe> =
    Over<Timed<BlockLayer, P>, Over<Timed<PacketLayer, P>, Timed<Check<Crc32c>, P>>>;

/// Length-prefixed frames, CRC-32C, 15-bit channels, 32-bit sequence and block numbers, BLAKE3, 64-bit sizes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native<P = NoProbe>(PhantomData<P>);

impl<P: Probe + Default + Send + 'static> Profile for Native<P> {
    const NAME: &'static str = "native";
    const HASH_FIRST: bool = false;
    const REPEATS: RepeatOrder = RepeatOrder::Spread;
    const TRANSFER: Channel = Channel::TRANSFER;
    const BLOCK: u32 = 64 * 1024;
    const BLOCK_LOSSY: u32 = 1024;
    const BLOCK_MAX: u32 = 256 * 1024;
    const SEQUENCE_BITS: u32 = 32;

    type Probe = P;
    type Stack = NativeStack<P>;
    type Codec = Codec;

    fn stack() -> Self::Stack {
        Over::new(
            Timed::new("transfer", BlockLayer),
            Over::new(Timed::new("packet", PacketLayer::new()), Timed::new("link check", Check::default())),
        )
    }

    fn check_stats(stack: &Self::Stack) -> CheckStats {
        *stack.lower.lower.layer.stats()
    }

    fn packet_stats(stack: &Self::Stack) -> PacketStats {
        *stack.lower.upper.layer.stats()
    }
}

//! Profile `ftag`: byte for byte the wire of the radio toolkit, see `docs/src/profiles.md`.

use core::marker::PhantomData;

use packhorse_application::Profile;
use packhorse_buffer::{NoProbe, Over, Probe, Timed};
use packhorse_link::{CheckStats, Crc16SpiFujitsu, LengthCheck};
use packhorse_packet::{Channel, PacketStats, ftag::PacketLayer};
use packhorse_transfer::RepeatOrder;
use packhorse_transfer::ftag::{BlockLayer, Codec};

/// The three layers that an `ftag` packet passes inside the program; below them come the FF marks.
///
/// ```text
///   | FF | length 1 | sequence, channel 2 | block 2 | payload | CRC-16 2 | FF |
///          ^ link     ^ packet              ^ transfer          ^ link
/// ```
pub type FtagStack<P = NoProbe> =
    Over<Timed<BlockLayer, P>, Over<Timed<PacketLayer, P>, Timed<LengthCheck<Crc16SpiFujitsu>, P>>>;

/// FF/FE stuffing, CRC-16, 7-bit channels, 8-bit sequence and 16-bit block numbers, SHA-256; files of at most 16 MiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ftag<P = NoProbe>(PhantomData<P>);

impl<P: Probe + Default + Send + 'static> Profile for Ftag<P> {
    const NAME: &'static str = "ftag";
    const HASH_FIRST: bool = true;
    const REPEATS: RepeatOrder = RepeatOrder::Together;
    const TRANSFER: Channel = Channel::LINK;
    const BLOCK: u32 = 50;
    const BLOCK_LOSSY: u32 = 50;
    const BLOCK_MAX: u32 = 249;
    const SEQUENCE_BITS: u32 = 8;

    type Probe = P;
    type Stack = FtagStack<P>;
    type Codec = Codec;

    fn stack() -> Self::Stack {
        Over::new(
            Timed::new("transfer", BlockLayer),
            Over::new(
                Timed::new("packet", PacketLayer::new()),
                Timed::new("link check", LengthCheck::default()),
            ),
        )
    }

    fn check_stats(stack: &Self::Stack) -> CheckStats {
        *stack.lower.lower.layer.stats()
    }

    fn packet_stats(stack: &Self::Stack) -> PacketStats {
        *stack.lower.upper.layer.stats()
    }
}

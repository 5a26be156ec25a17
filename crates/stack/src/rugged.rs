//! Profile `rugged`: for links that damage and lose bytes as a matter of course. Its wire format is in
//! `docs/src/rugged-wire.md`.

use core::marker::PhantomData;

use packhorse_application::Profile;
use packhorse_buffer::{NoProbe, Over, Probe, Timed};
use packhorse_link::{Check, CheckStats, Crc32c};
use packhorse_packet::{Channel, PacketStats, rugged::PacketLayer};
use packhorse_transfer::RepeatOrder;
use packhorse_transfer::rugged::{BlockLayer, Codec};

/// The three layers that a rugged packet passes inside the program; below them come marker, header and inner code.
///
/// ```text
///   | marker 4 | header 9 | packet 3 | transfer 3 to 7 | payload | CRC-32C 4 | parity |
/// ```
pub type RuggedStack<P = NoProbe> =
    Over<Timed<BlockLayer, P>, Over<Timed<PacketLayer, P>, Timed<Check<Crc32c>, P>>>;

/// The control messages, hash and sizes of `native` behind compact headers, in frames that correct wrong bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rugged<P = NoProbe>(PhantomData<P>);

impl<P: Probe + Default + Send + 'static> Profile for Rugged<P> {
    const NAME: &'static str = "rugged";
    const HASH_FIRST: bool = false;
    const REPEATS: RepeatOrder = RepeatOrder::Spread;
    const TRANSFER: Channel = Channel::TRANSFER;
    // A frame of eight codewords of parity 8, full with it: see `link::rugged::Code`.
    const BLOCK: u32 = 1960;
    const BLOCK_LOSSY: u32 = 1960;
    // Fits a frame whatever its code.
    const BLOCK_MAX: u32 = 14_000;
    const SEQUENCE_BITS: u32 = 16;

    type Probe = P;
    type Stack = RuggedStack<P>;
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

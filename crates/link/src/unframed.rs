//! [`Unframed`]: no framing, for transports that keep packets whole.

use packhorse_buffer::{NoRoom, Side};

use crate::{FrameStats, Framing, Reject, Step};

/// The bytes given are the packet. For [`Boundaries::Packets`](crate::Boundaries::Packets) only: a stream, or two
/// packets received into one buffer before the first is taken out, cannot be told apart again.
#[derive(Clone, Debug, Default)]
pub struct Unframed {
    stats: FrameStats,
}

impl Unframed {
    /// With all counters at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { stats: FrameStats::new() }
    }
}

impl Framing for Unframed {
    fn frame_len_max(&self, packet: usize) -> usize {
        packet
    }

    fn enframe(&mut self, packet: &[u8], out: &mut [u8]) -> Result<usize, NoRoom> {
        let available = out.len();
        let Some(out) = out.get_mut(..packet.len()) else {
            return Err(NoRoom { side: Side::Tail, needed: packet.len(), available });
        };
        out.copy_from_slice(packet);
        Ok(packet.len())
    }

    fn deframe(&mut self, bytes: &mut [u8]) -> Step {
        if bytes.is_empty() {
            return Step::More { consumed: 0 };
        }
        self.stats.frames += 1;
        Step::Frame { packet: 0..bytes.len(), consumed: bytes.len() }
    }

    fn reject(&mut self, _why: Reject) -> usize {
        0
    }

    fn reset(&mut self) {}

    fn stats(&self) -> &FrameStats {
        &self.stats
    }
}

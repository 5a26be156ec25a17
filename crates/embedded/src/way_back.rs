//! [`WayBack`]: finds what the far end answers in the bytes that come from it.

use packhorse_buffer::{Layer as _, PacketBuf};
use packhorse_link::{FrameStats, Framing as _, StreamBuf};

use crate::wire::Wire;

/// The receiving side of a device that sends: hands control messages on, to
/// [`Outbound::handle_answer`](crate::Outbound::handle_answer), and drops everything else.
///
/// `MEMORY` bytes hold the longest frame of the far end: a host answers in up to 280 bytes, of which the first 70, and 6 for each
/// gap in what has come, are usual. Longer ones are dropped; the next one says the same.
#[derive(Debug)]
pub struct WayBack<W: Wire, const MEMORY: usize> {
    stack: W::Stack,
    framing: W::Framing,
    stream: StreamBuf<[u8; MEMORY]>,
}

impl<W: Wire, const MEMORY: usize> WayBack<W, MEMORY> {
    /// Nothing has come.
    #[must_use]
    pub fn new() -> Self {
        Self { stack: W::stack(), framing: W::framing(MEMORY), stream: StreamBuf::new([0; MEMORY]) }
    }

    /// Where the next bytes from the line are to be put; [`take`](Self::take) says how many came.
    pub fn spare(&mut self) -> &mut [u8] {
        self.stream.spare()
    }

    /// `len` bytes have come into [`spare`](Self::spare): `hear` is given every control message among them.
    pub fn take(&mut self, len: usize, hear: &mut dyn FnMut(&[u8])) {
        self.stream.commit(len);
        while let Some(range) = self.stream.next_range(&mut self.framing) {
            let mut packet = PacketBuf::filled(self.stream.packet_mut(range));
            match self.stack.pull(&mut packet) {
                Ok((_, (arrival, ()))) if arrival.address.control => hear(packet.as_slice()),
                Ok(_) => {}
                Err(_) => self.stream.reject(&mut self.framing),
            }
        }
    }

    /// What the framing counted.
    pub fn frame_stats(&self) -> &FrameStats {
        self.framing.stats()
    }
}

impl<W: Wire, const MEMORY: usize> Default for WayBack<W, MEMORY> {
    fn default() -> Self {
        Self::new()
    }
}

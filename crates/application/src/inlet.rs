//! [`Inlet`]: where packets arrive. Reads much at a time into memory that the writer can be given, and finds the
//! packets in it.
//!
//! ```text
//!   | packets that were taken, blocks in them | part of a frame | the next read goes here |
//!   '------- the writer gets this memory -----'---- copied to fresh memory, less than a frame
//! ```

use core::ops::Range;
use core::time::Duration;

use packhorse_buffer::{HeapPool, HeapSlot, Probe, Stage};
use packhorse_link::{Boundaries, FrameStats, Framing, StreamBuf, Transport, TransportError};

use crate::LinkError;

/// Received memory: bytes of a slot, and slots.
const SLOT: usize = 1 << 20;
const SLOTS: usize = 4;
/// Less room than this behind what was received is not worth a read.
const ROOM_MIN: usize = 64 * 1024;
/// So much is received before the writer is given it: then it is still in the cache when it is hashed and written.
const BATCH: usize = 512 * 1024;

/// What came of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The link has ended.
    Ended,
}

pub(crate) struct Inlet<F, T, P> {
    framing: F,
    transport: T,
    pool: HeapPool,
    stream: StreamBuf<HeapSlot>,
    pub(crate) received: Stage<P>,
    pub(crate) deframed: Stage<P>,
}

impl<F: Framing, T: Transport, P: Probe + Default> Inlet<F, T, P>
where
    T::Error: core::fmt::Display,
{
    /// Packets of at most `packet_max` bytes; `seen` was already read from the link.
    pub(crate) fn new(framing: F, transport: T, packet_max: usize, seen: &[u8]) -> Self {
        let frames = 2 * framing.frame_len_max(packet_max);
        let pool = HeapPool::new(SLOTS, SLOT.max(frames).max(seen.len() + packet_max));
        let mut stream = StreamBuf::new(pool.take_blocking());
        stream.extend(seen);
        Self {
            framing,
            transport,
            pool,
            stream,
            received: Stage::new("receive"),
            deframed: Stage::new("deframing"),
        }
    }

    /// Reads what has come. Packets that were taken before are gone.
    pub(crate) fn receive(&mut self) -> Result<Came, LinkError> {
        let most = BATCH.max(self.needed());
        let into = self.stream.spare();
        let most = into.len().min(most);
        let mark = self.received.start();
        let received = self.transport.receive(&mut into[..most]);
        self.received.stop(mark);
        match received {
            Ok(0) if self.transport.boundaries() == Boundaries::Bytes => Ok(Came::Ended),
            Ok(len) => {
                self.stream.commit(len);
                Ok(Came::Bytes(len))
            }
            Err(TransportError::Closed) => Ok(Came::Ended),
            Err(TransportError::WouldBlock) => {
                std::thread::sleep(Duration::from_micros(50));
                Ok(Came::Nothing)
            }
            Err(TransportError::TooLong { .. }) => Ok(Came::Nothing),
            Err(error) => Err(LinkError::from_transport(error)),
        }
    }

    /// The next packet in what was received.
    pub(crate) fn next(&mut self) -> Option<Range<usize>> {
        let mark = self.deframed.start();
        let range = self.stream.next_range(&mut self.framing);
        self.deframed.stop(mark);
        range
    }

    /// The link has ended: the next packet that is left.
    pub(crate) fn rest(&mut self) -> Option<Range<usize>> {
        self.stream.finish_range(&mut self.framing)
    }

    /// The packet found last was damaged.
    pub(crate) fn reject(&mut self) {
        self.stream.reject(&mut self.framing);
    }

    /// Who sent what was received last.
    pub(crate) fn source(&self) -> u64 {
        self.transport.source()
    }

    /// The bytes of a packet that was found.
    pub(crate) fn packet_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.stream.packet_mut(range)
    }

    /// Whether the link carries whole packets, each by itself.
    pub(crate) fn has_packets(&self) -> bool {
        self.transport.boundaries() == Boundaries::Packets
    }

    /// Goes on in fresh memory, as soon as there is some, and gives away the old with all packets in it.
    pub(crate) fn take_memory(&mut self) -> Option<HeapSlot> {
        // It fits: what is pending is less than a frame, and a slot holds two.
        self.stream.replace_storage(self.pool.take_blocking()).ok()
    }

    /// What the framing saw.
    pub(crate) fn frame_stats(&self) -> FrameStats {
        *self.framing.stats()
    }

    fn needed(&self) -> usize {
        match self.transport.boundaries() {
            Boundaries::Packets => self.transport.mtu().min(self.stream.capacity()),
            Boundaries::Bytes => ROOM_MIN,
        }
    }
}

//! [`Limits`]: what a writer can take, to be asked where the writer is not.

use super::Writer;
use crate::PrebuiltHeap;

/// What a writer can take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    packet: usize,
    substreams: usize,
}

impl Limits {
    pub(super) fn of(writer: &impl Writer) -> Self {
        Self { packet: writer.longest_packet(), substreams: writer.substreams() }
    }

    /// Whether a heap can be written at all.
    pub(super) fn check(self, heap: &PrebuiltHeap) -> Result<(), Unfit> {
        let (len, substream) = (heap.longest_packet(), heap.substream());
        if len > self.packet {
            return Err(Unfit::Packet { len, most: self.packet });
        }
        if substream >= self.substreams {
            return Err(Unfit::Substream { substream, substreams: self.substreams });
        }
        Ok(())
    }
}

/// The heap cannot be sent on this stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A packet is longer than the writer can write.
    #[error("the heap has a packet of {len} bytes, the writer takes {most}; prebuild it with shorter ones")]
    Packet {
        /// Bytes of the longest packet.
        len: usize,
        /// Bytes that the writer takes.
        most: usize,
    },
    /// There is no such endpoint.
    #[error("substream {substream} does not exist; the writer has {substreams}, counted from 0")]
    Substream {
        /// Which was asked for.
        substream: usize,
        /// How many there are.
        substreams: usize,
    },
}

//! [`InProcess`]: packets to a receiver in the same process, through a queue of slabs.

use std::io::{self, ErrorKind};

use super::Writer;
use crate::in_process::{Closed, PacketSender, PutError};
use crate::send::Batch;

/// Copies packets into slabs and hands those on. A queue for every substream.
#[derive(Debug)]
pub struct InProcess(Vec<PacketSender>);

impl InProcess {
    /// Sends to one queue.
    #[must_use]
    pub fn new(queue: PacketSender) -> Self {
        Self(vec![queue])
    }

    /// Sends to several queues, which are the substreams.
    #[must_use]
    pub const fn substreams(queues: Vec<PacketSender>) -> Self {
        Self(queues)
    }
}

impl Writer for InProcess {
    fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let gone = |Closed| io::Error::from(ErrorKind::BrokenPipe);
        let refused = |error| match error {
            PutError::Closed(closed) => gone(closed),
            error => io::Error::new(ErrorKind::InvalidInput, error),
        };
        for packet in batch.packets() {
            let queue = self.0.get_mut(packet.substream).ok_or(ErrorKind::InvalidInput)?;
            queue.put(packet.len, packet.slices.iter().map(|slice| &**slice)).map_err(refused)?;
        }
        self.0.iter_mut().try_for_each(|queue| queue.flush().map_err(gone))
    }

    fn longest_packet(&self) -> usize {
        self.0.iter().map(PacketSender::longest_packet).min().unwrap_or(0)
    }

    fn substreams(&self) -> usize {
        self.0.len()
    }
}

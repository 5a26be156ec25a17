//! [`InProcessReader`]: packets of another thread, slab by slab, as its sender left them.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;

use super::super::{Batch, Packet, Reader, Stopper};
use crate::in_process::PacketReceiver;

/// How often is looked whether the stream has been stopped while nothing comes.
const LOOK: Duration = Duration::from_millis(50);

/// Reads what a [`PacketSender`](crate::in_process::PacketSender) sends. Heaps of one packet stay in the sender's slab.
#[derive(Debug)]
pub struct InProcessReader {
    receiver: PacketReceiver,
    stopped: Arc<AtomicBool>,
}

impl InProcessReader {
    /// Reads from the receiving end of a queue.
    #[must_use]
    pub fn new(receiver: PacketReceiver) -> Self {
        Self { receiver, stopped: Arc::default() }
    }
}

impl Reader for InProcessReader {
    fn read(&mut self, batch: &mut Batch) -> io::Result<bool> {
        // The slabs are the sender's: dropping them gives them back.
        batch.clear().for_each(drop);
        let slice = loop {
            if self.stopped.load(Ordering::Acquire) {
                return Ok(false);
            }
            match self.receiver.receive(Some(LOOK)) {
                Ok(Some(slice)) => break slice,
                Ok(None) => {}
                Err(_closed) => return Ok(false),
            }
        };
        let range = slice.range();
        let slab = slice.into_shared();
        let number = batch.lend(slab.clone(), true);
        let mut start = range.start;
        while start < range.end {
            let rest = slab.get(start..range.end).unwrap_or_default();
            // The sender made these packets. What is none of it nevertheless, the assembler counts.
            let len = Packet::first_len(rest).unwrap_or(rest.len());
            batch.packet(number, start..start + len);
            start += len;
        }
        Ok(true)
    }

    fn stopper(&self) -> Stopper {
        let stopped = Arc::clone(&self.stopped);
        Stopper::new(move || stopped.store(true, Ordering::Release))
    }

    fn is_lossy(&self) -> bool {
        false
    }
}

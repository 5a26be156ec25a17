//! [`UdpReader`]: a packet a datagram, unicast or multicast, many in a call of the system.
//!
//! ```text
//!   filling   |slab|slab|..16|     given to the kernel, the hottest first
//!   spare     |slab|..|            one for each that heaps may keep
//!   slabs     |slab|slab|...|      still read by heaps, or free again
//! ```
//! When heaps keep more slabs than there are, heaps of one packet are copied out until some come back: the reader
//! never stops for want of memory.

use core::net::SocketAddr;
use std::io;

use packhorse_buffer::{FreshSlab, Slabs};
use packhorse_transport::datagrams::{DatagramReceiver, Readiness, ReceiveOptions};

use super::super::{Batch, Reader, Stopper};

/// How a UDP reader receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpOptions {
    /// The socket's own.
    pub socket: ReceiveOptions,
    /// Receive buffers of 64 KiB at most: 16 for the kernel, the others for heaps that stay where they arrived.
    pub slabs: usize,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self { socket: ReceiveOptions::default(), slabs: 256 }
    }
}

/// Reads datagrams.
#[derive(Debug)]
pub struct UdpReader {
    receiver: DatagramReceiver,
    slabs: Slabs,
    filling: Vec<FreshSlab>,
    spare: Vec<FreshSlab>,
}

impl UdpReader {
    /// Receives on `address`; when that is a multicast group, joins it on the interface of the options.
    ///
    /// # Errors
    /// What the system says: the address is in use or not this machine's.
    pub fn bind(address: SocketAddr, options: &UdpOptions) -> io::Result<Self> {
        Ok(Self::new(DatagramReceiver::bind(address, &options.socket)?, options.slabs))
    }

    /// Receives on a socket that is ready, into at most `slabs` buffers of 64 KiB.
    #[must_use]
    pub fn new(receiver: DatagramReceiver, slabs: usize) -> Self {
        let mut slabs = Slabs::new(DatagramReceiver::BUFFER, slabs.max(DatagramReceiver::BATCH));
        let filling = (0..DatagramReceiver::BATCH).filter_map(|_| slabs.take()).collect();
        Self { receiver, slabs, filling, spare: Vec::with_capacity(DatagramReceiver::BATCH) }
    }

    /// Where it receives: tells the port when 0 was asked for.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.receiver.local_address()
    }

    /// The socket, to join more groups and to ask for its buffer.
    #[must_use]
    pub fn receiver(&self) -> &DatagramReceiver {
        &self.receiver
    }

    /// Takes back the slabs of the last batch that no heap kept, and replaces the others.
    fn reclaim(&mut self, batch: &mut Batch) {
        for slab in batch.clear() {
            match slab.try_fresh() {
                Ok(fresh) => self.filling.push(fresh),
                Err(kept) => {
                    self.slabs.give(kept);
                    self.filling.extend(self.spare.pop());
                }
            }
        }
        for unneeded in self.spare.drain(..) {
            self.slabs.give_back(unneeded);
        }
    }
}

impl Reader for UdpReader {
    fn read(&mut self, batch: &mut Batch) -> io::Result<bool> {
        self.reclaim(batch);
        let used = loop {
            match self.receiver.receive(self.filling.iter_mut().rev().map(FreshSlab::as_mut_slice)) {
                Ok(used) => break used,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match self.receiver.wait(None)? {
                    Readiness::Woken => return Ok(false),
                    Readiness::Datagrams | Readiness::TimedOut => {}
                },
                Err(error) => return Err(error),
            }
        };
        for index in 0..used {
            let Some(slab) = self.filling.pop() else { break };
            let spare = self.slabs.take();
            let number = batch.lend(slab.share(), spare.is_some());
            self.spare.extend(spare);
            self.receiver.filled(index).datagrams().for_each(|range| batch.packet(number, range));
        }
        Ok(true)
    }

    fn stopper(&self) -> Stopper {
        let waker = self.receiver.waker();
        Stopper::new(move || waker.wake())
    }

    fn is_lossy(&self) -> bool {
        true
    }
}

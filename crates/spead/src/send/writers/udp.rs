//! [`Udp`]: one datagram a packet, to one or several addresses, unicast or multicast.
//!
//! ```text
//!   batch      | heap 1: A A A A A A | heap 2: A A A A A A | heap 3: A A A A B |
//!   messages   | A A A A A A A A A A A A                   | A A A A B         |     B shorter: ends a message
//! ```
//! Equal packets of the same endpoint become one message, which the kernel cuts apart (GSO). A message ends with a
//! heap wherever it can, so that a receiver finds whole heaps in one buffer.

use core::net::SocketAddr;
use std::io;

use arrayvec::ArrayVec;
use packhorse_transport::datagrams::{DatagramSender, Destination, Message, SendOptions, SendStatistics};

use super::Writer;
use crate::send::Batch;

/// Sends packets as datagrams.
#[derive(Debug)]
pub struct Udp {
    sender: DatagramSender,
    to: Vec<Destination>,
    segments: bool,
}

/// How a UDP socket sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UdpOptions {
    /// The socket.
    pub socket: SendOptions,
    /// Never lets the kernel cut messages into packets (GSO).
    pub without_segments: bool,
}

/// Messages given to the kernel in one call.
const MESSAGES: usize = 32;

impl Udp {
    /// Sends to `to`, from any port.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(to: SocketAddr) -> io::Result<Self> {
        Self::with_options(&[to], &UdpOptions::default())
    }

    /// Sends to several endpoints, which are the substreams: the first is substream 0.
    ///
    /// # Errors
    /// `InvalidInput` without an endpoint or with those of IPv4 and IPv6 mixed; what the system says.
    pub fn with_options(to: &[SocketAddr], options: &UdpOptions) -> io::Result<Self> {
        let invalid = |said| io::Error::new(io::ErrorKind::InvalidInput, said);
        let first = to.first().ok_or_else(|| invalid("give at least one address to send to"))?;
        if to.iter().any(|address| address.is_ipv4() != first.is_ipv4()) {
            return Err(invalid("IPv4 and IPv6 addresses need a stream each"));
        }
        let sender = DatagramSender::new(*first, &options.socket)?;
        let to = to.iter().copied().map(Destination::from).collect();
        Ok(Self { sender, to, segments: !options.without_segments })
    }

    /// What the socket did.
    #[must_use]
    pub const fn statistics(&self) -> &SendStatistics {
        self.sender.statistics()
    }
}

impl Writer for Udp {
    fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let mut messages: ArrayVec<Message<'_>, MESSAGES> = ArrayVec::new();
        let mut first = 0;
        while first < batch.len() {
            if messages.is_full() {
                self.sender.send(&messages)?;
                messages.clear();
            }
            let packet = batch.packet(first);
            let to = self.to.get(packet.substream);
            let to = to.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no such substream"))?;
            let end = if self.segments { message_end(batch, first) } else { first + 1 };
            let segment = if end > first + 1 { u16::try_from(packet.len).ok() } else { None };
            messages.push(Message { to, slices: batch.slices_of(first, end), segment });
            first = end;
        }
        if messages.is_empty() { Ok(()) } else { self.sender.send(&messages) }
    }

    fn longest_packet(&self) -> usize {
        DatagramSender::MOST_BYTES
    }

    fn substreams(&self) -> usize {
        self.to.len()
    }
}

/// Behind the last packet that leaves in the same message as packet `first`.
fn message_end(batch: &Batch<'_>, first: usize) -> usize {
    let head = batch.packet(first);
    let (mut bytes, mut slices) = (0, 0);
    // Behind the last heap that is whole in the message.
    let mut heap_end = None;
    for index in first..batch.len() {
        let packet = batch.packet(index);
        bytes += packet.len;
        slices += packet.slices.len();
        let full = bytes > DatagramSender::MOST_BYTES
            || slices > DatagramSender::MOST_SLICES
            || index - first == DatagramSender::MOST_SEGMENTS;
        let foreign = packet.len > head.len || packet.substream != head.substream;
        if index > first && (full || foreign) {
            return heap_end.filter(|_| full).unwrap_or(index);
        }
        if packet.len < head.len {
            return index + 1;
        }
        if packet.ends_heap {
            heap_end = Some(index + 1);
        }
    }
    batch.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends of all messages of packets with these lengths; a heap ends after every negative one.
    fn ends(lengths: &[isize]) -> Vec<usize> {
        let memory = vec![0; 65_507];
        let mut batch = Batch::new();
        for len in lengths {
            batch.push_whole(&memory[..len.unsigned_abs()], 0, *len < 0);
        }
        let mut ends = Vec::new();
        while ends.last().copied().unwrap_or(0) < batch.len() {
            ends.push(message_end(&batch, ends.last().copied().unwrap_or(0)));
        }
        ends
    }

    #[test]
    fn equal_packets_of_several_heaps_share_a_message() {
        assert_eq!(ends(&[100, -100, 100, -100]), [4]);
        assert_eq!(ends(&[100, -60, 100, -60]), [2, 4]);
        assert_eq!(ends(&[60, -100, -100]), [1, 3]);
    }

    #[test]
    fn a_full_message_ends_with_a_heap() {
        // Seven heaps of 8248 bytes fit; of six packets each, 64 packets would be ten heaps and four packets.
        assert_eq!(ends(&[-8248; 15]), [7, 14, 15]);
        let heap = [1000, 1000, 1000, 1000, 1000, -1000];
        assert_eq!(ends(&heap.repeat(12)), [60, 72]);
        // A heap that is longer than any message is cut anywhere.
        assert_eq!(ends(&[1000; 70]), [64, 70]);
        assert_eq!(ends(&[-65_507, -65_507]), [1, 2]);
    }
}

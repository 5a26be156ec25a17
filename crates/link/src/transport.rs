//! [`Transport`]: what moves bytes or datagrams and knows nothing about them.
//!
//! The trait lives here, with the layer that uses it; transports for hosts are in `packhorse-transport`.

use core::fmt;

/// Whether a transport keeps what was sent together together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundaries {
    /// One `send` is one `receive` at the far end, whole or not at all: radio, UDP, loopback.
    Packets,
    /// A stream of bytes that may arrive cut anywhere: UART, pipe, TCP.
    Bytes,
}

/// Moves bytes or whole packets; blocking or not, as the transport documents.
pub trait Transport {
    /// What the system underneath can report.
    type Error;

    /// Most bytes that one `send` takes: the largest packet, or on streams the write that costs least a byte.
    fn mtu(&self) -> usize;

    /// Whether packets stay whole.
    fn boundaries(&self) -> Boundaries;

    /// Sends `bytes`: on [`Boundaries::Packets`] as one packet, on [`Boundaries::Bytes`] all of them in order.
    ///
    /// # Errors
    /// [`TransportError::TooLong`] above the MTU of a packet transport, [`TransportError::WouldBlock`] when
    /// nothing was taken and a later call may succeed, [`TransportError::Closed`] when nobody will ever read.
    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Self::Error>>;

    /// Sends the pieces as if they were one run of bytes. A transport that can gather does not copy them.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Self::Error>>;

    /// Sends bytes of `file` from `offset` on, at most `len`, without copying them through this process, where the
    /// system can: what the other end sees is what the file holds when it reads. Returns how many were sent: fewer
    /// when the file is shorter, none when this transport cannot.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    #[cfg(feature = "std")]
    fn send_file(
        &mut self,
        _file: &std::fs::File,
        _offset: u64,
        _len: usize,
    ) -> Result<usize, TransportError<Self::Error>> {
        Ok(0)
    }

    /// Receives into the front of `into`: a packet, or some bytes. Returns how many; zero is the end of a stream.
    ///
    /// # Errors
    /// [`TransportError::WouldBlock`] when nothing is there yet, [`TransportError::TooLong`] when a packet was
    /// longer than `into` (it is lost).
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Self::Error>>;

    /// Who sent what was received last: a number that stays the same for the same sender. 0 where there is only one, or
    /// nobody can tell.
    fn source(&self) -> u64 {
        0
    }

    /// What is sent from now on goes to this source, where there are several and it was heard of.
    fn answer_to(&mut self, _source: u64) {}
}

/// Why a transport did not move the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError<E> {
    /// Not now: a queue is full, or nothing has arrived. Nothing was sent or lost.
    WouldBlock,
    /// The other end is gone for good.
    Closed,
    /// A packet of `len` bytes where at most `most` fit.
    TooLong {
        /// Bytes in the packet.
        len: usize,
        /// Bytes that the transport or the given memory takes.
        most: usize,
    },
    /// What the system said.
    Io(E),
}

impl<E: fmt::Display> fmt::Display for TransportError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("the transport is not ready"),
            Self::Closed => f.write_str("the other end is closed"),
            Self::TooLong { len, most } => write!(f, "a packet of {len} bytes, where {most} fit"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for TransportError<E> {}

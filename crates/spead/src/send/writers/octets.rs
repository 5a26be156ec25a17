//! [`Octets`]: packets back to back on a stream of bytes: TCP, a pipe, a file, memory.
//!
//! A packet says in its header how long it is, so there is nothing between two.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::{TcpStream, ToSocketAddrs};

use arrayvec::ArrayVec;

use super::Writer;
use crate::send::Batch;
use crate::send::batch::MOST_SLICES;

/// Writes packets to any [`Write`].
#[derive(Debug)]
pub struct Octets<W>(W);

impl Octets<TcpStream> {
    /// Connects to a receiver.
    ///
    /// # Errors
    /// What the system says, most of all that nobody listens.
    pub fn connect(to: impl ToSocketAddrs) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        // Batches are large already; waiting for more only delays the last of them.
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }
}

impl<W> Octets<W> {
    /// Writes to `inner`.
    pub const fn new(inner: W) -> Self {
        Self(inner)
    }

    /// What it writes to.
    pub const fn get_ref(&self) -> &W {
        &self.0
    }

    /// Gives back what it writes to.
    pub fn into_inner(self) -> W {
        self.0
    }
}

impl<W: Write + Send> Writer for Octets<W> {
    fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        let mut slices: ArrayVec<IoSlice<'_>, MOST_SLICES> = batch.slices().iter().copied().collect();
        let mut slices = slices.as_mut_slice();
        while !slices.is_empty() {
            match self.0.write_vectored(slices) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.0.flush()
    }

    /// The most that spead2 accepts on TCP.
    fn longest_packet(&self) -> usize {
        65_536
    }
}

//! [`Serial`] and [`AsyncSerial`]: transports over what the drivers of microcontrollers offer, `embedded-io` and
//! `embedded-io-async` 0.7.

use embedded_io::ReadReady;
use packhorse_link::{Boundaries, Transport, TransportError};

/// A byte stream over one driver used both ways, or over its two halves.
///
/// Receiving never waits: [`TransportError::WouldBlock`] when nothing has come. Sending waits until the driver has taken
/// everything; a poll loop that must not wait writes through [`Outbox::drain`](crate::Outbox::drain).
#[derive(Debug)]
pub struct Serial<R, W> {
    /// The half that receives.
    pub reader: R,
    /// The half that sends.
    pub writer: W,
    mtu: usize,
}

impl<R, W> Serial<R, W> {
    /// Over these halves; `mtu` is the write that costs least a byte, such as the driver's buffer.
    pub const fn new(reader: R, writer: W, mtu: usize) -> Self {
        Self { reader, writer, mtu }
    }
}

impl<R, W> Transport for Serial<R, W>
where
    R: embedded_io::Read + ReadReady,
    W: embedded_io::Write<Error = R::Error>,
{
    type Error = R::Error;

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<R::Error>> {
        self.writer.write_all(bytes).map_err(TransportError::Io)
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<R::Error>> {
        pieces.iter().try_for_each(|piece| self.send(piece))
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<R::Error>> {
        if !self.reader.read_ready().map_err(TransportError::Io)? {
            return Err(TransportError::WouldBlock);
        }
        self.reader.read(into).map_err(TransportError::Io)
    }
}

/// The same for async drivers: what `Transport` does, awaited.
#[derive(Debug)]
pub struct AsyncSerial<R, W> {
    /// The half that receives.
    pub reader: R,
    /// The half that sends.
    pub writer: W,
}

impl<R, W> AsyncSerial<R, W>
where
    R: embedded_io_async::Read,
    W: embedded_io_async::Write<Error = R::Error>,
{
    /// Over these halves.
    pub const fn new(reader: R, writer: W) -> Self {
        Self { reader, writer }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<R::Error>> {
        self.writer.write_all(bytes).await.map_err(TransportError::Io)
    }

    /// Receives at least one byte into the front of `into`; zero is the end of the stream.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<R::Error>> {
        self.reader.read(into).await.map_err(TransportError::Io)
    }
}

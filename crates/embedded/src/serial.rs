//! [`Serial`] and [`AsyncSerial`]: one line of the two halves that the drivers of microcontrollers offer, `embedded-io` and
//! `embedded-io-async` 0.7.

use embedded_io::{Error, ErrorKind, ErrorType, ReadReady};
use packhorse_link::{Boundaries, Transport, TransportError};

/// A byte stream over the two halves of a driver.
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
    W: embedded_io::Write,
{
    type Error = SerialError<R::Error, W::Error>;

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Self::Error>> {
        self.writer.write_all(bytes).map_err(|error| TransportError::Io(SerialError::Write(error)))
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Self::Error>> {
        pieces.iter().try_for_each(|piece| self.send(piece))
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Self::Error>> {
        let read = |error| TransportError::Io(SerialError::Read(error));
        if !self.reader.read_ready().map_err(read)? {
            return Err(TransportError::WouldBlock);
        }
        self.reader.read(into).map_err(read)
    }
}

/// The same for async drivers: one line for [`send`](crate::send) and [`receive`](crate::receive), or whoever wants a reader and a
/// writer in one.
#[derive(Debug)]
pub struct AsyncSerial<R, W> {
    /// The half that receives.
    pub reader: R,
    /// The half that sends.
    pub writer: W,
}

impl<R, W> AsyncSerial<R, W> {
    /// Over these halves.
    pub const fn new(reader: R, writer: W) -> Self {
        Self { reader, writer }
    }
}

impl<R: ErrorType, W: ErrorType> ErrorType for AsyncSerial<R, W> {
    type Error = SerialError<R::Error, W::Error>;
}

impl<R: embedded_io_async::Read, W: ErrorType> embedded_io_async::Read for AsyncSerial<R, W> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Self::Error> {
        self.reader.read(into).await.map_err(SerialError::Read)
    }
}

impl<R: ErrorType, W: embedded_io_async::Write> embedded_io_async::Write for AsyncSerial<R, W> {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Self::Error> {
        self.writer.write(from).await.map_err(SerialError::Write)
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.writer.flush().await.map_err(SerialError::Write)
    }
}

/// What one half of a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialError<R, W> {
    /// The half that receives.
    Read(R),
    /// The half that sends.
    Write(W),
}

impl<R: core::fmt::Display, W: core::fmt::Display> core::fmt::Display for SerialError<R, W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Read(error) => write!(f, "receiving from the serial line failed: {error}"),
            Self::Write(error) => write!(f, "sending on the serial line failed: {error}"),
        }
    }
}

impl<R: core::error::Error, W: core::error::Error> core::error::Error for SerialError<R, W> {}

impl<R: Error, W: Error> Error for SerialError<R, W> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(error) => error.kind(),
            Self::Write(error) => error.kind(),
        }
    }
}

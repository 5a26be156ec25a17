//! [`StreamReader`] and [`StreamWriter`]: anything that is `Read` or `Write` as a byte transport.
//!
//! For what has no file descriptor: TLS streams, tests, files in memory. Where there is one, a `Pipe` knows more.

use std::io::{Error, ErrorKind, Read, Write};

use packhorse_link::{Boundaries, Transport, TransportError};

use crate::gather;

/// Reads and writes of this size cost little a byte on everything known.
const CALL_SIZE: usize = 64 * 1024;

/// Receives from a [`Read`]. Sending on it is [`TransportError::Closed`].
#[derive(Clone, Debug, Default)]
pub struct StreamReader<R>(pub R);

/// Sends to a [`Write`], and flushes it after each send. Receiving on it is the end of the stream.
///
/// With a `Write` that does not block, part of a send may be gone when it says so; that is told as
/// [`TransportError::Io`], since it cannot be made again.
#[derive(Clone, Debug, Default)]
pub struct StreamWriter<W>(pub W);

impl<R: Read> Transport for StreamReader<R> {
    type Error = Error;

    fn mtu(&self) -> usize {
        CALL_SIZE
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }
    fn send(&mut self, _bytes: &[u8]) -> Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }
    fn send_gather(&mut self, _pieces: &[&[u8]]) -> Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }

    /// As the trait; an empty `into` is an `InvalidInput` error, since zero means the end.
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Error>> {
        if into.is_empty() {
            return Err(TransportError::Io(Error::from(ErrorKind::InvalidInput)));
        }
        loop {
            match self.0.read(into) {
                Ok(len) => return Ok(len),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(TransportError::WouldBlock),
                    ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
                        return Err(TransportError::Closed);
                    }
                    _ => return Err(TransportError::Io(error)),
                },
            }
        }
    }
}

impl<W: Write> Transport for StreamWriter<W> {
    type Error = Error;

    fn mtu(&self) -> usize {
        CALL_SIZE
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }
    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Error>> {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).map_err(closed_or)
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Error>> {
        gather::write_all(pieces, |slices| self.0.write_vectored(slices))
            .and_then(|()| self.0.flush())
            .map_err(closed_or)
    }
    fn receive(&mut self, _into: &mut [u8]) -> Result<usize, TransportError<Error>> {
        Ok(0)
    }
}

fn closed_or(error: Error) -> TransportError<Error> {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            TransportError::Closed
        }
        _ => TransportError::Io(error),
    }
}

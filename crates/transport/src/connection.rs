//! [`Connection`]: a connected stream socket, whatever its family; [`tcp`](crate::tcp) and [`unix`](crate::unix) make them.
//!
//! ```text
//!   ConnectionReader --.                      one thread each; neither waits for the other
//!                       >-- one socket
//!   ConnectionWriter --'   dropped: the other end reads the end of the stream, and may still answer
//! ```
//! Calls the system directly: nothing is held back in a buffer, nothing is copied in this process.

use alloc::sync::Arc;
use core::time::Duration;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use packhorse_link::{Boundaries, Transport, TransportError};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, send, sendmsg, shutdown};

use crate::ready::{closed_or, no_memory, wait};
use crate::{Duplex, gather};

/// Calls of this size cost little a byte on every stream socket.
const CALL_SIZE: usize = 256 * 1024;

/// A connected stream socket: bytes in order, both ways, with no boundaries.
///
/// Blocks by default. [`Duplex::split`] gives the halves to two threads.
pub type Connection = Duplex<ConnectionReader, ConnectionWriter>;

impl Connection {
    /// Takes over a connected stream socket: a `TcpStream`, a `UnixStream`, an inherited descriptor.
    pub fn from_fd(socket: impl Into<OwnedFd>) -> Self {
        let socket = Arc::new(socket.into());
        Self::new(
            ConnectionReader { socket: Arc::clone(&socket), blocking: true, timeout: None },
            ConnectionWriter { socket, blocking: true, timeout: None },
        )
    }

    /// Two ends of a new connection inside this machine.
    ///
    /// # Errors
    /// When the process has too many files open.
    pub fn pair() -> Result<(Self, Self)> {
        let (here, there) = std::os::unix::net::UnixStream::pair()?;
        Ok((Self::from_fd(here), Self::from_fd(there)))
    }

    /// Whether sending and receiving wait, or return [`TransportError::WouldBlock`].
    pub fn set_blocking(&mut self, blocking: bool) {
        self.receiver.set_blocking(blocking);
        self.sender.set_blocking(blocking);
    }
}

/// The half that receives. Sending on it is [`TransportError::Closed`].
#[derive(Debug)]
pub struct ConnectionReader {
    socket: Arc<OwnedFd>,
    blocking: bool,
    timeout: Option<Duration>,
}

/// The half that sends. Dropping it ends the stream at the other end. Receiving on it is the end of the stream.
#[derive(Debug)]
pub struct ConnectionWriter {
    socket: Arc<OwnedFd>,
    blocking: bool,
    timeout: Option<Duration>,
}

impl ConnectionReader {
    /// Whether receiving waits, or returns [`TransportError::WouldBlock`] when nothing is there.
    pub fn set_blocking(&mut self, blocking: bool) {
        self.blocking = blocking;
    }

    /// Receiving waits at most so long, then returns [`TransportError::WouldBlock`]; `None`: as long as it takes.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// Waits until receiving would not, at most `timeout` (`None`: as long as it takes). False when the time is over.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        wait(self.socket.as_fd(), PollFlags::IN, timeout)
    }
}

impl ConnectionWriter {
    /// Whether sending waits for room, or returns [`TransportError::WouldBlock`] when there is none. What was begun
    /// is always sent whole: half a frame is of no use to anybody.
    pub fn set_blocking(&mut self, blocking: bool) {
        self.blocking = blocking;
    }

    /// Sending fails with [`ErrorKind::TimedOut`] when the other end takes nothing for so long; `None`: never. Part of
    /// what was to be sent may be gone then.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// Waits until there is room to send, at most `timeout` (`None`: as long as it takes). False when the time is over.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        wait(self.socket.as_fd(), PollFlags::OUT, timeout)
    }

    /// Gives the system as much of the front of `bytes` as it takes without waiting, and returns how much. For those who
    /// can go on in the middle: a frame may be half sent then.
    ///
    /// # Errors
    /// [`TransportError::WouldBlock`] when it takes nothing, otherwise as [`Transport::send`].
    pub fn send_some(&mut self, bytes: &[u8]) -> core::result::Result<usize, TransportError<Error>> {
        loop {
            match send(&*self.socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(written) => return Ok(written),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) => return Err(TransportError::WouldBlock),
                Err(errno) => return Err(closed_or(errno.into())),
            }
        }
    }

    /// Ends the stream, then waits until the other end has ended its own, at most `patience`: whether it has.
    ///
    /// A socket that is closed while answers lie in it unread tells the other end to forget what it has not read yet;
    /// who waits here first loses nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(&mut self, patience: Duration) -> Result<bool> {
        match shutdown(&*self.socket, Shutdown::Write) {
            Ok(()) => {}
            Err(Errno::NOTCONN) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let ended = PollFlags::RDHUP;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let ended = PollFlags::HUP;
        wait(self.socket.as_fd(), ended, Some(patience))
    }

    fn write(&self, slices: &[std::io::IoSlice<'_>], begun: &mut bool) -> Result<usize> {
        loop {
            // The descriptor's own setting does not matter, since a half may be shared with a program that changed it.
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&*self.socket, slices, &mut SendAncillaryBuffer::default(), flags) {
                Ok(written) => {
                    *begun = true;
                    return Ok(written);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) if !self.blocking && !*begun => {
                    return Err(Error::from(ErrorKind::WouldBlock));
                }
                Err(Errno::AGAIN | Errno::NOBUFS) => {
                    if !self.wait(self.timeout)? {
                        return Err(Error::new(ErrorKind::TimedOut, "the other end takes nothing any more"));
                    }
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Drop for ConnectionWriter {
    fn drop(&mut self) {
        let _ = shutdown(&*self.socket, Shutdown::Write);
    }
}

impl AsFd for ConnectionReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsFd for ConnectionWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Transport for ConnectionReader {
    type Error = Error;

    fn mtu(&self) -> usize {
        CALL_SIZE
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }
    fn send(&mut self, _bytes: &[u8]) -> core::result::Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }
    fn send_gather(&mut self, _pieces: &[&[u8]]) -> core::result::Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }

    /// As the trait, with one `recv`; an empty `into` is an `InvalidInput` error, since zero means the end. A
    /// connection that was reset is [`TransportError::Closed`]: not everything may have come.
    fn receive(&mut self, into: &mut [u8]) -> core::result::Result<usize, TransportError<Error>> {
        if into.is_empty() {
            return Err(no_memory());
        }
        let waits = self.blocking && self.timeout.is_none();
        let flags = if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        loop {
            match recv(&*self.socket, &mut *into, flags) {
                Ok((len, _)) => return Ok(len),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if !self.blocking => return Err(TransportError::WouldBlock),
                Err(Errno::AGAIN) => {
                    if !self.wait(self.timeout).map_err(TransportError::Io)? {
                        return Err(TransportError::WouldBlock);
                    }
                }
                Err(errno) => return Err(closed_or(errno.into())),
            }
        }
    }
}

impl Transport for ConnectionWriter {
    type Error = Error;

    fn mtu(&self) -> usize {
        CALL_SIZE
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }
    fn send(&mut self, bytes: &[u8]) -> core::result::Result<(), TransportError<Error>> {
        self.send_gather(&[bytes])
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> core::result::Result<(), TransportError<Error>> {
        let mut begun = false;
        gather::write_all(pieces, |slices| self.write(slices, &mut begun)).map_err(closed_or)
    }
    fn receive(&mut self, _into: &mut [u8]) -> core::result::Result<usize, TransportError<Error>> {
        Ok(0)
    }
}

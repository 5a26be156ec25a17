//! [`Pipe`]: a byte stream over file descriptors: standard input and output, OS pipes, sockets, terminals.
//!
//! Calls the system directly, so nothing is held back in a buffer of the standard library, and nothing
//! is copied in this process. Blocks; a descriptor that is set to non-blocking is waited for with `poll`.
//!
//! Pages are never lent to the pipe (vmsplice): callers reuse their buffers, and a reader downstream that
//! splices onwards instead of copying would still see those pages, with the next packet in them. Only memory that is
//! never written again may be sent that way, and a transport cannot know that of what it is given.

use core::time::Duration;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use packhorse_link::{Boundaries, Transport, TransportError};
use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::ready::{closed_or, no_memory, wait};
use crate::{Duplex, gather};

/// One end of a byte stream over two file descriptors, or one used both ways.
///
/// ```no_run
/// use packhorse_link::Transport as _;
/// use packhorse_transport::Pipe;
///
/// let mut pipe = Pipe::stdio()?;
/// pipe.send(b"to stdout")?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub type Pipe = Duplex<PipeReader, PipeWriter>;

impl Pipe {
    /// Receives from standard input, sends to standard output.
    ///
    /// # Errors
    /// When one of them is closed.
    pub fn stdio() -> Result<Self> {
        Ok(Self::new(PipeReader::stdin()?, PipeWriter::stdout()?))
    }

    /// Two ends connected by two OS pipes, each a large one.
    ///
    /// # Errors
    /// When the process has too many files open.
    pub fn pair() -> Result<(Self, Self)> {
        let (from_a, to_b) = PipeWriter::pair()?;
        let (from_b, to_a) = PipeWriter::pair()?;
        Ok((Self::new(from_b, to_b), Self::new(from_a, to_a)))
    }
}

/// What an OS pipe is enlarged to: what Linux allows every user, and enough that writer and reader seldom wait.
const PIPE_SIZE: usize = 1 << 20;

/// The read or write that costs least a byte: a quarter of the pipe, so that both sides work at once.
const CALL_SIZE: usize = PIPE_SIZE / 4;

/// The half that receives. Sending on it is [`TransportError::Closed`].
#[derive(Debug)]
pub struct PipeReader {
    fd: OwnedFd,
    blocking: bool,
    timeout: Option<Duration>,
}

/// The half that sends: everything, however long the reader takes. Receiving on it is the end of the stream.
#[derive(Debug)]
pub struct PipeWriter {
    fd: OwnedFd,
    /// Whether the system has not yet refused to take pages of files.
    splices: bool,
}

impl PipeReader {
    /// Reads from a file, pipe, socket or terminal. A pipe is enlarged to 1 MiB where the system allows it.
    pub fn new(fd: impl Into<OwnedFd>) -> Self {
        let fd = fd.into();
        enlarge(fd.as_fd());
        Self { fd, blocking: true, timeout: None }
    }

    /// Reads from standard input, past the buffer of [`std::io::stdin`]: use one or the other.
    ///
    /// # Errors
    /// When it is closed.
    pub fn stdin() -> Result<Self> {
        Ok(Self::new(std::io::stdin().as_fd().try_clone_to_owned()?))
    }

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
        wait(self.fd.as_fd(), PollFlags::IN, timeout)
    }

    /// The descriptor, back.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl PipeWriter {
    /// Writes to a file, pipe, socket or terminal. A pipe is enlarged to 1 MiB where the system allows it.
    pub fn new(fd: impl Into<OwnedFd>) -> Self {
        let fd = fd.into();
        enlarge(fd.as_fd());
        Self { fd, splices: cfg!(any(target_os = "linux", target_os = "android")) }
    }

    /// Writes to standard output, past the line buffer of [`std::io::stdout`]: use one or the other.
    ///
    /// # Errors
    /// When it is closed.
    pub fn stdout() -> Result<Self> {
        Ok(Self::new(std::io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// A new OS pipe, reader first.
    ///
    /// # Errors
    /// When the process has too many files open.
    pub fn pair() -> Result<(PipeReader, Self)> {
        let (reader, writer) = std::io::pipe()?;
        Ok((PipeReader::new(reader), Self::new(writer)))
    }

    /// The descriptor, back. Nothing is left to flush.
    #[must_use]
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl Transport for PipeReader {
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

    /// As the trait, with one `read`; an empty `into` is an `InvalidInput` error, since zero means the end.
    fn receive(&mut self, into: &mut [u8]) -> core::result::Result<usize, TransportError<Error>> {
        if into.is_empty() {
            return Err(no_memory());
        }
        let patience = if self.blocking { self.timeout } else { Some(Duration::ZERO) };
        if patience.is_some() && !self.wait(patience).map_err(TransportError::Io)? {
            return Err(TransportError::WouldBlock);
        }
        loop {
            match rustix::io::read(&self.fd, &mut *into) {
                Ok(len) => return Ok(len),
                Err(Errno::INTR) => {}
                // Someone else took what `wait` saw: a descriptor can be shared between processes.
                Err(Errno::AGAIN) if patience.is_some() => return Err(TransportError::WouldBlock),
                Err(Errno::AGAIN) => {
                    self.wait(None).map_err(TransportError::Io)?;
                }
                Err(errno) => return Err(closed_or(errno.into())),
            }
        }
    }
}

impl Transport for PipeWriter {
    type Error = Error;

    fn mtu(&self) -> usize {
        CALL_SIZE
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }
    fn send(&mut self, bytes: &[u8]) -> core::result::Result<(), TransportError<Error>> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = match rustix::io::write(&self.fd, rest) {
                Ok(0) => return Err(TransportError::Io(Error::from(ErrorKind::WriteZero))),
                Ok(written) => written,
                Err(errno) => self.recover(errno).map_err(closed_or)?,
            };
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> core::result::Result<(), TransportError<Error>> {
        gather::write_all(pieces, |slices| {
            loop {
                match rustix::io::writev(&self.fd, slices) {
                    Ok(written) => return Ok(written),
                    Err(errno) => self.recover(errno)?,
                };
            }
        })
        .map_err(closed_or)
    }

    /// Pages of the file go into the pipe as they are (splice): nobody ever writes to them but whoever changes the
    /// file, so that a reader that splices onwards sees the same bytes.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn send_file(
        &mut self,
        file: &std::fs::File,
        offset: u64,
        len: usize,
    ) -> core::result::Result<usize, TransportError<Error>> {
        use rustix::pipe::{SpliceFlags, splice};
        let mut at = offset;
        let mut left = len;
        while left > 0 && self.splices {
            match splice(file, Some(&mut at), &self.fd, None, left, SpliceFlags::MORE) {
                Ok(0) => break,
                Ok(sent) => left = left.saturating_sub(sent),
                // Not a pipe, or a file system that cannot lend pages. Always the first call: nothing is sent then.
                Err(Errno::INVAL | Errno::NOSYS) if left == len => self.splices = false,
                Err(errno) => _ = self.recover(errno).map_err(closed_or)?,
            }
        }
        Ok(len - left)
    }

    fn receive(&mut self, _into: &mut [u8]) -> core::result::Result<usize, TransportError<Error>> {
        Ok(0)
    }
}

impl PipeWriter {
    /// After a write that took nothing: waits for room if that is all, so that the write can be made again.
    fn recover(&self, errno: Errno) -> Result<usize> {
        match errno {
            Errno::INTR => Ok(0),
            Errno::AGAIN => wait(self.fd.as_fd(), PollFlags::OUT, None).map(|_| 0),
            errno => Err(errno.into()),
        }
    }
}

/// Makes a pipe larger, never smaller. What is no pipe, or may not grow, stays as it is: only speed depends on it.
fn enlarge(fd: BorrowedFd<'_>) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if rustix::pipe::fcntl_getpipe_size(fd).is_ok_and(|size| size < PIPE_SIZE) {
        let _ = rustix::pipe::fcntl_setpipe_size(fd, PIPE_SIZE);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = fd;
}

//! Waiting for a descriptor, and what the system's refusals mean. Shared by everything here that lies on descriptors.

use core::time::Duration;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::BorrowedFd;
use std::time::Instant;

use packhorse_link::TransportError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Waits for `flags`, at most `timeout` (`None`: as long as it takes). False when the time is over.
///
/// A hang-up or an error counts as ready: the call that follows tells.
pub(crate) fn wait(fd: BorrowedFd<'_>, flags: PollFlags, timeout: Option<Duration>) -> Result<bool> {
    // A time too long for the clock is as good as none.
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The other end going away is not a fault of the system: filters end quietly then.
pub(crate) fn closed_or(error: Error) -> TransportError<Error> {
    match error.kind() {
        ErrorKind::BrokenPipe
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected => TransportError::Closed,
        ErrorKind::WouldBlock => TransportError::WouldBlock,
        _ => TransportError::Io(error),
    }
}

/// An empty `into` on a byte stream: zero would mean the end.
pub(crate) fn no_memory() -> TransportError<Error> {
    TransportError::Io(Error::from(ErrorKind::InvalidInput))
}

//! Unix stream sockets: [`connect`] and [`Listener`], which make a [`Connection`].
//!
//! ```text
//!   bind      the path is free                 the socket's file appears
//!             a file that nobody listens on    left by a program that was killed: replaced
//!             somebody listens, or no socket   refused
//!   drop      the file goes, if it is still this listener's
//! ```

use core::time::Duration;
use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::event::PollFlags;

use crate::ready::wait;
use crate::{Connection, dial};

/// Connects to the socket at `path`, again and again for `patience` as long as nobody listens there.
///
/// # Errors
/// That of the last attempt.
pub fn connect(path: &Path, patience: Duration) -> Result<Connection> {
    dial::retry(patience, |_| Ok(Connection::from_fd(UnixStream::connect(path)?)))
}

/// Waits for connections. Dropping it removes the socket's file.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and number of the file, to know it again.
    file: (u64, u64),
}

impl Listener {
    /// Listens at `path`. A socket's file on which nobody listens is replaced; anything else that is there stays.
    ///
    /// # Errors
    /// [`ErrorKind::AddrInUse`] when somebody listens there, [`ErrorKind::AlreadyExists`] when it is no socket, or what
    /// the system says.
    pub fn bind(path: &Path) -> Result<Self> {
        let socket = match UnixListener::bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                clear(path)?;
                UnixListener::bind(path)?
            }
            result => result?,
        };
        socket.set_nonblocking(true)?;
        let file = fs::symlink_metadata(path)?;
        Ok(Self { socket, path: path.to_owned(), file: (file.dev(), file.ino()) })
    }

    /// The next connection, waiting at most `timeout` (`None`: as long as it takes); `None` when none came.
    ///
    /// # Errors
    /// What the system says; a connection that ended before it was taken is none.
    pub fn accept(&self, timeout: Option<Duration>) -> Result<Option<Connection>> {
        loop {
            if !wait(self.socket.as_fd(), PollFlags::IN, timeout)? {
                return Ok(None);
            }
            match self.socket.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false)?;
                    return Ok(Some(Connection::from_fd(socket)));
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let ours = |file: fs::Metadata| (file.dev(), file.ino()) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket's file that was left behind.
fn clear(path: &Path) -> Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(Error::new(ErrorKind::AlreadyExists, "a file that is no socket is there"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(Error::new(ErrorKind::AddrInUse, "another program listens there")),
    }
}

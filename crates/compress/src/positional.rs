//! [`ReadAt`]: inputs that several threads can read at once, each at a place of its own.

use std::fs::File;
use std::io::{self, ErrorKind};

/// An input that is read at any place without a shared position.
pub trait ReadAt: Send + Sync {
    /// Reads some bytes from `offset` on; 0 only at the end.
    ///
    /// # Errors
    /// Those of the system.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] when the input ends before that; those of the system.
    fn read_exact_at(&self, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !into.is_empty() {
            match self.read_at(into, offset) {
                Ok(0) => {
                    return Err(io::Error::new(
                        ErrorKind::UnexpectedEof,
                        "it became shorter while it was read",
                    ));
                }
                Ok(count) => {
                    into = &mut into[count..];
                    offset += u64::try_from(count).unwrap_or(0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, into, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, into, offset)
    }
}

//! [`Input`]: what is read: a stream, or a file of known length that several threads can read at once.

use alloc::sync::Arc;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

use crate::positional::ReadAt;

/// Ends a read that waits.
pub(crate) type Interrupt<'a> = Box<dyn FnOnce() + 'a>;

/// What is read.
pub enum Input<'a> {
    /// Anything that is read from front to back. A run that fails or is cancelled ends when a read that waits returns.
    Stream(Box<dyn Read + Send + 'a>),
    /// The same, where somebody can end a read that waits: a run that fails or is cancelled ends at once.
    Interruptible {
        /// What is read. After `interrupt` it returns an error, also from a read that waits already.
        reader: Box<dyn Read + Send + 'a>,
        /// Called once, from the thread that writes.
        interrupt: Box<dyn FnOnce() + 'a>,
    },
    /// A file from byte `start` to its end: read at known places, and further if it grows meanwhile.
    File {
        /// The file.
        file: Arc<File>,
        /// Where reading begins.
        start: u64,
    },
}

impl<'a> Input<'a> {
    /// A stream, read from front to back.
    pub fn stream(reader: impl Read + Send + 'a) -> Self {
        Self::Stream(Box::new(reader))
    }

    /// Takes the reader and what interrupts it apart; of a file a reader from front to back.
    pub(crate) fn into_stream(self) -> (Box<dyn Read + Send + 'a>, Interrupt<'a>) {
        match self {
            Self::Stream(reader) => (reader, Box::new(|| {})),
            Self::Interruptible { reader, interrupt } => (reader, interrupt),
            Self::File { file, start } => (Box::new(Sequential { file, at: start }), Box::new(|| {})),
        }
    }

    /// A file, from the place where it is; what is no regular file becomes a stream.
    ///
    /// # Errors
    /// When the system says nothing about it.
    pub fn file(mut file: File) -> io::Result<Self> {
        use std::io::Seek as _;
        if !file.metadata()?.is_file() {
            return Ok(Self::stream(file));
        }
        let start = file.stream_position()?;
        Ok(Self::File { file: Arc::new(file), start })
    }

    /// Bytes that it has now, if that is known.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Stream(_) | Self::Interruptible { .. } => None,
            Self::File { file, start } => file.metadata().ok().map(|data| data.len().saturating_sub(*start)),
        }
    }

    /// Whether it is known to have no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// A file, read from front to back by one reader.
pub(crate) struct Sequential {
    pub(crate) file: Arc<File>,
    pub(crate) at: u64,
}

impl Read for Sequential {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(into, self.at)?;
        self.at += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

/// Reads once, again when a signal came between.
pub(crate) fn read_some(reader: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

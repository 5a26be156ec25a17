//! Standard input and output of the filters: whole reads and writes, past the line buffers of the standard library.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::Context as _;
use packhorse::link::{Transport as _, TransportError};
use packhorse::transport::{PipeReader, PipeWriter};

/// Bytes that a filter reads at once.
pub(crate) const CHUNK: usize = 256 * 1024;

/// Standard input, or a file.
pub(crate) struct Input(PipeReader);

impl Input {
    /// Standard input.
    pub(crate) fn stdin() -> anyhow::Result<Self> {
        Ok(Self(PipeReader::stdin().context("cannot read standard input")?))
    }

    /// The file at `path`; `-` is standard input.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::stdin();
        }
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(file.into())
    }
}

impl From<File> for Input {
    fn from(file: File) -> Self {
        Self(PipeReader::new(file))
    }
}

impl io::Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.receive(into) {
            Err(TransportError::Closed) => Ok(0),
            other => other.map_err(io_error),
        }
    }
}

/// Standard output.
pub(crate) struct Output(PipeWriter);

impl Output {
    /// Standard output, with nothing held back.
    pub(crate) fn stdout() -> anyhow::Result<Self> {
        Ok(Self(PipeWriter::stdout().context("cannot write to standard output")?))
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes).map_err(io_error)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard input as a file of its own, at the same place.
pub(crate) fn stdin_file() -> io::Result<File> {
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

/// Standard output as a file of its own, at the same place.
pub(crate) fn stdout_file() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Whether both are the same file, under whatever names.
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether standard output leads into another program.
pub(crate) fn stdout_is_pipe() -> bool {
    stdout_file().and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

fn io_error(error: TransportError<io::Error>) -> io::Error {
    match error {
        TransportError::Io(error) => error,
        TransportError::WouldBlock => ErrorKind::WouldBlock.into(),
        TransportError::Closed => ErrorKind::BrokenPipe.into(),
        TransportError::TooLong { .. } => ErrorKind::InvalidInput.into(),
    }
}

//! [`Error`]: why a run did not come to its end.

use std::io;

use crate::accelerator::DeviceError;
use crate::frame::{FrameError, FrameErrorKind};

/// Why a run did not come to its end. What was written until then is incomplete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input could not be read.
    #[error("cannot read the input at byte {offset}: {source}")]
    Read {
        /// Bytes of the input before that.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The output could not be written.
    #[error("cannot write the output at byte {offset}: {source}")]
    Write {
        /// Bytes of the output that were written before.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The compressed input is damaged, incomplete or no LZ4 frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The header was told another content size than the input has.
    #[error("the input has {found} bytes and {promised} were promised")]
    ContentSize {
        /// As the options said.
        promised: u64,
        /// As it was.
        found: u64,
    },
    /// The accelerator failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// An earlier call failed, and what it lost is missing.
    #[error("it failed before: what came out lacks a part")]
    Broken,
    /// The caller asked to stop.
    #[error("stopped before the end, as asked")]
    Cancelled,
}

impl Error {
    /// Whether the input is at fault: damaged, incomplete, not LZ4, or over a limit.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Frame(_))
    }

    /// What is wrong with the frame, if that is it.
    #[must_use]
    pub fn frame(&self) -> Option<FrameErrorKind> {
        if let Self::Frame(error) = self { Some(error.kind) } else { None }
    }
}

/// For the adapters, which have to speak of `io::Error`.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Read { source, .. } | Error::Write { source, .. } => source,
            Error::Frame(FrameError { kind: FrameErrorKind::CutShort, .. }) => {
                Self::new(io::ErrorKind::UnexpectedEof, error)
            }
            Error::Frame(_) => Self::new(io::ErrorKind::InvalidData, error),
            other => Self::other(other),
        }
    }
}

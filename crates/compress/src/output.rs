//! [`Counted`]: writes many slices at once, completely, and counts.

use std::io::{self, ErrorKind, IoSlice, Write};

use crate::error::Error;

/// A writer that knows how many bytes it took.
pub(crate) struct Counted<W> {
    writer: W,
    written: u64,
}

impl<W: Write> Counted<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self { writer, written: 0 }
    }

    /// Bytes written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Writes all of all slices, gathered where the writer can.
    pub(crate) fn all(&mut self, mut slices: &mut [IoSlice<'_>]) -> Result<(), Error> {
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match self.writer.write_vectored(slices) {
                Ok(0) => return Err(self.failed(ErrorKind::WriteZero.into())),
                Ok(count) => {
                    self.written += u64::try_from(count).unwrap_or(0);
                    IoSlice::advance_slices(&mut slices, count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// Writes all of one slice.
    pub(crate) fn one(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.all(&mut [IoSlice::new(bytes)])
    }

    /// Has the writer pass on what it holds back.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush().map_err(|error| self.failed(error))
    }

    pub(crate) fn get_ref(&self) -> &W {
        &self.writer
    }

    pub(crate) fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    pub(crate) fn into_inner(self) -> W {
        self.writer
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write { offset: self.written, source }
    }
}

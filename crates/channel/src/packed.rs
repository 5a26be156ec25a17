//! Records: messages one behind the other in one run of bytes, each with its length in front.
//!
//! ```text
//!   Packed    | length u32 | bytes | length u32 | bytes | ...                    coalescer, streams of records
//!   Aligned   | length u32 | type u32 | bytes, padded to 8 with zeros | ...      batches on tcp and udp
//!                                                                all numbers big-endian
//! ```
//!
//! Packed is for people's programs: nothing simpler can be written by hand. Aligned keeps every message on an address
//! that is a multiple of 8 when the run starts on one, so that a receiver can look at numbers where they lie.
//! Not a check: whether the run arrived whole is the carrier's to know.

use std::io::{self, ErrorKind, Read};

/// How records lie in a run of bytes: see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A length in front of each message, nothing else.
    Packed,
    /// A length and a type in front, padding to a multiple of 8 behind.
    Aligned,
}

/// Where one record lies in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The type word; 0 in [`Layout::Packed`].
    pub kind: u32,
    /// The message's bytes.
    pub bytes: core::ops::Range<usize>,
    /// Where the next record begins: the run's length behind the last one.
    pub next: usize,
}

impl Layout {
    /// Bytes in front of a message.
    #[must_use]
    #[inline]
    pub const fn header(self) -> usize {
        match self {
            Self::Packed => 4,
            Self::Aligned => 8,
        }
    }

    /// Bytes that the record of a message of `len` bytes takes, header and padding included; `usize::MAX` when that is
    /// more than can be counted.
    #[must_use]
    #[inline]
    pub const fn size(self, len: usize) -> usize {
        match self {
            Self::Packed => len.saturating_add(4),
            Self::Aligned => match len.checked_add(15) {
                Some(sum) => sum & !7,
                None => usize::MAX,
            },
        }
    }

    /// Writes the header of a message of `len` bytes, and the padding behind it, into `record`, which is the whole
    /// record: [`size`](Self::size) bytes. The message's own bytes are the caller's to write, at
    /// [`header`](Self::header).
    ///
    /// # Errors
    /// [`RecordError::TooLong`] when `len` does not fit a u32 or the record is not as long as the message needs.
    #[inline]
    pub fn seal(self, record: &mut [u8], kind: u32, len: usize) -> Result<(), RecordError> {
        let too_long = RecordError::TooLong { offset: 0, len, most: record.len().min(u32::MAX as usize) };
        let stated = u32::try_from(len).map_err(|_| too_long)?;
        if record.len() != self.size(len) {
            return Err(too_long);
        }
        match self {
            Self::Packed => record[..4].copy_from_slice(&stated.to_be_bytes()),
            Self::Aligned => {
                record[..4].copy_from_slice(&stated.to_be_bytes());
                record[4..8].copy_from_slice(&kind.to_be_bytes());
                record[8 + len..].fill(0);
            }
        }
        Ok(())
    }

    /// Writes the record of `message` to the front of `out` and returns its size.
    ///
    /// # Errors
    /// [`RecordError::TooLong`] when it does not fit.
    pub fn put(self, out: &mut [u8], kind: u32, message: &[u8]) -> Result<usize, RecordError> {
        let (len, most) = (message.len(), out.len());
        let size = self.size(len);
        let record = out.get_mut(..size).ok_or(RecordError::TooLong { offset: 0, len, most })?;
        self.seal(record, kind, len)?;
        record[self.header()..][..len].copy_from_slice(message);
        Ok(size)
    }

    /// The record that begins at `offset` of `run`, or `None` when `offset` is its end.
    ///
    /// # Errors
    /// [`RecordError::Truncated`] when the run ends inside the record.
    #[inline]
    pub fn at(self, run: &[u8], offset: usize) -> Result<Option<Place>, RecordError> {
        let rest = run.get(offset..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let truncated = |needed| RecordError::Truncated { offset, needed, available: rest.len() };
        let header = self.header();
        let (length, kind) = match (self, rest.first_chunk::<8>(), rest.first_chunk::<4>()) {
            (Self::Aligned, Some(&[a, b, c, d, e, f, g, h]), _) => ([a, b, c, d], [e, f, g, h]),
            (Self::Packed, _, Some(&length)) => (length, [0; 4]),
            _ => return Err(truncated(header)),
        };
        // On 16-bit machines a length may be more than can be counted; it is then more than is there.
        let len = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let size = self.size(len);
        if size > rest.len() {
            return Err(truncated(size));
        }
        let begin = offset + header;
        Ok(Some(Place { kind: u32::from_be_bytes(kind), bytes: begin..begin + len, next: offset + size }))
    }
}

/// The records of a run, in order. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    layout: Layout,
    run: &'a [u8],
    offset: usize,
}

impl<'a> Records<'a> {
    /// The records in `run`.
    #[must_use]
    pub const fn new(layout: Layout, run: &'a [u8]) -> Self {
        Self { layout, run, offset: 0 }
    }
}

impl<'a> Iterator for Records<'a> {
    /// Type word and bytes.
    type Item = Result<(u32, &'a [u8]), RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.layout.at(self.run, self.offset) {
            Ok(place) => {
                let place = place?;
                self.offset = place.next;
                Some(Ok((place.kind, self.run.get(place.bytes)?)))
            }
            Err(error) => {
                self.offset = self.run.len();
                Some(Err(error))
            }
        }
    }
}

/// Packed records from a stream of bytes: what `packhorse channel send --records` reads.
///
/// Memory for one message of the allowed length at most, and no more than what has arrived of it: a length that lies
/// costs nothing.
#[derive(Debug)]
pub struct RecordReader<R> {
    from: R,
    message: Vec<u8>,
    most: usize,
    offset: usize,
}

/// Memory is taken in steps of at most so many bytes while a message arrives.
const STEP: usize = 1 << 16;

impl<R: Read> RecordReader<R> {
    /// Reads from `from`, which should be buffered, messages of at most `most` bytes.
    pub const fn new(from: R, most: usize) -> Self {
        Self { from, message: Vec::new(), most, offset: 0 }
    }

    /// The next message; `None` when the stream ends behind a whole one.
    ///
    /// # Errors
    /// A [`RecordError`] as [`ErrorKind::InvalidData`] when the stream ends inside a record or a message is longer than
    /// allowed; what reading fails with.
    pub fn next_message(&mut self) -> io::Result<Option<&[u8]>> {
        let mut header = [0; 4];
        let got = fill(&mut self.from, &mut header)?;
        if got == 0 {
            return Ok(None);
        }
        let offset = self.offset;
        let truncated = |needed, available| damaged(RecordError::Truncated { offset, needed, available });
        if got < header.len() {
            return Err(truncated(header.len(), got));
        }
        let len = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
        if len > self.most {
            return Err(damaged(RecordError::TooLong { offset, len, most: self.most }));
        }
        self.message.clear();
        while self.message.len() < len {
            let begin = self.message.len();
            self.message.resize(len.min(begin + STEP), 0);
            let got = fill(&mut self.from, &mut self.message[begin..])?;
            if begin + got < self.message.len() {
                return Err(truncated(len + 4, begin + got + 4));
            }
        }
        self.offset = offset.saturating_add(len).saturating_add(4);
        Ok(Some(&self.message))
    }
}

/// Why a run of bytes is no run of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The run ends inside a record.
    #[error("the record at byte {offset} needs {needed} bytes, and {available} are there")]
    Truncated {
        /// Where the record begins.
        offset: usize,
        /// Bytes of the record, as far as that is known.
        needed: usize,
        /// Bytes from there to the end.
        available: usize,
    },
    /// A message longer than allowed, or than there is room for.
    #[error("the message at byte {offset} is {len} bytes long, where {most} are allowed")]
    TooLong {
        /// Where its record begins.
        offset: usize,
        /// Bytes in the message.
        len: usize,
        /// Most bytes that are allowed.
        most: usize,
    },
}

fn damaged(error: RecordError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Reads until `into` is full or the stream ends, and tells how much came.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_ends_inside_a_record_says_where() {
        let mut stream = 3_u32.to_be_bytes().to_vec();
        stream.extend_from_slice(b"abc");
        stream.extend_from_slice(&[0, 0]);
        let mut reader = RecordReader::new(stream.as_slice(), 100);
        assert_eq!(reader.next_message().unwrap(), Some(&b"abc"[..]));
        let error = reader.next_message().unwrap_err();
        assert_eq!(error.to_string(), "the record at byte 7 needs 4 bytes, and 2 are there");
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let stream = [0xFF, 0xFF, 0xFF, 0xF0, 1, 2, 3];
        let mut reader = RecordReader::new(&stream[..], usize::MAX);
        assert_eq!(reader.next_message().unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(reader.message.capacity() <= 2 * STEP);
        let mut reader = RecordReader::new(&stream[..], 1000);
        let error = reader.next_message().unwrap_err();
        assert!(error.to_string().contains("where 1000 are allowed"), "{error}");
    }

    #[test]
    fn aligned_records_keep_messages_on_multiples_of_eight() {
        let mut run = [0xA5; 200];
        let mut at = 0;
        for len in [0, 1, 7, 8, 9, 64] {
            at += Layout::Aligned.put(&mut run[at..], 7, &vec![1; len]).unwrap();
            assert_eq!(at % 8, 0);
        }
        let (mut offset, mut lens) = (0, Vec::new());
        while let Some(place) = Layout::Aligned.at(&run[..at], offset).unwrap() {
            assert_eq!((place.kind, place.bytes.start % 8), (7, 0));
            lens.push(place.bytes.len());
            offset = place.next;
        }
        assert_eq!(lens, [0, 1, 7, 8, 9, 64]);
    }
}

//! [`Capture`]: writes what passes a [`Tap`](crate::Tap) to a pcapng file, which Wireshark and tshark read.
//!
//! ```text
//!   section header | interface: USER0, nanoseconds | packet | packet | ...
//!   packet: type 6, length, interface 0, time u64, length here, length, bytes, padding, flags: in or out, length
//! ```
//! Source: draft-ietf-opsawg-pcapng, sections 4.1, 4.2 and 4.3; written big-endian, as the section header states.

use std::io::{Error, ErrorKind, Result, Write};

use packhorse_buffer::Instant;

use crate::{Direction, Recorder};

/// LINKTYPE_USER0: what the bytes mean is agreed between writer and reader.
const LINK_TYPE: u16 = 147;

/// A recorder that writes pcapng to `W`. A failed write ends the recording, not the transport; [`finish`](Self::finish) tells.
///
/// Many small writes: give it a [`std::io::BufWriter`].
#[derive(Debug)]
pub struct Capture<W> {
    writer: W,
    failed: Option<Error>,
    packets: u64,
}

impl<W: Write> Capture<W> {
    /// Starts a file.
    ///
    /// # Errors
    /// What writing its header says.
    pub fn new(mut writer: W) -> Result<Self> {
        // Section: type, length 28, byte order magic, version 1.0, length of the section not known, length.
        words(&mut writer, &[0x0A0D_0D0A, 28, 0x1A2B_3C4D, 0x0001_0000, u32::MAX, u32::MAX, 28])?;
        // Interface: type, length 32, link type and zero, no limit, option 9 of one byte: 10^-9 s, end of options.
        let link_type = u32::from(LINK_TYPE) << 16;
        words(&mut writer, &[1, 32, link_type, 0, 0x0009_0001, 0x0900_0000, 0, 32])?;
        Ok(Self { writer, failed: None, packets: 0 })
    }

    /// Packets written.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Flushes the file and gives the writer back.
    ///
    /// # Errors
    /// The first write that failed, at any time.
    pub fn finish(mut self) -> Result<W> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn write(&mut self, now: Instant, direction: Direction, pieces: &[&[u8]]) -> Result<()> {
        const AROUND: u32 = 44;
        let len = pieces.iter().fold(0, |sum: usize, piece| sum.saturating_add(piece.len()));
        let padding = len.wrapping_neg() % 4;
        let sizes = u32::try_from(len).ok().and_then(|len| Some((len, len.checked_next_multiple_of(4)?)));
        let sizes = sizes.and_then(|(len, padded)| Some((len, padded.checked_add(AROUND)?)));
        let Some((len, total)) = sizes else {
            return Err(Error::from(ErrorKind::FileTooLarge));
        };
        let [t0, t1, t2, t3, t4, t5, t6, t7] = now.as_nanos().to_be_bytes();
        let (high, low) = (u32::from_be_bytes([t0, t1, t2, t3]), u32::from_be_bytes([t4, t5, t6, t7]));
        words(&mut self.writer, &[6, total, 0, high, low, len, len])?;
        for piece in pieces {
            self.writer.write_all(piece)?;
        }
        self.writer.write_all(&[0; 3][..padding])?;
        let way = match direction {
            Direction::Received => 1,
            Direction::Sent => 2,
        };
        // Option 2 of four bytes: the way. End of options, and the length again.
        words(&mut self.writer, &[0x0002_0004, way, 0, total])
    }
}

impl<W: Write> Recorder for Capture<W> {
    fn record(&mut self, now: Instant, direction: Direction, pieces: &[&[u8]]) {
        if self.failed.is_some() {
            return;
        }
        match self.write(now, direction, pieces) {
            Ok(()) => self.packets += 1,
            Err(error) => self.failed = Some(error),
        }
    }
}

fn words(writer: &mut impl Write, words: &[u32]) -> Result<()> {
    words.iter().try_for_each(|word| writer.write_all(&word.to_be_bytes()))
}

//! [`Card`]: an object in a run of sectors of an SD card, without a file system.
//!
//! ```text
//!   card     | sector 512 | sector 512 | sector 512 |
//!   memory   | one sector, the one written last     |     written back when another one is needed
//! ```

use packhorse_transfer::{BlockSink, BlockSource};

/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// What a driver of a card offers: sectors of 512 bytes, by number.
pub trait Sectors {
    /// What can go wrong.
    type Error;

    /// How many there are.
    fn count(&self) -> u32;

    /// Reads a sector.
    ///
    /// # Errors
    /// When the card does not answer, or there is no such sector.
    fn read(&mut self, number: u32, into: &mut [u8; SECTOR]) -> Result<(), Self::Error>;

    /// Writes a sector. May take hundreds of milliseconds.
    ///
    /// # Errors
    /// When the card does not answer, or there is no such sector.
    fn write(&mut self, number: u32, from: &[u8; SECTOR]) -> Result<(), Self::Error>;
}

/// Why a card did not take or give bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardError<E> {
    /// Behind the last sector.
    Full,
    /// What the driver says.
    Driver(E),
}

/// An object on a card, from sector `start` on, through memory for one sector.
#[derive(Debug)]
pub struct Card<D> {
    driver: D,
    start: u32,
    memory: [u8; SECTOR],
    /// The sector that `memory` holds, and whether the card has not got it yet.
    held: Option<(u32, bool)>,
}

impl<D: Sectors> Card<D> {
    /// An object from sector `start` to the end of the card.
    pub const fn new(driver: D, start: u32) -> Self {
        Self { driver, start, memory: [0; SECTOR], held: None }
    }

    /// Bytes that an object can have here.
    pub fn capacity(&self) -> u64 {
        u64::from(self.driver.count().saturating_sub(self.start)) * SECTOR as u64
    }

    /// Writes the sector in memory back.
    ///
    /// # Errors
    /// What the driver says; the sector stays in memory.
    pub fn flush(&mut self) -> Result<(), CardError<D::Error>> {
        if let Some((number, true)) = self.held {
            self.driver.write(number, &self.memory).map_err(CardError::Driver)?;
            self.held = Some((number, false));
        }
        Ok(())
    }

    /// The driver, back; call [`flush`](Self::flush) before.
    pub fn into_inner(self) -> D {
        self.driver
    }

    /// Gets the sector with `offset` into memory; it is read unless all of it will be overwritten.
    fn hold(&mut self, offset: u64, overwrite: bool) -> Result<(u32, usize), CardError<D::Error>> {
        if offset >= self.capacity() {
            return Err(CardError::Full);
        }
        let sector = u32::try_from(offset / SECTOR as u64).map_err(|_| CardError::Full)?;
        let number = self.start + sector;
        if self.held.is_none_or(|(held, _)| held != number) {
            self.flush()?;
            self.held = None;
            if !overwrite {
                self.driver.read(number, &mut self.memory).map_err(CardError::Driver)?;
            }
            self.held = Some((number, false));
        }
        Ok((number, usize::try_from(offset % SECTOR as u64).unwrap_or(0)))
    }
}

impl<D: Sectors> BlockSink for Card<D> {
    type Error = CardError<D::Error>;

    fn write_at(&mut self, mut offset: u64, mut bytes: &[u8]) -> Result<(), Self::Error> {
        while !bytes.is_empty() {
            let whole = offset.is_multiple_of(SECTOR as u64) && bytes.len() >= SECTOR;
            let (number, within) = self.hold(offset, whole)?;
            let n = bytes.len().min(SECTOR - within);
            self.memory[within..within + n].copy_from_slice(&bytes[..n]);
            self.held = Some((number, true));
            offset += n as u64;
            bytes = &bytes[n..];
        }
        Ok(())
    }
}

impl<D: Sectors> BlockSource for Card<D> {
    type Error = CardError<D::Error>;

    fn read_at(&mut self, mut offset: u64, mut into: &mut [u8]) -> Result<(), Self::Error> {
        while !into.is_empty() {
            let (_, within) = self.hold(offset, false)?;
            let n = into.len().min(SECTOR - within);
            into[..n].copy_from_slice(&self.memory[within..within + n]);
            offset += n as u64;
            into = &mut into[n..];
        }
        Ok(())
    }
}

//! [`Flash`]: an object in NOR flash, behind the traits of `embedded-storage` 0.3.
//!
//! ```text
//!   flash    | erase block | erase block | erase block |      erased before its first byte is written
//!   write    |word|word|word|                                a byte beside a word's border waits in memory
//!   object   ^ start of the region                           as many bytes as the region has
//! ```
//! A word of flash can be written once between two erasures. Blocks of an object whose size is a multiple of the word
//! lie on words; where it is not, the word that two blocks share is written in two steps: the flash must allow that
//! (`MultiwriteNorFlash`) or the block size must fit.

use embedded_storage::nor_flash::{MultiwriteNorFlash, NorFlashErrorKind};
use packhorse_transfer::{BlockSink, BlockSource};

/// Most bytes of a word that can be written: RP2040 256 (a page), STM32 8 to 32, NOR chips 1.
const WORD_MAX: usize = 256;

/// Why flash did not take or give bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    /// Behind the end of the region.
    Full,
    /// What the driver says.
    Driver(NorFlashErrorKind),
}

/// An object in a region of flash. `ERASED` bytes hold a bit for each erase block: 8 * `ERASED` of them at most.
#[derive(Debug)]
pub struct Flash<F, const ERASED: usize> {
    flash: F,
    /// Bytes from the start of the flash.
    start: u32,
    /// Bytes of the region.
    len: u32,
    erased: [u8; ERASED],
}

impl<F: MultiwriteNorFlash, const ERASED: usize> Flash<F, ERASED> {
    /// An object in the `len` bytes from `start` on, both rounded to whole erase blocks. What stood there is erased as
    /// blocks arrive.
    pub fn new(flash: F, start: u32, len: u32) -> Self {
        const { assert!(F::WRITE_SIZE <= WORD_MAX, "words of this flash are too long") };
        let erase = u32::try_from(F::ERASE_SIZE).unwrap_or(u32::MAX);
        let start = start.div_ceil(erase).saturating_mul(erase);
        let most = u32::try_from(flash.capacity()).unwrap_or(u32::MAX).saturating_sub(start);
        let bits = u32::try_from(ERASED.saturating_mul(8)).unwrap_or(u32::MAX).saturating_mul(erase);
        let len = len.min(most).min(bits) / erase * erase;
        Self { flash, start, len, erased: [0; ERASED] }
    }

    /// Bytes that an object can have here.
    pub const fn capacity(&self) -> u64 {
        self.len as u64
    }

    /// The driver.
    pub const fn driver(&self) -> &F {
        &self.flash
    }

    /// The driver, back.
    pub fn into_inner(self) -> F {
        self.flash
    }

    /// Where the bytes lie in the flash.
    fn place(&self, offset: u64, len: usize) -> Result<u32, FlashError> {
        let end = offset.checked_add(len as u64).ok_or(FlashError::Full)?;
        if end > self.capacity() {
            return Err(FlashError::Full);
        }
        // Below the capacity, a u32.
        Ok(self.start + u32::try_from(offset).map_err(|_| FlashError::Full)?)
    }

    /// Erases the blocks that the bytes from `at` to `end` touch for the first time.
    fn erase(&mut self, at: u32, end: u32) -> Result<(), FlashError> {
        let size = u32::try_from(F::ERASE_SIZE).unwrap_or(u32::MAX);
        let mut number = (at - self.start) / size;
        while self.start + number * size < end {
            let bit = 1 << (number % 8);
            let Some(byte) = usize::try_from(number / 8).ok().and_then(|byte| self.erased.get_mut(byte))
            else {
                return Err(FlashError::Full);
            };
            if *byte & bit == 0 {
                let from = self.start + number * size;
                self.flash.erase(from, from + size).map_err(driver)?;
                *byte |= bit;
            }
            number += 1;
        }
        Ok(())
    }
}

fn driver<E: embedded_storage::nor_flash::NorFlashError>(error: E) -> FlashError {
    FlashError::Driver(error.kind())
}

impl<F: MultiwriteNorFlash, const ERASED: usize> BlockSink for Flash<F, ERASED> {
    type Error = FlashError;

    /// Every erase block is erased again before it is written.
    fn begin(&mut self, size: u64) -> Result<(), FlashError> {
        self.erased = [0; ERASED];
        if size > self.capacity() { Err(FlashError::Full) } else { Ok(()) }
    }

    fn write_at(&mut self, offset: u64, mut bytes: &[u8]) -> Result<(), FlashError> {
        let mut at = self.place(offset, bytes.len())?;
        let end = at + u32::try_from(bytes.len()).map_err(|_| FlashError::Full)?;
        self.erase(at, end)?;
        let word = u32::try_from(F::WRITE_SIZE).unwrap_or(1).max(1);
        while !bytes.is_empty() {
            let before = usize::try_from(at % word).unwrap_or(0);
            let whole = bytes.len() / F::WRITE_SIZE * F::WRITE_SIZE;
            if before == 0 && whole > 0 {
                self.flash.write(at, &bytes[..whole]).map_err(driver)?;
                at += u32::try_from(whole).unwrap_or(0);
                bytes = &bytes[whole..];
                continue;
            }
            // Bits that stay 1 change nothing: the rest of the word is written as FF.
            let mut memory = [0xFF; WORD_MAX];
            let n = bytes.len().min(F::WRITE_SIZE - before);
            memory[before..before + n].copy_from_slice(&bytes[..n]);
            let from = at - u32::try_from(before).unwrap_or(0);
            self.flash.write(from, &memory[..F::WRITE_SIZE]).map_err(driver)?;
            at += u32::try_from(n).unwrap_or(0);
            bytes = &bytes[n..];
        }
        Ok(())
    }
}

impl<F: MultiwriteNorFlash, const ERASED: usize> BlockSource for Flash<F, ERASED> {
    type Error = FlashError;

    fn read_at(&mut self, offset: u64, mut into: &mut [u8]) -> Result<(), FlashError> {
        let mut at = self.place(offset, into.len())?;
        let word = u32::try_from(F::READ_SIZE).unwrap_or(1).max(1);
        while !into.is_empty() {
            let before = usize::try_from(at % word).unwrap_or(0);
            let whole = into.len() / F::READ_SIZE * F::READ_SIZE;
            if before == 0 && whole > 0 {
                self.flash.read(at, &mut into[..whole]).map_err(driver)?;
                at += u32::try_from(whole).unwrap_or(0);
                into = &mut into[whole..];
                continue;
            }
            let mut memory = [0; WORD_MAX];
            let piece = memory.get_mut(..F::READ_SIZE).ok_or(FlashError::Full)?;
            let from = at - u32::try_from(before).unwrap_or(0);
            self.flash.read(from, piece).map_err(driver)?;
            let n = into.len().min(F::READ_SIZE - before);
            into[..n].copy_from_slice(&piece[before..before + n]);
            at += u32::try_from(n).unwrap_or(0);
            into = &mut into[n..];
        }
        Ok(())
    }
}

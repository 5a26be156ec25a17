//! [`SimulatedFlash`]: NOR flash whose bits only fall, until their erase block is erased.

use core::time::Duration;

use embedded_storage::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use packhorse_buffer::Storage;

/// The bytes of a storage in erase blocks of `ERASE` and words of `WORD` bytes.
#[derive(Clone, Debug)]
pub struct SimulatedFlash<S, const ERASE: usize, const WORD: usize> {
    memory: S,
    erasures: u32,
    busy: Duration,
    /// How long one erasure takes, with interrupts off: 45 to 400 ms on real chips.
    pub erase_time: Duration,
    /// How long a word takes, with interrupts off.
    pub write_time: Duration,
    /// From this byte on nothing can be written: it is full, or worn.
    pub full_at: Option<u32>,
}

/// What real flash would refuse, or do wrongly without telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashFault {
    /// Not on the border of a word or an erase block.
    NotAligned,
    /// Behind the end.
    OutOfBounds,
    /// A bit that is 0 was to become 1 without an erasure.
    NotErased,
    /// Nothing can be written there.
    Full,
}

impl NorFlashError for FlashFault {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotErased | Self::Full => NorFlashErrorKind::Other,
        }
    }
}

impl<S: Storage, const ERASE: usize, const WORD: usize> SimulatedFlash<S, ERASE, WORD> {
    /// Full of what was there before: what `memory` holds.
    #[must_use]
    pub const fn new(memory: S) -> Self {
        Self {
            memory,
            erasures: 0,
            busy: Duration::ZERO,
            erase_time: Duration::from_millis(45),
            write_time: Duration::from_micros(10),
            full_at: None,
        }
    }

    /// How long it would have been busy so far, all of it with interrupts off.
    #[must_use]
    pub const fn busy(&self) -> Duration {
        self.busy
    }

    /// Erase blocks erased so far: what wears it out.
    #[must_use]
    pub const fn erasures(&self) -> u32 {
        self.erasures
    }

    /// Where the bytes lie in the memory.
    fn check(&self, offset: u32, len: usize, unit: usize) -> Result<usize, FlashFault> {
        let offset = usize::try_from(offset).map_err(|_| FlashFault::OutOfBounds)?;
        if offset.checked_add(len).is_none_or(|end| end > self.memory.as_slice().len()) {
            return Err(FlashFault::OutOfBounds);
        }
        let aligned = offset.is_multiple_of(unit) && len.is_multiple_of(unit);
        if aligned { Ok(offset) } else { Err(FlashFault::NotAligned) }
    }
}

impl<S: Storage, const ERASE: usize, const WORD: usize> ErrorType for SimulatedFlash<S, ERASE, WORD> {
    type Error = FlashFault;
}

impl<S: Storage, const ERASE: usize, const WORD: usize> ReadNorFlash for SimulatedFlash<S, ERASE, WORD> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashFault> {
        let at = self.check(offset, bytes.len(), 1)?;
        bytes.copy_from_slice(&self.memory.as_slice()[at..at + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.memory.as_slice().len()
    }
}

impl<S: Storage, const ERASE: usize, const WORD: usize> NorFlash for SimulatedFlash<S, ERASE, WORD> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashFault> {
        let len = usize::try_from(to.saturating_sub(from)).map_err(|_| FlashFault::OutOfBounds)?;
        let at = self.check(from, len, ERASE)?;
        self.memory.as_mut_slice()[at..at + len].fill(0xFF);
        let blocks = u32::try_from(len / ERASE).unwrap_or(u32::MAX);
        self.erasures += blocks;
        self.busy += self.erase_time * blocks;
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashFault> {
        let at = self.check(offset, bytes.len(), WORD)?;
        let full_at = self.full_at.and_then(|full_at| usize::try_from(full_at).ok());
        if full_at.is_some_and(|full_at| at + bytes.len() > full_at) {
            return Err(FlashFault::Full);
        }
        let place = &mut self.memory.as_mut_slice()[at..at + bytes.len()];
        if place.iter().zip(bytes).any(|(old, new)| *new & !*old != 0 && *new != 0xFF) {
            return Err(FlashFault::NotErased);
        }
        place.iter_mut().zip(bytes).for_each(|(old, new)| *old &= *new);
        self.busy += self.write_time * u32::try_from(bytes.len() / WORD).unwrap_or(u32::MAX);
        Ok(())
    }
}

impl<S: Storage, const ERASE: usize, const WORD: usize> MultiwriteNorFlash
    for SimulatedFlash<S, ERASE, WORD>
{
}

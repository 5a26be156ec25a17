//! [`SimulatedCard`]: sectors in RAM, with the pauses in which real cards move data about.

use core::time::Duration;

use crate::storage::Sectors;

/// A card of `COUNT` sectors.
#[derive(Clone, Debug)]
pub struct SimulatedCard<const COUNT: usize> {
    sectors: [[u8; 512]; COUNT],
    busy: Duration,
    writes: u32,
    /// How long a sector takes.
    pub write_time: Duration,
    /// How long every 16th write takes: up to 250 ms by the SD specification.
    pub pause: Duration,
    /// After so many writes the card does not answer any more.
    pub fails_after: Option<u32>,
}

/// What a card answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardFault {
    /// There is no such sector.
    NoSuchSector,
    /// No answer.
    Gone,
}

impl<const COUNT: usize> SimulatedCard<COUNT> {
    /// Full of zeroes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sectors: [[0; 512]; COUNT],
            busy: Duration::ZERO,
            writes: 0,
            write_time: Duration::from_millis(1),
            pause: Duration::from_millis(250),
            fails_after: None,
        }
    }

    /// How long it would have been busy so far.
    #[must_use]
    pub const fn busy(&self) -> Duration {
        self.busy
    }

    /// Sectors written so far.
    #[must_use]
    pub const fn writes(&self) -> u32 {
        self.writes
    }

    fn sector(&mut self, number: u32) -> Result<&mut [u8; 512], CardFault> {
        if self.fails_after.is_some_and(|most| self.writes >= most) {
            return Err(CardFault::Gone);
        }
        let number = usize::try_from(number).map_err(|_| CardFault::NoSuchSector)?;
        self.sectors.get_mut(number).ok_or(CardFault::NoSuchSector)
    }
}

impl<const COUNT: usize> Default for SimulatedCard<COUNT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const COUNT: usize> Sectors for SimulatedCard<COUNT> {
    type Error = CardFault;

    fn count(&self) -> u32 {
        u32::try_from(COUNT).unwrap_or(u32::MAX)
    }

    fn read(&mut self, number: u32, into: &mut [u8; 512]) -> Result<(), CardFault> {
        *into = *self.sector(number)?;
        Ok(())
    }

    fn write(&mut self, number: u32, from: &[u8; 512]) -> Result<(), CardFault> {
        *self.sector(number)? = *from;
        self.writes += 1;
        self.busy += if self.writes.is_multiple_of(16) { self.pause } else { self.write_time };
        Ok(())
    }
}

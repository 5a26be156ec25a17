//! [`Bitmap`]: a [`BlockSet`] in memory given once, one bit a block: 1 KiB for 8,192 blocks.
//!
//! Not for hosts with large files: see `PagedBitmap`, which needs no memory for what is whole.

use packhorse_buffer::Storage;

use crate::{BlockSet, Full};

/// One bit for each block, lowest bit of the first byte first.
#[derive(Clone, Debug)]
pub struct Bitmap<S> {
    bits: S,
    count: u32,
    first_missing: u32,
}

impl<S: Storage> Bitmap<S> {
    /// An empty set in `bits`, which is cleared.
    pub fn new(mut bits: S) -> Self {
        bits.as_mut_slice().fill(0);
        Self { bits, count: 0, first_missing: 0 }
    }

    /// The set that `bits` says: one that was kept over a power cut.
    pub fn resume(bits: S) -> Self {
        let mut set = Self { bits, count: 0, first_missing: 0 };
        let ones = set.bits.as_slice().iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
        set.count = u32::try_from(ones).unwrap_or(u32::MAX);
        set.first_missing = set.next_missing(0);
        set
    }

    /// Numbers below this one fit.
    pub fn capacity(&self) -> u32 {
        u32::try_from(self.bits.as_slice().len().saturating_mul(8)).unwrap_or(u32::MAX)
    }

    /// The bits, to be kept over a power cut.
    pub fn as_bits(&self) -> &[u8] {
        self.bits.as_slice()
    }
}

/// The byte and the bit of a block.
fn locate(number: u32) -> (usize, u8) {
    let byte = usize::try_from(number / 8).unwrap_or(usize::MAX);
    (byte, 1 << (number % 8))
}

impl<S: Storage> BlockSet for Bitmap<S> {
    #[inline]
    fn insert(&mut self, number: u32) -> Result<bool, Full> {
        if number >= self.capacity() {
            return Err(Full);
        }
        let (byte, bit) = locate(number);
        let byte = self.bits.as_mut_slice().get_mut(byte).ok_or(Full)?;
        if *byte & bit != 0 {
            return Ok(false);
        }
        *byte |= bit;
        self.count += 1;
        if number == self.first_missing {
            self.first_missing = self.next_missing(number + 1);
        }
        Ok(true)
    }

    #[inline]
    fn contains(&self, number: u32) -> bool {
        let (byte, bit) = locate(number);
        self.bits.as_slice().get(byte).is_some_and(|byte| byte & bit != 0)
    }

    fn count(&self) -> u32 {
        self.count
    }

    fn first_missing(&self) -> u32 {
        self.first_missing
    }

    fn next_missing(&self, from: u32) -> u32 {
        scan(self.bits.as_slice(), from, 0xFF).unwrap_or(from.max(self.capacity()))
    }

    fn next_present(&self, from: u32) -> Option<u32> {
        scan(self.bits.as_slice(), from, 0x00)
    }
}

/// The first bit from `from` on in a byte that differs from `skip`, and in that way.
fn scan(bits: &[u8], from: u32, skip: u8) -> Option<u32> {
    let (first, bit) = locate(from);
    // Bits below `from` are made to look like those to skip.
    let below = bit - 1;
    let head = *bits.get(first)?;
    let head = if skip == 0 { head & !below } else { head | below };
    let position = if head == skip {
        first + 1 + bits.get(first + 1..)?.iter().position(|byte| *byte != skip)?
    } else {
        first
    };
    let byte = if position == first { head } else { *bits.get(position)? };
    let number = u32::try_from(position).ok()?.checked_mul(8)? + (byte ^ skip).trailing_zeros();
    (number < u32::MAX).then_some(number)
}

//! [`Layout`]: how an object of known size is cut into blocks.
//!
//! ```text
//!   size = 2 * block_size + 3, blocks = 3
//!   |   block 0    |   block 1    | 2 |       offset of block n = n * block_size; only the last is shorter
//! ```

use core::fmt;

/// Where a block lies in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the start of the object.
    pub offset: u64,
    /// Bytes of the block.
    pub len: u32,
}

/// The geometry of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    size: u64,
    block_size: u32,
    blocks: u32,
}

/// Why there is no such layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// Blocks of no bytes.
    ZeroBlockSize,
    /// More blocks than a block number (u32) can count.
    TooManyBlocks {
        /// Blocks that the object needs.
        blocks: u64,
    },
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroBlockSize => f.write_str("a block size of 0"),
            Self::TooManyBlocks { blocks } => {
                write!(f, "{blocks} blocks, where {} can be counted: use larger blocks", u32::MAX)
            }
        }
    }
}

impl core::error::Error for LayoutError {}

impl Layout {
    /// Cuts `size` bytes into blocks of `block_size` bytes.
    ///
    /// # Errors
    /// When the block size is 0 or there would be more than `u32::MAX` blocks.
    pub const fn new(size: u64, block_size: u32) -> Result<Self, LayoutError> {
        if block_size == 0 {
            return Err(LayoutError::ZeroBlockSize);
        }
        let blocks = size.div_ceil(block_size as u64);
        if blocks > u32::MAX as u64 {
            return Err(LayoutError::TooManyBlocks { blocks });
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked the line before")]
        Ok(Self { size, block_size, blocks: blocks as u32 })
    }

    /// Bytes of the object.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of every block but the last.
    #[must_use]
    pub const fn block_size(&self) -> u32 {
        self.block_size
    }

    /// How many blocks there are; 0 for an empty object.
    #[must_use]
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Where block `number` lies; `None` when there is no such block.
    #[inline]
    #[must_use]
    pub const fn place(&self, number: u32) -> Option<Place> {
        if number >= self.blocks {
            return None;
        }
        // At most size - 1: no overflow.
        let offset = number as u64 * self.block_size as u64;
        let rest = self.size - offset;
        #[expect(clippy::cast_possible_truncation, reason = "less than the block size, a u32")]
        let len = if rest < self.block_size as u64 { rest as u32 } else { self.block_size };
        Some(Place { offset, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_object_without_gaps() {
        for size in 0..200_u64 {
            for block_size in 1..20 {
                let layout = Layout::new(size, block_size).unwrap();
                let mut at = 0;
                for number in 0..layout.blocks() {
                    let place = layout.place(number).unwrap();
                    assert_eq!(place.offset, at);
                    assert!(place.len > 0 && place.len <= block_size);
                    at += u64::from(place.len);
                }
                assert_eq!(at, size);
                assert_eq!(layout.place(layout.blocks()), None);
            }
        }
    }

    #[test]
    fn extreme_sizes_are_refused_or_exact() {
        assert_eq!(Layout::new(1, 0), Err(LayoutError::ZeroBlockSize));
        assert!(matches!(Layout::new(u64::MAX, 1), Err(LayoutError::TooManyBlocks { .. })));
        assert!(matches!(Layout::new(1 << 32, 1), Err(LayoutError::TooManyBlocks { .. })));
        assert_eq!(Layout::new((1 << 32) - 1, 1).unwrap().blocks(), u32::MAX);
        // The largest of all: u32::MAX blocks of u32::MAX bytes.
        let most = u64::from(u32::MAX) * u64::from(u32::MAX);
        let layout = Layout::new(most, u32::MAX).unwrap();
        let last = layout.place(u32::MAX - 1).unwrap();
        assert_eq!(last.offset + u64::from(last.len), most);
        assert!(Layout::new(most + 1, u32::MAX).is_err());
    }
}

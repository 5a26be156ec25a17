//! [`Geometry`]: which block belongs to which source block, and what a number on the wire means. Arithmetic only.
//!
//! ```text
//!   blocks of the object    | group 0                        | group 1                     |
//!                             0 1 2 3 4 5 6 7 8 9 10 11 ...
//!   source block              0 1 2 3 0 1 2 3 0 1 2  3          interleave 4
//!   its symbol                0 0 0 0 1 1 1 1 2 2 2  2
//! ```
//! So a file is sent and written from its start to its end, and a burst still hits all source blocks of a group alike.

use core::fmt;

use super::Shape;
use crate::Layout;

/// The bit that tells repair symbols from blocks.
const REPAIR: u32 = 1 << 31;
/// Numbers of encoding symbols end here: RFC 6330 counts them in 24 bits. What is left below is for the source symbols.
const INDEX_MAX: u32 = (1 << 24) - 1 - Shape::SYMBOLS_MAX as u32;

/// What a number on the wire means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// A block of the object, which is a source symbol.
    Block(u32),
    /// A repair symbol.
    Repair {
        /// The source block.
        source_block: u32,
        /// Which of its repair symbols, from 0.
        index: u32,
    },
}

/// A source block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceBlock {
    /// Its number: that of its group times the interleave, and its place in the group.
    pub number: u32,
    /// The block that is its symbol 0.
    pub first: u32,
    /// From one of its blocks to the next.
    pub step: u32,
    /// Its source symbols, at least 1.
    pub symbols: u32,
}

impl SourceBlock {
    /// The blocks that are its source symbols, in order.
    pub fn blocks(self) -> impl ExactSizeIterator<Item = u32> + Clone {
        (0..self.symbols).map(move |symbol| self.first + symbol * self.step)
    }

    /// The block that is symbol `symbol`.
    #[must_use]
    pub const fn block(self, symbol: u32) -> u32 {
        self.first + symbol * self.step
    }
}

/// How an object is cut into source blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    shape: Shape,
    block_size: u32,
    /// Blocks of the object, once they are known.
    blocks: Option<u32>,
    /// Blocks of a group; the first `longer` groups have one more.
    group: u32,
    longer: u32,
    groups: Option<u32>,
}

/// Why there is no such geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeometryError {
    /// A field of the shape is out of its range.
    Shape,
    /// Symbols of no bytes, or of more than the code can count or a receiver has memory for.
    SymbolSize {
        /// Bytes of a symbol.
        size: u32,
    },
    /// More blocks, or more source blocks, than numbers have bits for.
    TooManyBlocks {
        /// Blocks.
        blocks: u32,
    },
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape => f.write_str("a shape of source blocks that the fountain code does not have"),
            Self::SymbolSize { size } => {
                let most = Shape::SYMBOL_SIZE_MAX;
                write!(
                    f,
                    "symbols of {size} bytes, where the fountain code has 1 to {most} and few of the long ones"
                )
            }
            Self::TooManyBlocks { blocks } => {
                write!(f, "{blocks} blocks are more than the fountain code can number: use larger blocks")
            }
        }
    }
}

impl core::error::Error for GeometryError {}

impl Geometry {
    /// Of an object whose size is known from the start: groups are equally long, but for one block.
    ///
    /// # Errors
    /// When the object cannot be cut like this.
    pub fn of(shape: Shape, layout: Layout) -> Result<Self, GeometryError> {
        let (blocks, block_size) = (layout.blocks(), layout.block_size());
        check(shape, block_size)?;
        let most = u32::from(shape.symbols) * u32::from(shape.interleave);
        let groups = blocks.div_ceil(most);
        let group = blocks.checked_div(groups).unwrap_or(1);
        let longer = blocks.checked_rem(groups).unwrap_or(0);
        let geometry = Self { shape, block_size, blocks: Some(blocks), group, longer, groups: Some(groups) };
        if blocks > REPAIR || groups > geometry.groups_max() {
            return Err(GeometryError::TooManyBlocks { blocks });
        }
        Ok(geometry)
    }

    /// Of a byte stream: all groups are full but the last one.
    ///
    /// # Errors
    /// When no stream can be cut like this.
    pub fn of_stream(shape: Shape, block_size: u32) -> Result<Self, GeometryError> {
        check(shape, block_size)?;
        let group = u32::from(shape.symbols) * u32::from(shape.interleave);
        Ok(Self { shape, block_size, blocks: None, group, longer: 0, groups: None })
    }

    /// The stream has ended and has so many blocks.
    ///
    /// # Errors
    /// When those are too many.
    pub fn end_stream(&mut self, blocks: u32) -> Result<(), GeometryError> {
        let groups = blocks.div_ceil(self.group);
        if blocks > REPAIR || groups > self.groups_max() {
            return Err(GeometryError::TooManyBlocks { blocks });
        }
        (self.blocks, self.groups) = (Some(blocks), Some(groups));
        Ok(())
    }

    /// What META says of it.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Bytes of a symbol.
    #[must_use]
    pub const fn block_size(&self) -> u32 {
        self.block_size
    }

    /// Blocks of the object, once they are known.
    #[must_use]
    pub const fn blocks(&self) -> Option<u32> {
        self.blocks
    }

    /// Groups, once they are known.
    #[must_use]
    pub const fn groups(&self) -> Option<u32> {
        self.groups
    }

    /// Repair symbols that a source block can have.
    #[must_use]
    pub const fn repairs_max(&self) -> u32 {
        let bits = 1 << self.shape.index_bits;
        if bits < INDEX_MAX { bits } else { INDEX_MAX }
    }

    /// The first block of a group and the blocks in it. `None` when there is no such group, or when it is the last one of
    /// a stream whose end is not known: that one is told as full.
    #[must_use]
    pub fn group(&self, group: u32) -> Option<(u32, u32)> {
        if self.groups.is_some_and(|groups| group >= groups) {
            return None;
        }
        let first = group.checked_mul(self.group)?.checked_add(group.min(self.longer))?;
        let full = self.group + u32::from(group < self.longer);
        let len = self.blocks.map_or(full, |blocks| full.min(blocks.saturating_sub(first)));
        // Of a stream whose end is not known, any group may be asked for.
        first.checked_add(len).filter(|end| *end <= REPAIR)?;
        Some((first, len))
    }

    /// The group of a block.
    #[must_use]
    pub const fn group_of(&self, block: u32) -> u32 {
        let longer = self.longer * (self.group + 1);
        if block < longer { block / (self.group + 1) } else { self.longer + (block - longer) / self.group }
    }

    /// Source blocks of a group of `len` blocks.
    #[must_use]
    pub fn source_blocks_in(&self, len: u32) -> u32 {
        len.div_ceil(u32::from(self.shape.symbols))
    }

    /// Source blocks of the object, once they are known.
    #[must_use]
    pub fn source_blocks(&self) -> Option<u64> {
        let groups = self.groups?;
        let whole = |group| self.group(group).map_or(0, |(_, len)| u64::from(self.source_blocks_in(len)));
        let longer = self.longer.min(groups);
        let last = groups.checked_sub(1)?;
        let rest = u64::from(last.saturating_sub(longer)) * whole(longer.min(last));
        Some(u64::from(longer.min(last)) * whole(0) + rest + whole(last))
    }

    /// The source block of this number, if there is one.
    #[must_use]
    pub fn source_block(&self, number: u32) -> Option<SourceBlock> {
        let interleave = u32::from(self.shape.interleave);
        let (first, len) = self.group(number / interleave)?;
        let place = number % interleave;
        let step = self.source_blocks_in(len);
        if place >= step {
            return None;
        }
        let symbols = (len - place).div_ceil(step);
        Some(SourceBlock { number, first: first + place, step, symbols })
    }

    /// The source block that a block is in, and which of its symbols it is.
    #[must_use]
    pub fn place_of(&self, block: u32) -> Option<(SourceBlock, u32)> {
        if self.blocks.is_some_and(|blocks| block >= blocks) {
            return None;
        }
        let group = self.group_of(block);
        let (first, len) = self.group(group)?;
        let step = self.source_blocks_in(len);
        let place = (block - first).checked_rem(step)?;
        let number = group.checked_mul(u32::from(self.shape.interleave))?.checked_add(place)?;
        Some((self.source_block(number)?, (block - first) / step))
    }

    /// The number on the wire; `None` when it has not the bits.
    #[must_use]
    pub fn to_wire(&self, number: Number) -> Option<u32> {
        match number {
            Number::Block(block) => (block < REPAIR).then_some(block),
            Number::Repair { source_block, index } => {
                let bits = u32::from(self.shape.index_bits);
                (index < self.repairs_max() && u64::from(source_block) < 1 << (31 - bits))
                    .then_some(REPAIR | source_block << bits | index)
            }
        }
    }

    /// What a number on the wire means; any has a meaning, if not always a place.
    #[must_use]
    pub const fn from_wire(&self, number: u32) -> Number {
        if number & REPAIR == 0 {
            return Number::Block(number);
        }
        let bits = self.shape.index_bits;
        let rest = number & !REPAIR;
        Number::Repair { source_block: rest >> bits, index: rest & ((1 << bits) - 1) }
    }

    fn groups_max(&self) -> u32 {
        (1 << (31 - u32::from(self.shape.index_bits))) / u32::from(self.shape.interleave)
    }
}

fn check(shape: Shape, block_size: u32) -> Result<(), GeometryError> {
    if !shape.is_valid() {
        return Err(GeometryError::Shape);
    }
    let bytes = u64::from(block_size) * u64::from(shape.symbols);
    if block_size == 0 || block_size > Shape::SYMBOL_SIZE_MAX || bytes > u64::from(Shape::BYTES_MAX) {
        return Err(GeometryError::SymbolSize { size: block_size });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    fn geometry(symbols: u16, interleave: u8, blocks: u32) -> Geometry {
        let shape = Shape { symbols, interleave, index_bits: 12 };
        Geometry::of(shape, Layout::new(u64::from(blocks) * 10, 10).unwrap()).unwrap()
    }

    fn covers(geometry: &Geometry, blocks: u32) {
        let groups = geometry.groups().unwrap();
        let interleave = u32::from(geometry.shape().interleave);
        let mut seen = vec![false; blocks as usize];
        let mut count = 0;
        for number in 0..groups * interleave {
            let Some(source) = geometry.source_block(number) else { continue };
            count += 1;
            assert!((1..=u32::from(geometry.shape().symbols)).contains(&source.symbols));
            for (symbol, block) in source.blocks().enumerate() {
                assert!(!core::mem::replace(&mut seen[block as usize], true));
                assert_eq!(geometry.place_of(block), Some((source, u32::try_from(symbol).unwrap())));
            }
        }
        assert!(seen.iter().all(|seen| *seen), "{geometry:?}");
        assert_eq!(geometry.source_blocks().unwrap_or(0), count, "{geometry:?}");
        assert_eq!(geometry.source_block(groups * interleave), None);
        assert_eq!(geometry.place_of(blocks), None);
    }

    #[test]
    fn source_blocks_cover_the_object_once() {
        for (symbols, interleave) in [(1, 1), (1, 4), (3, 2), (4, 3), (16, 1)] {
            for blocks in 0..200 {
                covers(&geometry(symbols, interleave, blocks), blocks);
                let mut stream = Geometry::of_stream(geometry(symbols, interleave, 1).shape(), 10).unwrap();
                stream.end_stream(blocks).unwrap();
                covers(&stream, blocks);
            }
        }
    }

    #[test]
    fn groups_of_a_file_are_equally_long_but_for_one_block() {
        let geometry = geometry(16, 4, 64 * 3 + 1);
        let lens: Vec<_> = (0..4).map(|group| geometry.group(group).unwrap().1).collect();
        assert_eq!(lens, [49, 48, 48, 48]);
    }

    #[test]
    fn numbers_of_a_stream_without_an_end_never_leave_the_range() {
        for (symbols, interleave) in [(1, 1), (7, 3), (16, 4), (255, 16)] {
            let stream = Geometry::of_stream(geometry(symbols, interleave, 1).shape(), 10).unwrap();
            let edge = u32::MAX / (u32::from(symbols) * u32::from(interleave)) * u32::from(interleave);
            let near = (edge - 40..edge.saturating_add(40)).chain(u32::MAX - 40..=u32::MAX);
            for number in near {
                if let Some(source) = stream.source_block(number) {
                    assert_eq!(source.blocks().count(), source.symbols as usize);
                    assert!(source.blocks().is_sorted_by(|a, b| a < b), "{source:?}");
                }
                if let Some((source, symbol)) = stream.place_of(number) {
                    assert_eq!(source.block(symbol), number);
                }
            }
        }
    }

    #[test]
    fn numbers_come_back_and_huge_ones_are_refused() {
        let geometry = geometry(16, 4, 1000);
        for number in [
            Number::Block(0),
            Number::Block((1 << 31) - 1),
            Number::Repair { source_block: 0, index: 0 },
            Number::Repair { source_block: (1 << 19) - 1, index: 4095 },
        ] {
            assert_eq!(geometry.to_wire(number).map(|wire| geometry.from_wire(wire)), Some(number));
        }
        for number in [
            Number::Block(1 << 31),
            Number::Repair { source_block: 1 << 19, index: 0 },
            Number::Repair { source_block: 0, index: 4096 },
        ] {
            assert_eq!(geometry.to_wire(number), None);
        }
    }

    #[test]
    fn a_sender_s_choice_fits_files_of_any_size() {
        for block_size in [1, 50, 400, 1024, 9000, 65_535] {
            for size in [0_u64, 1, 35_000, 1_000_000, 1 << 33, 1 << 36] {
                let Ok(layout) = Layout::new(size, block_size) else { continue };
                if layout.blocks() >= REPAIR {
                    continue;
                }
                let geometry = Geometry::of(Shape::for_blocks(block_size, Some(size)), layout);
                let geometry = geometry.unwrap_or_else(|error| panic!("{size} in {block_size}: {error}"));
                assert!(geometry.repairs_max() >= 256, "{geometry:?}");
            }
        }
        assert!(Geometry::of_stream(Shape::for_blocks(1 << 17, None), 1 << 17).is_err());
    }
}

//! [`Shape`]: what META says of how an object is cut into source blocks.

/// How source blocks are cut, chosen by the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Most source symbols of a source block, 1 to [`SYMBOLS_MAX`](Self::SYMBOLS_MAX).
    pub symbols: u16,
    /// Source blocks of a group, whose symbols take turns; not 0.
    pub interleave: u8,
    /// Low bits of a repair symbol's number that count the repair symbols of a source block, 1 to 24; the bits above,
    /// below bit 31, are the source block.
    pub index_bits: u8,
}

impl Shape {
    /// Most source symbols of a source block. RFC 6330 has up to 56,403, in memory that a receiver should not have to
    /// have.
    pub const SYMBOLS_MAX: u16 = 8192;
    /// Most bytes of the source symbols of a source block.
    pub const BYTES_MAX: u32 = 8 << 20;
    /// Longest symbol: the code counts its bytes in 16 bits.
    pub const SYMBOL_SIZE_MAX: u32 = u16::MAX as u32;
    /// Most source symbols of a group.
    pub const GROUP_MAX: u32 = 32_768;

    /// Symbols of a source block that senders choose, and its bytes.
    const SYMBOLS: u32 = 2048;
    const BYTES: u32 = 2 << 20;
    const INTERLEAVE: u8 = 4;

    /// What a sender uses for blocks of `block_size` bytes: source blocks of up to 2,048 symbols and 2 MiB, four of them in
    /// a group. `size` is that of the object, if it is known.
    #[must_use]
    pub fn for_blocks(block_size: u32, size: Option<u64>) -> Self {
        let block_size = block_size.max(1);
        let symbols = (Self::BYTES / block_size).clamp(16, Self::SYMBOLS);
        // As many bits for the index as the source blocks leave.
        let blocks = size.map(|size| size.div_ceil(u64::from(block_size)).div_ceil(u64::from(symbols)));
        // Balanced groups may hold one source block more each.
        let blocks = blocks.map(|blocks| blocks + blocks / u64::from(Self::INTERLEAVE) + 1);
        let index_bits =
            blocks.map_or(12, |blocks| 31_u32.saturating_sub(u64::BITS - blocks.leading_zeros()));
        Self {
            symbols: u16::try_from(symbols).unwrap_or(Self::SYMBOLS_MAX),
            interleave: Self::INTERLEAVE,
            index_bits: u8::try_from(index_bits.clamp(8, 23)).unwrap_or(12),
        }
    }

    /// Whether every field is in its range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let group = u32::from(self.symbols) * u32::from(self.interleave);
        (1..=Self::SYMBOLS_MAX).contains(&self.symbols)
            && (1..=24).contains(&self.index_bits)
            && (1..=Self::GROUP_MAX).contains(&group)
    }
}

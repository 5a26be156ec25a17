//! [`Decoder`]: gets the blocks of a source block back from as many symbols as it has, blocks or repair symbols.
//!
//! Only touched when a block is missing and enough symbols have come. Its memory is that of the source block a few times.

use alloc::vec::Vec;

use raptorq::{EncodingPacket, PayloadId, SourceBlockDecoder};

use super::encoder::{config, padded};
use super::{Geometry, SourceBlock};

/// Symbols of one source block, on their way to its blocks.
pub struct Decoder {
    geometry: Geometry,
    source: SourceBlock,
    decoder: SourceBlockDecoder,
    symbols: Vec<EncodingPacket>,
}

impl Decoder {
    /// Of a source block of an object that is cut like this.
    #[must_use]
    pub fn new(geometry: Geometry, source: SourceBlock) -> Self {
        let bytes = u64::from(geometry.block_size()) * u64::from(source.symbols);
        let decoder = SourceBlockDecoder::new(0, &config(&geometry), bytes);
        Self { geometry, source, decoder, symbols: Vec::with_capacity(source.symbols as usize) }
    }

    /// A block: symbol `symbol` of the source block. Ignored when there is no such symbol.
    pub fn block(&mut self, symbol: u32, bytes: &[u8]) {
        if symbol < self.source.symbols {
            self.symbol(symbol, bytes);
        }
    }

    /// Repair symbol `index`. Ignored when there is no such symbol.
    pub fn repair(&mut self, index: u32, bytes: &[u8]) {
        if index < self.geometry.repairs_max() {
            self.symbol(self.source.symbols + index, bytes);
        }
    }

    /// All blocks of the source block, one after another, or `None` when the symbols do not suffice: with as many
    /// symbols as blocks that happens about once in a hundred times, with each one more a hundred times more seldom.
    pub fn decode(&mut self) -> Option<Vec<u8>> {
        self.decoder.decode(self.symbols.drain(..))
    }

    fn symbol(&mut self, id: u32, bytes: &[u8]) {
        let data = padded(bytes, self.geometry.block_size() as usize);
        // Below 2^24: the source symbols and the largest index stay below it together.
        self.symbols.push(EncodingPacket::new(PayloadId::new(0, id), data));
    }
}

impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decoder").field("source", &self.source).finish_non_exhaustive()
    }
}

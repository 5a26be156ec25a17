//! [`Encoder`]: computes repair symbols, lazily: nothing is coded of source blocks that nobody needs repair symbols of.
//!
//! Its memory is that of the source blocks of one group, twice: at most 16 MiB for the shapes that senders choose.

use alloc::vec;
use alloc::vec::Vec;

use raptorq::{EncodingPacket, ObjectTransmissionInformation, SourceBlockEncoder};

use super::{Geometry, SourceBlock};

/// Symbols computed at a time.
const BATCH: u32 = 16;

/// Repair symbols of one object.
pub struct Encoder {
    geometry: Geometry,
    config: ObjectTransmissionInformation,
    coded: Vec<Coded>,
    data: Vec<u8>,
}

/// A source block that is coded.
struct Coded {
    source: SourceBlock,
    encoder: SourceBlockEncoder,
    first: u32,
    symbols: Vec<EncodingPacket>,
}

impl Encoder {
    /// For an object cut like this.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        Self { geometry, config: config(&geometry), coded: Vec::new(), data: Vec::new() }
    }

    /// Puts repair symbol `index` of a source block into `into`, which is one block long. `read` fills memory with a
    /// block of the object; that of the last one is longer than the block and zero behind it.
    ///
    /// # Errors
    /// What `read` says.
    pub fn repair<E>(
        &mut self,
        source: SourceBlock,
        index: u32,
        into: &mut [u8],
        mut read: impl FnMut(u32, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let index = index.min(self.geometry.repairs_max() - 1);
        let position = match self.coded.iter().position(|coded| coded.source == source) {
            Some(position) => position,
            None => self.code(source, &mut read)?,
        };
        let Some(coded) = self.coded.get_mut(position) else { return Ok(()) };
        let symbol = coded.symbol(index, self.geometry.repairs_max());
        for (to, from) in into.iter_mut().zip(symbol) {
            *to = *from;
        }
        Ok(())
    }

    /// Lets go of the source blocks that are coded: the object has changed, or nothing more is needed for now.
    pub fn clear(&mut self) {
        self.coded.clear();
    }

    fn code<E>(
        &mut self,
        source: SourceBlock,
        read: &mut impl FnMut(u32, &mut [u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        let size = self.geometry.block_size() as usize;
        self.data.clear();
        self.data.resize(size * source.symbols as usize, 0);
        for (block, memory) in source.blocks().zip(self.data.chunks_exact_mut(size)) {
            read(block, memory)?;
        }
        // With `std`, `raptorq` keeps how to code a source block of so many symbols, which costs more than coding one.
        let encoder = SourceBlockEncoder::new(0, &self.config, &self.data);
        if self.coded.len() >= usize::from(self.geometry.shape().interleave) {
            self.coded.remove(0);
        }
        self.coded.push(Coded { source, encoder, first: 0, symbols: Vec::new() });
        Ok(self.coded.len() - 1)
    }
}

impl core::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Encoder").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

impl Coded {
    fn symbol(&mut self, index: u32, most: u32) -> &[u8] {
        let at = index.wrapping_sub(self.first) as usize;
        if self.symbols.get(at).is_none() {
            self.first = index;
            self.symbols = self.encoder.repair_packets(index, BATCH.min(most - index));
        }
        self.symbols.get((index - self.first) as usize).map_or(&[][..], EncodingPacket::data)
    }
}

/// What `raptorq` is told of a source block. It panics on what does not fit together; a [`Geometry`] does.
pub(super) fn config(geometry: &Geometry) -> ObjectTransmissionInformation {
    let size = u16::try_from(geometry.block_size()).unwrap_or(u16::MAX);
    let bytes = u64::from(size) * u64::from(geometry.shape().symbols);
    ObjectTransmissionInformation::new(bytes, size, 1, 1, 1)
}

/// A block as a symbol: filled up with zeroes.
pub(super) fn padded(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut symbol = vec![0; size];
    let len = bytes.len().min(size);
    symbol[..len].copy_from_slice(&bytes[..len]);
    symbol
}

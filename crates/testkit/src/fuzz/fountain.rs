//! What a receiver does with repair symbols, fed with any geometry and any numbers.
//!
//! ```text
//!   | symbols 2 | interleave 1 | index bits 1 | block size 2 | size 4 | then steps of 6 bytes |
//!   step   kind: block, repair symbol by its place, repair symbol by its number on the wire | number 4 | byte of its content
//! ```
//! Promises: no panic, whatever META claims and whatever symbols come (the crate below panics on what does not fit: it is
//! checked before), for files and for streams without an end; no more is kept than the cap; what is decoded is as long as its source block.

use packhorse_transfer::fountain::{Decoder, Gather, Geometry, Keep, Number, Shape};
use packhorse_transfer::{Bitmap, BlockSet as _, Layout};

/// Symbols that are kept.
const CAP: usize = 200;
/// Source blocks above this are not decoded: the time goes into arithmetic.
const DECODED_MAX: u64 = 32 << 10;
/// Blocks that the bitmap has room for.
const BLOCKS_MAX: u32 = 8192;

/// Any bytes as a geometry, and as symbols of its object.
pub fn fountain(data: &[u8]) {
    let Some((&[a, b, interleave, index_bits, c, d, e, f, g, h], mut steps)) = data.split_first_chunk()
    else {
        return;
    };
    let shape = Shape { symbols: u16::from_be_bytes([a, b]), interleave, index_bits };
    let block_size = u32::from(u16::from_be_bytes([c, d]));
    let size = u64::from(u32::from_be_bytes([e, f, g, h]));
    stream(shape, block_size, steps);
    let Ok(layout) = Layout::new(size, block_size) else { return };
    let Ok(geometry) = Geometry::of(shape, layout) else { return };
    let source_blocks = geometry.source_blocks().unwrap_or(0);
    if layout.blocks() > 0 {
        let (first, last) = (geometry.source_block(0), geometry.place_of(layout.blocks() - 1));
        assert!(first.is_some() && last.is_some(), "every block has its place: {geometry:?}");
    }
    if layout.blocks() > BLOCKS_MAX {
        return;
    }
    let mut blocks = Bitmap::new([0_u8; BLOCKS_MAX as usize / 8]);
    let mut gather = Gather::new(geometry, CAP);
    while let Some((&[kind, a, b, c, d, byte], rest)) = steps.split_first_chunk() {
        steps = rest;
        let number = u32::from_be_bytes([a, b, c, d]);
        let repair = match kind % 4 {
            0 => {
                let number = number % layout.blocks().max(1);
                if number < layout.blocks() && blocks.insert(number) == Ok(true) {
                    gather.handle_block(number);
                }
                None
            }
            1 => u32::try_from(source_blocks.max(1)).ok().map(|count| (number % count, u32::from(byte))),
            _ => match geometry.from_wire(number | 1 << 31) {
                Number::Repair { source_block, index } => Some((source_block, index)),
                Number::Block(_) => None,
            },
        };
        if let Some((source_block, index)) = repair {
            let len = if kind & 4 == 0 { block_size as usize } else { usize::from(byte) };
            if let Ok(Keep::InPlaceOf(block)) = gather.handle_repair(source_block, index, len, &blocks) {
                assert!(
                    block < layout.blocks() && !blocks.contains(block),
                    "in the place of what is missing"
                );
            }
        }
        assert!(gather.held() <= CAP, "{} symbols are kept", gather.held());
        decode(&mut gather, &mut blocks, byte);
    }
}

/// The same numbers in a stream whose end is not known: every block that a source block has is a block.
fn stream(shape: Shape, block_size: u32, steps: &[u8]) {
    let Ok(geometry) = Geometry::of_stream(shape, block_size) else { return };
    for &[_, a, b, c, d, _] in steps.as_chunks().0 {
        let number = u32::from_be_bytes([a, b, c, d]);
        if let Some(source) = geometry.source_block(number) {
            assert!(source.blocks().last().is_some_and(|block| block < 1 << 31), "{source:?}");
        }
        if let Some((source, symbol)) = geometry.place_of(number) {
            assert_eq!(source.block(symbol), number, "{source:?}");
        }
    }
}

fn decode(gather: &mut Gather, blocks: &mut Bitmap<[u8; BLOCKS_MAX as usize / 8]>, byte: u8) {
    while let Some(decode) = gather.poll_decode() {
        let (geometry, source) = (*gather.geometry(), decode.source);
        let size = u64::from(source.symbols) * u64::from(geometry.block_size());
        let mut whole = None;
        if size <= DECODED_MAX {
            let mut decoder = Decoder::new(geometry, source);
            let content = vec![byte; geometry.block_size() as usize];
            for (symbol, block) in (0..).zip(source.blocks()) {
                if blocks.contains(block) {
                    decoder.block(symbol, &content);
                }
            }
            for index in decode.lent.iter().map(|(_, index)| *index).chain(decode.extra) {
                decoder.repair(index, &content);
            }
            whole = decoder.decode();
        }
        if let Some(whole) = &whole {
            assert_eq!(whole.len() as u64, size, "all blocks of the source block");
            for block in source.blocks() {
                if blocks.insert(block) == Ok(true) {
                    gather.handle_block(block);
                }
            }
        }
        gather.decoded(source.number, whole.is_some(), blocks);
    }
}

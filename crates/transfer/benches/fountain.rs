//! What coding and decoding with [`Encoder`] and [`Decoder`] cost beside the `raptorq` crate alone, for the same packets lost:
//! medians of rounds in which the two take turns. `cargo xtask bench fountain` runs it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails may say so in any way")]

use core::hint::black_box;
use std::time::Instant;

use packhorse_testkit::patterns;
use packhorse_transfer::Layout;
use packhorse_transfer::fountain::{Decoder, Encoder, Geometry, Shape, SourceBlock};
use raptorq::{EncodingPacket, ObjectTransmissionInformation, SourceBlockDecoder, SourceBlockEncoder};

const SIZE: u64 = 1_000_000;
const ROUNDS: usize = 15;

/// A source block, the symbols of it that are lost, and as many repair symbols instead, and one more.
struct Lot {
    source: SourceBlock,
    bytes: Vec<u8>,
    lost: Vec<bool>,
    repairs: u32,
}

fn main() {
    println!("  1 MB, seconds of packhorse over those of raptorq alone (medians of {ROUNDS})");
    for block in [53, 1024] {
        for percent in [1, 10, 30, 50] {
            ratios(block, percent);
        }
    }
}

fn ratios(block: u32, percent: u32) {
    let layout = Layout::new(SIZE, block).unwrap();
    let geometry = Geometry::of(Shape::for_blocks(block, Some(SIZE)), layout).unwrap();
    let object = {
        let mut object = patterns::random(7, usize::try_from(SIZE).unwrap());
        object.resize(layout.blocks() as usize * block as usize, 0);
        object
    };
    let lots = lots(&geometry, &object, percent);
    let (mut coding, mut decoding) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (ours, repairs) = timed(|| ours_codes(geometry, &object, &lots));
        let (theirs, same) = timed(|| theirs_codes(&geometry, &lots));
        assert_eq!(repairs, same, "the repair symbols are not those of raptorq");
        coding.push((ours, theirs));
        let (ours, whole) = timed(|| ours_decodes(geometry, &lots, &repairs));
        let (theirs, same) = timed(|| theirs_decodes(&geometry, &lots, &repairs));
        assert_eq!(whole, same);
        assert!(lots.iter().zip(&whole).all(|(lot, whole)| lot.bytes == *whole), "decoded to something else");
        decoding.push((ours, theirs));
    }
    println!(
        "  blocks of {block:>4} bytes, {percent:>2} % lost: coding {}, decoding {}",
        ratio(&coding),
        ratio(&decoding)
    );
}

fn lots(geometry: &Geometry, object: &[u8], percent: u32) -> Vec<Lot> {
    let size = geometry.block_size() as usize;
    let dice = patterns::random(u64::from(percent), object.len() / size * 2);
    let count = u32::try_from(geometry.source_blocks().unwrap()).unwrap();
    (0..count)
        .map(|number| {
            let source = geometry.source_block(number).unwrap();
            let starts = || source.blocks().map(|block| block as usize * size);
            let bytes = starts().flat_map(|start| &object[start..start + size]).copied().collect();
            let lost: Vec<bool> = source
                .blocks()
                .map(|block| {
                    let at = block as usize * 2;
                    u32::from(u16::from_be_bytes([dice[at], dice[at + 1]])) * 100 < percent << 16
                })
                .collect();
            let repairs = u32::try_from(lost.iter().filter(|lost| **lost).count()).unwrap() + 1;
            Lot { source, bytes, lost, repairs }
        })
        .collect()
}

/// The repair symbols of every source block, one after another.
fn ours_codes(geometry: Geometry, object: &[u8], lots: &[Lot]) -> Vec<Vec<u8>> {
    let size = geometry.block_size() as usize;
    let mut encoder = Encoder::new(geometry);
    let coded = lots.iter().map(|lot| {
        let mut repairs = vec![0; lot.repairs as usize * size];
        for (index, repair) in (0..).zip(repairs.chunks_exact_mut(size)) {
            let read = |block: u32, into: &mut [u8]| {
                let at = block as usize * size;
                into.copy_from_slice(&object[at..at + size]);
                Ok::<(), core::convert::Infallible>(())
            };
            encoder.repair(lot.source, index, repair, read).unwrap();
        }
        repairs
    });
    coded.collect()
}

fn theirs_codes(geometry: &Geometry, lots: &[Lot]) -> Vec<Vec<u8>> {
    let coded = lots.iter().map(|lot| {
        let encoder = SourceBlockEncoder::new(0, &config(geometry), &lot.bytes);
        encoder.repair_packets(0, lot.repairs).iter().flat_map(EncodingPacket::data).copied().collect()
    });
    coded.collect()
}

fn ours_decodes(geometry: Geometry, lots: &[Lot], repairs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let size = geometry.block_size() as usize;
    let decoded = lots.iter().zip(repairs).map(|(lot, repairs)| {
        let mut decoder = Decoder::new(geometry, lot.source);
        for ((symbol, bytes), lost) in (0..).zip(lot.bytes.chunks_exact(size)).zip(&lot.lost) {
            if !lost {
                decoder.block(symbol, bytes);
            }
        }
        for (index, bytes) in (0..).zip(repairs.chunks_exact(size)) {
            decoder.repair(index, bytes);
        }
        decoder.decode().unwrap()
    });
    decoded.collect()
}

fn theirs_decodes(geometry: &Geometry, lots: &[Lot], repairs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let size = geometry.block_size() as usize;
    let decoded = lots.iter().zip(repairs).map(|(lot, repairs)| {
        let id = |symbol: u32| raptorq::PayloadId::new(0, symbol);
        let blocks = (0..).zip(lot.bytes.chunks_exact(size)).zip(&lot.lost);
        let blocks = blocks.filter(|(_, lost)| !**lost).map(|(block, _)| block);
        let repairs = (lot.source.symbols..).zip(repairs.chunks_exact(size));
        let packets = blocks.chain(repairs).map(|(at, bytes)| EncodingPacket::new(id(at), bytes.to_vec()));
        SourceBlockDecoder::new(0, &config(geometry), lot.bytes.len() as u64).decode(packets).unwrap()
    });
    decoded.collect()
}

fn config(geometry: &Geometry) -> ObjectTransmissionInformation {
    let size = u16::try_from(geometry.block_size()).unwrap();
    ObjectTransmissionInformation::new(SIZE, size, 1, 1, 1)
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let done = black_box(work());
    (started.elapsed().as_secs_f64(), done)
}

/// The ratio of the medians, and the time of ours.
fn ratio(pairs: &[(f64, f64)]) -> String {
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (ours, theirs) = (median(|pair| pair.0), median(|pair| pair.1));
    format!("{:.2} ({:.1} ms)", ours / theirs, ours * 1e3)
}

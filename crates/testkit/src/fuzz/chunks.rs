//! SPEAD heaps placed in chunks, where they belong and where a place function in error puts them.

use std::collections::HashMap;

use packhorse::spead::receive::Reader;
use packhorse::spead::receive::StreamConfig;
use packhorse::spead::receive::chunk::{Chunk, ChunkOptions, ChunkRing, ChunkStream, Place, PlaceRequest};
use packhorse::spead::receive::readers::{Malformed, StreamReader};

use super::spead::{LONGEST, byte, packets};

/// Heaps in a chunk, bytes for each, and bytes for which a flag stands when packets are flagged.
const HEAPS: usize = 4;
const SLOT: usize = 512;
const PIECE: usize = 8;
/// The item over all of a heap that the packets of the targets carry.
const ITEM: u64 = 0x1000;

/// The first byte chooses the stream's rules and how heaps are placed; the others are as for heaps.
pub fn spead_chunks(data: &[u8]) {
    let Some((rules, rest)) = data.split_first() else { return };
    let flag = |bit: u32| rules >> bit & 1 == 1;
    let (wild, pieces, ordered) = (flag(0), flag(1), flag(7));
    let config = StreamConfig {
        max_heaps: 1 + usize::from(rules >> 3 & 3),
        out_of_order: flag(3),
        stop_on_stop_item: flag(4),
        max_heap_length: LONGEST,
        ..StreamConfig::default()
    };
    let flags = if pieces { SLOT / PIECE } else { 1 };
    let mut options = if wild { ChunkOptions::new(anywhere) } else { ChunkOptions::new(tidy(flags)) };
    options = options.max_chunks(1 + usize::from(rules >> 5 & 3));
    if pieces {
        options = options.packet_presence(PIECE);
    }
    if flag(2) {
        options = options.item(ITEM);
    }
    let chunks = (0..6).map(|_| Chunk::new(HEAPS * SLOT, HEAPS * flags).with_extra(size_of::<u64>()));
    let ring = ChunkRing::new(2, chunks);
    let bytes = if ordered { packets(rest) } else { rest.to_vec() };
    let reader = StreamReader::with_max_packet(std::io::Cursor::new(bytes), Malformed::Skip, 2048);
    let reader: Box<dyn Reader> = Box::new(reader);
    let stream = ChunkStream::start(config, options, &ring, [reader]).expect("there are chunks enough");
    let (mut last, mut present) = (None, 0);
    while let Some(chunk) = ring.next() {
        assert!(last < Some(chunk.id()), "chunks come in order");
        last = Some(chunk.id());
        present += chunk.present().iter().map(|flag| u64::from(*flag)).sum::<u64>();
        if ordered && !wild {
            check(&chunk, flags);
        }
        ring.give(chunk);
    }
    assert!(stream.take_error().is_none());
    let stats = stream.statistics();
    assert!(pieces || present <= stats.heaps, "{present} {stats:?}");
    assert!(stats.dropped.total() <= stats.packets);
}

/// Each heap has a place of its own, and one length.
fn tidy(flags: usize) -> impl FnMut(&mut PlaceRequest<'_>) -> Option<Place> + Send {
    let mut lengths = HashMap::new();
    move |request| {
        let (cnt, len) = (request.cnt(), usize::try_from(request.length()?).ok()?);
        let heap = usize::try_from(cnt).ok()? % HEAPS;
        if len > SLOT || *lengths.entry(cnt).or_insert(len) != len {
            return None;
        }
        request.extra.extend((len as u64).to_be_bytes());
        Some(Place { chunk: cnt / HEAPS as u64, heap: heap * flags, offset: heap * SLOT, len })
    }
}

/// Numbers as they come of a timestamp that was misread.
fn anywhere(request: &mut PlaceRequest<'_>) -> Option<Place> {
    let cnt = request.cnt();
    let number = usize::try_from(cnt % 4096).ok()?;
    let len = usize::try_from(request.length().unwrap_or(cnt)).ok()? ^ (number & 1);
    let far = if number % 5 == 4 { usize::MAX - number } else { number * 300 % 3000 };
    request.extra.resize(number, 1);
    let chunk = cnt.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (cnt % 64);
    Some(Place { chunk, heap: number * 7 % 300, offset: far, len })
}

/// What is flagged is what was sent.
fn check(chunk: &Chunk, flags: usize) {
    for (index, _) in chunk.present().iter().enumerate().filter(|(_, flag)| **flag == 1) {
        let (heap, piece) = (index / flags, index % flags);
        let cnt = chunk.id() * HEAPS as u64 + heap as u64;
        let noted = chunk.extra(heap * flags).try_into().expect("eight bytes are noted");
        let len = usize::try_from(u64::from_be_bytes(noted)).expect("short");
        let range = if flags == 1 { 0..len } else { piece * PIECE..len.min((piece + 1) * PIECE) };
        let place = &chunk.data()[heap * SLOT..][..SLOT];
        assert!(range.clone().all(|at| place[at] == byte(cnt, at)), "heap {cnt}, {range:?}");
    }
}

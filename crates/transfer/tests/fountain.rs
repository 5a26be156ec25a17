//! Fountain mode from a sender in memory to a receiver in memory: what arrives is identical, with as few symbols as blocks
//! or a few more, whatever was lost.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use packhorse_buffer::Instant;
use packhorse_testkit::patterns;
use packhorse_transfer::fountain::{Decoder, Encoder, Gather, Geometry, Keep, Number, Shape};
use packhorse_transfer::{
    BlockSet, BlockSource, Layout, Meta, PagedBitmap, Receiver, Refused, Sender, SenderConfig, Transmit,
};

const NOW: Instant = Instant::ZERO;

/// A receiver with its partial file.
struct End {
    geometry: Geometry,
    receiver: Receiver<PagedBitmap>,
    gather: Gather,
    file: Vec<u8>,
    extra: Vec<(u32, u32, Vec<u8>)>,
    decoded: usize,
}

impl End {
    fn new(geometry: Geometry, size: usize, cap: usize) -> Self {
        let size = u64::try_from(size).unwrap();
        let block_size = geometry.block_size();
        let meta = Meta { block_size, size: Some(size), hash: Some([0; 32]), ..Meta::default() };
        let receiver = Receiver::new(&meta, PagedBitmap::with_cap(1 << 20), NOW).unwrap();
        let room = receiver.layout().unwrap().blocks() as usize * block_size as usize;
        let gather = Gather::new(geometry, cap);
        Self { geometry, receiver, gather, file: vec![0xA5; room], extra: Vec::new(), decoded: 0 }
    }

    fn handle(&mut self, number: u32, bytes: &[u8]) -> Result<(), Refused> {
        let size = self.geometry.block_size() as usize;
        match self.geometry.from_wire(number) {
            Number::Block(block) => {
                let place = self.receiver.handle_block(NOW, block, bytes.len())?;
                let at = usize::try_from(place.offset).unwrap();
                self.file[at..at + bytes.len()].copy_from_slice(bytes);
                self.gather.handle_block(block);
            }
            Number::Repair { source_block, index } => {
                match self.gather.handle_repair(source_block, index, bytes.len(), self.receiver.blocks())? {
                    Keep::InPlaceOf(block) => {
                        self.file[block as usize * size..][..size].copy_from_slice(bytes);
                    }
                    Keep::InMemory { source_block, index } => {
                        self.extra.push((source_block, index, bytes.to_vec()));
                    }
                }
            }
        }
        while let Some(decode) = self.gather.poll_decode() {
            self.decoded += 1;
            let mut decoder = Decoder::new(self.geometry, decode.source);
            for (symbol, block) in (0..).zip(decode.source.blocks()) {
                let bytes = &self.file[block as usize * size..][..size];
                match decode.lent.iter().find(|(lent, _)| *lent == block) {
                    Some((_, index)) => decoder.repair(*index, bytes),
                    None => {
                        let last = self.receiver.layout().unwrap().place(block).unwrap();
                        decoder.block(symbol, &bytes[..last.len as usize]);
                    }
                }
            }
            for (_, index, bytes) in self.extra.iter().filter(|(of, ..)| *of == decode.source.number) {
                decoder.repair(*index, bytes);
            }
            let blocks = decoder.decode();
            self.gather.decoded(decode.source.number, blocks.is_some(), self.receiver.blocks());
            let Some(blocks) = blocks else { continue };
            for (block, bytes) in decode.source.blocks().zip(blocks.chunks(size)) {
                let place = self.receiver.layout().unwrap().place(block).unwrap();
                if self.receiver.handle_block(NOW, block, place.len as usize).is_ok() {
                    self.file[block as usize * size..][..size].copy_from_slice(bytes);
                }
            }
        }
        Ok(())
    }
}

/// Sends a file over a link that loses what `lost` says; gives the symbols that arrived before it was whole.
fn transfer(
    size: usize,
    block: u32,
    config: SenderConfig,
    seed: u64,
    mut lost: impl FnMut(u32) -> bool,
) -> Option<u32> {
    let file = patterns::random(seed, size);
    let layout = Layout::new(size as u64, block).unwrap();
    let geometry = Geometry::of(Shape::for_blocks(block, Some(size as u64)), layout).unwrap();
    let mut sender: Sender = Sender::fountain(layout, geometry, config, false);
    let mut encoder = Encoder::new(geometry);
    let mut end = End::new(geometry, size, 1 << 20);
    let (mut packet, mut arrived) = (0, 0);
    while let Some(transmit) = sender.poll_transmit(NOW) {
        let (number, bytes) = match transmit {
            Transmit::Block { number, offset, len } => {
                let mut bytes = vec![0; len as usize];
                (&file[..]).read_at(offset, &mut bytes).unwrap();
                (number, bytes)
            }
            Transmit::Repair { number, source_block, index } => {
                let mut bytes = vec![0; block as usize];
                let read = |block: u32, into: &mut [u8]| {
                    let place = layout.place(block).unwrap();
                    (&file[..]).read_at(place.offset, &mut into[..place.len as usize])
                };
                encoder.repair(source_block, index, &mut bytes, read).unwrap();
                (number, bytes)
            }
            Transmit::Meta | Transmit::End => continue,
        };
        packet += 1;
        if lost(packet) {
            continue;
        }
        arrived += 1;
        let _ = end.handle(number, &bytes);
        if end.receiver.has_all_blocks() {
            assert!(end.file[..size] == file, "it is whole and identical");
            assert_eq!(end.gather.held(), 0, "nothing is kept of what is whole");
            return Some(arrived);
        }
        assert!(packet < 100_000, "it ends");
    }
    None
}

/// Losses of one in `of`, from a seed.
fn losing(seed: u64, percent: u64) -> impl FnMut(u32) -> bool {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) % 100 < percent
    }
}

#[test]
fn a_file_comes_back_from_about_as_many_symbols_as_it_has_blocks() {
    for (size, block) in [(1, 10), (9, 10), (10, 10), (11, 10), (1000, 10), (35_000, 50), (300_001, 100)] {
        for (percent, repair) in [(0, 0), (10, 30), (30, 80), (50, 160)] {
            for seed in 1..4 {
                let config = SenderConfig { repair_extra: 12, ..SenderConfig::fountain(Some(repair)) };
                let arrived = transfer(size, block, config, seed, losing(seed, percent));
                let blocks = u32::try_from(size).unwrap().div_ceil(block);
                let arrived =
                    arrived.unwrap_or_else(|| panic!("{size} in {block}: lost {percent}, seed {seed}"));
                if blocks <= 2048 {
                    assert!(arrived <= blocks + 3, "{arrived} symbols for {blocks} blocks");
                }
            }
        }
    }
}

#[test]
fn a_receiver_that_comes_late_to_a_carousel_leaves_with_the_file() {
    for late in [1, 100, 700, 5_000] {
        let arrived = transfer(35_000, 50, SenderConfig::fountain(None), late, |packet| {
            packet < u32::try_from(late).unwrap()
        });
        assert!(arrived.unwrap() <= 703, "{arrived:?}");
        let mut lossy = losing(late, 40);
        let late = u32::try_from(late).unwrap();
        let lost = |packet| packet < late || lossy(packet);
        assert!(transfer(200_000, 20, SenderConfig::fountain(None), 5, lost).is_some());
    }
}

#[test]
fn symbols_that_make_no_sense_are_refused_and_memory_stays_bounded() {
    let layout = Layout::new(100_000, 100).unwrap();
    let geometry = Geometry::of(Shape { symbols: 100, interleave: 2, index_bits: 12 }, layout).unwrap();
    let mut end = End::new(geometry, 100_000, 50);
    let symbol = [0; 100];
    let repair = |source_block, index| geometry.to_wire(Number::Repair { source_block, index }).unwrap();
    assert_eq!(end.handle(repair(0, 0), &symbol[1..]), Err(Refused::WrongLength { expected: 100 }));
    assert_eq!(end.handle(repair(10, 0), &symbol), Err(Refused::OutOfRange));
    assert_eq!(end.handle(u32::MAX, &symbol), Err(Refused::OutOfRange));
    assert_eq!(end.handle(repair(0, 7), &symbol), Ok(()));
    assert_eq!(end.handle(repair(0, 7), &symbol), Err(Refused::Repeat));
    let mut full = 0;
    for index in 0..4096 {
        for source_block in 0..10 {
            full += u32::from(end.handle(repair(source_block, index), &symbol) == Err(Refused::SetFull));
            assert!(end.gather.held() <= 50);
        }
    }
    assert!(full > 0);
    // Blocks that come take the place of what was kept, and free its memory.
    for number in 0..1000 {
        end.handle(number, &symbol).unwrap();
    }
    assert!(end.receiver.has_all_blocks());
    assert_eq!((end.gather.held(), end.decoded), (0, 0));
    assert_eq!(end.handle(repair(3, 1), &symbol), Err(Refused::Repeat));
    assert_eq!(end.receiver.blocks().count(), 1000);
}

#[test]
fn a_block_that_comes_while_its_place_is_read_is_told_apart() {
    let layout = Layout::new(40, 10).unwrap();
    let geometry = Geometry::of(Shape::for_blocks(10, Some(40)), layout).unwrap();
    let mut end = End::new(geometry, 40, 100);
    for block in [0, 2, 3] {
        end.receiver.handle_block(NOW, block, 10).unwrap();
        end.gather.handle_block(block);
        assert!(!end.gather.awaits_decoding(block));
    }
    let kept = end.gather.handle_repair(0, 0, 10, end.receiver.blocks()).unwrap();
    assert_eq!(kept, Keep::InPlaceOf(1));
    assert!(end.gather.awaits_decoding(1), "the place of block 1 holds the symbol that decoding reads");
    let decode = end.gather.poll_decode().unwrap();
    assert!(end.gather.awaits_decoding(1));
    end.gather.decoded(decode.source.number, false, end.receiver.blocks());
    assert!(!end.gather.awaits_decoding(1), "decoding failed: the block is welcome");
}

#[test]
fn symbols_that_come_during_a_decoding_that_fails_are_there_for_the_next_one() {
    let layout = Layout::new(40, 10).unwrap();
    let geometry = Geometry::of(Shape::for_blocks(10, Some(40)), layout).unwrap();
    let mut end = End::new(geometry, 40, 100);
    for block in [0, 2, 3] {
        end.receiver.handle_block(NOW, block, 10).unwrap();
        end.gather.handle_block(block);
    }
    let symbol = |gather: &mut Gather, index| gather.handle_repair(0, index, 10, end.receiver.blocks());
    symbol(&mut end.gather, 0).unwrap();
    assert_eq!(end.gather.poll_decode().unwrap().extra, []);
    // A link that is quicker than the decoder: these are the last ones.
    for index in [1, 2] {
        let kept = symbol(&mut end.gather, index);
        assert_eq!(kept, Ok(Keep::InMemory { source_block: 0, index }));
        assert_eq!(symbol(&mut end.gather, index), Err(Refused::Repeat));
    }
    for index in 3..100 {
        let _ = symbol(&mut end.gather, index);
    }
    assert!(end.gather.held() < 20, "a few of them suffice");
    end.gather.decoded(0, false, end.receiver.blocks());
    assert!(end.gather.is_decoding());
    assert_eq!(end.gather.poll_decode().unwrap().extra[..2], [1, 2]);
    end.gather.decoded(0, false, end.receiver.blocks());
    assert!(end.gather.poll_decode().is_none() && end.gather.is_open(0), "nothing new has come");
    end.gather.decoded(0, true, end.receiver.blocks());
    assert_eq!((end.gather.held(), end.gather.is_open(0)), (0, false));
}

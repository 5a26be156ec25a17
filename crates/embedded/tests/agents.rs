//! Both agents against one another over a line that damages what passes, in every profile.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use packhorse_buffer::{Instant, Layer as _, PacketBuf};
use packhorse_embedded::inbound::{Event, Failure, Reason};
use packhorse_embedded::simulated::{SimulatedCard, SimulatedFlash};
use packhorse_embedded::storage::{Card, Flash};
use packhorse_embedded::wire::{Ftag, Native, Rugged};
use packhorse_embedded::{Inbound, Object, Outbound, Polled, Wire, hash_of};
use packhorse_packet::{Channel, Fragment};
use packhorse_transfer::{
    BlockHeader, BlockSink, BlockSource, Control, ControlCodec as _, End, SenderConfig, tag_of,
};
use proptest::prelude::*;

const PACKET: usize = 64;
const MESSAGE: usize = 128;
type Sending<'a, W> = Outbound<'a, W, PACKET, MESSAGE>;
type Receiving<W> = Inbound<W, 256, MESSAGE, 96>;

fn picture(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251).to_le_bytes()[0]).collect()
}

/// Every frame of a transfer.
fn frames<W: Wire>(bytes: &[u8], config: SenderConfig) -> Vec<Vec<u8>> {
    let mut source = bytes;
    let size = bytes.len() as u64;
    let hash = hash_of::<W::Hash, _>(&mut source, size).expect("memory can be read");
    let object = Object { name: "picture.raw", size, hash };
    let mut outbound = Sending::<W>::new(config, object.id());
    outbound.begin(object).expect("few blocks");
    outbound.end_session();
    let mut frame = PacketBuf::new([0; 2 * PACKET + 4]);
    let mut frames = Vec::new();
    loop {
        match outbound.poll(Instant::ZERO, &mut source, &mut frame).expect("everything fits") {
            Polled::Frame => frames.push(frame.as_slice().to_vec()),
            Polled::Wait(_) => panic!("nothing is paced"),
            Polled::Done => return frames,
        }
    }
}

/// Brings bytes to a receiver, in pieces that a driver might give. Returns what it told.
fn bring<W: Wire, S: BlockSink + BlockSource>(
    inbound: &mut Receiving<W>,
    sink: &mut S,
    bytes: &[u8],
    piece: usize,
) -> Vec<String> {
    let mut told = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut rest = piece;
        while !rest.is_empty() {
            let spare = inbound.spare();
            let n = spare.len().min(rest.len());
            spare[..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            inbound.take(Instant::ZERO, n, sink, &mut |event| told.push(format!("{event:?}")));
        }
    }
    while inbound.is_verifying() {
        inbound.take(Instant::ZERO, 0, sink, &mut |event| told.push(format!("{event:?}")));
    }
    told
}

fn verified(size: usize) -> String {
    format!("{:?}", Event::Verified { size: size as u64 })
}

fn crosses<W: Wire>(len: usize) {
    let bytes = picture(len);
    let line = frames::<W>(&bytes, SenderConfig::once()).concat();
    for piece in [1, 7, 64, 1000] {
        let mut memory = vec![0; 4096];
        let mut inbound = Receiving::<W>::new(4096);
        let told = bring(&mut inbound, &mut &mut memory[..], &line, piece);
        assert_eq!(told.last(), Some(&verified(len)), "{} bytes as {}: {told:?}", len, W::NAME);
        assert_eq!(memory[..len], bytes);
    }
}

#[test]
fn an_object_crosses_a_clean_line_however_the_bytes_are_cut() {
    for len in [0, 1, 47, 48, 49, 1000, 4000] {
        crosses::<Native>(len);
        crosses::<Ftag>(len);
        crosses::<Rugged>(len);
    }
}

fn survives_loss<W: Wire>() {
    let bytes = picture(3000);
    let frames = frames::<W>(&bytes, SenderConfig::repeat(2));
    let mut memory = vec![0; 4096];
    let mut inbound = Receiving::<W>::new(4096);
    let noise = [0xFF, 0, 0x42, 0xFE, 0, 0, 0xFF];
    let mut told = bring(&mut inbound, &mut &mut memory[..], &noise, 3);
    for (number, frame) in frames.iter().enumerate() {
        let mut frame = frame.clone();
        match number % 11 {
            3 => continue,
            // More than the code of a rugged frame corrects.
            5 => frame.iter_mut().skip(20).take(9).for_each(|byte| *byte ^= 0x55),
            _ => {}
        }
        told.extend(bring(&mut inbound, &mut &mut memory[..], &frame, 64));
    }
    assert!(told.contains(&verified(3000)), "{}: {told:?}", W::NAME);
    assert_eq!(memory[..3000], bytes);
    assert!(inbound.stats().damaged + inbound.frame_stats().uncorrectable > 0);
}

#[test]
fn repeats_carry_an_object_over_a_line_that_loses_and_damages_frames() {
    survives_loss::<Native>();
    survives_loss::<Ftag>();
    survives_loss::<Rugged>();
}

#[test]
fn an_object_larger_than_the_device_is_refused_and_the_next_one_is_taken() {
    let mut memory = vec![0; 2048];
    let mut inbound = Receiving::<Native>::new(2048);
    let large = frames::<Native>(&picture(3000), SenderConfig::once()).concat();
    let told = bring(&mut inbound, &mut &mut memory[..], &large, 64);
    let name = b"picture.raw";
    assert_eq!(told, [format!("{:?}", Event::Refused { name, reason: Reason::TooLarge { most: 2048 } })]);
    assert!(inbound.stats().unannounced > 0);
    let small = frames::<Native>(&picture(2000), SenderConfig::once()).concat();
    let told = bring(&mut inbound, &mut &mut memory[..], &small, 64);
    assert_eq!(told.last(), Some(&verified(2000)));
}

#[test]
fn more_blocks_than_the_bitmap_has_bits_are_refused() {
    let mut memory = vec![0; 100_000];
    let mut inbound = Receiving::<Native>::new(100_000);
    let line = frames::<Native>(&picture(60_000), SenderConfig::once()).concat();
    let told = bring(&mut inbound, &mut &mut memory[..], &line, 64);
    assert!(told[0].contains("TooLarge { most: 36864 }"), "{told:?}");
}

#[test]
fn storage_that_fails_loses_the_object_and_not_the_agent() {
    let mut driver = SimulatedCard::<8>::new();
    driver.fails_after = Some(2);
    let mut card = Card::new(driver, 0);
    let mut inbound = Receiving::<Native>::new(card.capacity());
    let line = frames::<Native>(&picture(3000), SenderConfig::once()).concat();
    let told = bring(&mut inbound, &mut card, &line, 64);
    assert!(told.contains(&format!("{:?}", Event::Failed(Failure::Storage))), "{told:?}");
    let mut good = Card::new(SimulatedCard::<8>::new(), 0);
    let again = frames::<Native>(&picture(2999), SenderConfig::once()).concat();
    let told = bring(&mut inbound, &mut good, &again, 64);
    assert_eq!(told.last(), Some(&verified(2999)));
}

#[test]
fn blocks_that_are_missing_at_the_end_are_told_and_may_still_come() {
    let bytes = picture(1000);
    let frames = frames::<Native>(&bytes, SenderConfig::once());
    let mut memory = vec![0; 1024];
    let mut inbound = Receiving::<Native>::new(1024);
    let without: Vec<u8> =
        frames.iter().enumerate().filter(|(at, _)| *at != 8).flat_map(|(_, frame)| frame.clone()).collect();
    let told = bring(&mut inbound, &mut &mut memory[..], &without, 64);
    assert_eq!(told.last(), Some(&format!("{:?}", Event::Incomplete { missing: 1 })));
    // The device was started again: the same object, and only what is missing is new.
    let told = bring(&mut inbound, &mut &mut memory[..], &frames.concat(), 64);
    assert_eq!(told, [verified(1000)]);
    assert_eq!(memory[..1000], bytes);
}

#[test]
fn flash_and_cards_take_blocks_in_any_order() {
    let bytes = picture(3000);
    let line = frames::<Native>(&bytes, SenderConfig { end_copies: 2, ..SenderConfig::repeat(1) });
    let mut flash = Flash::<_, 4>::new(SimulatedFlash::<_, 1024, 4>::new([0; 8192]), 1024, 8192);
    let mut card = Card::new(SimulatedCard::<8>::new(), 1);
    let mut lines = [line.clone(), line];
    // Odd blocks first, then even ones.
    lines[1].reverse();
    let mut order: Vec<Vec<u8>> = lines[0][..20].to_vec();
    order.extend(lines[1].iter().cloned());
    for told in [
        bring(&mut Receiving::<Native>::new(flash.capacity()), &mut flash, &order.concat(), 64),
        bring(&mut Receiving::<Native>::new(card.capacity()), &mut card, &order.concat(), 64),
    ] {
        assert!(told.contains(&verified(3000)), "{told:?}");
    }
    let erased = flash.into_inner().erasures();
    assert_eq!(erased, 3, "each erase block once");
}

#[test]
fn a_rugged_line_with_a_wrong_byte_in_every_frame_loses_nothing() {
    let bytes = picture(3000);
    let mut line = frames::<Rugged>(&bytes, SenderConfig::once());
    for (number, frame) in line.iter_mut().enumerate() {
        let at = number * 7 % frame.len();
        frame[at] ^= 0x20;
    }
    let mut memory = vec![0; 4096];
    let mut inbound = Receiving::<Rugged>::new(4096);
    let told = bring(&mut inbound, &mut &mut memory[..], &line.concat(), 64);
    assert_eq!(told.last(), Some(&verified(3000)));
    assert!(inbound.frame_stats().corrected > 0);
}

/// A control message of its own on this channel, marked for the line.
fn control<W: Wire>(channel: Channel, message: &Control<'_>, tag: u16) -> Vec<u8> {
    let mut packet = PacketBuf::with_headroom([0; 128], W::Stack::HEADROOM).unwrap();
    W::Codec::encode(message, &mut packet).unwrap();
    let number = if W::Codec::FRAGMENTED { Fragment::whole(200).to_word() } else { 0 };
    W::stack().push((BlockHeader { tag, number }, (channel.control(), ())), &mut packet).unwrap();
    let mut out = vec![0; 300];
    let len = W::enframe(packet.as_slice(), &mut out).unwrap();
    out.truncate(len);
    out
}

fn hears_its_own_channel_alone<W: Wire>() {
    let bytes = picture(1000);
    let mut hashed = &bytes[..];
    let hash = hash_of::<W::Hash, _>(&mut hashed, 1000).unwrap();
    let object_id = Object { name: "", size: 1000, hash }.id();
    let line = frames::<W>(&bytes, SenderConfig::once());
    let end = Control::End(End { object_id, size: Some(1000), hash: Some(hash) });
    let half = line.len() / 2;
    for (channel, ends) in [(Channel::TELEMETRY, false), (W::TRANSFER, true)] {
        let mut memory = vec![0; 1024];
        let mut inbound = Receiving::<W>::new(1024);
        let mut told = bring(&mut inbound, &mut &mut memory[..], &line[..half].concat(), 64);
        let end = control::<W>(channel, &end, tag_of(object_id));
        told.extend(bring(&mut inbound, &mut &mut memory[..], &end, 64));
        assert_eq!(told.len() > 1, ends, "{}, channel {channel:?}: {told:?}", W::NAME);
        assert_eq!(inbound.stats().damaged, 0);
    }
}

#[test]
fn control_messages_of_other_channels_say_nothing_about_the_object_under_way() {
    hears_its_own_channel_alone::<Native>();
    hears_its_own_channel_alone::<Ftag>();
    hears_its_own_channel_alone::<Rugged>();
}

/// Memory that counts what is read, and fails when it is told to.
struct Counted<'a> {
    memory: &'a mut [u8],
    read: usize,
    begun: u32,
    fails: bool,
}

impl<'a> Counted<'a> {
    fn new(memory: &'a mut [u8]) -> Self {
        Self { memory, read: 0, begun: 0, fails: false }
    }
}

impl BlockSink for Counted<'_> {
    type Error = ();

    fn begin(&mut self, _size: u64) -> Result<(), ()> {
        self.begun += 1;
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), ()> {
        if self.fails { Err(()) } else { (&mut self.memory[..]).write_at(offset, bytes).map_err(|_| ()) }
    }
}

impl BlockSource for Counted<'_> {
    type Error = ();

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<(), ()> {
        self.read += into.len();
        (&self.memory[..]).read_at(offset, into).map_err(|_| ())
    }
}

fn takes_no_long_turn<W: Wire>() {
    let bytes = picture(4000);
    let mut line = frames::<W>(&bytes, SenderConfig::once()).concat();
    let second = picture(3999);
    let first = line.len();
    line.extend(frames::<W>(&second, SenderConfig::once()).concat());
    let mut memory = vec![0; 4096];
    let mut sink = Counted::new(&mut memory);
    let mut inbound = Receiving::<W>::new(4096);
    let mut verified = Vec::new();
    for (at, byte) in line.iter().enumerate() {
        let before = sink.read;
        inbound.spare()[0] = *byte;
        inbound.take(Instant::ZERO, 1, &mut sink, &mut |event| match event {
            Event::Verified { size } => verified.push(size),
            Event::Announced { .. } | Event::Message { .. } => {}
            event => panic!("{}: {event:?}", W::NAME),
        });
        // The last frames of the first object leave no time for its hash: it is finished when the second one begins.
        assert!(
            sink.read - before <= 128 || at > first,
            "{}: {} bytes in one call",
            W::NAME,
            sink.read - before
        );
    }
    while inbound.is_verifying() {
        let before = sink.read;
        inbound.take(Instant::ZERO, 0, &mut sink, &mut |event| {
            verified.extend(matches!(event, Event::Verified { .. }).then_some(3999));
        });
        assert!((1..=128).contains(&(sink.read - before)));
    }
    assert_eq!(verified, [4000, 3999], "{}", W::NAME);
    assert_eq!(memory[..3999], second);
}

#[test]
fn a_hash_is_computed_a_piece_a_call_and_an_object_that_is_whole_is_not_given_up_for_the_next() {
    takes_no_long_turn::<Native>();
    takes_no_long_turn::<Ftag>();
    takes_no_long_turn::<Rugged>();
}

fn loses_it_once<W: Wire>() {
    let bytes = picture(3000);
    let config = SenderConfig { meta_every: 5, ..SenderConfig::repeat(2) };
    let line = frames::<W>(&bytes, config).concat();
    let mut memory = vec![0; 4096];
    let mut sink = Counted::new(&mut memory);
    sink.fails = true;
    let mut inbound = Receiving::<W>::new(4096);
    let told = bring(&mut inbound, &mut sink, &line, 64);
    let failed = format!("{:?}", Event::Failed(Failure::Storage));
    assert_eq!(told.iter().filter(|event| **event == failed).count(), 1, "{}: {told:?}", W::NAME);
    // Behind an END the object of `ftag`, which has no sessions, may be a new one: it begins once more.
    assert_eq!(sink.begun, if W::NAME == "ftag" { 2 } else { 1 }, "{}: {told:?}", W::NAME);
}

#[test]
fn an_object_that_is_lost_does_not_begin_again_with_the_next_announcement() {
    loses_it_once::<Native>();
    loses_it_once::<Ftag>();
    loses_it_once::<Rugged>();
}

#[test]
fn an_object_that_was_lost_is_taken_in_another_session() {
    let bytes = picture(3000);
    let line = frames::<Ftag>(&bytes, SenderConfig::once()).concat();
    let mut memory = vec![0; 4096];
    let mut sink = Counted::new(&mut memory);
    sink.fails = true;
    let mut inbound = Receiving::<Ftag>::new(4096);
    bring(&mut inbound, &mut sink, &line, 64);
    sink.fails = false;
    let told = bring(&mut inbound, &mut sink, &line, 64);
    assert_eq!(
        told.last(),
        Some(&verified(3000)),
        "in ftag, where sessions have no numbers, the end is the border"
    );
}

#[test]
fn objects_that_are_refused_in_turn_are_told_once() {
    let mut inbound = Receiving::<Native>::new(1000);
    let mut memory = vec![0; 1000];
    let lines = [3000, 3001, 3002].map(|len| frames::<Native>(&picture(len), SenderConfig::once()).concat());
    let mut told = Vec::new();
    for _ in 0..3 {
        for line in &lines {
            told.extend(bring(&mut inbound, &mut &mut memory[..], line, 64));
        }
    }
    assert_eq!(told.len(), 3, "{told:?}");
}

#[test]
fn an_ftag_object_with_gaps_gives_way_to_the_next_one() {
    let first = frames::<Ftag>(&picture(1000), SenderConfig::once());
    let second = frames::<Ftag>(&picture(900), SenderConfig::once());
    let mut memory = vec![0; 1024];
    let mut inbound = Receiving::<Ftag>::new(1024);
    let half = first.len() / 2;
    let mut line = first[..half].concat();
    line.extend(first[half + 1..].concat());
    line.extend(second.concat());
    let told = bring(&mut inbound, &mut &mut memory[..], &line, 64);
    assert!(told.contains(&format!("{:?}", Event::Failed(Failure::Replaced))), "{told:?}");
    assert_eq!(told.last(), Some(&verified(900)), "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..4000), piece in 1_usize..300) {
        let mut memory = vec![0; 2048];
        bring(&mut Receiving::<Native>::new(2048), &mut &mut memory[..], &bytes, piece);
        bring(&mut Receiving::<Ftag>::new(2048), &mut &mut memory[..], &bytes, piece);
        bring(&mut Receiving::<Rugged>::new(2048), &mut &mut memory[..], &bytes, piece);
    }

    #[test]
    fn damage_anywhere_never_passes_for_the_object(at in 0_usize..3000, with in 1_u8.., piece in 1_usize..100) {
        let bytes = picture(2000);
        let mut line = frames::<Native>(&bytes, SenderConfig::once()).concat();
        let at = at % line.len();
        line[at] ^= with;
        let mut memory = vec![0; 2048];
        let told = bring(&mut Receiving::<Native>::new(2048), &mut &mut memory[..], &line, piece);
        if told.contains(&verified(2000)) {
            prop_assert!(memory[..2000] == bytes);
        }
    }

    #[test]
    fn flash_gives_back_what_was_written_at_any_offset(
        writes in proptest::collection::vec((0_usize..2000, 1_usize..70), 1..40),
    ) {
        let mut flash = Flash::<_, 1>::new(SimulatedFlash::<_, 512, 8>::new([0; 4096]), 0, 4096);
        let mut model = vec![None; 4096];
        for (offset, len) in writes {
            let range = offset..offset + len;
            // Flash takes every byte once.
            if model[range.clone()].iter().any(Option::is_some) {
                continue;
            }
            let bytes = picture(len);
            flash.write_at(offset as u64, &bytes).unwrap();
            model[range].iter_mut().zip(bytes).for_each(|(place, byte)| *place = Some(byte));
        }
        for (at, byte) in model.iter().enumerate() {
            let mut into = [0];
            flash.read_at(at as u64, &mut into).unwrap();
            if let Some(byte) = byte {
                prop_assert_eq!(into[0], *byte);
            }
        }
    }
}

//! A device that sends until the far end has everything, and one that answers, over a line that loses frames both ways. In
//! virtual time.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use core::time::Duration;

use packhorse_buffer::{Instant, PacketBuf};
use packhorse_embedded::answers::Answers;
use packhorse_embedded::inbound::Event;
use packhorse_embedded::modes::Acknowledged;
use packhorse_embedded::simulated::SimulatedCard;
use packhorse_embedded::storage::Card;
use packhorse_embedded::wire::{Native, Rugged};
use packhorse_embedded::{Inbound, Object, Outbound, OutboundError, Polled, WayBack, Wire, hash_of};
use packhorse_packet::Channel;
use packhorse_testkit::patterns;
use packhorse_transfer::{AckState, BlockSink, BlockSource, SenderConfig};

type Sending<'a, W> = Outbound<'a, W, 64, 128, Acknowledged<32, 16>>;
type Receiving<W> = Inbound<W, 256, 160, 96, Answers>;

/// Chance from a seed: true so many times of a hundred.
struct Loss(u64, u64);

impl Loss {
    fn next(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % 100 < self.1
    }
}

/// Both ends of a line at 115,200 baud.
struct Line<'a, W: Wire, S> {
    now: Instant,
    outbound: Sending<'a, W>,
    way_back: WayBack<W, 256>,
    inbound: Receiving<W>,
    sink: S,
    there: Loss,
    back: Loss,
    /// Frames that went each way, and messages that came.
    frames: (u32, u32),
    messages: u32,
    told: Vec<String>,
}

impl<'a, W: Wire, S: BlockSink + BlockSource> Line<'a, W, S> {
    fn new(sink: S, most: u64, loss: u64, seed: u64) -> Self {
        Self {
            now: Instant::from_millis(5),
            outbound: Sending::acknowledged(SenderConfig::arq(), 7 + seed),
            way_back: WayBack::new(),
            inbound: Receiving::answering(most, 1),
            sink,
            there: Loss(seed * 2 + 1, loss),
            back: Loss(seed * 2 + 2, loss),
            frames: (0, 0),
            messages: 0,
            told: Vec::new(),
        }
    }

    /// Everything that is due now. What the sender said.
    fn step(&mut self, bytes: &mut &'a [u8]) -> Result<Polled, String> {
        let mut frame = PacketBuf::new([0; 160]);
        let polled = self.outbound.poll(self.now, bytes, &mut frame).map_err(|error| format!("{error:?}"))?;
        match polled {
            Polled::Frame => {
                self.frames.0 += 1;
                self.now = self.now + Duration::from_micros(frame.len() as u64 * 87);
                if !self.there.next() {
                    self.deliver(frame.as_slice());
                }
            }
            Polled::Wait(at) => self.now = at.max(self.now).min(self.now + Duration::from_millis(5)),
            Polled::Done => return Ok(polled),
        }
        // As many pieces as a device hashes while a frame is on the line.
        for _ in 0..16 {
            self.inbound.take(self.now, 0, &mut self.sink, &mut |event| self.told.push(format!("{event:?}")));
        }
        while self.inbound.poll_answer(self.now, &mut frame).unwrap() {
            self.frames.1 += 1;
            if self.back.next() {
                continue;
            }
            for piece in frame.as_slice().chunks(50) {
                self.way_back.spare()[..piece.len()].copy_from_slice(piece);
                let (outbound, now) = (&mut self.outbound, self.now);
                self.way_back.take(piece.len(), &mut |message| {
                    outbound.handle_answer(now, message);
                });
            }
        }
        Ok(polled)
    }

    fn deliver(&mut self, frame: &[u8]) {
        self.inbound.spare()[..frame.len()].copy_from_slice(frame);
        let Self { messages, told, .. } = self;
        let mut see = |event: Event<'_>| match event {
            Event::Message { .. } => *messages += 1,
            event => told.push(format!("{event:?}")),
        };
        self.inbound.take(self.now, frame.len(), &mut self.sink, &mut see);
    }

    fn run(&mut self, mut bytes: &'a [u8]) -> Option<AckState> {
        let began = self.now;
        while self.step(&mut bytes).unwrap() != Polled::Done {
            assert!(self.now.since(began) < Duration::from_secs(600), "{:?}", self.told);
        }
        self.outbound.outcome()
    }

    fn begin(&mut self, mut bytes: &'a [u8]) {
        let size = bytes.len() as u64;
        let hash = hash_of::<W::Hash, _>(&mut bytes, size).unwrap();
        self.outbound.begin(Object { name: "picture.raw", size, hash }).unwrap();
    }
}

fn crosses<W: Wire>(loss: u64, seed: u64) {
    let bytes = patterns::random(seed, 20_000);
    let mut memory = vec![0; 40_000];
    let mut line = Line::<W, _>::new(&mut memory[..], 40_000, loss, seed);
    line.begin(&bytes);
    line.outbound.end_session();
    assert_eq!(line.run(&bytes), Some(AckState::Verified), "{} with {loss} % lost, seed {seed}", W::NAME);
    let (there, back) = line.frames;
    let blocks = 20_000 / u32::try_from(Sending::<W>::BLOCK).unwrap();
    // What got lost once more, and a few questions.
    let expected = (blocks + 12) * 100 / (100 - u32::try_from(loss).unwrap());
    let most = expected * (100 + 2 * u32::try_from(loss).unwrap()) / 100 + 20;
    assert!(there < most && back > 10, "{there} frames and {back} answers for {blocks} blocks");
    assert!(memory[..20_000] == bytes);
}

#[test]
fn everything_arrives_and_only_what_got_lost_goes_again() {
    for seed in 0..12 {
        for loss in [0, 5, 20, 40] {
            crosses::<Native>(loss, seed);
            crosses::<Rugged>(loss, seed);
        }
    }
}

#[test]
fn several_objects_and_messages_beside_them() {
    let bytes = patterns::random(3, 9_000);
    let mut memory = vec![0; 10_000];
    let mut line = Line::<Native, _>::new(&mut memory[..], 10_000, 10, 3);
    let pieces: Vec<&[u8]> = bytes.chunks(3_000).collect();
    for (number, piece) in pieces.iter().enumerate() {
        line.begin(piece);
        if number == 2 {
            line.outbound.end_session();
        }
        let mut source = *piece;
        let mut frame = PacketBuf::new([0; 160]);
        let mut step = 0;
        while line.step(&mut source).unwrap() != Polled::Done {
            step += 1;
            if step % 10 == 0 {
                line.outbound.message(line.now, Channel::TELEMETRY, b"21.5", &mut frame).unwrap();
                line.deliver(frame.as_slice());
            }
        }
        assert_eq!(line.outbound.outcome(), Some(AckState::Verified), "object {number}");
    }
    assert_eq!(line.inbound.stats().verified, 3);
    assert!(line.messages > 15);
}

#[test]
fn a_host_that_never_answers_costs_the_object_and_not_the_sender() {
    let bytes = patterns::random(4, 2_000);
    let mut memory = vec![0; 4_000];
    let mut line = Line::<Native, _>::new(&mut memory[..], 4_000, 0, 4);
    line.back.1 = 100;
    line.begin(&bytes);
    let mut source = &bytes[..];
    let silent = loop {
        if let Err(error) = line.step(&mut source) {
            break error;
        }
        assert!(line.now < Instant::from_millis(60_000) && line.frames.0 < 500, "{} frames", line.frames.0);
    };
    assert_eq!(silent, format!("{:?}", OutboundError::<()>::NoAnswer));
    assert!(line.now >= Instant::from_millis(30_000), "{:?}", line.now);
    // It is back, a while later.
    line.back.1 = 0;
    line.now = line.now + Duration::from_secs(100);
    let other = patterns::random(5, 2_000);
    line.begin(&other);
    line.outbound.end_session();
    assert_eq!(line.run(&other), Some(AckState::Verified));
}

#[test]
fn what_the_far_end_cannot_take_or_keep_is_told_and_the_next_object_goes() {
    let bytes = patterns::random(6, 3_000);
    let mut driver = SimulatedCard::<8>::new();
    driver.fails_after = Some(3);
    let mut line = Line::<Native, _>::new(Card::new(driver, 0), 2_999, 0, 6);
    line.begin(&bytes);
    assert_eq!(line.run(&bytes), Some(AckState::Refused));
    line.begin(&bytes[1..]);
    assert_eq!(line.run(&bytes[1..]), Some(AckState::Failed));
    line.sink = Card::new(SimulatedCard::new(), 0);
    line.begin(&bytes[2..]);
    line.outbound.end_session();
    assert_eq!(line.run(&bytes[2..]), Some(AckState::Verified), "{:?}", line.told);
}

#[test]
fn a_receiver_that_was_started_again_gets_everything_from_the_start() {
    let bytes = patterns::random(8, 10_000);
    let mut memory = vec![0; 10_000];
    let mut line = Line::<Native, _>::new(&mut memory[..], 10_000, 5, 8);
    line.begin(&bytes);
    line.outbound.end_session();
    let mut source = &bytes[..];
    for _ in 0..150 {
        line.step(&mut source).unwrap();
    }
    line.inbound = Receiving::answering(10_000, 2);
    line.sink.fill(0);
    assert_eq!(line.run(&bytes), Some(AckState::Verified));
    assert!(memory == bytes);
}

//! Faulty transports: each fault does what it says to packets, as often as asked, the same every time.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap in a test is the test's failure")]

use core::convert::Infallible;

use packhorse_link::{Boundaries, Transport, TransportError};
use packhorse_testkit::patterns;
use packhorse_transport::{Damage, Faults, Faulty, Loopback, Noise, StreamWriter};
use proptest::prelude::*;

/// Keeps what is sent, and is full whenever `full` says so.
struct Sink {
    packets: Vec<Vec<u8>>,
    full: fn(usize) -> bool,
    calls: usize,
    /// Packets that came in several pieces: in the caller's own memory.
    gathered: usize,
}

impl Sink {
    fn new(full: fn(usize) -> bool) -> Self {
        Self { packets: Vec::new(), full, calls: 0, gathered: 0 }
    }
}

impl Transport for Sink {
    type Error = Infallible;
    fn mtu(&self) -> usize {
        100
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }
    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Infallible>> {
        self.send_gather(&[bytes])
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Infallible>> {
        let packet = pieces.concat();
        assert!(packet.len() <= 100);
        self.calls += 1;
        if (self.full)(self.calls) {
            return Err(TransportError::WouldBlock);
        }
        self.packets.push(packet);
        self.gathered += usize::from(pieces.len() > 1);
        Ok(())
    }
    fn receive(&mut self, _into: &mut [u8]) -> Result<usize, TransportError<Infallible>> {
        Err(TransportError::WouldBlock)
    }
}

/// Sends `count` packets that begin with their number; gives what came out.
fn run(seed: u64, faults: &Faults, count: u32, full: fn(usize) -> bool) -> (Vec<Vec<u8>>, Damage) {
    let mut link = Faulty::new(Sink::new(full), seed, faults).unwrap();
    for number in 0..count {
        let body = patterns::random(u64::from(number), usize::try_from(number % 96).unwrap());
        let number = number.to_be_bytes();
        while link.send_gather(&[&number, &body]) == Err(TransportError::WouldBlock) {}
    }
    while link.flush() == Err(TransportError::WouldBlock) {}
    let damage = *link.damage();
    (link.into_inner().packets, damage)
}

fn numbers(packets: &[Vec<u8>]) -> Vec<u32> {
    packets.iter().map(|packet| u32::from_be_bytes(packet[..4].try_into().unwrap())).collect()
}

fn packet(number: u32) -> Vec<u8> {
    let mut packet = number.to_be_bytes().to_vec();
    packet.extend(patterns::random(u64::from(number), usize::try_from(number % 96).unwrap()));
    packet
}

fn near(hits: u64, trials: u64, p: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (hits, trials) = (hits as f64, trials as f64);
    (hits - trials * p).abs() <= 4.0 * (trials * p * (1.0 - p)).sqrt()
}

const ALL: Faults = Faults {
    byte_error: 0.01,
    bit_error: 0.001,
    drop: 0.1,
    dup: 0.1,
    truncate: 0.1,
    extend: 0.1,
    reorder: 0.1,
    burst: 3,
    piece: 32,
};

#[test]
fn without_faults_every_packet_passes_in_order_and_uncopied() {
    let mut link = Faulty::new(Sink::new(|_| false), 1, &Faults::NONE).unwrap();
    for number in 0..1000 {
        let packet = packet(number);
        let (front, behind) = packet.split_at(2);
        link.send_gather(&[front, behind]).unwrap();
    }
    let damage = *link.damage();
    assert_eq!((damage.units, damage.bytes_in), (1000, damage.bytes_out));
    let sink = link.into_inner();
    assert!((0..1000).map(packet).eq(sink.packets));
    assert_eq!(sink.gathered, 1000);
}

#[test]
fn a_packet_that_fits_no_slot_of_the_memory_is_too_long() {
    let mut link = Faulty::with_memory(Loopback::<100, 8>::new(), 1, &Faults::NONE, [0; 9]).unwrap();
    assert_eq!(link.mtu(), 4);
    assert_eq!(link.send(b"12345"), Err(TransportError::TooLong { len: 5, most: 4 }));
    let mut none = Faulty::with_memory(Loopback::<100, 8>::new(), 1, &ALL, [0; 0]).unwrap();
    none.send(b"").unwrap();
    none.flush().unwrap();
}

#[test]
fn dropped_and_doubled_packets_come_as_often_as_asked_and_whole() {
    let (packets, damage) = run(2, &Faults { drop: 0.1, dup: 0.2, ..Faults::NONE }, 20_000, |_| false);
    assert!(near(damage.dropped, 20_000, 0.1), "{damage}");
    assert!(near(damage.duplicated, 20_000, 0.2 * 0.9), "{damage}");
    let numbers = numbers(&packets);
    assert!(numbers.is_sorted());
    assert_eq!(u64::try_from(numbers.len()).unwrap(), 20_000 - damage.dropped + damage.duplicated);
    assert!(numbers.iter().zip(&packets).all(|(&number, bytes)| *bytes == packet(number)));
}

#[test]
fn late_packets_are_overtaken_by_one_to_four_others() {
    let (packets, damage) = run(3, &Faults { reorder: 0.05, ..Faults::NONE }, 20_000, |_| false);
    let numbers = numbers(&packets);
    assert_eq!(numbers.len(), 20_000);
    let mut overtaken = 0;
    let mut distances = [0; 5];
    for (at, &number) in numbers.iter().enumerate() {
        let earlier = &numbers[at.saturating_sub(10)..at];
        let by = earlier.iter().filter(|&&other| other > number).count();
        overtaken += u64::from(by > 0);
        distances[by] += 1;
    }
    assert_eq!(overtaken, damage.reordered);
    // A little below the share, since only one is late at a time.
    assert!((800..1000).contains(&overtaken), "{overtaken}");
    assert!(distances[1..].iter().all(|&count| count > 100), "{distances:?}");
}

#[test]
fn truncated_packets_are_beginnings_and_extended_ones_begin_as_they_were() {
    let (packets, damage) = run(4, &Faults { truncate: 0.2, ..Faults::NONE }, 5000, |_| false);
    assert!((0..5000).map(packet).zip(&packets).all(|(sent, came)| sent.starts_with(came)));
    let shorter = (0..5000).map(packet).zip(&packets).filter(|(sent, came)| came.len() < sent.len()).count();
    assert_eq!(u64::try_from(shorter).unwrap(), damage.truncated);
    assert!(near(damage.truncated, 5000, 0.2), "{damage}");

    let (packets, damage) = run(4, &Faults { extend: 0.2, ..Faults::NONE }, 5000, |_| false);
    assert!((0..5000).map(packet).zip(&packets).all(|(sent, came)| came.starts_with(&sent)));
    assert!(packets.iter().all(|packet| packet.len() <= 100), "never above the MTU");
    assert!(near(damage.extended, 5000, 0.2), "{damage}");
}

#[test]
fn errors_change_the_counted_number_of_bytes() {
    let (packets, damage) = run(5, &Faults { byte_error: 0.01, burst: 5, ..Faults::NONE }, 10_000, |_| false);
    let changed: usize = (0..10_000)
        .map(packet)
        .zip(&packets)
        .map(|(sent, came)| sent.iter().zip(came).filter(|(a, b)| a != b).count())
        .sum();
    assert_eq!(u64::try_from(changed).unwrap(), damage.bytes_changed);
    assert!(near(damage.errors, damage.bytes_in / 5, 0.01), "{damage}");
}

#[test]
fn the_same_seed_does_the_same_however_often_the_link_is_full() {
    let (reference, counted) = run(6, &ALL, 5000, |_| false);
    assert_eq!(u64::try_from(reference.iter().map(Vec::len).sum::<usize>()).unwrap(), counted.bytes_out);
    for full in
        [(|call| call % 2 == 0) as fn(usize) -> bool, |call| call % 7 != 0, |call| call / 100 % 2 == 0]
    {
        let (packets, damage) = run(6, &ALL, 5000, full);
        assert!(packets == reference);
        assert_eq!(damage, counted);
    }
    assert!(run(7, &ALL, 5000, |_| false).0 != reference);
}

#[test]
fn a_packet_that_had_no_room_is_offered_again_when_receiving() {
    let mut link = Faulty::new(Sink::new(|call| call == 1), 1, &Faults::NONE).unwrap();
    link.send(b"waits").unwrap();
    assert!(link.inner().packets.is_empty());
    assert_eq!(link.receive(&mut [0; 10]), Err(TransportError::WouldBlock));
    assert_eq!(link.inner().packets, [b"waits"]);
}

#[test]
fn a_loopback_in_place_needs_no_allocator() {
    let mut link = Faulty::with_memory(Loopback::<20, 4>::new(), 1, &ALL, [0; 40]).unwrap();
    let mut came = 0;
    for _ in 0..1000 {
        link.send(b"twelve bytes").unwrap();
        let mut into = [0; 20];
        while let Ok(len) = link.receive(&mut into) {
            assert!(len <= 20);
            came += 1;
        }
    }
    link.flush().unwrap();
    came += link.inner().queued();
    let damage = link.damage();
    assert_eq!(u64::try_from(came).unwrap(), 1000 - damage.dropped + damage.duplicated);
    assert_eq!(link.send(&[0; 21]), Err(TransportError::TooLong { len: 21, most: 20 }));
}

#[test]
fn a_byte_stream_gets_the_damage_of_noise_whatever_the_sends() {
    let bytes = patterns::random(9, 100_000);
    let mut noise = Noise::new(9, &ALL).unwrap();
    let mut expected = Vec::new();
    noise.apply(&mut bytes.clone(), |run| expected.extend_from_slice(run));
    noise.finish(|run| expected.extend_from_slice(run));
    for sends in [1, 10, 33, 100_000] {
        let mut link = Faulty::with_memory(StreamWriter(Vec::new()), 9, &ALL, [0; 1000]).unwrap();
        for chunk in bytes.chunks(sends) {
            let (front, behind) = chunk.split_at(chunk.len() / 2);
            link.send_gather(&[front, behind]).unwrap();
        }
        link.flush().unwrap();
        assert_eq!(link.damage(), noise.damage());
        assert!(link.into_inner().0 == expected, "{sends}");
    }
}

proptest! {
    #[test]
    fn nothing_is_made_up_and_the_count_is_right(
        seed in any::<u64>(),
        (drop, dup, truncate, extend, reorder) in (0.0..=1.0_f64, 0.0..=1.0_f64, 0.0..=1.0_f64, 0.0..=1.0_f64, 0.0..=1.0_f64),
        full in 2_usize..5,
    ) {
        let faults = Faults { drop, dup, truncate, extend, reorder, ..Faults::NONE };
        let full: fn(usize) -> bool = match full {
            2 => |call| call % 2 == 0,
            3 => |call| call % 3 == 0,
            _ => |_| false,
        };
        let (packets, damage) = run(seed, &faults, 200, full);
        let count = u64::try_from(packets.len()).unwrap();
        prop_assert_eq!(damage.units, 200);
        prop_assert_eq!(count, 200 - damage.dropped + damage.duplicated);
        let bytes: usize = packets.iter().map(Vec::len).sum();
        prop_assert_eq!(damage.bytes_out, u64::try_from(bytes).unwrap());
    }
}

//! What holds for every framing of byte streams.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

use common::{PACKET_MAX, awkward, checked, cuts, frames, holds, receive};
use packhorse_link::rugged::{Code, FRONT};
use packhorse_link::{Cobs, FfStuffing, Framing, LengthPrefixed, Reject, Rugged, Step};
use proptest::prelude::*;

fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(awkward(PACKET_MAX - 4).prop_map(|packet| checked(&packet)), 1..8)
}

/// What takes the place of some bytes: anything, or the start of a frame that never comes.
fn damage() -> impl Strategy<Value = Vec<u8>> {
    let header = (0..PACKET_MAX).prop_map(|n| LengthPrefixed::new(PACKET_MAX).header(n).unwrap().to_vec());
    let front = (0..PACKET_MAX).prop_map(|n| frames(&mut strong(), &[vec![7; n]])[0][..FRONT].to_vec());
    prop_oneof![Just(vec![]), awkward(30), header, front]
}

fn strong() -> Rugged {
    Rugged::new(PACKET_MAX, Code::new(6, 4).unwrap())
}

const CAPACITY: usize = 4 * PACKET_MAX;

fn comes_back<F: Framing>(make: fn() -> F, packets: &[Vec<u8>], cuts: &[usize]) {
    let stream = frames(&mut make(), packets).concat();
    let (received, stats) = receive(&mut make(), &stream, cuts, CAPACITY, |_| true);
    assert_eq!(received, packets);
    assert_eq!(stats.frames, packets.len() as u64);
    let wrong = stats.short + stats.long + stats.bad_length + stats.overflow + stats.junk_bytes;
    assert_eq!(wrong, 0, "{stats:?}");
}

fn ignores_cuts<F: Framing>(make: fn() -> F, stream: &[u8], cuts: &[usize], accept: fn(&[u8]) -> bool) {
    let whole = receive(&mut make(), stream, &[usize::MAX], stream.len().max(CAPACITY), accept);
    let cut = receive(&mut make(), stream, cuts, stream.len().max(CAPACITY), accept);
    assert_eq!(whole, cut);
    let small = receive(&mut make(), stream, cuts, CAPACITY, accept);
    assert_eq!(whole, small);
}

fn recovers<F: Framing>(
    make: fn() -> F,
    packets: &[Vec<u8>],
    hurt: (usize, usize),
    put: &[u8],
    cuts: &[usize],
) {
    let frames = frames(&mut make(), packets);
    let stream = frames.concat();
    let from = hurt.0 % (stream.len() + 1);
    let to = from + hurt.1.min(stream.len() - from);
    let damaged = [&stream[..from], put, &stream[to..]].concat();
    let (received, _) = receive(&mut make(), &damaged, cuts, CAPACITY, holds);

    let mut borders = vec![];
    let mut at = 0;
    let (mut before, mut after) = (vec![], vec![]);
    for (frame, packet) in frames.iter().zip(packets) {
        if at + frame.len() <= from {
            before.push(packet.clone());
        } else if at >= to {
            after.push(packet.clone());
            borders.push(at + damaged.len() - stream.len());
        }
        at += frame.len();
    }
    borders.push(damaged.len());
    if a_header_points_to::<F>(&damaged, &borders) {
        return;
    }
    assert!(received.starts_with(&before), "a frame in front of the damage is missing");
    assert!(received.ends_with(&after), "a frame behind the damage is missing");
    assert!(received.len() >= before.len() + after.len());
}

/// Whether what looks like a frame with a length starts before the first of these borders and ends at a later one: the
/// exception that the promise of [`Framing`] names.
fn a_header_points_to<F: Framing>(bytes: &[u8], borders: &[usize]) -> bool {
    (0..borders[0]).any(|at| {
        let end = match bytes[at..] {
            [b'P', b'H', 1, high, middle, low, ..] if F::IN_PLACE.is_some() => {
                Some(at + 8 + u32::from_be_bytes([0, high, middle, low]) as usize)
            }
            _ => Rugged::peek(&bytes[at..]).map(|length| at + length),
        };
        end.is_some_and(|end| borders[1..].contains(&end))
    })
}

/// The steps on bytes that mean nothing: no panic, ranges within bounds, an end.
fn survives<F: Framing>(mut framing: F, bytes: &[u8], choices: &[u8]) {
    let mut bytes = bytes.to_vec();
    let mut front = 0;
    let mut known = 0;
    for choice in choices.iter().cycle().take(4 * bytes.len() + 64) {
        let step = framing.deframe(&mut bytes[front..known]);
        assert!(step.consumed() <= known - front);
        front += step.consumed();
        if let Step::Frame { packet, consumed } = &step {
            assert!(packet.start <= packet.end && packet.end <= *consumed && *consumed > 0);
            if choice % 2 == 0 {
                let back = framing.reject(Reject::Damaged);
                assert!(back < *consumed);
                front -= back;
            }
            continue;
        }
        match choice % 7 {
            0 => assert_eq!(framing.reject(Reject::Ended), 0),
            1 => assert_eq!(framing.reject(Reject::Overflow), 0),
            2 => {
                framing.reset();
                front = known;
            }
            _ => {}
        }
        known = bytes.len().min(known + usize::from(*choice));
    }
}

macro_rules! for_each_framing {
    ($($name:ident: $make:expr;)*) => { $( mod $name {
        use super::*;

        proptest! {
            #[test]
            fn packets_come_back_however_the_stream_is_cut(packets in packets(), cuts in cuts()) {
                comes_back(|| $make, &packets, &cuts);
            }

            #[test]
            fn noise_gives_the_same_packets_and_counts_however_it_is_cut(
                noise in proptest::collection::vec(awkward(PACKET_MAX), 0..12), cuts in cuts()
            ) {
                ignores_cuts(|| $make, &noise.concat(), &cuts, |_| true);
                ignores_cuts(|| $make, &noise.concat(), &cuts, holds);
            }

            #[test]
            fn frames_on_both_sides_of_damage_are_found(
                packets in packets(), at in 0..4000usize, length in prop_oneof![Just(0), Just(1), 0..900usize],
                put in damage(), cuts in cuts()
            ) {
                recovers(|| $make, &packets, (at, length), &put, &cuts);
            }

            #[test]
            fn bytes_without_meaning_do_no_harm(
                packets in packets(), noise in awkward(200), flip in any::<prop::sample::Index>(),
                choices in proptest::collection::vec(any::<u8>(), 1..60)
            ) {
                let mut bytes = frames(&mut $make, &packets).concat();
                bytes.extend(&noise);
                let at = flip.index(bytes.len());
                bytes[at] ^= 0x10;
                survives($make, &bytes, &choices);
            }

            #[test]
            fn an_exact_buffer_is_enough_and_one_byte_less_is_not(packet in awkward(PACKET_MAX)) {
                let mut framing = $make;
                let length = frames(&mut framing, core::slice::from_ref(&packet))[0].len();
                prop_assert!(length <= max_of(&framing, packet.len()));
                prop_assert_eq!(framing.enframe(&packet, &mut vec![0; length]), Ok(length));
                let error = framing.enframe(&packet, &mut vec![0; length - 1]).unwrap_err();
                prop_assert_eq!((error.needed, error.available), (length, length - 1));
            }
        }
    } )* };
}

fn max_of<F: Framing>(framing: &F, packet: usize) -> usize {
    framing.frame_len_max(packet)
}

for_each_framing! {
    stuffing: FfStuffing::new(PACKET_MAX);
    cobs: Cobs::new(PACKET_MAX);
    length_prefixed: LengthPrefixed::new(PACKET_MAX);
    rugged: strong();
}

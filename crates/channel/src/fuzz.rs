//! What another process may do to the memory of a channel, from any bytes: the body of the fuzz target
//! `channel_segment`. Only with the feature `fuzz`, and no interface to rely on.
//!
//! Promises: no panic and no endless loop, whatever stands in the memory; what decodes as sizes fits the memory. What
//! arrives after somebody wrote over the memory is worth nothing, and errors are no finding.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use crate::record;
use crate::segment::Segment;
use crate::segment::geometry::{EVICTS, Geometry, OVERWRITES};
use crate::segment::layout::MAGIC;
use crate::segment::region::{Heap, Hints, SharedHeap};
use crate::typed;
use crate::{Adaptive, BackPressure, Broadcast, Mode, ModeName, Mpmc, Mpsc, Spmc, Spsc};

type Message = [u64; 2];

/// The body: `data` as the words in front of a segment, then as what two ends and somebody hostile do by turns.
pub fn segment(data: &[u8]) {
    header(data);
    let Some((choice, script)) = data.split_first() else { return };
    let (records, drops) = (choice & 8 != 0, choice & 16 != 0);
    match choice & 7 {
        0 => play::<Spsc>(records, drops, script),
        1 => play::<Mpsc>(records, drops, script),
        2 => play::<Spmc>(records, drops, script),
        3 => play::<Mpmc>(records, drops, script),
        _ => play::<Broadcast>(records, drops, script),
    }
}

fn header(data: &[u8]) {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(data.chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    let available = words[15];
    words[15] = 0;
    // Whoever wants to be believed gets the first word right.
    for magic in [words[0], MAGIC] {
        words[0] = magic;
        if let Ok(geometry) = Geometry::decode(words, available) {
            assert!(geometry.bytes() <= available, "larger than its memory");
            assert_eq!(Geometry::decode(geometry.encode(), available).ok(), Some(geometry));
        }
    }
}

fn memory<M: Mode>(records: bool, drops: bool) -> Option<Arc<Segment>> {
    let flags = match (drops, M::NAME) {
        (false, _) => 0,
        (true, ModeName::Broadcast) => OVERWRITES,
        (true, _) => EVICTS,
    };
    let size = size_of::<Message>() as u64;
    let (stride, type_size, type_hash) = if records { (64, 0, 0) } else { (size, size, 1) };
    let (mode, cells, peers) = (M::NAME, 16, 4);
    let geometry =
        Geometry { mode, stride, cells, peers, type_hash, type_size, headroom: 0, tailroom: 0, flags };
    let region = Heap::new(usize::try_from(geometry.bytes()).ok()?, Hints::default()).ok()?;
    Segment::create(Box::new(SharedHeap(region)), geometry).ok().map(Arc::new)
}

fn play<M: Mode>(records: bool, drops: bool, script: &[u8]) {
    let policy = if drops { BackPressure::DropOldest } else { BackPressure::Error };
    let Some(segment) = memory::<M>(records, drops) else { return };
    if records {
        perform(
            &segment,
            script,
            || record::Sender::<M, Adaptive>::join(Arc::clone(&segment), policy).ok(),
            || record::Receiver::<M, Adaptive>::join(Arc::clone(&segment)).ok(),
            |sender, len, keep| {
                if let Ok(mut claim) = sender.claim(7, usize::from(len)) {
                    claim.fill(len);
                    if keep {
                        claim.publish();
                    }
                }
            },
            |receiver, _| {
                if let Ok(message) = receiver.try_receive() {
                    let _ = message.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
                }
            },
        );
    } else {
        perform(
            &segment,
            script,
            || typed::Sender::<Message, M, Adaptive>::join(Arc::clone(&segment), policy).ok(),
            || typed::Receiver::<Message, M, Adaptive>::join(Arc::clone(&segment)).ok(),
            |sender, many, keep| {
                if let Ok(mut batch) = sender.claim_batch(usize::from(many % 20)) {
                    batch.fill([u64::from(many); 2]);
                    if keep {
                        batch.publish_first(usize::from(many / 10));
                    }
                }
            },
            |receiver, most| {
                if let Ok(messages) = receiver.try_receive_batch(usize::from(most)) {
                    let _ = messages.iter().fold(0_u64, |sum, [one, _]| sum.wrapping_add(*one));
                }
            },
        );
    }
}

/// Does what the script says: one byte says what, the next ones with what.
fn perform<S, R>(
    segment: &Segment,
    script: &[u8],
    new_sender: impl Fn() -> Option<S>,
    new_receiver: impl Fn() -> Option<R>,
    send: impl Fn(&mut S, u8, bool),
    receive: impl Fn(&mut R, u8),
) {
    let (mut sender, mut receiver) = (new_sender(), new_receiver());
    let mut bytes = script.iter().copied();
    while let (Some(what), Some(with)) = (bytes.next(), bytes.next()) {
        match what & 15 {
            0..=3 => sender.iter_mut().for_each(|sender| send(sender, with, what & 16 == 0)),
            4..=7 => receiver.iter_mut().for_each(|receiver| receive(receiver, with)),
            8 => _ = segment.metrics(),
            9 => _ = segment.inspect(),
            10 => {
                // The old one leaves first: there may be room for one only.
                drop(sender.take());
                sender = new_sender();
            }
            11 => {
                drop(receiver.take());
                receiver = new_receiver();
            }
            _ => scribble(segment, what >> 4, with, &mut bytes),
        }
    }
}

/// Writes over any word.
fn scribble(segment: &Segment, how: u8, at: u8, bytes: &mut impl Iterator<Item = u8>) {
    let at = usize::from(at) << 8 | usize::from(bytes.next().unwrap_or(0));
    let word = segment.any_word(at);
    let old = word.load(Ordering::Relaxed);
    let value = match how {
        0 => 0,
        1 => u64::MAX,
        2 => old.wrapping_add(1),
        3 => old.wrapping_sub(1),
        4 => old.wrapping_add(16),
        5 => old ^ 1 << 63,
        6 => old.rotate_left(32),
        7 => old.wrapping_add(1 << 32),
        _ => bytes.take(8).fold(0, |word, byte| word << 8 | u64::from(byte)),
    };
    word.store(value, Ordering::Relaxed);
    // Whoever holds the lock may keep others waiting for seconds, which is too long here.
    segment.front().registry.0.lock.store(0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_written_over_ends_us() {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33).to_le_bytes()[0]
        };
        for round in 0..2000_u32 {
            let mut data: Vec<u8> = (0..300).map(|_| random()).collect();
            data[0] = round.to_le_bytes()[0];
            segment(&data);
        }
    }
}

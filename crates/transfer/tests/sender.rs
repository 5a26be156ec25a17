//! In which order and how fast a sender hands out its packets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use core::time::Duration;

use packhorse_buffer::Instant;
use packhorse_transfer::{
    Layout, LayoutError, Mode, Pace, Pacer, RepeatOrder, Sender, SenderConfig, SenderEvent, Transmit,
};
use proptest::prelude::*;

const NOW: Instant = Instant::from_millis(5_000);

/// `M` for META, `E` for END, numbers for blocks.
fn drain(sender: &mut Sender) -> String {
    let mut said = Vec::new();
    while let Some(transmit) = sender.poll_transmit(NOW) {
        said.push(match transmit {
            Transmit::Repair { .. } => unreachable!("no fountain here"),
            Transmit::Meta => "M".to_owned(),
            Transmit::End => "E".to_owned(),
            Transmit::Block { number, offset, len } => {
                let place = sender.layout().place(number).unwrap();
                assert_eq!((place.offset, place.len), (offset, len));
                number.to_string()
            }
        });
    }
    said.join(" ")
}

fn send(size: u64, config: SenderConfig) -> String {
    let mut sender = Sender::new(Layout::new(size, 10).unwrap(), config);
    let said = drain(&mut sender);
    assert!(sender.is_done());
    assert_eq!(sender.poll_timeout(), None);
    said
}

fn repeat(copies: u32, meta_first: u32, meta_every: u32, end_copies: u32) -> SenderConfig {
    SenderConfig { mode: Mode::Repeat { copies }, meta_first, meta_every, end_copies, ..SenderConfig::once() }
}

#[test]
fn once_is_meta_blocks_end() {
    assert_eq!(send(25, SenderConfig::once()), "M 0 1 2 E");
    assert_eq!(send(0, SenderConfig::once()), "M E");
}

#[test]
fn repeats_are_whole_passes() {
    assert_eq!(send(25, repeat(2, 1, 0, 1)), "M 0 1 2 0 1 2 0 1 2 E");
    assert_eq!(send(5, repeat(2, 1, 0, 1)), "M 0 0 0 E");
}

#[test]
fn repeats_follow_one_another_in_ftag() {
    let together = SenderConfig { order: RepeatOrder::Together, ..repeat(2, 1, 0, 1) };
    assert_eq!(send(25, together), "M 0 0 0 1 1 1 2 2 2 E");
}

#[test]
fn every_so_many_packets_one_is_meta_also_between_two_ends() {
    assert_eq!(send(45, repeat(1, 2, 4, 3)), "M M 0 1 M 2 3 4 M 0 1 2 M 3 4 E M E M E");
    assert_eq!(send(0, repeat(1, 2, 4, 1)), "M M E");
    assert_eq!(send(15, repeat(0, 1, 1, 1)), "M 0 M 1 M E", "1 counts as 2");
    // The META tick right before END.
    assert_eq!(send(20, repeat(0, 1, 3, 1)), "M 0 1 M E");
}

#[test]
fn a_stream_hands_out_full_blocks_as_they_come_and_the_rest_at_the_end() {
    let mut sender = Sender::stream(10, SenderConfig::once()).unwrap();
    assert_eq!(drain(&mut sender), "M");
    assert_eq!(sender.poll_timeout(), None, "only more bytes help");
    sender.append(9).unwrap();
    assert_eq!(drain(&mut sender), "");
    sender.append(16).unwrap();
    assert_eq!((drain(&mut sender).as_str(), sender.size(), sender.oldest_needed()), ("0 1", None, 2));
    sender.finish();
    assert_eq!(sender.size(), Some(25));
    assert_eq!(drain(&mut sender), "2 E");
    assert_eq!((sender.stats().blocks, sender.stats().bytes), (3, 25));
}

#[test]
fn copies_in_a_stream_follow_within_the_window() {
    let config = SenderConfig { stream_window: 4, ..repeat(2, 1, 0, 1) };
    let mut sender = Sender::stream(10, config).unwrap();
    sender.append(60).unwrap();
    assert_eq!(drain(&mut sender), "M 0 1 2 0 3 1 4 2 0 5 3 1");
    assert_eq!(sender.oldest_needed(), 2);
    sender.finish();
    assert_eq!(drain(&mut sender), "4 2 5 3 4 5 E");
    // Shorter than the window.
    let mut sender = Sender::stream(10, config).unwrap();
    sender.append(5).unwrap();
    sender.finish();
    assert_eq!(drain(&mut sender), "M 0 0 0 E");
    let mut sender = Sender::stream(10, config).unwrap();
    sender.finish();
    assert_eq!(drain(&mut sender), "M E");
}

#[test]
fn a_stream_ends_at_the_largest_block_number() {
    let mut sender = Sender::stream(1, SenderConfig::once()).unwrap();
    sender.append(u32::MAX.into()).unwrap();
    assert!(matches!(sender.append(1), Err(LayoutError::TooManyBlocks { .. })));
    assert!(sender.append(u64::MAX).is_err());
    assert_eq!(sender.layout().size(), u64::from(u32::MAX));
    assert!(Sender::stream(0, SenderConfig::once()).is_err());
}

#[test]
fn events_come_in_order_and_statistics_add_up() {
    let mut sender = Sender::new(Layout::new(25, 10).unwrap(), repeat(1, 2, 0, 2));
    let mut events = Vec::new();
    let mut ms = 0;
    while !sender.is_done() {
        sender.poll_transmit(Instant::from_millis(ms)).unwrap();
        sender.sent(Instant::from_millis(ms), 20);
        ms += 100;
        while let Some(event) = sender.poll_event() {
            events.push((event, sender.stats().packets));
        }
    }
    assert_eq!(events, [(SenderEvent::Started, 1), (SenderEvent::BlocksSent, 5), (SenderEvent::Done, 10)]);
    let stats = sender.stats();
    assert_eq!((stats.blocks, stats.bytes, stats.repeats, stats.metas, stats.ends), (3, 25, 3, 2, 2));
    assert_eq!((stats.packets, stats.wire_bytes), (10, 200));
    assert_eq!(stats.elapsed(), Duration::from_millis(900));
    assert_eq!((stats.packets_per_s(), stats.bytes_per_s()), (11, 27));
}

#[test]
fn a_paced_sender_says_when_to_come_back() {
    let pace = Pace { bytes_per_s: None, packets_per_s: Some(40) };
    let mut sender =
        Sender::new(Layout::new(1_000, 10).unwrap(), SenderConfig { pace, ..SenderConfig::once() });
    assert_eq!(sender.poll_transmit(NOW), Some(Transmit::Meta));
    let next = sender.poll_timeout().unwrap();
    assert_eq!(next, NOW + Duration::from_millis(25));
    assert_eq!(sender.poll_transmit(NOW), None);
    assert_eq!(sender.poll_timeout(), Some(next));
    assert!(sender.poll_transmit(next).is_some());
}

#[test]
fn the_rate_counts_bytes_on_the_wire_when_the_caller_tells_them() {
    let pace = Pace { bytes_per_s: Some(1_000), packets_per_s: None };
    let config = SenderConfig { pace, overhead: 10, ..SenderConfig::once() };
    let mut sender = Sender::new(Layout::new(1_000, 90).unwrap(), config);
    // Estimated: the overhead alone for META.
    assert!(sender.poll_transmit(NOW).is_some());
    assert_eq!(sender.poll_timeout(), Some(NOW + Duration::from_millis(10)));
    // Told: it was 50, in two packets.
    sender.sent(NOW, 30);
    sender.sent(NOW, 20);
    assert_eq!(sender.poll_timeout(), Some(NOW + Duration::from_millis(50)));
    let later = NOW + Duration::from_millis(50);
    assert!(matches!(sender.poll_transmit(later), Some(Transmit::Block { .. })));
    assert_eq!(sender.poll_timeout(), Some(later + Duration::from_millis(100)));
    assert_eq!(sender.stats().packets, 2, "the block is counted when it is told, or at the next poll");
}

proptest! {
    #[test]
    fn every_block_goes_out_as_often_as_planned(
        blocks in 0_u32..40, copies in 0_u32..5, window in 0_u32..30, chunks in prop::collection::vec(0_u64..60, 0..20),
        together: bool, stream: bool,
    ) {
        let order = if together { RepeatOrder::Together } else { RepeatOrder::Spread };
        let config = SenderConfig { order, stream_window: window, ..repeat(copies, 1, 7, 2) };
        let size = u64::from(blocks) * 10;
        let mut sender = if stream { Sender::stream(10, config).unwrap() } else {
            Sender::new(Layout::new(size, 10).unwrap(), config)
        };
        let mut left = if stream { size } else { 0 };
        let mut sent = vec![0_u32; blocks as usize];
        let mut chunks = chunks.into_iter();
        let mut newest = 0;
        loop {
            let oldest = sender.oldest_needed();
            match sender.poll_transmit(NOW) {
                Some(Transmit::Block { number, .. }) => {
                    prop_assert!(number >= oldest, "block {} is gone", number);
                    newest = newest.max(number);
                    if stream {
                        let most = if together { 0 } else { window.max(copies) };
                        prop_assert!(newest - number <= most, "a copy outside the window");
                    }
                    sent[number as usize] += 1;
                }
                Some(_) => {}
                None if sender.is_done() => break,
                None => {
                    prop_assert_eq!(sender.poll_timeout(), None);
                    let chunk = chunks.next().unwrap_or(u64::MAX).min(left);
                    left -= chunk;
                    sender.append(chunk).unwrap();
                    if left == 0 { sender.finish(); }
                }
            }
        }
        prop_assert!(sent.iter().all(|times| *times == copies + 1), "{:?}", sent);
        prop_assert_eq!(sender.stats().bytes, size);
    }

    #[test]
    fn the_long_run_rate_is_exact_and_bursts_are_short(
        rate in 1_u64..2_000_000_000, packets in 1_u32..100_000, size in 1_u32..2_000, late in 0_u64..3_000_000,
    ) {
        let pace = Pace { bytes_per_s: Some(rate), packets_per_s: Some(packets) };
        let mut pacer = Pacer::new(pace, size);
        // Always ready, each time up to 3 ms late: what fits the burst is caught up.
        let start = Instant::from_millis(50);
        let mut now = start;
        let (mut count, mut jitter) = (0_u128, 0_u64);
        for _ in 0..2_000 {
            if pacer.ready_at() > now {
                jitter = (jitter * 31 + 7) % (late + 1);
                now = pacer.ready_at() + Duration::from_nanos(jitter);
            }
            pacer.sent(now, 1, size.into());
            count += 1;
            // Never more than the rate allows since the start, and ten milliseconds or a packet besides.
            let elapsed = now.since(start).as_nanos();
            let allowed = |per_s: u64, unit: u64| {
                let burst = (u128::from(per_s) / 100).max(unit.into());
                u128::from(per_s) * elapsed / 1_000_000_000 + burst + u128::from(unit)
            };
            prop_assert!(count * u128::from(size) <= allowed(rate, size.into()));
            prop_assert!(count <= allowed(packets.into(), 1));
        }
        // And never less: the time taken is that of the slower of the two, to the nanosecond and the lateness.
        let bytes = 1_999 * u128::from(size) * 1_000_000_000 / u128::from(rate);
        let slowest = bytes.max(1_999 * 1_000_000_000 / u128::from(packets));
        let burst = 10_000_000;
        let took = now.since(start).as_nanos();
        prop_assert!(took + burst >= slowest, "{} < {}", took, slowest);
        // Lateness beyond what may be caught up is lost, a packet's worth at most each time.
        let cost = slowest / 1_999;
        if cost + u128::from(late) <= burst {
            prop_assert!(took <= slowest + u128::from(late) + 1, "{} > {}", took, slowest);
        }
    }
}

#[test]
fn an_idle_sender_catches_up_ten_milliseconds_at_most() {
    let mut pacer = Pacer::new(Pace { bytes_per_s: Some(1_000_000), packets_per_s: None }, 1_000);
    let mut now = Instant::from_millis(1_000);
    for _ in 0..3 {
        let mut burst = 0;
        while pacer.ready_at() <= now {
            pacer.sent(now, 1, 1_000);
            burst += 1;
        }
        assert_eq!(burst, 10);
        now = now + Duration::from_secs(60);
    }
    // One packet takes longer than that: one at a time.
    let mut pacer = Pacer::new(Pace { bytes_per_s: Some(1_000), packets_per_s: None }, 1_000);
    pacer.sent(now, 1, 1_000);
    assert_eq!(pacer.ready_at(), now + Duration::from_secs(1));
}

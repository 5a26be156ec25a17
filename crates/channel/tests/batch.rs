//! The batcher: what makes a batch leave, and that every value does.

#![allow(clippy::unwrap_used)] // all of it is tests

use core::time::Duration;
use std::time::Instant;

use packhorse_channel::batch::Batcher;
use packhorse_channel::record::{self, kind_of};
use packhorse_channel::{BackPressure, Channel, ReceiveError, SendError, Spsc};

const LONG: Duration = Duration::from_secs(20);
const NEVER: Duration = Duration::from_secs(3600);

fn channel(bytes: usize) -> (record::Sender<Spsc>, record::Receiver<Spsc>) {
    Channel::anonymous().capacity(bytes).records::<Spsc>().unwrap()
}

fn next(receiver: &mut record::Receiver<Spsc>) -> Vec<f32> {
    receiver.receive_timeout(LONG).unwrap().values::<f32>().unwrap().to_vec()
}

#[test]
fn a_value_that_nobody_keeps_waiting_leaves_at_once() {
    let (sender, mut receiver) = channel(1 << 16);
    let batcher = Batcher::<f32, _>::new(sender, 1000, NEVER).unwrap();
    for value in [1.0, 2.0] {
        batcher.add(value).unwrap();
        assert_eq!(next(&mut receiver), [value]);
    }
}

#[test]
fn values_wait_for_each_other_while_the_receiver_is_busy_until_the_batch_is_full() {
    let (sender, mut receiver) = channel(1 << 16);
    let batcher = Batcher::<f32, _>::new(sender, 10, NEVER).unwrap();
    for value in 0..11_u8 {
        batcher.add(f32::from(value)).unwrap();
    }
    assert_eq!(batcher.pending(), 0);
    assert_eq!(next(&mut receiver), [0.0]);
    let full: Vec<f32> = (1..11_u8).map(f32::from).collect();
    assert_eq!(next(&mut receiver), full);
    assert_eq!(receiver.try_receive().map(|_| ()), Err(ReceiveError::Empty));
}

#[test]
fn the_deadline_holds_although_nothing_is_added_any_more() {
    let (sender, mut receiver) = channel(1 << 16);
    let batcher = Batcher::<f32, _>::new(sender, 1000, Duration::from_millis(30)).unwrap();
    batcher.add(1.0).unwrap();
    let added = Instant::now();
    batcher.add(2.0).unwrap();
    batcher.add(3.0).unwrap();
    assert_eq!(next(&mut receiver), [1.0]);
    assert_eq!(next(&mut receiver), [2.0, 3.0]);
    assert!(added.elapsed() >= Duration::from_millis(25), "the clock, and not somebody else, sent them");
}

#[test]
fn flushing_and_dropping_send_what_waits() {
    let (sender, mut receiver) = channel(1 << 16);
    let batcher = Batcher::<f32, _>::new(sender, 1000, NEVER).unwrap();
    batcher.add(1.0).unwrap();
    batcher.add(2.0).unwrap();
    batcher.flush().unwrap();
    batcher.add(3.0).unwrap();
    drop(batcher);
    assert_eq!([next(&mut receiver), next(&mut receiver), next(&mut receiver)].concat(), [1.0, 2.0, 3.0]);
    assert_eq!(receiver.receive().map(|_| ()), Err(ReceiveError::Stopped));
}

#[test]
fn many_threads_add_and_nothing_is_lost() {
    let (sender, mut receiver) = channel(1 << 14);
    let batcher = Batcher::<u64, _>::new(sender, 100, Duration::from_millis(1)).unwrap();
    let reading = std::thread::spawn(move || {
        let (mut count, mut sum) = (0, 0);
        while let Ok(message) = receiver.receive_timeout(LONG) {
            assert_eq!(message.kind(), kind_of::<u64>());
            let values = message.values::<u64>().unwrap();
            assert!(values.len() <= 100);
            count += values.len();
            sum += values.iter().sum::<u64>();
        }
        (count, sum)
    });
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let batcher = &batcher;
            scope.spawn(move || (0..10_000).for_each(|n| batcher.add(thread * 10_000 + n).unwrap()));
        }
    });
    drop(batcher);
    assert_eq!(reading.join().unwrap(), (40_000, 39_999 * 40_000 / 2));
}

#[test]
fn a_channel_that_was_stopped_is_told_to_who_adds() {
    let (sender, receiver) = channel(1 << 14);
    let batcher = Batcher::<f32, _>::new(sender, 10, NEVER).unwrap();
    receiver.stop();
    let failed = (0..100).find_map(|_| batcher.add(1.0).err());
    assert_eq!(failed, Some(SendError::Stopped));
}

#[test]
fn a_value_that_could_not_be_sent_is_not_taken_and_comes_once_when_it_is_added_again() {
    let channel = Channel::anonymous().capacity(256).back_pressure(BackPressure::Error);
    let (sender, mut receiver) = channel.records::<Spsc>().unwrap();
    let batcher = Batcher::<u64, _>::new(sender, 4, NEVER).unwrap();
    let mut read = Vec::new();
    for value in 0..100 {
        while let Err(error) = batcher.add(value) {
            assert_eq!(error, SendError::Full);
            while let Ok(message) = receiver.try_receive() {
                read.extend_from_slice(message.values::<u64>().unwrap());
            }
        }
    }
    drop(batcher);
    while let Ok(message) = receiver.receive_timeout(LONG) {
        read.extend_from_slice(message.values::<u64>().unwrap());
    }
    assert_eq!(read, (0..100).collect::<Vec<u64>>());
}

#[test]
fn a_clock_that_cannot_send_keeps_nobody_from_adding_or_dropping() {
    let channel = Channel::anonymous().capacity(256).back_pressure(BackPressure::Error);
    let (sender, receiver) = channel.records::<Spsc>().unwrap();
    let batcher = Batcher::<u64, _>::new(sender, 16, Duration::ZERO).unwrap();
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut failed = 0;
        for value in 0..100 {
            failed += usize::from(batcher.add(value).is_err());
            // The clock has its turn.
            std::thread::sleep(Duration::from_micros(200));
        }
        drop(batcher);
        done.send(failed).unwrap();
    });
    assert!(waiting.recv_timeout(LONG).unwrap() > 0, "nobody reads, so that most does not fit");
    drop(receiver);
}

#[test]
fn what_the_clock_could_not_send_is_sent_when_the_batcher_is_dropped() {
    let channel = Channel::anonymous().capacity(256).back_pressure(BackPressure::Error);
    let (mut sender, mut receiver) = channel.records::<Spsc>().unwrap();
    // Full, so that the clock sends in vain.
    while sender.send(7, &[0; 8]).is_ok() {}
    let batcher = Batcher::<u64, _>::new(sender, 16, Duration::ZERO).unwrap();
    batcher.add(5).unwrap();
    let refused = batcher.metrics().refused;
    let end = Instant::now() + LONG;
    while batcher.metrics().refused == refused {
        assert!(Instant::now() < end, "the clock tries");
        std::thread::yield_now();
    }
    let mut values = Vec::new();
    // The clock may send it in between, too.
    let mut take = |message: &[u8], kind| match kind {
        7 => {}
        _ => values.extend_from_slice(message),
    };
    while let Ok(message) = receiver.try_receive() {
        take(&message, message.kind());
    }
    drop(batcher);
    while let Ok(message) = receiver.receive_timeout(LONG) {
        take(&message, message.kind());
    }
    assert_eq!(values, 5_u64.to_ne_bytes());
}

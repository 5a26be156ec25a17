//! Many senders, many receivers: nothing is lost, nothing comes twice, whatever the mode and the kind of messages.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use packhorse_channel::{
    BackPressure, Broadcast, Channel, ManyReceivers, ManySenders, Mode, Mpmc, Mpsc, OpenError, ReceiveError,
    SendError, Spmc, Spsc, record, typed,
};

const EACH: u64 = 60_000;

/// What many threads received: how often each number came, by sender.
struct Tally {
    seen: Vec<AtomicU64>,
}

impl Tally {
    fn new(senders: u64) -> Self {
        Self { seen: (0..senders * EACH).map(|_| AtomicU64::new(0)).collect() }
    }

    fn count(&self, number: u64) {
        self.seen[usize::try_from(number).unwrap()].fetch_add(1, Ordering::Relaxed);
    }

    fn assert_once(&self) {
        let wrong = self.seen.iter().filter(|seen| seen.load(Ordering::Relaxed) != 1).count();
        assert_eq!(wrong, 0, "{wrong} messages were lost or came twice");
    }
}

fn typed<M: Mode>(
    senders: Vec<typed::Sender<u64, M>>,
    receivers: Vec<typed::Receiver<u64, M>>,
    batch: usize,
) {
    let tally = Tally::new(senders.len() as u64);
    std::thread::scope(|scope| {
        for (own, mut sender) in (0_u64..).zip(senders) {
            scope.spawn(move || {
                let mut number = own * EACH;
                while number < (own + 1) * EACH {
                    let most = batch.min(((own + 1) * EACH - number) as usize);
                    let mut slots = sender.claim_batch(most).unwrap();
                    for slot in slots.iter_mut() {
                        *slot = number;
                        number += 1;
                    }
                    slots.publish();
                }
            });
        }
        for mut receiver in receivers {
            let tally = &tally;
            scope.spawn(move || {
                let mut last = std::collections::BTreeMap::new();
                while let Ok(messages) = receiver.receive_batch(batch) {
                    for number in messages.iter() {
                        tally.count(*number);
                        let before = last.insert(number / EACH, *number);
                        assert!(
                            before.is_none_or(|before| before < *number),
                            "one sender's messages keep order"
                        );
                    }
                }
            });
        }
    });
    tally.assert_once();
}

fn records<M: Mode>(senders: Vec<record::Sender<M>>, receivers: Vec<record::Receiver<M>>) {
    let tally = Tally::new(senders.len() as u64);
    std::thread::scope(|scope| {
        for (own, mut sender) in (0_u64..).zip(senders) {
            scope.spawn(move || {
                for number in own * EACH..(own + 1) * EACH {
                    let len = 8 + (number % 23) as usize * 11;
                    let mut claim = sender.claim(len as u32, len).unwrap();
                    claim.fill(number as u8);
                    claim[..8].copy_from_slice(&number.to_le_bytes());
                    if number % 97 == 0 {
                        // Given up and made again: nobody may see the first.
                        drop(claim);
                        claim = sender.claim(len as u32, len).unwrap();
                        claim.fill(number as u8);
                        claim[..8].copy_from_slice(&number.to_le_bytes());
                    }
                    claim.publish();
                }
            });
        }
        for mut receiver in receivers {
            let tally = &tally;
            scope.spawn(move || {
                while let Ok(message) = receiver.receive() {
                    let number = u64::from_le_bytes(message[..8].try_into().unwrap());
                    assert_eq!(message.len(), message.kind() as usize);
                    assert!(message[8..].iter().all(|byte| *byte == number as u8));
                    tally.count(number);
                }
            });
        }
    });
    tally.assert_once();
}

fn many_senders<M: ManySenders>(first: typed::Sender<u64, M>) -> Vec<typed::Sender<u64, M>> {
    let others: Vec<_> = (0..2).map(|_| first.try_clone().unwrap()).collect();
    others.into_iter().chain([first]).collect()
}

fn many_receivers<M: ManyReceivers>(first: typed::Receiver<u64, M>) -> Vec<typed::Receiver<u64, M>> {
    let others: Vec<_> = (0..2).map(|_| first.try_clone().unwrap()).collect();
    others.into_iter().chain([first]).collect()
}

#[test]
fn values_are_received_once_in_every_mode() {
    for (capacity, batch) in [(16, 1), (512, 1), (512, 7), (65_536, 64)] {
        let open = || Channel::anonymous().capacity(capacity);
        let (sender, receiver) = open().typed::<u64, Spsc>().unwrap();
        typed(vec![sender], vec![receiver], batch);
        let (sender, receiver) = open().typed::<u64, Mpsc>().unwrap();
        typed(many_senders(sender), vec![receiver], batch);
        let (sender, receiver) = open().typed::<u64, Spmc>().unwrap();
        typed(vec![sender], many_receivers(receiver), batch);
        let (sender, receiver) = open().typed::<u64, Mpmc>().unwrap();
        typed(many_senders(sender), many_receivers(receiver), batch);
    }
}

#[test]
fn records_are_received_once_in_every_mode() {
    for capacity in [2048, 65_536] {
        let open = || Channel::anonymous().capacity(capacity);
        let (sender, receiver) = open().records::<Spsc>().unwrap();
        records(vec![sender], vec![receiver]);
        let (sender, receiver) = open().records::<Mpsc>().unwrap();
        records(vec![sender.try_clone().unwrap(), sender], vec![receiver]);
        let (sender, receiver) = open().records::<Spmc>().unwrap();
        records(vec![sender], vec![receiver.try_clone().unwrap(), receiver]);
        let (sender, receiver) = open().records::<Mpmc>().unwrap();
        records(vec![sender.try_clone().unwrap(), sender], vec![receiver.try_clone().unwrap(), receiver]);
    }
}

#[test]
fn every_reader_of_a_broadcast_reads_everything_in_order() {
    let (mut sender, receiver) = Channel::anonymous().capacity(1024).typed::<u64, Broadcast>().unwrap();
    let receivers = many_receivers(receiver);
    std::thread::scope(|scope| {
        for mut receiver in receivers {
            scope.spawn(move || {
                for number in 0..EACH {
                    assert_eq!(*receiver.receive().unwrap(), number);
                }
                assert!(matches!(receiver.receive(), Err(ReceiveError::Stopped)));
            });
        }
        for number in 0..EACH {
            sender.send(number).unwrap();
        }
        drop(sender);
    });
}

#[test]
fn a_broadcast_waits_for_nobody_that_has_left_or_come_late() {
    let (mut sender, slow) = Channel::anonymous()
        .capacity(64)
        .back_pressure(BackPressure::Error)
        .typed::<u64, Broadcast>()
        .unwrap();
    (0..8).for_each(|number| sender.send(number).unwrap());
    assert_eq!(sender.send(8), Err(SendError::Full));
    let mut late = slow.try_clone().unwrap();
    drop(slow);
    (8..16).for_each(|number| sender.send(number).unwrap());
    assert_eq!(*late.try_receive().unwrap(), 8);
}

#[test]
fn a_reader_that_is_overtaken_learns_how_many_it_lost_and_goes_on() {
    let (mut sender, mut receiver) = Channel::anonymous()
        .capacity(64 * 8)
        .back_pressure(BackPressure::DropOldest)
        .typed::<u64, Broadcast>()
        .unwrap();
    (0..1000).for_each(|number| sender.send(number).unwrap());
    let Err(ReceiveError::Lagged(lost)) = receiver.try_receive() else { panic!("it was overtaken") };
    assert!((936..=1000).contains(&lost), "{lost}");
    for number in lost..1000 {
        assert_eq!(*receiver.try_receive().unwrap(), number);
    }
    assert_eq!(receiver.metrics().dropped_lagged, lost);
}

#[test]
fn what_an_overwriting_broadcast_gives_is_whole_while_it_is_written_over() {
    let (mut sender, mut receiver) = Channel::anonymous()
        .capacity(16 * 1024)
        .back_pressure(BackPressure::DropOldest)
        .records::<Broadcast>()
        .unwrap();
    let thread = std::thread::spawn(move || {
        for number in 0..300_000_u32 {
            let len = 4 + number as usize % 900;
            let mut claim = sender.claim(number, len).unwrap();
            claim.fill(number as u8);
            claim.publish();
        }
    });
    let (mut read, mut next) = (0, 0);
    loop {
        match receiver.receive() {
            Ok(message) => {
                assert!(message.kind() >= next);
                next = message.kind() + 1;
                assert_eq!(message.len(), 4 + message.kind() as usize % 900);
                assert!(message.iter().all(|byte| *byte == message.kind() as u8));
                read += 1;
            }
            Err(ReceiveError::Lagged(_)) => {}
            Err(error) => {
                assert_eq!(error, ReceiveError::Stopped);
                break;
            }
        }
    }
    thread.join().unwrap();
    assert!(read > 0);
}

#[test]
fn dropping_the_oldest_keeps_the_newest_in_every_mode() {
    fn with<M: Mode>() {
        let open = || Channel::anonymous().capacity(64).back_pressure(BackPressure::DropOldest);
        let (mut sender, mut receiver) = open().typed::<u64, M>().unwrap();
        (0..20).for_each(|number| sender.send(number).unwrap());
        let metrics = sender.metrics();
        assert_eq!((metrics.messages_sent, metrics.dropped_oldest, metrics.depth), (20, 12, 8));
        for number in 12..20 {
            assert_eq!(*receiver.try_receive().unwrap(), number, "{}", M::NAME);
        }
        assert!(matches!(receiver.try_receive(), Err(ReceiveError::Empty)));
        let metrics = sender.metrics();
        assert_eq!((metrics.messages_received, metrics.depth), (8, 0), "{}", M::NAME);

        let (mut sender, mut receiver) = open().capacity(1024).records::<M>().unwrap();
        (0..20_u8).for_each(|number| sender.send(7, &[number; 100]).unwrap());
        let mut last = None;
        while let Ok(message) = receiver.try_receive() {
            assert_eq!(message.len(), 100);
            last = Some(message[0]);
        }
        assert_eq!(last, Some(19), "{}", M::NAME);
    }
    with::<Spsc>();
    with::<Mpsc>();
    with::<Spmc>();
    with::<Mpmc>();
}

#[test]
fn dropping_the_oldest_does_not_drop_all_while_one_is_being_read() {
    let (mut sender, mut receiver) = Channel::anonymous()
        .capacity(64)
        .back_pressure(BackPressure::DropOldest)
        .typed::<u64, Spsc>()
        .unwrap();
    (0..8).for_each(|number| sender.send(number).unwrap());
    let held = receiver.try_receive().unwrap();
    // Its cell is the next to be written, and nothing that is dropped makes room there.
    assert_eq!(sender.send(8), Err(SendError::Full));
    assert_eq!(*held, 0);
    drop(held);
    sender.send(9).unwrap();
    for number in (1..8).chain([9]) {
        assert_eq!(*receiver.try_receive().unwrap(), number);
    }
}

#[test]
fn what_a_reader_gets_is_whole_while_the_oldest_are_dropped() {
    fn with<M: Mode>() {
        let open = || Channel::anonymous().capacity(4096).back_pressure(BackPressure::DropOldest);
        let (mut sender, mut receiver) = open().records::<M>().unwrap();
        let thread = std::thread::spawn(move || {
            let mut sent = 0;
            for number in 0..100_000_u32 {
                let len = 4 + number as usize % 300;
                // All that is there may be being read.
                if let Ok(mut claim) = sender.claim(number, len) {
                    claim.fill(number as u8);
                    claim.publish();
                    sent += 1;
                }
            }
            (sent, sender.metrics().dropped_oldest)
        });
        let (mut read, mut next) = (0, 0);
        while let Ok(message) = receiver.receive() {
            assert!(message.kind() >= next);
            next = message.kind() + 1;
            assert!(message.iter().all(|byte| *byte == message.kind() as u8));
            read += 1;
        }
        let (sent, dropped) = thread.join().unwrap();
        assert_eq!(read + dropped, sent, "{}", M::NAME);
    }
    with::<Spsc>();
    with::<Mpsc>();
}

#[test]
fn everybody_wakes_when_the_channel_stops() {
    let (sender, receiver) = Channel::anonymous().capacity(16).typed::<u64, Mpmc>().unwrap();
    let receivers: Vec<_> = (0..4).map(|_| receiver.try_clone().unwrap()).collect();
    std::thread::scope(|scope| {
        for mut receiver in receivers {
            scope.spawn(move || assert!(matches!(receiver.receive(), Err(ReceiveError::Stopped))));
        }
        std::thread::sleep(Duration::from_millis(20));
        sender.stop();
    });
}

#[test]
fn more_room_around_messages_than_a_machine_has_is_refused() {
    for (headroom, tailroom) in [(usize::MAX, 0), (0, usize::MAX), (usize::MAX - 15, usize::MAX / 2)] {
        let channel = Channel::anonymous().headroom(headroom).tailroom(tailroom);
        let opened = channel.records::<Spsc>().map(|_| ());
        assert!(matches!(opened, Err(OpenError::Capacity { .. })), "{opened:?}");
    }
}

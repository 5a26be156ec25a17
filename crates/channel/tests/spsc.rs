//! One sender, one receiver: order, contents, the end, and what happens when there is no room.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

use core::time::Duration;

use packhorse_buffer::Storage as _;
use packhorse_channel::{BackPressure, Channel, ReceiveError, SendError, Spsc, record};

#[test]
fn a_million_messages_arrive_once_each_and_in_order() {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(4096).typed::<[u64; 8], Spsc>().unwrap();
    let thread = std::thread::spawn(move || {
        for number in 0..1_000_000_u64 {
            let mut claim = sender.claim().unwrap();
            *claim = [number; 8];
            claim.publish();
        }
    });
    for number in 0..1_000_000_u64 {
        assert_eq!(*receiver.receive().unwrap(), [number; 8]);
    }
    thread.join().unwrap();
    assert!(matches!(receiver.receive(), Err(ReceiveError::Stopped)));
    let metrics = receiver.metrics();
    assert_eq!((metrics.messages_sent, metrics.messages_received, metrics.depth), (1_000_000, 1_000_000, 0));
    assert_eq!(metrics.bytes_sent, 64_000_000);
    assert!(metrics.latency.count() > 0);
}

#[test]
fn batches_lose_nothing_at_the_end_of_the_ring() {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(64 * 8).typed::<u64, Spsc>().unwrap();
    let thread = std::thread::spawn(move || {
        let mut number = 0;
        while number < 300_000 {
            let mut batch = sender.claim_batch(7).unwrap();
            batch.iter_mut().for_each(|slot| {
                *slot = number;
                number += 1;
            });
            batch.publish();
        }
    });
    let mut expected = 0;
    while let Ok(batch) = receiver.receive_batch(5) {
        for number in batch.iter() {
            assert_eq!(*number, expected);
            expected += 1;
        }
    }
    assert!(expected >= 300_000);
    thread.join().unwrap();
}

#[test]
fn records_of_every_length_arrive_whole() {
    let (mut sender, mut receiver) =
        Channel::anonymous().capacity(8192).headroom(20).tailroom(4).records::<Spsc>().unwrap();
    let largest = sender.largest();
    let thread = std::thread::spawn(move || {
        for number in 0..20_000_u32 {
            let len = number as usize * 37 % (largest + 1);
            let mut claim = sender.claim(number, len).unwrap();
            claim.fill(number as u8);
            claim.publish();
        }
    });
    for number in 0..20_000_u32 {
        let message = receiver.receive().unwrap();
        assert_eq!(message.kind(), number);
        assert_eq!(message.len(), number as usize * 37 % (largest + 1));
        assert!(message.iter().all(|byte| *byte == number as u8));
    }
    thread.join().unwrap();
    assert!(matches!(receiver.receive(), Err(ReceiveError::Stopped)));
}

#[test]
fn a_message_becomes_a_packet_where_it_lies() {
    let (mut sender, mut receiver) = Channel::anonymous().headroom(16).tailroom(4).records::<Spsc>().unwrap();
    let mut claim = sender.claim(1, 5).unwrap();
    claim.copy_from_slice(b"hello");
    let payload_at = claim.as_ptr();
    let mut packet = claim.into_packet();
    packet.push(3).unwrap().copy_from_slice(b"HDR");
    packet.put(2).unwrap().copy_from_slice(b"!!");
    assert_eq!(packet.as_slice()[3..].as_ptr(), payload_at);
    record::Claim::publish_packet(packet);
    let message = receiver.receive().unwrap();
    assert_eq!(&*message, b"HDRhello!!");
    let mut packet = message.into_packet();
    assert_eq!(packet.pull(3).unwrap(), b"HDR");
    assert_eq!(packet.as_slice().as_ptr(), payload_at);
    assert_eq!(packet.as_slice(), b"hello!!");
    let mut message = packet.into_storage();
    assert!(!message.as_mut_slice().is_empty());
}

#[test]
fn full_is_what_the_policy_says() {
    let open = |policy| Channel::anonymous().capacity(16).back_pressure(policy).typed::<u64, Spsc>().unwrap();

    let (mut sender, _receiver) = open(BackPressure::Error);
    (0..2).for_each(|number| sender.send(number).unwrap());
    assert_eq!(sender.send(2), Err(SendError::Full));

    let (mut sender, _receiver) = open(BackPressure::BlockFor(Duration::from_millis(5)));
    (0..2).for_each(|number| sender.send(number).unwrap());
    assert_eq!(sender.send(2), Err(SendError::Timeout));

    let (mut sender, mut receiver) = open(BackPressure::DropNewest);
    (0..5).for_each(|number| sender.send(number).unwrap());
    assert_eq!(sender.metrics().dropped_newest, 3);
    assert_eq!(*receiver.receive().unwrap(), 0);
}

#[test]
fn empty_for_ever_ends_with_the_timeout() {
    let (_sender, mut receiver) = Channel::anonymous().typed::<u64, Spsc>().unwrap();
    assert!(matches!(receiver.try_receive(), Err(ReceiveError::Empty)));
    assert!(matches!(receiver.receive_timeout(Duration::from_millis(5)), Err(ReceiveError::Timeout)));
}

#[test]
fn stop_wakes_a_receiver_that_sleeps_and_it_reads_what_is_left() {
    let (mut sender, mut receiver) = Channel::anonymous().typed::<u64, Spsc>().unwrap();
    let thread = std::thread::spawn(move || {
        let mut read = Vec::new();
        while let Ok(message) = receiver.receive() {
            read.push(*message);
        }
        read
    });
    std::thread::sleep(Duration::from_millis(20));
    sender.send(1).unwrap();
    sender.stop();
    assert_eq!(sender.send(2), Err(SendError::Stopped));
    assert_eq!(thread.join().unwrap(), [1]);
}

#[test]
fn a_claim_that_is_dropped_is_never_seen() {
    let (mut sender, mut receiver) = Channel::anonymous().typed::<u64, Spsc>().unwrap();
    drop(sender.claim().unwrap());
    sender.send(7).unwrap();
    assert_eq!(*receiver.try_receive().unwrap(), 7);
}

#[test]
fn the_only_sender_is_the_only_one() {
    let builder = Channel::at("memory://only").unwrap();
    let _sender = builder.clone().typed_sender::<u64, Spsc>().unwrap();
    assert!(builder.clone().typed_sender::<u64, Spsc>().is_err());
    assert!(builder.clone().typed_receiver::<u32, Spsc>().is_err());
    assert!(builder.typed_receiver::<u64, Spsc>().is_ok());
}

//! Loopback and memory links keep order and boundaries, say when they are full or empty, and end.

extern crate alloc;

use alloc::collections::VecDeque;

use packhorse_link::{Boundaries, Transport as _, TransportError};
use packhorse_transport::Loopback;
use proptest::prelude::*;

#[test]
fn a_packet_above_the_mtu_is_refused_and_leaves_no_trace() {
    let mut link = Loopback::<4, 2>::new();
    assert_eq!(link.mtu(), 4);
    assert_eq!(link.boundaries(), Boundaries::Packets);
    assert_eq!(link.send(b"12345"), Err(TransportError::TooLong { len: 5, most: 4 }));
    assert_eq!(link.send_gather(&[b"123", b"45"]), Err(TransportError::TooLong { len: 5, most: 4 }));
    assert_eq!(link.queued(), 0);
    assert_eq!(link.receive(&mut [0; 4]), Err(TransportError::WouldBlock));
}

#[test]
fn a_full_link_would_block_and_takes_the_packet_once_there_is_room() {
    let mut link = Loopback::<4, 2>::new();
    link.send(b"1").unwrap();
    link.send(b"2").unwrap();
    assert_eq!(link.send(b"3"), Err(TransportError::WouldBlock));
    assert_eq!(link.receive(&mut [0; 4]), Ok(1));
    link.send(b"3").unwrap();
    assert_eq!(link.front().unwrap(), b"2");
    assert!(link.pop());
    assert_eq!(link.front().unwrap(), b"3");
    assert!(link.pop());
    assert!(!link.pop());
}

#[test]
fn a_packet_longer_than_the_memory_given_is_lost_alone() {
    let mut link = Loopback::<8, 4>::new();
    link.send(b"too long").unwrap();
    link.send(b"fits").unwrap();
    assert_eq!(link.receive(&mut [0; 4]), Err(TransportError::TooLong { len: 8, most: 4 }));
    let mut into = [0; 4];
    assert_eq!(link.receive(&mut into), Ok(4));
    assert_eq!(&into, b"fits");
}

#[test]
fn an_empty_packet_is_a_packet() {
    let mut link = Loopback::<8, 4>::new();
    link.send(b"").unwrap();
    link.send_gather(&[]).unwrap();
    assert_eq!(link.receive(&mut []), Ok(0));
    assert_eq!(link.receive(&mut [0; 8]), Ok(0));
    assert_eq!(link.receive(&mut [0; 8]), Err(TransportError::WouldBlock));
}

proptest! {
    /// Sends and receives in any order, against a queue of vectors.
    #[test]
    fn a_loopback_is_a_bounded_queue_of_packets(
        steps in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..20)), 0..200),
        cut in 0_usize..20,
    ) {
        let mut link = Loopback::<16, 5>::new();
        let mut model = VecDeque::new();
        for step in steps {
            match step {
                Some(packet) => {
                    let (front, behind) = packet.split_at(cut.min(packet.len()));
                    let expected = if packet.len() > 16 {
                        Err(TransportError::TooLong { len: packet.len(), most: 16 })
                    } else if model.len() == 5 {
                        Err(TransportError::WouldBlock)
                    } else {
                        model.push_back(packet.clone());
                        Ok(())
                    };
                    prop_assert_eq!(link.send_gather(&[front, behind]), expected);
                }
                None => {
                    let mut into = [0xA5; 16];
                    match model.pop_front() {
                        None => prop_assert_eq!(link.receive(&mut into), Err(TransportError::WouldBlock)),
                        Some(packet) => {
                            prop_assert_eq!(link.receive(&mut into), Ok(packet.len()));
                            prop_assert_eq!(&into[..packet.len()], &packet[..]);
                        }
                    }
                }
            }
            prop_assert_eq!(link.queued(), model.len());
        }
    }
}

#[cfg(feature = "std")]
mod memory {
    use core::time::Duration;
    use std::thread;

    use packhorse_link::{Transport as _, TransportError};
    use packhorse_testkit::patterns;
    use packhorse_transport::Memory;

    #[test]
    fn packets_cross_threads_whole_and_in_order_both_ways() {
        let (mut here, mut there) = Memory::pair(300, 7);
        let far = thread::spawn(move || {
            let mut into = [0; 300];
            for seed in 0..2000_usize {
                let len = there.receive(&mut into).unwrap();
                assert_eq!(&into[..len], patterns::random(u64::try_from(seed).unwrap(), seed % 301));
                there.send(&into[..len]).unwrap();
            }
        });
        let (mut receiver, mut sender) = here_split(&mut here);
        let echo = thread::spawn(move || {
            let mut into = [0; 300];
            let mut total = 0;
            while let Ok(len) = receiver.receive(&mut into) {
                total += len;
            }
            total
        });
        let mut sent = 0;
        for seed in 0..2000_usize {
            let packet = patterns::random(u64::try_from(seed).unwrap(), seed % 301);
            let (front, behind) = packet.split_at(packet.len() / 3);
            sender.send_gather(&[front, &[], behind]).unwrap();
            sent += packet.len();
        }
        far.join().unwrap();
        assert_eq!(echo.join().unwrap(), sent);
        assert_eq!(sender.send(b"x"), Err(TransportError::Closed));
    }

    /// Takes the end out of its place, as a program does that keeps its ends in a struct.
    fn here_split(
        here: &mut Memory,
    ) -> (packhorse_transport::MemoryReceiver, packhorse_transport::MemorySender) {
        let (spare, _) = Memory::pair(1, 1);
        core::mem::replace(here, spare).split()
    }

    #[test]
    fn what_was_sent_before_closing_still_arrives() {
        let (mut here, mut there) = Memory::pair(10, 4);
        here.send(b"last").unwrap();
        drop(here);
        let mut into = [0; 10];
        assert_eq!(there.receive(&mut into), Ok(4));
        assert_eq!(there.receive(&mut into), Err(TransportError::Closed));
        assert_eq!(there.send(b"answer"), Err(TransportError::Closed));
    }

    #[test]
    fn a_waiting_receiver_and_a_waiting_sender_wake_when_the_other_end_goes() {
        let (here, mut there) = Memory::pair(10, 1);
        let receiver = thread::spawn(move || there.receive(&mut [0; 10]));
        thread::sleep(Duration::from_millis(20));
        drop(here);
        assert_eq!(receiver.join().unwrap(), Err(TransportError::Closed));

        let (mut here, there) = Memory::pair(10, 1);
        here.send(b"fills it").unwrap();
        let sender = thread::spawn(move || here.send(b"waits"));
        thread::sleep(Duration::from_millis(20));
        drop(there);
        assert_eq!(sender.join().unwrap(), Err(TransportError::Closed));
    }

    #[test]
    fn without_blocking_full_and_empty_are_said() {
        let (mut here, mut there) = Memory::pair(10, 2);
        here.set_blocking(false);
        there.set_blocking(false);
        let mut into = [0; 10];
        assert_eq!(there.receive(&mut into), Err(TransportError::WouldBlock));
        here.send(b"1").unwrap();
        here.send(b"2").unwrap();
        assert_eq!(here.send(b"3"), Err(TransportError::WouldBlock));
        assert_eq!(there.receive(&mut into), Ok(1));
        here.send(b"3").unwrap();
        assert_eq!(here.send(&[0; 11]), Err(TransportError::TooLong { len: 11, most: 10 }));
    }

    #[test]
    fn a_receive_with_a_limit_ends_in_time() {
        let (mut here, there) = Memory::pair(10, 2);
        let result = here.receiver.receive_timeout(&mut [0; 10], Duration::from_millis(10));
        assert_eq!(result, Err(TransportError::WouldBlock));
        drop(there);
        let result = here.receiver.receive_timeout(&mut [0; 10], Duration::MAX);
        assert_eq!(result, Err(TransportError::Closed));
    }
}

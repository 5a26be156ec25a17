//! Tasks of any executor on tcp and udp: woken when there is something, or room.

#![allow(clippy::unwrap_used)] // all of it is tests

use core::future::poll_fn;
use core::pin::Pin;
use core::time::Duration;

use futures_core::Stream as _;
use packhorse_channel::net::{self, Options, Receiver, Sender};
use packhorse_channel::{Address, ReceiveError, Spsc};
use packhorse_testkit::tasks::{block_on, block_on_counted};

const LONG: Duration = Duration::from_secs(20);

/// A channel whose sender is opened while a task receives.
fn open(carrier: &str, options: &Options) -> (Sender<Spsc>, Receiver<Spsc>) {
    let at: Address = format!("{carrier}://:0").parse().unwrap();
    let mut receiver = net::receiver::<Spsc>(&at, options).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let to: Address = format!("{carrier}://127.0.0.1:{port}").parse().unwrap();
    let own = options.clone();
    let opening = std::thread::spawn(move || net::sender::<Spsc>(&to, &own).unwrap());
    while !opening.is_finished() {
        assert!(receiver.receive_timeout(Duration::from_millis(5)).is_err());
    }
    (opening.join().unwrap(), receiver)
}

#[test]
fn a_task_receives_what_another_sends() {
    for carrier in ["tcp", "udp"] {
        let (mut sender, mut receiver) = open(carrier, &Options::default());
        let thread = std::thread::spawn(move || {
            block_on(async {
                for number in 0..100_u32 {
                    let mut claim = sender.claim_async(3, 4).await.unwrap();
                    claim.copy_from_slice(&number.to_le_bytes());
                    claim.publish();
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        });
        let ((), polls) = block_on_counted(async {
            for number in 0..100_u32 {
                let message = receiver.receive_async().await.unwrap();
                assert_eq!((message.kind(), &*message), (3, &number.to_le_bytes()[..]), "{carrier}");
            }
            assert_eq!(receiver.receive_async().await.map(|_| ()), Err(ReceiveError::Stopped));
        });
        assert!(polls < 1000, "{carrier}: {polls} polls: it was woken without a reason");
        thread.join().unwrap();
    }
}

#[test]
fn a_task_waits_for_room_until_the_receiver_reads() {
    const COUNT: u32 = 3000;
    let options = Options { capacity: 64 << 10, message_max: Some(4096), ..Options::default() };
    let (mut sender, mut receiver) = open("tcp", &options);
    let thread = std::thread::spawn(move || {
        block_on(async {
            for number in 0..COUNT {
                let mut claim = sender.claim_async(0, 4096).await.unwrap();
                claim[..4].copy_from_slice(&number.to_le_bytes());
                claim.publish();
            }
        });
    });
    // More than the system's buffers take stays with the sender meanwhile.
    std::thread::sleep(Duration::from_millis(100));
    for number in 0..COUNT {
        assert_eq!(receiver.receive_timeout(LONG).unwrap()[..4], number.to_le_bytes());
    }
    thread.join().unwrap();
}

#[test]
fn stop_wakes_a_task_that_receives() {
    let (sender, mut receiver) = open("tcp", &Options::default());
    let stopper = receiver.stopper();
    let thread = std::thread::spawn(move || block_on(async { receiver.receive_async().await.map(|_| ()) }));
    std::thread::sleep(Duration::from_millis(20));
    stopper.stop();
    drop(sender);
    assert_eq!(thread.join().unwrap(), Err(ReceiveError::Stopped));
}

#[test]
fn messages_over_the_network_are_a_stream_that_ends_with_the_channel() {
    for carrier in ["tcp", "udp"] {
        let (mut sender, mut receiver) = open(carrier, &Options::default());
        let thread =
            std::thread::spawn(move || (0..50).for_each(|number| sender.send(number, b"hello").unwrap()));
        let mut next = || block_on(poll_fn(|context| Pin::new(&mut receiver).poll_next(context)));
        for number in 0..50 {
            let record = next().unwrap().unwrap();
            assert_eq!((record.kind, &record.bytes[..]), (number, &b"hello"[..]), "{carrier}");
        }
        assert_eq!(next(), None, "{carrier}");
        thread.join().unwrap();
    }
}

//! What flows takes no memory: neither in rings nor over tcp and udp, once both ends have what they need.

#![allow(clippy::unwrap_used)] // all of it is tests

use core::time::Duration;
use std::thread;

use packhorse_channel::net::{self, Options, Receiver, Sender};
use packhorse_channel::{Address, Channel, Mpmc, Spsc};
use packhorse_testkit::allocator::{CountingAllocator, Counts, measure};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn messages_in_rings_take_no_memory() {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(4096).records::<Mpmc>().unwrap();
    let (mut values, mut read) = Channel::anonymous().capacity(4096).typed::<[u64; 8], Spsc>().unwrap();
    let counts = measure(|| {
        for number in 0..1000 {
            sender.send(number, b"a record").unwrap();
            assert_eq!(receiver.receive().unwrap().kind(), number);
            values.send([u64::from(number); 8]).unwrap();
            assert_eq!(read.receive().unwrap()[7], u64::from(number));
        }
        assert!(receiver.receive_timeout(Duration::from_millis(1)).is_err());
    });
    assert_eq!(counts, Counts::NONE);
}

fn pair(carrier: &str) -> (Sender<Spsc>, Receiver<Spsc>) {
    let at: Address = format!("{carrier}://:0").parse().unwrap();
    let mut receiver = net::receiver::<Spsc>(&at, &Options::default()).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let to: Address = format!("{carrier}://127.0.0.1:{port}").parse().unwrap();
    let opening = thread::spawn(move || net::sender::<Spsc>(&to, &Options::default()).unwrap());
    while !opening.is_finished() {
        assert!(receiver.receive_timeout(Duration::from_millis(5)).is_err());
    }
    (opening.join().unwrap(), receiver)
}

#[test]
fn messages_over_the_network_take_no_memory() {
    for carrier in ["tcp", "udp"] {
        let (mut sender, mut receiver) = pair(carrier);
        let mut exchange = |count: u8| {
            for number in 0..count {
                sender.send(3, &[number; 64]).unwrap();
                sender.flush().unwrap();
                assert_eq!(*receiver.receive_timeout(Duration::from_secs(20)).unwrap(), [number; 64]);
                assert!(receiver.receive_timeout(Duration::from_micros(10)).is_err());
            }
        };
        // What both ends keep grows to what they need, and the thread that ends floods begins.
        exchange(200);
        assert_eq!(measure(|| exchange(200)), Counts::NONE, "{carrier}");
    }
}

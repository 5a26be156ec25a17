//! Tasks of any executor: here the smallest one there is, a thread that parks until it is woken.

#![allow(clippy::unwrap_used)] // all of it is tests

use core::future::poll_fn;
use core::pin::Pin;
use core::time::Duration;

use futures_core::Stream;
use packhorse_channel::{Builder, Channel, Mpmc, ReceiveError, Spsc};
use packhorse_testkit::tasks::block_on;

/// A channel in memory, or at an address.
fn builder(address: Option<&str>) -> Builder {
    address.map_or_else(Channel::anonymous, |address| Channel::at(address).unwrap())
}

/// What a stream gives next.
fn item<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    block_on(poll_fn(|context| Pin::new(&mut *stream).poll_next(context)))
}

fn exchange(address: Option<&str>) {
    let (mut sender, mut receiver) = builder(address).capacity(64).typed::<u64, Spsc>().unwrap();
    let thread = std::thread::spawn(move || {
        block_on(async {
            for number in 0..2000 {
                sender.claim_async().await.unwrap().write(number);
                if number % 500 == 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
    });
    block_on(async {
        for number in 0..2000 {
            assert_eq!(*receiver.receive_async().await.unwrap(), number);
        }
        assert!(matches!(receiver.receive_async().await, Err(ReceiveError::Stopped)));
    });
    thread.join().unwrap();
}

#[test]
fn tasks_exchange_messages_in_memory() {
    exchange(None);
}

#[cfg(target_os = "linux")]
#[test]
fn tasks_exchange_messages_through_shared_memory() {
    exchange(Some(&format!("ipc://test-tasks-{}", std::process::id())));
}

#[test]
fn a_task_and_a_thread_use_one_channel() {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(1024).records::<Mpmc>().unwrap();
    let mut other = receiver.try_clone().unwrap();
    let thread = std::thread::spawn(move || {
        let mut read = 0;
        while other.receive().is_ok() {
            read += 1;
        }
        read
    });
    let task = std::thread::spawn(move || {
        block_on(async {
            let mut read = 0;
            while receiver.receive_async().await.is_ok() {
                read += 1;
            }
            read
        })
    });
    (0..5000).for_each(|number| sender.send(number, b"hello").unwrap());
    drop(sender);
    assert_eq!(thread.join().unwrap() + task.join().unwrap(), 5000);
}

#[test]
fn stop_wakes_a_task() {
    let (sender, mut receiver) = Channel::anonymous().typed::<u64, Spsc>().unwrap();
    let thread = std::thread::spawn(move || {
        block_on(async { matches!(receiver.receive_async().await, Err(ReceiveError::Stopped)) })
    });
    std::thread::sleep(Duration::from_millis(10));
    sender.stop();
    assert!(thread.join().unwrap());
}

fn stream_records(address: Option<&str>) {
    let (mut sender, mut receiver) = builder(address).capacity(4096).records::<Mpmc>().unwrap();
    let thread = std::thread::spawn(move || {
        for number in 0..500_u32 {
            sender.send(number, &number.to_le_bytes()).unwrap();
            if number % 100 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    });
    for number in 0..500_u32 {
        let record = item(&mut receiver).unwrap().unwrap();
        assert_eq!((record.kind, &record.bytes[..]), (number, &number.to_le_bytes()[..]));
    }
    assert_eq!(item(&mut receiver), None);
    thread.join().unwrap();
}

#[test]
fn records_are_a_stream_that_ends_with_the_channel() {
    stream_records(None);
}

#[cfg(target_os = "linux")]
#[test]
fn records_in_shared_memory_are_a_stream() {
    stream_records(Some(&format!("ipc://test-stream-{}", std::process::id())));
}

#[test]
fn values_are_a_stream_that_ends_with_the_channel() {
    let (mut sender, mut receiver) = Channel::anonymous().typed::<u64, Spsc>().unwrap();
    sender.send(7).unwrap();
    assert_eq!(item(&mut receiver), Some(Ok(7)));
    drop(sender);
    assert_eq!(item(&mut receiver), None);
}

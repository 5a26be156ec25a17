//! Tasks of any executor: here the smallest one there is, a thread that parks until it is woken.

#![allow(clippy::unwrap_used)] // all of it is tests

extern crate alloc;

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::thread::Thread;
use std::time::Instant;

use packhorse_channel::{Channel, Mpmc, ReceiveError, Spsc};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end; fails when nobody wakes it in time.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        assert!(Instant::now() < end, "nobody woke the task");
        std::thread::park_timeout(Duration::from_secs(20));
    }
}

fn exchange(address: Option<&str>) {
    let builder = || address.map_or_else(Channel::anonymous, |address| Channel::at(address).unwrap());
    let (mut sender, mut receiver) = builder().capacity(64).typed::<u64, Spsc>().unwrap();
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

//! [`block_on`]: the smallest executor there is, a thread that parks until its task is woken.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::thread::Thread;
use std::time::Instant;

/// How long a task is waited for.
const LONG: Duration = Duration::from_secs(20);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end.
///
/// # Panics
/// When nobody wakes it for 20 seconds.
pub fn block_on<F: Future>(future: F) -> F::Output {
    block_on_counted(future).0
}

/// Runs a future to its end and tells how often it was polled.
///
/// # Panics
/// When nobody wakes it for 20 seconds.
pub fn block_on_counted<F: Future>(future: F) -> (F::Output, u32) {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let end = Instant::now() + LONG;
    let mut polls = 0;
    loop {
        polls += 1;
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return (output, polls);
        }
        assert!(Instant::now() < end, "nobody woke the task");
        std::thread::park_timeout(LONG);
    }
}

//! [`wait`]: waiting for one of several descriptors.

use core::time::Duration;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// So many descriptors are waited for without taking memory.
const FEW: usize = 96;

/// What to wait for. A hang-up or an error ends the waiting too: the call that follows tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    ToRead,
    ToWrite,
}

/// Waits until one of `descriptors` is ready, at most `timeout` (`None`: as long as it takes). False when the time is over.
pub(crate) fn wait<'a>(
    descriptors: impl Iterator<Item = (BorrowedFd<'a>, Ready)>,
    timeout: Option<Duration>,
) -> io::Result<bool> {
    let mut descriptors = descriptors.map(polled).peekable();
    let mut few: [Option<PollFd<'a>>; FEW] = [const { None }; FEW];
    let mut count = 0;
    for (place, polled) in few.iter_mut().zip(&mut descriptors) {
        *place = Some(polled);
        count += 1;
    }
    if descriptors.peek().is_some() {
        let mut many: Vec<_> = few.into_iter().flatten().chain(descriptors).collect();
        return wait_for(&mut many, timeout);
    }
    // Where there are fewer, the first one stands for those that are not there.
    let first = few[0].clone();
    match first {
        Some(first) => {
            let mut few = few.map(|polled| polled.unwrap_or_else(|| first.clone()));
            wait_for(&mut few[..count], timeout)
        }
        None => wait_for(&mut [], timeout),
    }
}

fn polled((fd, ready): (BorrowedFd<'_>, Ready)) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, if ready == Ready::ToRead { PollFlags::IN } else { PollFlags::OUT })
}

fn wait_for(polled: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<bool> {
    // A time too long for the clock is as good as none.
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(polled, left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

//! [`wait`]: waiting for one of several descriptors.

use core::time::Duration;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// What to wait for. A hang-up or an error ends the waiting too: the call that follows tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    ToRead,
    ToWrite,
}

/// Waits until one of `descriptors` is ready, at most `timeout` (`None`: as long as it takes). False when the time is over.
pub(crate) fn wait(descriptors: &[(&dyn AsFd, Ready)], timeout: Option<Duration>) -> io::Result<bool> {
    let flags = |ready| if ready == Ready::ToRead { PollFlags::IN } else { PollFlags::OUT };
    let mut few = [const { None }; 1];
    let mut many;
    let polled: &mut [PollFd<'_>] = match descriptors {
        [(fd, ready)] => {
            core::slice::from_mut(few[0].insert(PollFd::from_borrowed_fd(fd.as_fd(), flags(*ready))))
        }
        _ => {
            let each =
                descriptors.iter().map(|(fd, ready)| PollFd::from_borrowed_fd(fd.as_fd(), flags(*ready)));
            many = each.collect::<Vec<_>>();
            &mut many
        }
    };
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

//! [`Alarm`]: wakes a task when one of several descriptors is ready, by a thread that waits in the task's place.
//!
//! ```text
//!   task     nothing there -> arm(descriptors, waker) -> pending
//!   thread   poll(poke, descriptors) -> one of them is ready, or the time is over -> wake
//! ```
//! Channels bring no executor and ask for none: whatever runs the task, this wakes it. The thread is there from the first
//! time on that a task waits, and costs nothing while none does. Descriptors are duplicated, since the task may close
//! its own meanwhile. Where there is neither a thread nor a descriptor to be had, the task is woken at once.

use alloc::sync::Arc;
use core::task::Waker;
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::ready::{Ready, wait};

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    poker: UnixStream,
    poked: UnixStream,
}

#[derive(Debug, Default)]
struct State {
    armed: Option<Armed>,
    over: bool,
}

/// What somebody waits for.
#[derive(Debug)]
struct Armed {
    descriptors: Vec<(OwnedFd, Ready)>,
    until: Option<Instant>,
    waker: Waker,
}

impl Alarm {
    /// Wakes the task when a descriptor is ready, after `longest` at the latest. Only the last arming counts.
    pub(crate) fn arm<'a>(
        &mut self,
        descriptors: impl Iterator<Item = (BorrowedFd<'a>, Ready)>,
        longest: Option<Duration>,
        waker: &Waker,
    ) {
        let own = descriptors.map(|(fd, ready)| Ok((fd.try_clone_to_owned()?, ready)));
        let armed = own.collect::<io::Result<Vec<_>>>().and_then(|descriptors| {
            let until = longest.and_then(|longest| Instant::now().checked_add(longest));
            let shared = self.shared()?;
            shared.lock().armed = Some(Armed { descriptors, until, waker: waker.clone() });
            shared.poke();
            Ok(())
        });
        if armed.is_err() {
            waker.wake_by_ref();
        }
    }

    /// Begins to watch.
    fn shared(&mut self) -> io::Result<&Arc<Shared>> {
        if self.0.is_none() {
            let (poker, poked) = UnixStream::pair()?;
            poker.set_nonblocking(true)?;
            poked.set_nonblocking(true)?;
            let shared = Arc::new(Shared { state: Mutex::default(), poker, poked });
            let watching = Arc::clone(&shared);
            std::thread::Builder::new().name("channel-alarm".to_owned()).spawn(move || watching.watch())?;
            self.0 = Some(shared);
        }
        self.0.as_ref().ok_or_else(|| io::ErrorKind::Other.into())
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.lock().over = true;
            shared.poke();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poke(&self) {
        // A full pipe pokes as well.
        let _ = (&self.poker).write(&[0]);
    }

    /// The thread.
    fn watch(&self) {
        let mut current: Option<Armed> = None;
        loop {
            {
                let mut state = self.lock();
                if state.over {
                    return;
                }
                if let Some(armed) = state.armed.take() {
                    current = Some(armed);
                }
            }
            let left = current
                .as_ref()
                .and_then(|armed| armed.until)
                .map(|until| until.saturating_duration_since(Instant::now()));
            let theirs = current.iter().flat_map(|armed| &armed.descriptors);
            let all = core::iter::once((self.poked.as_fd(), Ready::ToRead))
                .chain(theirs.map(|(fd, ready)| (fd.as_fd(), *ready)));
            // What goes wrong with waiting goes wrong with what is waited for, and is told there.
            let _ = wait(all, left);
            let mut pokes = [0; 64];
            if (&self.poked).read(&mut pokes).is_ok() {
                // Somebody armed anew, or it is over.
                continue;
            }
            if let Some(armed) = current.take() {
                armed.waker.wake();
            }
        }
    }
}

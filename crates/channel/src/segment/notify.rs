//! Waking ends that wait: threads on the bell's futex, tasks by their wakers.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::task::Waker;
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use super::Segment;
use super::peers::Role;
use crate::wait::barrier;
use crate::wait::bell::Bell;

/// Longest sleep where a wake-up may be missed.
const UNSURE: Duration = Duration::from_millis(1);

/// Longest sleep of who listens for tasks, and after how many of them without any it goes.
const LISTEN: Duration = Duration::from_millis(100);
const LINGER: u32 = 10;

/// Tasks of this process that wait, by role, and whether somebody listens for them.
#[derive(Debug, Default)]
pub(crate) struct Wakers([Mutex<Vec<Waker>>; 2], [AtomicBool; 2]);

impl Segment {
    /// Where ends of this role sleep.
    #[inline]
    pub(crate) fn bell(&self, role: Role) -> &Bell {
        match role {
            Role::Sender => &self.front().writable.0,
            Role::Receiver => &self.front().readable.0,
        }
    }

    /// Wakes ends of this role, if any sleep: after every publishing and releasing.
    #[inline]
    pub(crate) fn notify(&self, role: Role) {
        barrier::light();
        if self.bell(role).is_needed() {
            self.ring(role);
        }
    }

    /// Wakes all ends of this role.
    #[cold]
    pub(crate) fn ring(&self, role: Role) {
        let bell = self.bell(role);
        if bell.strike() {
            wake(&bell.rings, self.is_shared());
        }
        self.wake_tasks(role);
    }

    /// Wakes the tasks of this process.
    pub(crate) fn wake_tasks(&self, role: Role) {
        let wakers = core::mem::take(&mut *self.tasks(role));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Keeps a task to be woken with the next ring. The caller looks once more afterwards.
    pub(crate) fn register(self: &Arc<Self>, role: Role, waker: &Waker) {
        {
            let mut tasks = self.tasks(role);
            if !tasks.iter().any(|known| known.will_wake(waker)) {
                tasks.push(waker.clone());
            }
        }
        if self.is_shared() {
            self.watch_bell(role);
        }
        self.bell(role).lie_down();
        barrier::heavy(self.is_shared());
    }

    /// Other processes ring only the bell: a thread of this one listens to it for the tasks, as long as there are
    /// any and a while longer.
    fn watch_bell(self: &Arc<Self>, role: Role) {
        if self.wakers.1[role as usize - 1].swap(true, Ordering::AcqRel) {
            return;
        }
        let segment = Arc::downgrade(self);
        let listen = move || {
            let mut idle = 0;
            while let Some(segment) = segment.upgrade() {
                let seen = segment.bell(role).rings.load(Ordering::Acquire);
                if segment.tasks(role).is_empty() {
                    idle += 1;
                } else {
                    idle = 0;
                    segment.bell(role).lie_down();
                }
                barrier::heavy(true);
                let pause = if barrier::is_asymmetric() { LISTEN } else { UNSURE };
                wait(&segment.bell(role).rings, seen, Some(pause), true);
                segment.inspect();
                // Also when nobody rang: a task that looks in vain registers again, and a dead process never rings.
                segment.wake_tasks(role);
                if idle > LINGER {
                    break;
                }
            }
            if let Some(segment) = segment.upgrade() {
                segment.wakers.1[role as usize - 1].store(false, Ordering::Release);
                // Whoever came meanwhile found a listener that was about to go.
                segment.wake_tasks(role);
            }
        };
        let name = String::from("packhorse-channel");
        if std::thread::Builder::new().name(name).spawn(listen).is_err() {
            self.wakers.1[role as usize - 1].store(false, Ordering::Release);
            // Without a thread the task has to look again by itself.
            self.wake_tasks(role);
        }
    }

    /// Sleeps until the next ring, at most `longest`. `look` is the last look before; what it finds ends it at once.
    pub(crate) fn sleep(&self, role: Role, longest: Option<Duration>, look: impl FnOnce() -> bool) -> bool {
        let bell = self.bell(role);
        let seen = bell.lie_down();
        barrier::heavy(self.is_shared());
        let found = look();
        if !found {
            let sure = !self.is_shared() || barrier::is_asymmetric();
            let longest =
                if sure { longest } else { Some(longest.map_or(UNSURE, |longest| longest.min(UNSURE))) };
            wait(&bell.rings, seen, longest, self.is_shared());
        }
        found
    }

    fn tasks(&self, role: Role) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        let [senders, receivers] = &self.wakers.0;
        let list = if role == Role::Sender { senders } else { receivers };
        // A list of wakers is whole at any time.
        list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(target_os = "linux")]
fn wait(word: &AtomicU32, seen: u32, longest: Option<Duration>, shared: bool) {
    use rustix::thread::futex;
    let longest = longest.and_then(|longest| longest.try_into().ok());
    // Interrupted, late, or no longer the same: the caller looks again in any case.
    let _ = futex::wait(word, flags(shared), seen, longest.as_ref());
}

#[cfg(target_os = "linux")]
fn wake(word: &AtomicU32, shared: bool) {
    let _ = rustix::thread::futex::wake(word, flags(shared), i32::MAX.unsigned_abs());
}

#[cfg(target_os = "linux")]
const fn flags(shared: bool) -> rustix::thread::futex::Flags {
    if shared { rustix::thread::futex::Flags::empty() } else { rustix::thread::futex::Flags::PRIVATE }
}

/// Without futexes: looks every now and then.
#[cfg(not(target_os = "linux"))]
fn wait(word: &AtomicU32, seen: u32, longest: Option<Duration>, _shared: bool) {
    if word.load(Ordering::Acquire) == seen {
        std::thread::sleep(longest.map_or(UNSURE, |longest| longest.min(UNSURE)));
    }
}

#[cfg(not(target_os = "linux"))]
fn wake(_word: &AtomicU32, _shared: bool) {}

//! A pair of barriers of unequal cost: nearly nothing for who publishes, a system call for who goes to sleep.
//!
//! ```text
//!   publisher                          sleeper
//!   store the message's position       store `asleep`
//!   light()                            heavy()
//!   load `asleep`                      look once more for a message
//! ```
//! One of the two loads sees the other's store. With two fences of the same kind the publisher would pay one for
//! every message; membarrier(2) lets the sleeper pay for both.
//!
//! A process that may use membarrier and one that may not (a filter of system calls) do not see each other's barriers: a wake-up may be
//! lost between them. Who sleeps on shared memory looks again by itself within the time after which it inspects the others.

use core::sync::atomic::{AtomicU8, Ordering, compiler_fence, fence};

/// 0: not asked yet, 1: the system has no membarrier for us, 2: it has.
static SUPPORT: AtomicU8 = AtomicU8::new(0);

/// Asks the system once. Every opened channel calls it, before its first message.
pub(crate) fn prepare() {
    if SUPPORT.load(Ordering::Relaxed) == 0 {
        SUPPORT.store(if register() { 2 } else { 1 }, Ordering::SeqCst);
    }
}

/// Whether [`heavy`] also stands for the publishers of all processes that prepared.
pub(crate) fn is_asymmetric() -> bool {
    SUPPORT.load(Ordering::Relaxed) == 2
}

/// The publisher's side.
#[inline]
pub(crate) fn light() {
    if is_asymmetric() {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The sleeper's side.
pub(crate) fn heavy(shared: bool) {
    fence(Ordering::SeqCst);
    if is_asymmetric() {
        everybody(shared);
    }
}

#[cfg(target_os = "linux")]
fn register() -> bool {
    use rustix::thread::{MembarrierCommand as Command, membarrier, membarrier_query};
    let query = membarrier_query();
    let known = [Command::PrivateExpedited, Command::GlobalExpedited];
    known.into_iter().all(|command| query.contains_command(command))
        && membarrier(Command::RegisterPrivateExpedited).is_ok()
        && membarrier(Command::RegisterGlobalExpedited).is_ok()
}

#[cfg(target_os = "linux")]
fn everybody(shared: bool) {
    use rustix::thread::{MembarrierCommand as Command, membarrier};
    // Registered, both cannot fail.
    let _ = membarrier(if shared { Command::GlobalExpedited } else { Command::PrivateExpedited });
}

#[cfg(not(target_os = "linux"))]
fn register() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn everybody(_shared: bool) {}

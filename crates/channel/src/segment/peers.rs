//! Who is there: every sender and receiver has a place, in which it counts and says what it is about to do.
//!
//! Coming and going takes a lock, a word in the same memory that holds the process that has it: when that process
//! has died, the next one takes it over. Everything under it can be done again from any state. From a process that lives,
//! however still it stands, the lock is not taken: who waits for it too long gives up.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use super::Segment;
use super::layout::{Place, Totals};
use super::state::{NO_RECEIVERS, NO_SENDERS, RECEIVER_LOST, SENDER_LOST, STOPPED};
use crate::process::Process;
use crate::ring::turns::{self, Recovery};
use crate::{ModeName, OpenError};

/// Nobody.
pub(crate) const FREE: u32 = 0;

/// Which end a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Role {
    Sender = 1,
    Receiver = 2,
}

impl Role {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

impl Segment {
    /// Takes a place. `prepare` sees its number before anybody else sees that it is taken.
    pub(crate) fn join<T>(
        &self,
        role: Role,
        prepare: impl FnOnce(usize) -> T,
    ) -> Result<(usize, T), OpenError> {
        let _held = self.hold(PATIENCE).ok_or(OpenError::Busy)?;
        self.bury();
        let geometry = self.geometry();
        let mode = geometry.mode;
        let (alone, only) = match role {
            Role::Sender => (!mode.many_senders(), "sender"),
            Role::Receiver => (!mode.many_receivers(), "receiver"),
        };
        if alone && self.present(role) > 0 {
            return Err(OpenError::Occupied(only));
        }
        let number = (0..geometry.peers as usize)
            .find(|number| self.place(*number).role.load(Ordering::Acquire) == FREE)
            .ok_or(OpenError::Crowded(geometry.peers))?;
        let place = self.place(number);
        let process = Process::own();
        place.pid.store(process.id, Ordering::Relaxed);
        place.started.store(process.started, Ordering::Relaxed);
        place.intent.store(0, Ordering::Relaxed);
        place.counts.0.each(|count| count.store(0, Ordering::Relaxed));
        let prepared = prepare(number);
        place.role.store(role as u32, Ordering::Release);
        let gone = match role {
            Role::Sender => NO_SENDERS | SENDER_LOST,
            Role::Receiver => NO_RECEIVERS | RECEIVER_LOST,
        };
        self.front().state.0.fetch_and(!gone, Ordering::AcqRel);
        let registry = &self.front().registry.0;
        let ever = match role {
            Role::Sender => &registry.senders_ever,
            Role::Receiver => &registry.receivers_ever,
        };
        ever.fetch_add(1, Ordering::Relaxed);
        Ok((number, prepared))
    }

    /// A receiver has joined and found its place in the ring: a sender that saw it before may have waited for that.
    pub(crate) fn settled(&self) {
        if self.geometry().mode == ModeName::Broadcast {
            self.ring(Role::Sender);
        }
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, number: usize) {
        match self.hold(PATIENCE) {
            Some(_held) => self.vacate(number, false),
            // Whoever comes next finds that the place is nobody's.
            None => self.place(number).pid.store(Process::NOBODY.id, Ordering::Release),
        }
        self.ring_all();
    }

    /// How many ends of a kind are there.
    pub(crate) fn present(&self, role: Role) -> u32 {
        let is = |number: &usize| self.place(*number).role.load(Ordering::Acquire) == role as u32;
        (0..self.geometry().peers as usize).filter(is).count() as u32
    }

    /// Empties a place, keeps what it had counted, and marks the channel when it was the last of its kind.
    fn vacate(&self, number: usize, lost: bool) {
        let place = self.place(number);
        let role = match place.role.load(Ordering::Acquire) {
            role if role == Role::Sender as u32 => Role::Sender,
            role if role == Role::Receiver as u32 => Role::Receiver,
            _ => return,
        };
        self.front().totals.0.take(&place.counts.0);
        let (gone, dead) = match role {
            Role::Sender => (NO_SENDERS, SENDER_LOST),
            Role::Receiver => (NO_RECEIVERS, RECEIVER_LOST),
        };
        let mut bits = if self.present(role) <= 1 { gone } else { 0 };
        if lost {
            bits |= dead;
            self.front().registry.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        // Before the place is free: who dies in between is found in it, and all of this is done again.
        self.front().state.0.fetch_or(bits, Ordering::AcqRel);
        place.role.store(FREE, Ordering::Release);
    }

    /// Whether somebody stopped the channel and everybody has left.
    pub(crate) fn is_over(&self) -> bool {
        let Some(_held) = self.hold(PATIENCE) else { return false };
        self.bury();
        let stopped = self.front().state.0.load(Ordering::Acquire) & STOPPED != 0;
        stopped && self.present(Role::Sender) + self.present(Role::Receiver) == 0
    }

    /// Frees the places of processes that have died. Returns how many. Only under the lock.
    fn bury(&self) -> usize {
        if !self.is_shared() {
            return 0;
        }
        let mut buried = 0;
        for number in 0..self.geometry().peers as usize {
            if self.process_at(number).is_some_and(|process| !process.is_alive()) && self.settle(number) {
                self.vacate(number, true);
                buried += 1;
            }
        }
        buried
    }

    /// Frees what a dead end held in the ring. Whether that is done.
    fn settle(&self, number: usize) -> bool {
        let geometry = self.geometry();
        if !geometry.turns() || geometry.mode == ModeName::Broadcast {
            return true;
        }
        let place = self.place(number);
        let rival = |intent: u64| {
            (0..geometry.peers as usize).filter(|other| *other != number).any(|other| {
                let other_place = self.place(other);
                other_place.role.load(Ordering::Acquire) != FREE
                    && other_place.intent.load(Ordering::Acquire) == intent
                    && self.process_at(other).is_some_and(Process::is_alive)
            })
        };
        let intent = place.intent.load(Ordering::Acquire);
        match turns::recover(self, intent, rival) {
            Recovery::Nothing => true,
            Recovery::Freed => {
                self.front().totals.0.dropped_lost.fetch_add(1, Ordering::Relaxed);
                true
            }
            Recovery::Later => false,
        }
    }

    /// Looks whether somebody has died, and cleans up. Returns whether anything changed.
    pub(crate) fn inspect(&self) -> bool {
        let all = 0..self.geometry().peers as usize;
        let dead = |number| self.process_at(number).is_some_and(|process| !process.is_alive());
        if !self.is_shared() || !all.into_iter().any(dead) {
            return false;
        }
        // Somebody else may be at it; who waits for a message looks again soon.
        let Some(held) = self.hold(2 * LOOK) else { return false };
        let buried = self.bury();
        drop(held);
        self.ring_all();
        buried > 0
    }

    fn process_at(&self, number: usize) -> Option<Process> {
        let place: &Place = self.place(number);
        if place.role.load(Ordering::Acquire) == FREE {
            return None;
        }
        let id = place.pid.load(Ordering::Relaxed);
        Some(Process { id, started: place.started.load(Ordering::Relaxed) })
    }

    /// Wakes everybody; what they waited for may never come.
    pub(crate) fn ring_all(&self) {
        self.ring(Role::Sender);
        self.ring(Role::Receiver);
    }

    /// Takes the lock, within `patience` where other processes may have it: threads of this one come to their end.
    fn hold(&self, patience: Duration) -> Option<Held<'_>> {
        let lock = &self.front().registry.0.lock;
        let own = Process::own().word();
        let since = Instant::now();
        let mut look = LOOK;
        loop {
            match lock.compare_exchange_weak(0, own, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Held { lock, own }),
                Err(holder) if self.is_shared() && holder != 0 => {
                    let waited = since.elapsed();
                    if waited >= look {
                        look = waited + LOOK;
                        if !Process::is_word_alive(holder)
                            && lock
                                .compare_exchange(holder, own, Ordering::Acquire, Ordering::Relaxed)
                                .is_ok()
                        {
                            return Some(Held { lock, own });
                        }
                    }
                    // Also when the word changes all the time.
                    if waited >= patience {
                        return None;
                    }
                    std::thread::yield_now();
                }
                Err(_) => std::thread::yield_now(),
            }
        }
    }
}

/// The work under the lock takes microseconds. Whoever has it so long is looked at, again and again: it may have died.
const LOOK: Duration = Duration::from_millis(10);
/// How long the lock is waited for at most.
const PATIENCE: Duration = Duration::from_secs(2);

impl Totals {
    /// Every count.
    pub(crate) fn each(&self, mut with: impl FnMut(&AtomicU64)) {
        self.list().into_iter().for_each(&mut with);
    }

    /// Takes over what another one had counted.
    fn take(&self, other: &Self) {
        for (own, other) in self.list().into_iter().zip(other.list()) {
            own.fetch_add(other.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    fn list(&self) -> [&AtomicU64; 11] {
        [
            &self.messages_sent,
            &self.bytes_sent,
            &self.messages_received,
            &self.bytes_received,
            &self.send_blocks,
            &self.receive_blocks,
            &self.dropped_newest,
            &self.dropped_oldest,
            &self.dropped_lagged,
            &self.dropped_lost,
            &self.refused,
        ]
    }
}

/// The lock, until dropped.
struct Held<'a> {
    lock: &'a AtomicU64,
    own: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // If somebody has written over it, it is not ours to give back.
        let _ = self.lock.compare_exchange(self.own, 0, Ordering::Release, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::geometry::Geometry;
    use crate::segment::region::{Heap, Hints, SharedHeap};

    fn segment() -> Segment {
        let geometry = Geometry::of_words(8);
        let heap = Heap::new(usize::try_from(geometry.bytes()).unwrap(), Hints::default()).unwrap();
        Segment::create(Box::new(SharedHeap(heap)), geometry).unwrap()
    }

    fn lock(segment: &Segment) -> &AtomicU64 {
        &segment.front().registry.0.lock
    }

    /// Another process, alive until it is killed.
    fn another() -> (std::process::Child, Process) {
        let child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let id = u64::from(child.id());
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let started = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(19).unwrap();
        (child, Process { id, started: started.parse().unwrap() })
    }

    #[test]
    fn the_last_sender_is_told_as_gone_before_its_place_is_free() {
        let segment = segment();
        let (number, ()) = segment.join(Role::Sender, |_| ()).unwrap();
        // As `vacate` does it; who dies right behind this is found by the next one who inspects.
        let (mut child, process) = another();
        segment.place(number).pid.store(process.id, Ordering::Relaxed);
        segment.place(number).started.store(process.started, Ordering::Relaxed);
        lock(&segment).store(process.word(), Ordering::Relaxed);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(segment.inspect(), "the lock of the dead is taken over, its place cleared");
        let state = segment.front().state.0.load(Ordering::Relaxed);
        assert_eq!(state & (NO_SENDERS | SENDER_LOST), NO_SENDERS | SENDER_LOST);
        assert_eq!((segment.present(Role::Sender), lock(&segment).load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn the_lock_of_a_process_that_lives_is_left_to_it() {
        let segment = segment();
        let (number, ()) = segment.join(Role::Sender, |_| ()).unwrap();
        let (mut child, process) = another();
        lock(&segment).store(process.word(), Ordering::Relaxed);
        assert!(!segment.inspect());
        assert!(matches!(segment.join(Role::Receiver, |_| ()), Err(OpenError::Busy)));
        segment.leave(number);
        assert_eq!(lock(&segment).load(Ordering::Relaxed), process.word());
        child.kill().unwrap();
        child.wait().unwrap();
        // Nobody could leave meanwhile; now the next one clears up.
        segment.join(Role::Receiver, |_| ()).unwrap();
        assert_eq!((segment.present(Role::Sender), lock(&segment).load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn a_lock_that_changes_hands_all_the_time_is_not_waited_for_without_end() {
        let segment = segment();
        let (mut child, process) = another();
        let stop = core::sync::atomic::AtomicBool::new(false);
        lock(&segment).store(process.word(), Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let words = [process.word(), Process { started: 0, ..process }.word()];
                let mut turns = words.iter().cycle();
                while !stop.load(Ordering::Relaxed) {
                    turns.next().into_iter().for_each(|word| lock(&segment).store(*word, Ordering::Relaxed));
                }
            });
            let joined = segment.join(Role::Receiver, |_| ());
            stop.store(true, Ordering::Relaxed);
            assert!(matches!(joined, Err(OpenError::Busy)));
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_an_end_had_counted_is_taken_over_once() {
        let (sum, one) = (Totals::default(), Totals::default());
        one.messages_sent.store(3, Ordering::Relaxed);
        sum.take(&one);
        sum.take(&one);
        assert_eq!(sum.messages_sent.load(Ordering::Relaxed), 3);
    }
}

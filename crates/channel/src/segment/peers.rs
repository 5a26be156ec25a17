//! Who is there: every sender and receiver has a place, in which it counts and says what it is about to do.
//!
//! Coming and going takes a lock, a word in the same memory that holds the process that has it: when that process
//! has died, the next one takes it over. Everything under it can be done again from any state.

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
        let _held = self.hold();
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

    /// Gives a place back.
    pub(crate) fn leave(&self, number: usize) {
        {
            let _held = self.hold();
            self.vacate(number, false);
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
        self.front().totals.0.add(&place.counts.0);
        place.counts.0.each(|count| count.store(0, Ordering::Relaxed));
        place.role.store(FREE, Ordering::Release);
        let (gone, dead) = match role {
            Role::Sender => (NO_SENDERS, SENDER_LOST),
            Role::Receiver => (NO_RECEIVERS, RECEIVER_LOST),
        };
        let mut bits = if self.present(role) == 0 { gone } else { 0 };
        if lost {
            bits |= dead;
            self.front().registry.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.front().state.0.fetch_or(bits, Ordering::AcqRel);
    }

    /// Whether somebody stopped the channel and everybody has left.
    pub(crate) fn is_over(&self) -> bool {
        let _held = self.hold();
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
        let held = self.hold();
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

    fn hold(&self) -> Held<'_> {
        let lock = &self.front().registry.0.lock;
        let own = Process::own().id.max(1);
        let mut since = Instant::now();
        let mut seen = 0;
        loop {
            match lock.compare_exchange_weak(0, own, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Held { lock },
                Err(holder) => {
                    if holder != seen {
                        (seen, since) = (holder, Instant::now());
                    }
                    // A thread of this process comes to its end; another process may not, or may never have had it.
                    let late = since.elapsed();
                    let gone = late > LOOK && !Process::exists(holder) || late > PATIENCE;
                    if self.is_shared()
                        && gone
                        && holder != 0
                        && lock.compare_exchange(holder, own, Ordering::Acquire, Ordering::Relaxed).is_ok()
                    {
                        return Held { lock };
                    }
                    std::thread::yield_now();
                }
            }
        }
    }
}

/// How long the lock may be held before its holder is looked at, and before it is taken away from it: the work under
/// it takes microseconds, and can be done again from any state.
const LOOK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(2);

impl Totals {
    /// Every count.
    pub(crate) fn each(&self, mut with: impl FnMut(&AtomicU64)) {
        self.list().into_iter().for_each(&mut with);
    }

    fn add(&self, other: &Self) {
        for (own, other) in self.list().into_iter().zip(other.list()) {
            own.fetch_add(other.load(Ordering::Relaxed), Ordering::Relaxed);
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
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.lock.store(0, Ordering::Release);
    }
}

//! [`Port`]: what senders and receivers of all kinds have in common: a place, the way to wait, the end.

use alloc::sync::Arc;
use core::cell::Cell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::time::Instant;

use crate::error::{ReceiveError, SendError};
use crate::ring::{Fault, Produce, Run};
use crate::segment::Segment;
use crate::segment::latency::Timing;
use crate::segment::layout::Totals;
use crate::segment::peers::Role;
use crate::segment::state::{NO_RECEIVERS, NO_SENDERS, RECEIVER_LOST, SENDER_LOST, STOPPED};
use crate::{BackPressure, Metrics, ModeName, OpenError, Step, Wait};

/// How often an end that waits looks whether the other's process still lives.
const INSPECT: Duration = Duration::from_millis(100);

/// Looks before the first look at where both ends run.
const LOCATE: u32 = 16;

/// Looks between two looks at the clock.
const LOOKS: u32 = 64;

/// One end of a channel, without its ring.
#[derive(Debug)]
pub(crate) struct Port<W> {
    pub(crate) segment: Arc<Segment>,
    pub(crate) number: usize,
    role: Role,
    pub(crate) timing: Timing,
    /// Looks in vain, and when the other processes were last looked at: for who only tries, or waits briefly each time.
    misses: Cell<u32>,
    inspected: Cell<Option<Instant>>,
    waits: Cell<u32>,
    /// Whether the other end was last seen on another core.
    apart: Cell<bool>,
    wait: PhantomData<fn() -> W>,
}

impl<W: Wait> Port<W> {
    /// Takes a place in the channel; `attach` makes the end of the ring that belongs to it.
    pub(crate) fn join<T>(
        segment: Arc<Segment>,
        role: Role,
        attach: impl FnOnce(&Segment, usize) -> T,
    ) -> Result<(Self, T), OpenError> {
        let (number, end) = segment.join(role, |number| attach(&segment, number))?;
        Ok((
            Self {
                segment,
                number,
                role,
                timing: Timing::default(),
                misses: Cell::new(0),
                inspected: Cell::new(None),
                waits: Cell::new(u32::MAX),
                apart: Cell::new(true),
                wait: PhantomData,
            },
            end,
        ))
    }

    #[inline]
    pub(crate) fn counts(&self) -> &Totals {
        &self.segment.place(self.number).counts.0
    }

    pub(crate) fn stop(&self) {
        self.segment.front().state.0.fetch_or(STOPPED, Ordering::AcqRel);
        self.segment.ring_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state() & STOPPED != 0
    }

    pub(crate) fn metrics(&self) -> Metrics {
        self.segment.metrics()
    }

    /// Why a sender cannot send any more.
    #[inline]
    pub(crate) fn can_send(&self) -> Result<(), SendError> {
        let state = self.state();
        if state & (STOPPED | NO_RECEIVERS) == 0 { Ok(()) } else { self.cannot_send(state) }
    }

    #[cold]
    fn cannot_send(&self, state: u32) -> Result<(), SendError> {
        if state & STOPPED != 0 {
            Err(SendError::Stopped)
        } else if self.segment.geometry().mode == ModeName::Broadcast {
            // Nobody listens now; somebody may later.
            Ok(())
        } else if state & RECEIVER_LOST != 0 {
            Err(SendError::PeerLost)
        } else {
            Err(SendError::Disconnected)
        }
    }

    /// Cells for a message, after what the policy says has happened.
    #[inline(always)]
    pub(crate) fn obtain<P: Produce>(
        &self,
        policy: BackPressure,
        producer: &mut P,
        claim: impl Fn(&mut P, &Segment) -> Result<Run, Fault>,
    ) -> Result<Run, SendError> {
        self.can_send()?;
        match claim(producer, &self.segment) {
            Ok(run) => Ok(run),
            Err(Fault::Wait) => self.obtain_late(policy, producer, claim),
            Err(Fault::Corrupt | Fault::Lagged(_)) => Err(SendError::Corrupt),
        }
    }

    #[cold]
    #[inline(never)]
    fn obtain_late<P: Produce>(
        &self,
        policy: BackPressure,
        producer: &mut P,
        claim: impl Fn(&mut P, &Segment) -> Result<Run, Fault>,
    ) -> Result<Run, SendError> {
        let counts = self.counts();
        let segment = &*self.segment;
        let within = match policy {
            BackPressure::Block => None,
            BackPressure::BlockFor(time) => Some(time),
            BackPressure::DropNewest => {
                self.missed();
                bump(&counts.dropped_newest, 1);
                return Err(SendError::Full);
            }
            BackPressure::DropOldest => {
                self.missed();
                while producer.evict(segment) {
                    bump(&counts.dropped_oldest, 1);
                    match claim(producer, segment) {
                        Err(Fault::Wait) => {}
                        done => return done.map_err(|_| SendError::Corrupt),
                    }
                }
                // All that is there is being read at this moment.
                bump(&counts.refused, 1);
                return Err(SendError::Full);
            }
            BackPressure::Error => {
                self.missed();
                bump(&counts.refused, 1);
                return Err(SendError::Full);
            }
        };
        bump(&counts.send_blocks, 1);
        let mut outcome = Err(SendError::Timeout);
        let in_time = self.wait_for(within, || {
            outcome = match claim(producer, segment) {
                Ok(run) => Ok(run),
                Err(Fault::Wait) => match self.can_send() {
                    Ok(()) => return false,
                    Err(error) => Err(error),
                },
                Err(Fault::Corrupt | Fault::Lagged(_)) => Err(SendError::Corrupt),
            };
            true
        });
        if !in_time {
            bump(&counts.refused, 1);
            self.look_after_others();
        }
        outcome
    }

    /// One look for a message, and whether the end has come.
    #[inline(always)]
    pub(crate) fn look<T>(&self, mut next: impl FnMut() -> Result<T, Fault>) -> Result<T, ReceiveError> {
        match next() {
            Ok(found) => Ok(found),
            Err(Fault::Wait) => self.look_for_end(next),
            Err(fault) => Err(self.failed(fault)),
        }
    }

    #[cold]
    fn failed(&self, fault: Fault) -> ReceiveError {
        match fault {
            Fault::Wait => ReceiveError::Empty,
            Fault::Corrupt => ReceiveError::Corrupt,
            Fault::Lagged(cells) => {
                bump(&self.counts().dropped_lagged, cells);
                ReceiveError::Lagged(cells)
            }
        }
    }

    #[inline(never)]
    fn look_for_end<T>(&self, mut next: impl FnMut() -> Result<T, Fault>) -> Result<T, ReceiveError> {
        let Err(end) = self.goes_on() else {
            self.missed();
            return Err(ReceiveError::Empty);
        };
        // What was published before the end is there now at the latest.
        match next() {
            Ok(found) => Ok(found),
            Err(Fault::Wait) => Err(end),
            Err(fault) => Err(self.failed(fault)),
        }
    }

    /// Why nothing more comes than what is there.
    #[inline]
    fn goes_on(&self) -> Result<(), ReceiveError> {
        let state = self.state();
        if state & (STOPPED | NO_SENDERS) == 0 {
            Ok(())
        } else if state & (STOPPED | SENDER_LOST) == SENDER_LOST {
            Err(ReceiveError::PeerLost)
        } else {
            Err(ReceiveError::Stopped)
        }
    }

    /// Every now and then, looks whether the other processes still live.
    fn missed(&self) {
        let misses = self.misses.get().wrapping_add(1);
        self.misses.set(misses);
        if misses.is_multiple_of(256) {
            self.look_after_others();
        }
    }

    /// Looks whether the other processes still live, if that was not done just now: for who never waits long enough
    /// at once to do it while waiting.
    fn look_after_others(&self) {
        if !self.segment.is_shared() {
            return;
        }
        let now = Instant::now();
        if self.inspected.get().is_none_or(|last| now.saturating_duration_since(last) >= INSPECT) {
            self.inspected.set(Some(now));
            self.segment.inspect();
        }
    }

    /// Waits for a message, `within` some time or for ever. While it waits it only looks whether there is one: what
    /// `next` answers would pass through memory on the way out of the waiting, and the processor could not begin to
    /// fetch the message before it has seen that there is one.
    #[inline(always)]
    pub(crate) fn await_message<C, T>(
        &self,
        within: Option<Duration>,
        ring: &mut C,
        mut is_empty: impl FnMut(&mut C) -> bool,
        mut next: impl FnMut(&mut C) -> Result<T, Fault>,
    ) -> Result<T, ReceiveError> {
        let mut patience = Patience { within, deadline: None };
        loop {
            match next(ring) {
                Ok(found) => return Ok(found),
                // Others may be quicker: then it waits on.
                Err(Fault::Wait) => self.await_late(&mut patience, || is_empty(ring))?,
                Err(fault) => return Err(self.failed(fault)),
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn await_late(
        &self,
        patience: &mut Patience,
        mut is_empty: impl FnMut() -> bool,
    ) -> Result<(), ReceiveError> {
        bump(&self.counts().receive_blocks, 1);
        let mut outcome = Err(ReceiveError::Timeout);
        let in_time = self.wait_for(patience.left(), || {
            let mut end = Ok(());
            if is_empty() {
                end = self.goes_on();
                if end.is_ok() {
                    self.missed();
                    return false;
                }
            }
            // What was published before the end is there now at the latest.
            outcome = if is_empty() { end } else { Ok(()) };
            true
        });
        if !in_time {
            self.look_after_others();
        }
        outcome
    }

    /// A message for a task: it is woken when there may be one.
    pub(crate) fn poll_message<T>(
        &self,
        context: &mut Context<'_>,
        mut next: impl FnMut() -> Result<T, Fault>,
    ) -> Poll<Result<T, ReceiveError>> {
        self.poll(context, || match self.look(&mut next) {
            Err(ReceiveError::Empty) => None,
            done => Some(done),
        })
    }

    /// Cells for a task: it is woken when there may be some.
    pub(crate) fn poll_obtain(
        &self,
        context: &mut Context<'_>,
        mut claim: impl FnMut() -> Result<Run, Fault>,
    ) -> Poll<Result<Run, SendError>> {
        self.poll(context, || match self.can_send().map(|()| claim()) {
            Err(error) => Some(Err(error)),
            Ok(Ok(run)) => Some(Ok(run)),
            Ok(Err(Fault::Wait)) => None,
            Ok(Err(Fault::Corrupt | Fault::Lagged(_))) => Some(Err(SendError::Corrupt)),
        })
    }

    fn poll<T>(&self, context: &mut Context<'_>, mut attempt: impl FnMut() -> Option<T>) -> Poll<T> {
        if let Some(found) = attempt() {
            return Poll::Ready(found);
        }
        self.segment.register(self.role, context.waker());
        attempt().map_or(Poll::Pending, Poll::Ready)
    }

    /// Looks as the strategy says until there is something. Whether there is, or the time was over before.
    fn wait_for(&self, within: Option<Duration>, mut attempt: impl FnMut() -> bool) -> bool {
        // The clock is read only once it is clear that this takes a while.
        let mut clock = None;
        self.waits.set(self.waits.get().wrapping_add(1));
        if !self.apart.get() {
            self.locate();
        }
        let (mut round, mut looks) = (0_u32, 0_u32);
        loop {
            if attempt() {
                return true;
            }
            if round == LOOKS || (round == LOCATE && self.waits.get().is_multiple_of(LOOKS)) {
                self.locate();
            }
            let step = W::step(round, self.apart.get());
            round = round.saturating_add(1);
            // Not the same: strategies that never sleep look for longer than can be counted.
            looks = looks.wrapping_add(1);
            match step {
                Step::Spin(pauses) => (0..pauses).for_each(|_| core::hint::spin_loop()),
                Step::Yield => std::thread::yield_now(),
                Step::Park => {
                    let clock = clock.get_or_insert_with(|| Waiting::new(within));
                    let longest = clock.longest_sleep(self.segment.is_shared());
                    if self.segment.sleep(self.role, longest, &mut attempt) {
                        return true;
                    }
                }
            }
            if looks.is_multiple_of(LOOKS) || step == Step::Park {
                let clock = clock.get_or_insert_with(|| Waiting::new(within));
                if clock.inspect() {
                    self.segment.inspect();
                }
                if clock.is_over() {
                    return attempt();
                }
            }
        }
    }

    /// Where this end runs, and whether the other one runs elsewhere.
    fn locate(&self) {
        self.segment.seen_on(self.role);
        self.apart.set(self.segment.is_apart(self.role));
    }

    #[inline]
    fn state(&self) -> u32 {
        self.segment.front().state.0.load(Ordering::Acquire)
    }
}

impl<W> Drop for Port<W> {
    fn drop(&mut self) {
        self.segment.leave(self.number);
    }
}

/// Counts on. Only the end that owns the count calls it: no read-modify-write is needed.
#[inline]
pub(crate) fn bump(count: &AtomicU64, by: u64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

/// How long somebody waits, however often he begins anew.
struct Patience {
    within: Option<Duration>,
    deadline: Option<Instant>,
}

impl Patience {
    fn left(&mut self) -> Option<Duration> {
        let within = self.within?;
        let now = Instant::now();
        // A time too far for the clock is for ever.
        let end = now.checked_add(within)?;
        Some(self.deadline.get_or_insert(end).saturating_duration_since(now))
    }
}

/// The time of one wait.
struct Waiting {
    deadline: Option<Instant>,
    now: Instant,
    inspection: Instant,
}

impl Waiting {
    fn new(within: Option<Duration>) -> Self {
        let now = Instant::now();
        // A time too far for the clock is for ever.
        Self { deadline: within.and_then(|within| now.checked_add(within)), now, inspection: now + INSPECT }
    }

    fn longest_sleep(&self, shared: bool) -> Option<Duration> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(self.now));
        if shared { Some(left.map_or(INSPECT, |left| left.min(INSPECT))) } else { left }
    }

    /// Whether it is time to look at the other processes. Reads the clock.
    fn inspect(&mut self) -> bool {
        self.now = Instant::now();
        let due = self.now >= self.inspection;
        if due {
            self.inspection = self.now + INSPECT;
        }
        due
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.now >= deadline)
    }
}

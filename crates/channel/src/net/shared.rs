//! What all handles of a [`Sender`](super::Sender) share: the outbox, the line, and who writes when.
//!
//! ```text
//!   published, after a pause       -> pump, in the thread of the sender
//!   published, within a flood      -> flusher: every tick what is there
//!   no room                        -> press: pump, then what the policy says
//!   pump: hear what the receiver says -> connect, if there is no line -> write what goes without waiting
//! ```
//!
//! The lock is held while a message is filled and while the system takes bytes, never while somebody waits.

use alloc::sync::{Arc, Weak};
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Poll, Waker};
use core::time::Duration;
use std::os::fd::AsFd as _;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use packhorse_link::TransportError;

use super::alarm::Alarm;
use super::counters::{Counters, add};
use super::dial::{Dial, packet};
use super::greeting::Greeting;
use super::line::{Heard, Line};
use super::options::Options;
use super::outbox::Outbox;
use super::ready::{Ready, wait};
use super::sender::Claim;
use super::wire::Kind;
use crate::{BackPressure, OpenError, SendError};

/// Whoever waits looks after so long whether the channel was stopped.
const LOOK: Duration = Duration::from_millis(20);
/// A line is looked for again after so long.
const AGAIN: Duration = Duration::from_millis(5);
/// The flusher goes to sleep after so many rounds without work.
const ROUNDS: u32 = 8;

/// How long to wait for room.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    Policy,
    Never,
    /// A task does, which comes again.
    Elsewhere,
    Until(Option<Instant>),
}

impl Wait {
    pub(super) fn until(timeout: Duration) -> Self {
        // A time too far ahead to be told is no limit.
        Self::Until(Instant::now().checked_add(timeout))
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    this: Weak<Shared>,
    pub(super) state: Mutex<State>,
    /// The flusher sleeps on it.
    wake: Condvar,
    pub(super) stopped: AtomicBool,
    pub(super) counters: Counters,
    pub(super) options: Options,
    pub(super) message_max: usize,
    pub(super) at: Option<SocketAddr>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) outbox: Outbox,
    dial: Dial,
    greeting: Greeting,
    session: u32,
    line: Option<Line>,
    last_write: Instant,
    flusher: Flusher,
    pub(super) failed: Option<SendError>,
    /// When the line broke, and when another was last looked for.
    broken: Option<Instant>,
    tried: Option<Instant>,
    pub(super) handles: usize,
    /// The last handle is gone.
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flusher {
    None,
    Asleep,
    Awake,
}

impl Shared {
    /// Connects, or sees to it that somebody can.
    pub(super) fn open(
        mut dial: Dial,
        greeting: Greeting,
        options: &Options,
        room: usize,
        at: Option<SocketAddr>,
    ) -> Result<Arc<Self>, OpenError> {
        let stream = !matches!(dial, Dial::Udp { .. });
        let session = super::random();
        let patience = if matches!(dial, Dial::Listen(_)) { Duration::ZERO } else { options.patience };
        let line = dial.line(&greeting, session, options, patience)?.map(|(line, _)| line);
        let now = Instant::now();
        let state = State {
            outbox: Outbox::new(room, options.capacity, session, stream),
            dial,
            greeting,
            session,
            line,
            last_write: now.checked_sub(options.quiet).unwrap_or(now),
            flusher: Flusher::None,
            failed: None,
            broken: None,
            tried: None,
            handles: 1,
            over: false,
        };
        let message_max = greeting.message_max as usize;
        Ok(Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            state: Mutex::new(state),
            wake: Condvar::new(),
            stopped: AtomicBool::new(false),
            counters: Counters::default(),
            options: options.clone(),
            message_max,
            at,
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked did so in the middle of filling a message, which is then cancelled.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn claim(&self, kind: u32, len: usize, wait: Wait) -> Result<Claim<'_>, SendError> {
        if len > self.message_max {
            return Err(SendError::TooLarge { len, most: self.message_max });
        }
        if let Some(only) = self.options.only
            && only != kind
        {
            return Err(SendError::WrongType { expected: only, found: kind });
        }
        let mut state = self.lock();
        self.usable(&state)?;
        if !state.outbox.make_room(len) {
            state = self.press(state, len, wait)?;
        }
        let batch = &mut state.outbox.open;
        let most = batch.left();
        let at = batch.claim(len).map_err(|_| SendError::TooLarge { len, most })?;
        Ok(Claim::new(self, state, at, len, kind))
    }

    /// A place for a message, or the task is woken when there may be one.
    pub(super) fn poll_claim(
        &self,
        kind: u32,
        len: usize,
        alarm: &mut Alarm,
        waker: &Waker,
    ) -> Poll<Result<Claim<'_>, SendError>> {
        match self.claim(kind, len, Wait::Elsewhere) {
            Err(SendError::Full) => {
                let ready = self.lock().line.as_ref().map(|line| Arc::clone(&line.ready));
                let longest = if ready.is_some() { LOOK } else { AGAIN };
                alarm.arm(ready.iter().map(|fd| (fd.as_fd(), Ready::ToWrite)), Some(longest), waker);
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }

    fn usable(&self, state: &State) -> Result<(), SendError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(SendError::Stopped);
        }
        state.failed.map_or(Ok(()), Err)
    }

    /// There is no room: does what the policy says.
    #[cold]
    fn press<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        len: usize,
        wait: Wait,
    ) -> Result<MutexGuard<'a, State>, SendError> {
        self.pump(&mut state, false)?;
        if state.outbox.make_room(len) {
            return Ok(state);
        }
        let policy = self.options.back_pressure;
        let until = match (wait, policy) {
            (Wait::Never, _) | (Wait::Policy, BackPressure::Error) => {
                add(&self.counters.full, 1);
                return Err(SendError::Full);
            }
            (Wait::Elsewhere, _) => return Err(SendError::Full),
            (Wait::Until(until), _) => until,
            (Wait::Policy, BackPressure::Block) => None,
            (Wait::Policy, BackPressure::BlockFor(time)) => Instant::now().checked_add(time),
            (Wait::Policy, BackPressure::DropNewest) => {
                state.outbox.skip();
                add(&self.counters.dropped_newest, 1);
                return Err(SendError::Full);
            }
            (Wait::Policy, BackPressure::DropOldest) => {
                while !state.outbox.make_room(len) {
                    let dropped = state.outbox.drop_oldest();
                    if dropped == 0 {
                        // All that is left is begun.
                        add(&self.counters.full, 1);
                        return Err(SendError::Full);
                    }
                    add(&self.counters.dropped_oldest, dropped);
                }
                return Ok(state);
            }
        };
        add(&self.counters.blocks, 1);
        loop {
            let over;
            (state, over) = self.wait(state, until);
            self.usable(&state)?;
            self.pump(&mut state, false)?;
            if state.outbox.make_room(len) {
                return Ok(state);
            }
            if over {
                return Err(SendError::Timeout);
            }
        }
    }

    /// Waits for the line to take more, without holding it. True when the time is over.
    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        until: Option<Instant>,
    ) -> (MutexGuard<'a, State>, bool) {
        let ready = state.line.as_ref().map(|line| Arc::clone(&line.ready));
        drop(state);
        let left = until.map_or(LOOK, |until| until.saturating_duration_since(Instant::now()));
        match ready {
            // What goes wrong with waiting goes wrong with writing, and is told there.
            Some(ready) => _ = wait(core::iter::once((ready.as_fd(), Ready::ToWrite)), Some(left.min(LOOK))),
            None => std::thread::sleep(left.min(Duration::from_millis(1))),
        }
        let over = until.is_some_and(|until| Instant::now() >= until);
        (self.lock(), over)
    }

    /// Hears what the receiver says.
    pub(super) fn listen(&self, state: &mut State) {
        if state.failed.is_none()
            && let Some(line) = &mut state.line
        {
            match line.heard() {
                Heard::Nothing => {}
                // What was published is still delivered, and the mark of the end behind it.
                Heard::Stop => {
                    self.stopped.store(true, Ordering::Release);
                    state.outbox.end();
                }
                Heard::Gone => self.gone(state),
            }
        }
    }

    /// The line is broken: the next pump makes another, or it is an error.
    fn gone(&self, state: &mut State) {
        state.line = None;
        state.outbox.restart();
        state.broken = Some(Instant::now());
        if self.stopped.load(Ordering::Acquire) {
            state.failed = Some(SendError::Stopped);
        } else if self.options.reconnect.is_none() {
            state.failed = Some(SendError::PeerLost);
        }
    }

    /// Writes as much as goes without waiting.
    fn pump(&self, state: &mut State, flush: bool) -> Result<(), SendError> {
        self.listen(state);
        if let Some(failed) = state.failed {
            add(&self.counters.lost, state.outbox.abandon());
            return Err(failed);
        }
        if state.line.is_none() {
            self.connect(state)?;
        }
        let Some(line) = &mut state.line else { return Ok(()) };
        match state.outbox.pump(line, flush) {
            Ok(packets) => {
                if packets > 0 {
                    add(&self.counters.packets, packets);
                    state.last_write = Instant::now();
                }
                Ok(())
            }
            // It may have said why.
            Err(TransportError::Closed | TransportError::Io(_)) => {
                self.listen(state);
                if state.failed.is_none() && state.line.is_some() {
                    self.gone(state);
                }
                state.failed.map_or(Ok(()), Err)
            }
            Err(TransportError::TooLong { len, most }) => Err(SendError::TooLarge { len, most }),
            Err(TransportError::WouldBlock) => Ok(()),
        }
    }

    /// Another line, if one can be had without much waiting.
    #[cold]
    fn connect(&self, state: &mut State) -> Result<(), SendError> {
        if state.tried.is_some_and(|tried| tried.elapsed() < AGAIN) {
            return Ok(());
        }
        let made = state.dial.line(&state.greeting, state.session, &self.options, Duration::ZERO);
        match made {
            Ok(Some((line, wanted))) => {
                if state.broken.take().is_some() {
                    add(&self.counters.reconnects, 1);
                    add(&self.counters.lost, state.outbox.first().saturating_sub(wanted));
                }
                state.line = Some(line);
            }
            Ok(None) | Err(OpenError::Io(_)) => {
                state.tried = Some(Instant::now());
                let patience = self.options.reconnect.unwrap_or_default();
                if state.broken.is_some_and(|broken| broken.elapsed() > patience) {
                    state.failed = Some(SendError::PeerLost);
                }
            }
            Err(_) => state.failed = Some(SendError::Refused),
        }
        state.failed.map_or(Ok(()), Err)
    }

    /// A message was published: writes it now, or sees to it that it will be.
    #[inline]
    pub(super) fn published<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        let first = state.outbox.open.count() == 1 && !state.outbox.is_queued();
        if first && state.last_write.elapsed() >= self.options.quiet {
            // What goes wrong is told to whoever claims next.
            let _ = self.pump(&mut state, true);
            if state.outbox.is_empty() {
                return;
            }
        }
        if state.outbox.is_queued() {
            let _ = self.pump(&mut state, false);
        }
        if state.flusher != Flusher::Awake {
            self.rouse(&mut state);
        }
    }

    #[cold]
    fn rouse(&self, state: &mut State) {
        match state.flusher {
            Flusher::None => {
                let (shared, tick) = (Weak::clone(&self.this), self.options.max_latency);
                let name = std::thread::Builder::new().name("channel-flush".to_owned());
                // Without it messages wait until the next one comes, or somebody flushes.
                if name.spawn(move || flush_forever(&shared, tick)).is_err() {
                    return;
                }
            }
            Flusher::Asleep => self.wake.notify_one(),
            Flusher::Awake => return,
        }
        state.flusher = Flusher::Awake;
    }

    pub(super) fn flush(&self, until: Option<Instant>) -> Result<(), SendError> {
        let mut state = self.lock();
        loop {
            self.pump(&mut state, true)?;
            if state.outbox.is_empty() {
                return Ok(());
            }
            let over;
            (state, over) = self.wait(state, until);
            if over {
                return Err(SendError::Timeout);
            }
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        let mut state = self.lock();
        state.outbox.end();
        // Whoever waits for room looks by itself; what cannot be written now the last handle writes.
        let _ = self.pump(&mut state, true);
        self.rouse(&mut state);
    }

    /// The last handle is gone.
    pub(super) fn finish(&self) {
        let until = Instant::now().checked_add(self.options.linger);
        let mut state = self.lock();
        state.outbox.end();
        drop(state);
        let done = self.flush(until);
        let mut state = self.lock();
        state.over = true;
        self.wake.notify_all();
        add(&self.counters.lost, state.outbox.abandon());
        let end = packet(Kind::End, state.session, state.outbox.next, &[], false);
        if let (Ok(()), Some(line)) = (done, &mut state.line) {
            let left =
                until.map_or(self.options.linger, |until| until.saturating_duration_since(Instant::now()));
            line.finish(end.sealed(), left);
        }
    }
}

/// Writes what nobody else writes: the end of a flood, and what the system did not take at once.
fn flush_forever(shared: &Weak<Shared>, tick: Duration) {
    let mut idle = 0;
    while let Some(shared) = shared.upgrade() {
        let mut state = shared.lock();
        if idle > ROUNDS {
            state.flusher = Flusher::Asleep;
            while state.flusher == Flusher::Asleep && !state.over {
                state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            idle = 0;
        } else {
            state = shared.wake.wait_timeout(state, tick).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.over {
            return;
        }
        idle = if state.outbox.is_empty() { idle + 1 } else { 0 };
        // What goes wrong is told to whoever claims next.
        let failed = shared.pump(&mut state, true).is_err();
        if !failed && !state.outbox.is_empty() {
            drop(shared.wait(state, Some(Instant::now() + LOOK)));
        }
    }
}

//! [`Sender`]: the sending end of a channel over tcp or udp.
//!
//! ```text
//!   claim -> fill -> publish      the first message after a pause   written at once, by the sending thread
//!                                 those that follow it closely      share packets: written when a batch is full,
//!                                                                   or by the flusher when they have waited enough
//! ```
//!
//! So a message that comes alone is as fast as the socket, and a flood costs one system call a batch. The flusher is a
//! thread that exists from the first flood on and sleeps when there is none. Messages are filled where they are sent
//! from. Claims of several senders exclude each other: fill fast.

use alloc::sync::{Arc, Weak};
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use packhorse_link::TransportError;

use super::batch::Batch;
use super::counters::{Counters, add};
use super::dial::{Dial, packet};
use super::greeting::Greeting;
use super::line::{Heard, Line};
use super::options::Options;
use super::outbox::Outbox;
use super::ready::{Ready, wait};
use super::wire::Kind;
use crate::{BackPressure, ManySenders, Metrics, Mode, OpenError, SendError};

/// Whoever waits looks after so long whether the channel was stopped.
const LOOK: Duration = Duration::from_millis(20);
/// A line is looked for again after so long.
const AGAIN: Duration = Duration::from_millis(5);
/// The flusher goes to sleep after so many rounds without work.
const ROUNDS: u32 = 8;

/// The sending end: see the [module](self). `Clone` in the modes with many senders.
///
/// Dropping the last one sends what waits and the mark of the end, and waits for the receiver to take both, at most
/// [`Options::linger`].
pub struct Sender<M: Mode> {
    shared: Arc<Shared>,
    mode: PhantomData<fn() -> M>,
}

impl<M: Mode> Sender<M> {
    pub(super) fn over(
        dial: Dial,
        greeting: Greeting,
        options: &Options,
        room: usize,
        at: Option<SocketAddr>,
    ) -> Result<Self, OpenError> {
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
            scratch: None,
            last_write: now.checked_sub(options.quiet).unwrap_or(now),
            flusher: Flusher::None,
            failed: None,
            broken: None,
            tried: None,
            handles: 1,
            over: false,
        };
        let message_max = greeting.message_max as usize;
        let shared = Arc::new_cyclic(|this| Shared {
            this: Weak::clone(this),
            state: Mutex::new(state),
            wake: Condvar::new(),
            stopped: AtomicBool::new(false),
            counters: Counters::default(),
            options: options.clone(),
            message_max,
            at,
        });
        Ok(Self { shared, mode: PhantomData })
    }

    /// Where this end listens, if it does.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.at
    }

    /// Bytes of the longest message.
    #[must_use]
    pub fn message_max(&self) -> usize {
        self.shared.message_max
    }

    /// Takes the place of a message of `len` bytes and type `kind`. When there is none, does what the channel's
    /// [`BackPressure`] says; under `DropNewest` the claim is then of memory that goes nowhere.
    ///
    /// # Errors
    /// [`SendError`], among them [`TooLarge`](SendError::TooLarge) and [`WrongType`](SendError::WrongType).
    pub fn claim(&mut self, kind: u32, len: usize) -> Result<Claim<'_>, SendError> {
        self.shared.claim(kind, len, Wait::Policy)
    }

    /// As [`claim`](Self::claim), but never waits and drops nothing: [`SendError::Full`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn try_claim(&mut self, kind: u32, len: usize) -> Result<Claim<'_>, SendError> {
        self.shared.claim(kind, len, Wait::Never)
    }

    /// As [`claim`](Self::claim), waiting for room at most `timeout`, whatever the policy.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn claim_timeout(
        &mut self,
        kind: u32,
        len: usize,
        timeout: Duration,
    ) -> Result<Claim<'_>, SendError> {
        self.shared.claim(kind, len, Wait::until(timeout))
    }

    /// Sends a copy of `message`.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[inline]
    pub fn send(&mut self, kind: u32, message: &[u8]) -> Result<(), SendError> {
        let mut claim = self.claim(kind, message.len())?;
        claim.copy_from_slice(message);
        claim.publish();
        Ok(())
    }

    /// Hands everything that was published to the system, and waits for room for that as long as the policy waits.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn flush(&mut self) -> Result<(), SendError> {
        let until = match self.shared.options.back_pressure {
            BackPressure::BlockFor(time) => Instant::now().checked_add(time),
            _ => None,
        };
        self.shared.flush(until)
    }

    /// Stops the channel: nothing more can be sent, and the receiver sees the end behind what was.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Whether either end has stopped the channel, or the other one is gone.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        if self.shared.stopped.load(Ordering::Acquire) {
            return true;
        }
        let mut state = self.shared.lock();
        self.shared.listen(&mut state);
        state.failed.is_some()
    }

    /// For stopping the channel from anywhere.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::downgrade(&self.shared))
    }

    /// Messages that wait to be handed to the system.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.shared.lock().outbox.depth()
    }

    /// What this end has done.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let (depth, handles) = {
            let state = self.shared.lock();
            (state.outbox.depth(), state.handles)
        };
        let mut metrics = self.shared.counters.of_sender(depth);
        metrics.senders = u32::try_from(handles).unwrap_or(u32::MAX);
        metrics.stopped = self.shared.stopped.load(Ordering::Acquire);
        metrics
    }
}

impl<M: ManySenders> Clone for Sender<M> {
    fn clone(&self) -> Self {
        self.shared.lock().handles += 1;
        Self { shared: Arc::clone(&self.shared), mode: PhantomData }
    }
}

impl<M: Mode> Drop for Sender<M> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.handles -= 1;
        if state.handles == 0 {
            drop(state);
            self.shared.finish();
        }
    }
}

impl<M: Mode> core::fmt::Debug for Sender<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sender")
            .field("mode", &M::NAME)
            .field("counters", &self.shared.counters)
            .finish_non_exhaustive()
    }
}

/// Stops a sender's channel from anywhere, also while the sender waits.
#[derive(Clone, Debug)]
pub struct Stopper(Weak<Shared>);

impl Stopper {
    /// As [`Sender::stop`]. Nothing when the channel is gone.
    pub fn stop(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.stop();
        }
    }
}

/// The place of a message: fill it, then [`publish`](Self::publish). Dropped without that, it was never there.
#[derive(Debug)]
pub struct Claim<'a> {
    shared: &'a Shared,
    state: Option<MutexGuard<'a, State>>,
    /// Where the message begins in its batch.
    at: usize,
    len: usize,
    kind: u32,
    goes_nowhere: bool,
}

impl Claim<'_> {
    /// The message is complete: it is sent now, or soon.
    #[inline]
    pub fn publish(mut self) {
        let (at, kind, len) = (self.at, self.kind, self.len);
        let Some(mut state) = self.state.take() else { return };
        if self.goes_nowhere {
            return;
        }
        state.outbox.open.publish(at, kind, len);
        state.outbox.next += 1;
        add(&self.shared.counters.messages, 1);
        add(&self.shared.counters.bytes, len as u64);
        self.shared.published(state);
    }

    /// Makes the message shorter: `len` bytes, if it is longer.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// The type of the message.
    #[must_use]
    pub const fn kind(&self) -> u32 {
        self.kind
    }
}

impl Deref for Claim<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        let Some(state) = &self.state else { return &[] };
        match &state.scratch {
            Some(scratch) if self.goes_nowhere => scratch.bytes(self.at, self.len),
            _ => state.outbox.open.bytes(self.at, self.len),
        }
    }
}

impl DerefMut for Claim<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let Some(state) = &mut self.state else { return &mut [] };
        let State { scratch, outbox, .. } = &mut **state;
        match scratch {
            Some(scratch) if self.goes_nowhere => scratch.bytes_mut(self.at, self.len),
            _ => outbox.open.bytes_mut(self.at, self.len),
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.state.take()
            && !self.goes_nowhere
        {
            state.outbox.open.cancel(self.at);
        }
    }
}

/// How long to wait for room.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Policy,
    Never,
    Until(Option<Instant>),
}

impl Wait {
    fn until(timeout: Duration) -> Self {
        // A time too far ahead to be told is no limit.
        Self::Until(Instant::now().checked_add(timeout))
    }
}

#[derive(Debug)]
struct Shared {
    this: Weak<Shared>,
    state: Mutex<State>,
    /// The flusher sleeps on it.
    wake: Condvar,
    stopped: AtomicBool,
    counters: Counters,
    options: Options,
    message_max: usize,
    at: Option<SocketAddr>,
}

#[derive(Debug)]
struct State {
    outbox: Outbox,
    dial: Dial,
    greeting: Greeting,
    session: u32,
    line: Option<Line>,
    /// Where claims that go nowhere are filled.
    scratch: Option<Batch>,
    last_write: Instant,
    flusher: Flusher,
    failed: Option<SendError>,
    /// When the line broke, and when another was last looked for.
    broken: Option<Instant>,
    tried: Option<Instant>,
    handles: usize,
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
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked did so in the middle of filling a message, which is then cancelled.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn claim(&self, kind: u32, len: usize, wait: Wait) -> Result<Claim<'_>, SendError> {
        if len > self.message_max {
            return Err(SendError::TooLarge { len, most: self.message_max });
        }
        if let Some(only) = self.options.only
            && only != kind
        {
            return Err(SendError::WrongType { expected: only, found: kind });
        }
        let mut state = self.lock();
        let mut goes_nowhere = false;
        self.usable(&state)?;
        if !state.outbox.make_room(len) {
            (state, goes_nowhere) = self.press(state, len, wait)?;
        }
        let batch = if goes_nowhere {
            let size = crate::packed::Layout::Aligned.size(len);
            match &mut state.scratch {
                Some(scratch) if scratch.room() >= size => {
                    scratch.clear();
                    scratch
                }
                scratch => scratch.insert(Batch::new(size)),
            }
        } else {
            &mut state.outbox.open
        };
        let most = batch.left();
        let at = batch.claim(len).map_err(|_| SendError::TooLarge { len, most })?;
        Ok(Claim { shared: self, state: Some(state), at, len, kind, goes_nowhere })
    }

    fn usable(&self, state: &State) -> Result<(), SendError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(SendError::Stopped);
        }
        state.failed.map_or(Ok(()), Err)
    }

    /// There is no room: does what the policy says. True when the message shall go nowhere.
    #[cold]
    fn press<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        len: usize,
        wait: Wait,
    ) -> Result<(MutexGuard<'a, State>, bool), SendError> {
        self.pump(&mut state, false)?;
        if state.outbox.make_room(len) {
            return Ok((state, false));
        }
        let policy = self.options.back_pressure;
        let until = match (wait, policy) {
            (Wait::Never, _) | (Wait::Policy, BackPressure::Error) => {
                add(&self.counters.full, 1);
                return Err(SendError::Full);
            }
            (Wait::Until(until), _) => until,
            (Wait::Policy, BackPressure::Block) => None,
            (Wait::Policy, BackPressure::BlockFor(time)) => Instant::now().checked_add(time),
            (Wait::Policy, BackPressure::DropNewest) => {
                state.outbox.skip();
                add(&self.counters.dropped_newest, 1);
                return Ok((state, true));
            }
            (Wait::Policy, BackPressure::DropOldest) => {
                while !state.outbox.make_room(len) {
                    add(&self.counters.dropped_oldest, state.outbox.drop_oldest());
                }
                return Ok((state, false));
            }
        };
        add(&self.counters.blocks, 1);
        loop {
            let over;
            (state, over) = self.wait(state, until);
            self.usable(&state)?;
            self.pump(&mut state, false)?;
            if state.outbox.make_room(len) {
                return Ok((state, false));
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
            Some(ready) => _ = wait(&[(&*ready, Ready::ToWrite)], Some(left.min(LOOK))),
            None => std::thread::sleep(left.min(Duration::from_millis(1))),
        }
        let over = until.is_some_and(|until| Instant::now() >= until);
        (self.lock(), over)
    }

    /// Hears what the receiver says.
    fn listen(&self, state: &mut State) {
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
    fn published<'a>(&'a self, mut state: MutexGuard<'a, State>) {
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

    fn flush(&self, until: Option<Instant>) -> Result<(), SendError> {
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

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        let mut state = self.lock();
        state.outbox.end();
        // Whoever waits for room looks by itself; what cannot be written now the last handle writes.
        let _ = self.pump(&mut state, true);
        self.rouse(&mut state);
    }

    /// The last handle is gone.
    fn finish(&self) {
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

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
use core::future::poll_fn;
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::MutexGuard;
use std::time::Instant;

use super::alarm::Alarm;
use super::counters::add;
use super::dial::Dial;
use super::greeting::Greeting;
use super::options::Options;
use super::shared::{Shared, State, Wait};
use crate::{BackPressure, ManySenders, Metrics, Mode, OpenError, SendError};

/// The sending end, as this module describes it. `Clone` in the modes with many senders.
///
/// Dropping the last one sends what waits and the mark of the end, and waits for the receiver to take both, at most
/// [`Options::linger`].
pub struct Sender<M: Mode> {
    shared: Arc<Shared>,
    alarm: Alarm,
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
        let shared = Shared::open(dial, greeting, options, room, at)?;
        Ok(Self { shared, alarm: Alarm::default(), mode: PhantomData })
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
    /// [`BackPressure`] says; a message that the policy drops is [`SendError::Full`] here.
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

    /// As [`claim`](Self::claim), for a task of any executor: waits for room whatever the policy. What waits is woken by
    /// a thread of the channel, which is there from the first time on that a task waits.
    ///
    /// # Errors
    /// [`SendError`], but never [`Full`](SendError::Full) or [`Timeout`](SendError::Timeout).
    pub async fn claim_async(&mut self, kind: u32, len: usize) -> Result<Claim<'_>, SendError> {
        let Self { shared, alarm, .. } = self;
        let shared = &**shared;
        poll_fn(|context| shared.poll_claim(kind, len, alarm, context.waker())).await
    }

    /// Sends a copy of `message`. A message that the policy drops is a success that the metrics tell.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[inline]
    pub fn send(&mut self, kind: u32, message: &[u8]) -> Result<(), SendError> {
        let drops = self.shared.options.back_pressure == BackPressure::DropNewest;
        let mut claim = match self.shared.claim(kind, message.len(), Wait::Policy) {
            Err(SendError::Full) if drops => return Ok(()),
            claim => claim?,
        };
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
        Self { shared: Arc::clone(&self.shared), alarm: Alarm::default(), mode: PhantomData }
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
}

impl<'a> Claim<'a> {
    pub(super) const fn new(
        shared: &'a Shared,
        state: MutexGuard<'a, State>,
        at: usize,
        len: usize,
        kind: u32,
    ) -> Self {
        Self { shared, state: Some(state), at, len, kind }
    }

    /// The message is complete: it is sent now, or soon.
    #[inline]
    pub fn publish(mut self) {
        let (at, kind, len) = (self.at, self.kind, self.len);
        let Some(mut state) = self.state.take() else { return };
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
        state.outbox.open.bytes(self.at, self.len)
    }
}

impl DerefMut for Claim<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let Some(state) = &mut self.state else { return &mut [] };
        state.outbox.open.bytes_mut(self.at, self.len)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(mut state) = self.state.take() {
            state.outbox.open.cancel(self.at);
        }
    }
}

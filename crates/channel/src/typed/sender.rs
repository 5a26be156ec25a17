//! [`Sender`]: the writing end of a typed channel.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::sync::atomic::Ordering;

use super::{Batch, Claim, Value};
use crate::port::Port;
use crate::ring::{Produce as _, Run};
use crate::segment::Segment;
use crate::segment::peers::Role;
use crate::{Adaptive, BackPressure, ManySenders, Metrics, Mode, ModeName, OpenError, SendError, Wait};

/// The writing end of a channel of `T`s. `Clone` in modes with many senders.
#[derive(Debug)]
pub struct Sender<T, M: Mode, W: Wait = Adaptive> {
    pub(super) port: Port<W>,
    pub(super) producer: M::Producer,
    policy: BackPressure,
    /// Messages sent, as in the place.
    sent: u64,
    value: PhantomData<fn(T)>,
}

impl<T: Value, M: Mode, W: Wait> Sender<T, M, W> {
    pub(crate) fn join(segment: Arc<Segment>, policy: BackPressure) -> Result<Self, OpenError> {
        let (port, producer) = Port::join(segment, Role::Sender, M::Producer::attach)?;
        Ok(Self { port, producer, policy, sent: 0, value: PhantomData })
    }

    /// A slot to fill in place; what the policy says happens when there is none. Holds what an earlier message left.
    ///
    /// # Errors
    /// [`SendError::Full`], also for a message that the policy drops; [`SendError::Timeout`];
    /// [`SendError::Stopped`]; [`SendError::Disconnected`]; [`SendError::PeerLost`]; [`SendError::Corrupt`].
    #[inline(always)]
    pub fn claim(&mut self) -> Result<Claim<'_, T, M, W>, SendError> {
        let run = self.obtain(self.policy, 1)?;
        Ok(Claim::new(self, run))
    }

    /// A slot, if there is one now.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[inline(always)]
    pub fn try_claim(&mut self) -> Result<Claim<'_, T, M, W>, SendError> {
        let run = self.obtain(BackPressure::Error, 1)?;
        Ok(Claim::new(self, run))
    }

    /// A slot, for a task of any executor: waits for it whatever the policy.
    ///
    /// # Errors
    /// As [`claim`](Self::claim), but never `Full` or `Timeout`.
    pub async fn claim_async(&mut self) -> Result<Claim<'_, T, M, W>, SendError> {
        let Self { port, producer, .. } = &mut *self;
        let segment = &*port.segment;
        let run = poll_fn(|context| port.poll_obtain(context, || producer.claim_some(segment, 1))).await?;
        Ok(Claim::new(self, run))
    }

    /// From one to `most` slots in a row, as many as are free; what the policy says happens when there is none.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[inline]
    pub fn claim_batch(&mut self, most: usize) -> Result<Batch<'_, T, M, W>, SendError> {
        let run = self.obtain(self.policy, most.max(1) as u64)?;
        Ok(Batch::new(self, run))
    }

    /// From one to `most` slots in a row, if there are any now.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[inline]
    pub fn try_claim_batch(&mut self, most: usize) -> Result<Batch<'_, T, M, W>, SendError> {
        let run = self.obtain(BackPressure::Error, most.max(1) as u64)?;
        Ok(Batch::new(self, run))
    }

    /// Sends a value. Under a policy that drops, a dropped message is a success that the metrics tell.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[inline]
    pub fn send(&mut self, value: T) -> Result<(), SendError> {
        let drops = self.policy == BackPressure::DropNewest;
        match self.claim() {
            Ok(claim) => {
                claim.write(value);
                Ok(())
            }
            Err(SendError::Full) if drops => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends the channel for everybody: senders fail, receivers read what is there and then see the end.
    pub fn stop(&self) {
        self.port.stop();
    }

    /// Whether somebody stopped the channel.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.port.is_stopped()
    }

    /// What the channel has done.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.port.metrics()
    }

    #[inline(always)]
    fn obtain(&mut self, policy: BackPressure, most: u64) -> Result<Run, SendError> {
        let Self { port, producer, .. } = self;
        port.obtain(policy, producer, |producer, segment| producer.claim_some(segment, most))
    }

    /// Publishes the first `used` slots of a run.
    #[inline(always)]
    pub(super) fn publish(&mut self, run: Run, used: u64) {
        let mask = self.port.segment.interval_mask();
        let timed = run.at.wrapping_add(used).wrapping_sub(1) & !mask;
        if timed.wrapping_sub(run.at) < used {
            self.port.segment.stamp(&mut self.port.timing, timed);
        }
        self.producer.publish(&*self.port.segment, run, used, 1);
        // One to one, the positions count already.
        if M::NAME != ModeName::Spsc {
            self.sent = self.sent.wrapping_add(used);
            self.port.counts().messages_sent.store(self.sent, Ordering::Relaxed);
        }
        self.port.segment.notify(Role::Receiver);
    }

    #[inline]
    pub(super) fn abandon(&mut self, run: Run) {
        self.producer.abandon(&*self.port.segment, run);
    }
}

impl<T: Value, M: ManySenders, W: Wait> Sender<T, M, W> {
    /// Another sender of the same channel.
    ///
    /// # Errors
    /// [`OpenError::Crowded`] when all places are taken.
    pub fn try_clone(&self) -> Result<Self, OpenError> {
        Self::join(Arc::clone(&self.port.segment), self.policy)
    }
}

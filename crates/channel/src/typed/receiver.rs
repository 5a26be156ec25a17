//! [`Receiver`]: the reading end of a typed channel.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use core::time::Duration;

use super::{Message, Messages, Value};
use crate::port::Port;
use crate::ring::{Consume as _, Fault, Run, Shared as _};
use crate::segment::Segment;
use crate::segment::peers::Role;
use crate::segment::snapshot::Snapshot;
use crate::{Adaptive, ManyReceivers, Metrics, Mode, ModeName, OpenError, ReceiveError, Wait};

/// The reading end of a channel of `T`s.
#[derive(Debug)]
pub struct Receiver<T, M: Mode, W: Wait = Adaptive> {
    pub(super) port: Port<W>,
    consumer: M::Consumer,
    /// Where messages are copied to that their sender may write over.
    snapshot: Option<Snapshot>,
    /// Messages received, as in the place.
    received: u64,
    value: PhantomData<fn() -> T>,
}

impl<T: Value, M: Mode, W: Wait> Receiver<T, M, W> {
    pub(crate) fn join(segment: Arc<Segment>) -> Result<Self, OpenError> {
        let (port, mut consumer) = Port::join(segment, Role::Receiver, M::Consumer::attach)?;
        consumer.settle(&*port.segment);
        port.segment.settled();
        let snapshot = port.segment.overwrites().then(Snapshot::default);
        Ok(Self { port, consumer, snapshot, received: 0, value: PhantomData })
    }

    /// The next message, if there is one now.
    ///
    /// # Errors
    /// [`ReceiveError::Empty`]; [`ReceiveError::Stopped`] once all that was sent is read and nothing more can come;
    /// [`ReceiveError::PeerLost`]; [`ReceiveError::Corrupt`].
    #[inline(always)]
    pub fn try_receive(&mut self) -> Result<Message<'_, T, M, W>, ReceiveError> {
        let Self { port, consumer, snapshot, .. } = self;
        let run = port.look(|| next::<M>(&port.segment, consumer, snapshot, 1))?;
        Ok(Message::new(self, run))
    }

    /// The next message, as long as it takes.
    ///
    /// # Errors
    /// As [`try_receive`](Self::try_receive), but never `Empty`.
    #[inline(always)]
    pub fn receive(&mut self) -> Result<Message<'_, T, M, W>, ReceiveError> {
        let run = self.obtain(None, 1)?;
        Ok(Message::new(self, run))
    }

    /// The next message, if it comes within that time.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and [`ReceiveError::Timeout`].
    #[inline]
    pub fn receive_timeout(&mut self, within: Duration) -> Result<Message<'_, T, M, W>, ReceiveError> {
        let run = self.obtain(Some(within), 1)?;
        Ok(Message::new(self, run))
    }

    /// The next message, for a task of any executor.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub async fn receive_async(&mut self) -> Result<Message<'_, T, M, W>, ReceiveError> {
        let run = poll_fn(|context| self.poll_run(context)).await?;
        Ok(Message::new(self, run))
    }

    /// The next message, or the task is woken when there may be one.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Message<'_, T, M, W>, ReceiveError>> {
        self.poll_run(context).map_ok(|run| Message::new(self, run))
    }

    fn poll_run(&mut self, context: &mut Context<'_>) -> Poll<Result<Run, ReceiveError>> {
        let Self { port, consumer, snapshot, .. } = self;
        port.poll_message(context, || next::<M>(&port.segment, consumer, snapshot, 1))
    }

    /// From one to `most` messages in a row, as many as are there, if there is one now.
    ///
    /// # Errors
    /// As [`try_receive`](Self::try_receive).
    #[inline]
    pub fn try_receive_batch(&mut self, most: usize) -> Result<Messages<'_, T, M, W>, ReceiveError> {
        let Self { port, consumer, snapshot, .. } = self;
        let run = port.look(|| next::<M>(&port.segment, consumer, snapshot, most.max(1) as u64))?;
        Ok(Messages::new(self, run))
    }

    /// From one to `most` messages in a row, as many as are there, as long as it takes for one to come.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    #[inline]
    pub fn receive_batch(&mut self, most: usize) -> Result<Messages<'_, T, M, W>, ReceiveError> {
        let run = self.obtain(None, most.max(1) as u64)?;
        Ok(Messages::new(self, run))
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
    fn obtain(&mut self, within: Option<Duration>, most: u64) -> Result<Run, ReceiveError> {
        let Self { port, consumer, snapshot, .. } = self;
        let segment = &*port.segment;
        let is_empty = |consumer: &mut M::Consumer| consumer.is_empty(segment);
        port.await_message(within, consumer, is_empty, |consumer| {
            next::<M>(segment, consumer, snapshot, most)
        })
    }

    /// Where the messages of a run lie.
    #[inline(always)]
    pub(super) fn slots(&self, run: Run) -> *mut T {
        match &self.snapshot {
            Some(snapshot) if M::NAME == ModeName::Broadcast => snapshot.as_ptr().cast(),
            _ => self.port.segment.cell(run.at).cast(),
        }
    }

    #[inline(always)]
    pub(super) fn release(&mut self, run: Run) {
        let segment = &*self.port.segment;
        let timed = run.end().wrapping_sub(1) & !segment.interval_mask();
        if timed.wrapping_sub(run.at) < run.cells {
            segment.arrived(timed);
        }
        self.consumer.release(segment, run);
        // One to one, the positions count already.
        if M::NAME != ModeName::Spsc {
            self.received = self.received.wrapping_add(run.cells);
            self.port.counts().messages_received.store(self.received, Ordering::Relaxed);
        }
        segment.notify(Role::Sender);
    }
}

/// The values themselves, copied out of the channel; ends when the channel ends.
impl<T: Value + Unpin, M: Mode, W: Wait> futures_core::Stream for Receiver<T, M, W>
where
    Self: Unpin,
{
    type Item = Result<T, ReceiveError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_receive(context).map(|received| match received {
            Err(ReceiveError::Stopped) => None,
            Err(error) => Some(Err(error)),
            Ok(message) => Some(T::read_from_bytes(message.as_bytes()).map_err(|_| ReceiveError::Corrupt)),
        })
    }
}

impl<T: Value, M: ManyReceivers, W: Wait> Receiver<T, M, W> {
    /// Another receiver of the same channel.
    ///
    /// # Errors
    /// [`OpenError::Crowded`] when all places are taken.
    pub fn try_clone(&self) -> Result<Self, OpenError> {
        Self::join(Arc::clone(&self.port.segment))
    }
}

/// The next messages, copied where they may be written over.
#[inline(always)]
fn next<M: Mode>(
    segment: &Segment,
    consumer: &mut M::Consumer,
    snapshot: &mut Option<Snapshot>,
    most: u64,
) -> Result<Run, Fault> {
    let run = consumer.next_some(segment, most)?;
    if let (ModeName::Broadcast, Some(snapshot)) = (M::NAME, snapshot) {
        snapshot.take(segment, run);
        consumer.is_overtaken(segment)?;
    }
    Ok(run)
}

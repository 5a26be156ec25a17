//! [`Receiver`]: the reading end of a record channel.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use core::time::Duration;

use super::Message;
use super::parse::{Parsed, parse};
use crate::port::Port;
use crate::ring::{Consume as _, Fault, Run, Shared as _};
use crate::segment::Segment;
use crate::segment::layout::RECORD_CELL;
use crate::segment::peers::Role;
use crate::segment::snapshot::Snapshot;
use crate::{Adaptive, ManyReceivers, Metrics, Mode, ModeName, OpenError, OwnedRecord, ReceiveError, Wait};

/// The reading end of a channel of records.
#[derive(Debug)]
pub struct Receiver<M: Mode, W: Wait = Adaptive> {
    pub(super) port: Port<W>,
    consumer: M::Consumer,
    /// Where messages are copied to that their sender may write over.
    snapshot: Option<Snapshot>,
    received: u64,
    bytes: u64,
}

/// A record that the ring gave to this end.
struct Found {
    run: Run,
    payload: core::ops::Range<usize>,
    kind: u32,
    nanos: u64,
}

impl<M: Mode, W: Wait> Receiver<M, W> {
    pub(crate) fn join(segment: Arc<Segment>) -> Result<Self, OpenError> {
        let (port, mut consumer) = Port::join(segment, Role::Receiver, M::Consumer::attach)?;
        consumer.settle(&*port.segment);
        port.segment.settled();
        let snapshot = port.segment.overwrites().then(Snapshot::default);
        Ok(Self { port, consumer, snapshot, received: 0, bytes: 0 })
    }

    /// The next message, if there is one now.
    ///
    /// # Errors
    /// [`ReceiveError::Empty`]; [`ReceiveError::Stopped`] once all that was sent is read and nothing more can come;
    /// [`ReceiveError::PeerLost`]; [`ReceiveError::Corrupt`].
    #[inline]
    pub fn try_receive(&mut self) -> Result<Message<'_, M, W>, ReceiveError> {
        let Self { port, consumer, snapshot, .. } = &mut *self;
        let segment = &*port.segment;
        let found = port.look(|| next::<M>(segment, consumer, snapshot))?;
        Ok(self.message(found))
    }

    /// The next message, as long as it takes.
    ///
    /// # Errors
    /// As [`try_receive`](Self::try_receive), but never `Empty`.
    #[inline]
    pub fn receive(&mut self) -> Result<Message<'_, M, W>, ReceiveError> {
        self.receive_within(None)
    }

    /// The next message, if it comes within that time.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and [`ReceiveError::Timeout`].
    #[inline]
    pub fn receive_timeout(&mut self, within: Duration) -> Result<Message<'_, M, W>, ReceiveError> {
        self.receive_within(Some(within))
    }

    /// The next message, for a task of any executor.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub async fn receive_async(&mut self) -> Result<Message<'_, M, W>, ReceiveError> {
        let found = poll_fn(|context| self.poll_found(context)).await?;
        Ok(self.message(found))
    }

    /// The next message, or the task is woken when there may be one.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Message<'_, M, W>, ReceiveError>> {
        self.poll_found(context).map_ok(|found| self.message(found))
    }

    fn poll_found(&mut self, context: &mut Context<'_>) -> Poll<Result<Found, ReceiveError>> {
        let Self { port, consumer, snapshot, .. } = self;
        let segment = &*port.segment;
        port.poll_message(context, || next::<M>(segment, consumer, snapshot))
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

    #[inline]
    fn receive_within(&mut self, within: Option<Duration>) -> Result<Message<'_, M, W>, ReceiveError> {
        let Self { port, consumer, snapshot, .. } = &mut *self;
        let segment = &*port.segment;
        let is_empty = |consumer: &mut M::Consumer| consumer.is_empty(segment);
        let found = port
            .await_message(within, consumer, is_empty, |consumer| next::<M>(segment, consumer, snapshot))?;
        Ok(self.message(found))
    }

    #[inline]
    fn message(&mut self, found: Found) -> Message<'_, M, W> {
        let Found { run, payload, kind, nanos } = found;
        if nanos != 0 {
            self.port.segment.record(nanos);
            self.port.segment.seen_on(Role::Receiver);
        }
        Message { receiver: self, run, payload, kind }
    }

    /// Where the message of a run lies, header and all.
    #[inline]
    pub(super) fn bytes(&self, run: Run) -> *mut [u8] {
        let bytes = self.port.segment.bytes(run);
        match &self.snapshot {
            Some(snapshot) if M::NAME == ModeName::Broadcast => {
                core::ptr::slice_from_raw_parts_mut(snapshot.as_ptr(), bytes.len())
            }
            _ => bytes,
        }
    }

    #[inline]
    pub(super) fn release(&mut self, run: Run, len: usize) {
        let segment = &*self.port.segment;
        self.consumer.release(segment, run);
        self.received = self.received.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(len as u64);
        let counts = self.port.counts();
        counts.messages_received.store(self.received, Ordering::Relaxed);
        counts.bytes_received.store(self.bytes, Ordering::Relaxed);
        segment.notify(Role::Sender);
    }
}

/// The messages themselves, copied out of the channel; ends when the channel ends.
impl<M: Mode, W: Wait> futures_core::Stream for Receiver<M, W>
where
    Self: Unpin,
{
    type Item = Result<OwnedRecord, ReceiveError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_receive(context).map(OwnedRecord::item)
    }
}

impl<M: ManyReceivers, W: Wait> Receiver<M, W> {
    /// Another receiver of the same channel.
    ///
    /// # Errors
    /// [`OpenError::Crowded`] when all places are taken.
    pub fn try_clone(&self) -> Result<Self, OpenError> {
        Self::join(Arc::clone(&self.port.segment))
    }
}

/// The next record, past the padding before it; copied where it may be written over.
#[inline]
fn next<M: Mode>(
    segment: &Segment,
    consumer: &mut M::Consumer,
    snapshot: &mut Option<Snapshot>,
) -> Result<Found, Fault> {
    loop {
        let run = consumer.next(segment)?;
        let copies = match snapshot {
            Some(snapshot) if M::NAME == ModeName::Broadcast => Some(snapshot),
            _ => None,
        };
        let parsed = parse(segment.header(run.at), (run.cells as usize).saturating_mul(RECORD_CELL));
        if copies.is_some() {
            consumer.is_overtaken(segment)?;
        }
        match parsed.ok_or(Fault::Corrupt)? {
            Parsed::Pad(cells) => consumer.release(segment, Run { cells, ..run }),
            Parsed::Record { cells, payload, kind, nanos } => {
                if let Some(snapshot) = copies {
                    snapshot.take(segment, Run { cells, ..run });
                    consumer.is_overtaken(segment)?;
                }
                return Ok(Found { run: Run { cells, ..run }, payload, kind, nanos });
            }
        }
    }
}

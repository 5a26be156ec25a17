//! [`Receiver`]: the receiving end of a channel over tcp or udp.
//!
//! ```text
//!   tcp   connections -> packets -> records     handed out where they were received
//!   udp   datagrams   -> packets -> records     the same
//! ```
//!
//! Receives in the thread that asks, and only then: what is not asked for waits in the system, and on tcp holds the
//! senders back.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::alarm::Alarm;
use super::counters::Counters;
use super::exit::Exit;
use super::stream::Patience;
use super::tcp_inbox::{self, TcpInbox};
use super::udp_inbox::{self, UdpInbox};
use crate::{Metrics, Mode, OwnedRecord, ReceiveError};

/// The receiving end, as this module describes it.
///
/// It ends, with [`ReceiveError::Stopped`], when all senders there were have left; dropping it tells those that are there
/// to stop.
#[derive(Debug)]
pub struct Receiver<M: Mode> {
    inbox: Inbox,
    counters: Counters,
    exit: Arc<Exit>,
    alarm: Alarm,
    at: Option<SocketAddr>,
    mode: PhantomData<fn() -> M>,
}

#[derive(Debug)]
pub(super) enum Inbox {
    Tcp(Box<TcpInbox>),
    Udp(Box<UdpInbox>),
}

enum Found {
    Tcp(tcp_inbox::Found),
    Udp(udp_inbox::Found),
}

impl<M: Mode> Receiver<M> {
    pub(super) fn over(inbox: Inbox, exit: Arc<Exit>, at: Option<SocketAddr>) -> Self {
        Self { inbox, counters: Counters::default(), exit, alarm: Alarm::default(), at, mode: PhantomData }
    }

    /// Where this end listens, if it does.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.at
    }

    /// The next message, if there is one now.
    ///
    /// # Errors
    /// [`ReceiveError`]
    pub fn try_receive(&mut self) -> Result<Message<'_>, ReceiveError> {
        self.next(Patience::None)
    }

    /// The next message, as long as it takes.
    ///
    /// # Errors
    /// [`ReceiveError`]. [`PeerLost`](ReceiveError::PeerLost) and [`Garbage`](ReceiveError::Garbage) are about one sender:
    /// with others receiving goes on.
    #[inline]
    pub fn receive(&mut self) -> Result<Message<'_>, ReceiveError> {
        self.next(Patience::Forever)
    }

    /// The next message, if it comes within that time.
    ///
    /// # Errors
    /// [`ReceiveError`]
    pub fn receive_timeout(&mut self, within: Duration) -> Result<Message<'_>, ReceiveError> {
        self.next(Patience::For(within))
    }

    /// The next message, for a task of any executor.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub async fn receive_async(&mut self) -> Result<Message<'_>, ReceiveError> {
        let found = poll_fn(|context| self.poll_found(context)).await?;
        self.message(found)
    }

    /// The next message, or the task is woken when there may be one: by a thread of the channel, which is there from the
    /// first time on that a task waits.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<Message<'_>, ReceiveError>> {
        self.poll_found(context).map(|found| found.and_then(|found| self.message(found)))
    }

    fn poll_found(&mut self, context: &mut Context<'_>) -> Poll<Result<Found, ReceiveError>> {
        match self.find(Patience::None) {
            Err(ReceiveError::Empty) => {
                let (alarm, waker) = (&mut self.alarm, context.waker());
                match &self.inbox {
                    Inbox::Tcp(inbox) => alarm.arm(inbox.waits(), inbox.longest(), waker),
                    Inbox::Udp(inbox) => alarm.arm(inbox.waits(), inbox.longest(), waker),
                }
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }

    #[inline]
    fn next(&mut self, patience: Patience) -> Result<Message<'_>, ReceiveError> {
        let found = self.find(patience)?;
        self.message(found)
    }

    #[inline]
    fn find(&mut self, patience: Patience) -> Result<Found, ReceiveError> {
        Ok(match &mut self.inbox {
            Inbox::Tcp(inbox) => Found::Tcp(inbox.next(patience, &self.counters)?),
            Inbox::Udp(inbox) => Found::Udp(inbox.next(patience, &self.counters)?),
        })
    }

    #[inline]
    fn message(&mut self, found: Found) -> Result<Message<'_>, ReceiveError> {
        let (bytes, kind) = match (&mut self.inbox, found) {
            (Inbox::Tcp(inbox), Found::Tcp(found)) => (inbox.bytes(&found), found.kind),
            (Inbox::Udp(inbox), Found::Udp(found)) => (inbox.bytes(&found), found.kind),
            _ => return Err(ReceiveError::Corrupt),
        };
        Ok(Message { bytes, kind })
    }

    /// Senders that are there.
    #[must_use]
    pub fn senders(&self) -> usize {
        match &self.inbox {
            Inbox::Tcp(inbox) => inbox.peers(),
            Inbox::Udp(inbox) => inbox.peers(),
        }
    }

    /// Stops the channel: senders can send no more; what they had published still comes, then the end.
    pub fn stop(&self) {
        self.exit.stop();
    }

    /// Whether this end has stopped the channel.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.exit.is_stopped()
    }

    /// For stopping the channel from anywhere, also while this end waits.
    #[must_use]
    pub fn stopper(&self) -> ReceiverStopper {
        ReceiverStopper(Arc::clone(&self.exit))
    }

    /// What this end has done.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.counters.of_receiver();
        metrics.senders = u32::try_from(self.senders()).unwrap_or(u32::MAX);
        metrics.receivers = 1;
        metrics.stopped = self.is_stopped();
        metrics
    }
}

/// The messages themselves, copied out of the channel; ends when the channel ends. An error about one sender is an
/// item: with others it goes on.
impl<M: Mode> futures_core::Stream for Receiver<M>
where
    Self: Unpin,
{
    type Item = Result<OwnedRecord, ReceiveError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_receive(context).map(OwnedRecord::item)
    }
}

impl<M: Mode> Drop for Receiver<M> {
    fn drop(&mut self) {
        self.exit.stop();
    }
}

/// Stops a receiver's channel from anywhere.
#[derive(Clone, Debug)]
pub struct ReceiverStopper(Arc<Exit>);

impl ReceiverStopper {
    /// As [`Receiver::stop`].
    pub fn stop(&self) {
        self.0.stop();
    }
}

/// A message, where it was received. The receiver goes on when it is dropped.
#[derive(Debug)]
pub struct Message<'a> {
    bytes: &'a mut [u8],
    kind: u32,
}

impl Message<'_> {
    /// The type word; 0 where the sender gave none.
    #[must_use]
    pub const fn kind(&self) -> u32 {
        self.kind
    }
}

impl Deref for Message<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl DerefMut for Message<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes
    }
}

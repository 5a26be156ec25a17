//! What every carrier's ends can do, in memory or over a network: the traits that batching, compression and
//! pipelines are generic over.
//!
//! The ends of [`record`](crate::record) implement them; so do those of other carriers. Not for choosing a carrier at
//! run time: that is an enum over its types.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};
use core::time::Duration;

use crate::{Metrics, Mode, ReceiveError, SendError, Wait, record};

/// A message being written: derefs to its payload.
pub trait ClaimedRecord: DerefMut<Target = [u8]> {
    /// Makes it shorter: its first `len` bytes, at most what it has.
    fn truncate(&mut self, len: usize);
    /// Gives it to the receivers.
    ///
    /// # Errors
    /// What a carrier finds out only now.
    fn publish(self) -> Result<(), SendError>;
}

/// A message being read: derefs to its payload.
pub trait ReceivedRecord: Deref<Target = [u8]> {
    /// The type word.
    fn kind(&self) -> u32;
}

/// A message that was copied out of its channel: what the receivers' `Stream` gives, since its items may outlive the
/// receiver's next look. Reading in place, without a copy, is `receive_async`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedRecord {
    /// The type word.
    pub kind: u32,
    /// The payload.
    pub bytes: Vec<u8>,
}

impl OwnedRecord {
    /// The next item of a stream; nothing when the channel has ended.
    pub(crate) fn item(
        received: Result<impl ReceivedRecord, ReceiveError>,
    ) -> Option<Result<Self, ReceiveError>> {
        match received {
            Err(ReceiveError::Stopped) => None,
            Err(error) => Some(Err(error)),
            Ok(message) => Some(Ok(Self { kind: message.kind(), bytes: message.to_vec() })),
        }
    }
}

/// The sending end of a channel of records.
pub trait SendRecords {
    /// A message being written.
    type Claim<'a>: ClaimedRecord
    where
        Self: 'a;

    /// Room for a message, as the channel's back pressure says.
    ///
    /// # Errors
    /// [`SendError`]
    fn claim(&mut self, kind: u32, len: usize) -> Result<Self::Claim<'_>, SendError>;

    /// Room for a message, if there is some now.
    ///
    /// # Errors
    /// [`SendError`]
    fn try_claim(&mut self, kind: u32, len: usize) -> Result<Self::Claim<'_>, SendError>;

    /// Most bytes in a message.
    fn largest(&self) -> usize;

    /// Sends a copy of `bytes`. Under a policy that drops, a dropped message is a success that the metrics tell.
    ///
    /// # Errors
    /// [`SendError`]
    fn send(&mut self, kind: u32, bytes: &[u8]) -> Result<(), SendError> {
        let mut claim = self.claim(kind, bytes.len())?;
        claim.copy_from_slice(bytes);
        claim.publish()
    }

    /// Whether everything that was sent has been read, as far as this end can tell.
    fn is_idle(&self) -> bool {
        self.metrics().depth == 0
    }

    /// Hands what is held back to the other end.
    ///
    /// # Errors
    /// [`SendError`]
    fn flush(&mut self) -> Result<(), SendError> {
        Ok(())
    }

    /// Ends the channel for everybody.
    fn stop(&self);
    /// Whether somebody stopped it.
    fn is_stopped(&self) -> bool;
    /// What it has done.
    fn metrics(&self) -> Metrics;
}

/// The receiving end of a channel of records.
pub trait ReceiveRecords {
    /// A message being read.
    type Message<'a>: ReceivedRecord
    where
        Self: 'a;

    /// The next message, if there is one now.
    ///
    /// # Errors
    /// [`ReceiveError`]
    fn try_receive(&mut self) -> Result<Self::Message<'_>, ReceiveError>;

    /// The next message, as long as it takes.
    ///
    /// # Errors
    /// [`ReceiveError`]
    fn receive(&mut self) -> Result<Self::Message<'_>, ReceiveError>;

    /// The next message, if it comes within that time.
    ///
    /// # Errors
    /// [`ReceiveError`]
    fn receive_timeout(&mut self, within: Duration) -> Result<Self::Message<'_>, ReceiveError>;

    /// Ends the channel for everybody.
    fn stop(&self);
    /// Whether somebody stopped it.
    fn is_stopped(&self) -> bool;
    /// What it has done.
    fn metrics(&self) -> Metrics;
}

impl<M: Mode, W: Wait> ClaimedRecord for record::Claim<'_, M, W> {
    fn truncate(&mut self, len: usize) {
        self.truncate(len);
    }
    fn publish(self) -> Result<(), SendError> {
        self.publish();
        Ok(())
    }
}

impl<M: Mode, W: Wait> ReceivedRecord for record::Message<'_, M, W> {
    fn kind(&self) -> u32 {
        self.kind()
    }
}

impl<M: Mode, W: Wait> SendRecords for record::Sender<M, W> {
    type Claim<'a> = record::Claim<'a, M, W>;

    fn claim(&mut self, kind: u32, len: usize) -> Result<Self::Claim<'_>, SendError> {
        self.claim(kind, len)
    }
    fn try_claim(&mut self, kind: u32, len: usize) -> Result<Self::Claim<'_>, SendError> {
        self.try_claim(kind, len)
    }
    fn largest(&self) -> usize {
        self.largest()
    }
    fn send(&mut self, kind: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.send(kind, bytes)
    }
    fn stop(&self) {
        self.stop();
    }
    fn is_stopped(&self) -> bool {
        self.is_stopped()
    }
    fn metrics(&self) -> Metrics {
        self.metrics()
    }
}

impl<M: Mode, W: Wait> ReceiveRecords for record::Receiver<M, W> {
    type Message<'a> = record::Message<'a, M, W>;

    fn try_receive(&mut self) -> Result<Self::Message<'_>, ReceiveError> {
        self.try_receive()
    }
    fn receive(&mut self) -> Result<Self::Message<'_>, ReceiveError> {
        self.receive()
    }
    fn receive_timeout(&mut self, within: Duration) -> Result<Self::Message<'_>, ReceiveError> {
        self.receive_timeout(within)
    }
    fn stop(&self) {
        self.stop();
    }
    fn is_stopped(&self) -> bool {
        self.is_stopped()
    }
    fn metrics(&self) -> Metrics {
        self.metrics()
    }
}

//! [`Sender`]: the writing end of a record channel.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::sync::atomic::Ordering;

use super::Claim;
use super::parse::cells_of;
use crate::port::Port;
use crate::ring::{Produce as _, Run, Shared as _};
use crate::segment::Segment;
use crate::segment::layout::{PAD, RECORD_HEADER, RecordHeader};
use crate::segment::peers::Role;
use crate::{Adaptive, BackPressure, ManySenders, Metrics, Mode, OpenError, SendError, Wait};

/// The writing end of a channel of records.
#[derive(Debug)]
pub struct Sender<M: Mode, W: Wait = Adaptive> {
    pub(super) port: Port<W>,
    producer: M::Producer,
    policy: BackPressure,
    sent: u64,
    bytes: u64,
}

impl<M: Mode, W: Wait> Sender<M, W> {
    pub(crate) fn join(segment: Arc<Segment>, policy: BackPressure) -> Result<Self, OpenError> {
        let (port, producer) = Port::join(segment, Role::Sender, M::Producer::attach)?;
        Ok(Self { port, producer, policy, sent: 0, bytes: 0 })
    }

    /// Room for a message of `len` bytes and a type word, to fill in place; what the policy says happens when there
    /// is none. Holds what an earlier message left.
    ///
    /// # Errors
    /// [`SendError::TooLarge`]; [`SendError::Full`], also for a message that the policy drops;
    /// [`SendError::Timeout`]; [`SendError::Stopped`]; [`SendError::Disconnected`]; [`SendError::PeerLost`];
    /// [`SendError::Corrupt`].
    #[inline]
    pub fn claim(&mut self, kind: u32, len: usize) -> Result<Claim<'_, M, W>, SendError> {
        self.claim_under(self.policy, kind, len)
    }

    /// The same, if there is room now.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[inline]
    pub fn try_claim(&mut self, kind: u32, len: usize) -> Result<Claim<'_, M, W>, SendError> {
        self.claim_under(BackPressure::Error, kind, len)
    }

    /// Room for a message, for a task of any executor: waits for it whatever the policy.
    ///
    /// # Errors
    /// As [`claim`](Self::claim), but never `Full` or `Timeout`.
    pub async fn claim_async(&mut self, kind: u32, len: usize) -> Result<Claim<'_, M, W>, SendError> {
        let (cells, headroom) = self.size(len)?;
        let Self { port, producer, .. } = &mut *self;
        let segment = &*port.segment;
        let run = poll_fn(|context| port.poll_obtain(context, || producer.claim(segment, cells))).await?;
        Ok(Claim::new(self, run, kind, headroom, len))
    }

    /// Sends a copy of `bytes`. Under a policy that drops, a dropped message is a success that the metrics tell.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[inline]
    pub fn send(&mut self, kind: u32, bytes: &[u8]) -> Result<(), SendError> {
        let drops = self.policy == BackPressure::DropNewest;
        match self.claim(kind, bytes.len()) {
            Ok(mut claim) => {
                claim.copy_from_slice(bytes);
                claim.publish();
                Ok(())
            }
            Err(SendError::Full) if drops => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Most bytes of payload in a message of this channel.
    #[must_use]
    pub fn largest(&self) -> usize {
        let geometry = self.port.segment.geometry();
        // A message that does not fit before the end of the ring begins at its start: half of it fits always.
        let bytes = (geometry.cells / 2 * geometry.stride) as usize;
        let rooms = (geometry.headroom + geometry.tailroom) as usize;
        bytes.saturating_sub(RECORD_HEADER + rooms).min(u32::MAX as usize)
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
    fn claim_under(
        &mut self,
        policy: BackPressure,
        kind: u32,
        len: usize,
    ) -> Result<Claim<'_, M, W>, SendError> {
        let (cells, headroom) = self.size(len)?;
        let Self { port, producer, .. } = &mut *self;
        let run = port.obtain(policy, producer, |producer, segment| producer.claim(segment, cells))?;
        Ok(Claim::new(self, run, kind, headroom, len))
    }

    /// Cells for a message of `len` bytes, and its headroom.
    #[inline]
    fn size(&self, len: usize) -> Result<(u64, usize), SendError> {
        let geometry = self.port.segment.geometry();
        let most = self.largest();
        let (headroom, tailroom) = (geometry.headroom as usize, geometry.tailroom as usize);
        match cells_of(headroom.saturating_add(len).saturating_add(tailroom)) {
            Some(cells) if len <= most => Ok((cells, headroom)),
            _ => Err(SendError::TooLarge { len, most }),
        }
    }

    /// Writes the headers of a run, that of the padding before it and its own, and publishes it.
    #[inline]
    pub(super) fn publish(&mut self, run: Run, start: usize, len: usize, kind: u32) {
        let nanos = if self.sent & self.port.segment.interval_mask() == 0 {
            self.port.segment.stamp(&mut self.port.timing, run.at)
        } else {
            0
        };
        if run.pad > 0 {
            let pad = RecordHeader { cells: run.pad as u32, flags: PAD, ..RecordHeader::default() };
            self.write_header(run.at.wrapping_sub(run.pad), pad);
        }
        let header = RecordHeader {
            cells: run.cells as u32,
            start: start as u32,
            len: len as u32,
            kind,
            nanos,
            ..RecordHeader::default()
        };
        self.write_header(run.at, header);
        self.producer.publish(&*self.port.segment, run, run.cells, run.cells);
        self.sent = self.sent.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(len as u64);
        let counts = self.port.counts();
        counts.messages_sent.store(self.sent, Ordering::Relaxed);
        counts.bytes_sent.store(self.bytes, Ordering::Relaxed);
        self.port.segment.notify(Role::Receiver);
    }

    #[inline]
    pub(super) fn abandon(&mut self, run: Run) {
        self.producer.abandon(&*self.port.segment, run);
    }

    #[inline]
    #[allow(unsafe_code)]
    fn write_header(&self, at: u64, header: RecordHeader) {
        debug_assert!(at & (self.port.segment.cells() - 1) < self.port.segment.cells());
        // SAFETY: the ring gave this cell to this sender alone; a cell of a record channel has 64 bytes and is
        // aligned to as many.
        unsafe { self.port.segment.cell(at).cast::<RecordHeader>().write(header) }
    }
}

impl<M: ManySenders, W: Wait> Sender<M, W> {
    /// Another sender of the same channel.
    ///
    /// # Errors
    /// [`OpenError::Crowded`] when all places are taken.
    pub fn try_clone(&self) -> Result<Self, OpenError> {
        Self::join(Arc::clone(&self.port.segment), self.policy)
    }
}

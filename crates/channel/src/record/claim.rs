//! [`Claim`]: room for one record, to fill where it lies.

use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut, Range};

use packhorse_buffer::{PacketBuf, Storage};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::Sender;
use crate::ring::Run;
use crate::segment::layout::RECORD_HEADER;
use crate::{Mode, Wait};

/// Room for one record: derefs to its payload. Published by [`publish`](Self::publish); dropped, it is put back and
/// nobody sees it.
#[derive(Debug)]
pub struct Claim<'a, M: Mode, W: Wait> {
    room: Room<'a, M, W>,
    /// Where the payload lies in the room.
    payload: Range<usize>,
}

impl<'a, M: Mode, W: Wait> Claim<'a, M, W> {
    pub(super) fn new(sender: &'a mut Sender<M, W>, run: Run, kind: u32, start: usize, len: usize) -> Self {
        Self { room: Room { sender, run, kind }, payload: start..start + len }
    }

    /// Gives the message to the receivers.
    #[inline]
    pub fn publish(self) {
        let Self { room, payload } = self;
        room.publish(payload);
    }

    /// Makes the message shorter: its first `len` bytes, at most what it has.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.payload.end = self.payload.start + len.min(self.payload.len());
    }

    /// The payload as values; nothing when it is not a whole number of them.
    #[inline]
    pub fn as_values<T: FromBytes + IntoBytes + Immutable + KnownLayout>(&mut self) -> Option<&mut [T]> {
        <[T]>::mut_from_bytes(self).ok()
    }

    /// The message as a packet, with headroom and tailroom to push headers and trailers into where it lies.
    #[inline]
    pub fn into_packet(self) -> PacketBuf<Room<'a, M, W>> {
        let Self { room, payload } = self;
        let mut packet = PacketBuf::filled(room);
        let all = packet.len();
        // The payload lies in the room: neither can fail.
        let _ = packet.pull(payload.start);
        let _ = packet.trim(all - payload.end);
        packet
    }

    /// Publishes what a packet has become: headers, payload and trailers are the message.
    #[inline]
    pub fn publish_packet(packet: PacketBuf<Room<'a, M, W>>) {
        let range = packet.range();
        packet.into_storage().publish(range);
    }
}

impl<M: Mode, W: Wait> Deref for Claim<'_, M, W> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.room.as_slice()[self.payload.clone()]
    }
}

impl<M: Mode, W: Wait> DerefMut for Claim<'_, M, W> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room.as_mut_slice()[self.payload.clone()]
    }
}

/// The memory of a claimed record behind its header: headroom, payload, tailroom.
#[derive(Debug)]
pub struct Room<'a, M: Mode, W: Wait> {
    sender: &'a mut Sender<M, W>,
    run: Run,
    kind: u32,
}

impl<M: Mode, W: Wait> Room<'_, M, W> {
    #[inline]
    fn publish(self, payload: Range<usize>) {
        let mut this = ManuallyDrop::new(self);
        let (run, kind) = (this.run, this.kind);
        this.sender.publish(run, payload.start, payload.len(), kind);
    }
}

impl<M: Mode, W: Wait> Storage for Room<'_, M, W> {
    #[inline]
    #[allow(unsafe_code)]
    fn as_slice(&self) -> &[u8] {
        let bytes = self.sender.port.segment.bytes(self.run);
        // SAFETY: the ring gave these cells to this sender alone until they are published.
        let bytes = unsafe { &*bytes };
        &bytes[RECORD_HEADER..]
    }

    #[inline]
    #[allow(unsafe_code)]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        let bytes = self.sender.port.segment.bytes(self.run);
        // SAFETY: as in `as_slice`.
        let bytes = unsafe { &mut *bytes };
        &mut bytes[RECORD_HEADER..]
    }
}

impl<M: Mode, W: Wait> Drop for Room<'_, M, W> {
    fn drop(&mut self) {
        self.sender.abandon(self.run);
    }
}

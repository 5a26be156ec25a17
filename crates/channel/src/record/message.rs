//! [`Message`]: one record that a receiver holds, to read where it lies.

use core::ops::{Deref, DerefMut, Range};

use packhorse_buffer::{PacketBuf, Storage};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Receiver, kind_of};
use crate::ring::Run;
use crate::segment::layout::RECORD_HEADER;
use crate::{Exclusive, Mode, ReceiveError, Wait};

/// One record: derefs to its payload. Dropped, its cells go back to the senders.
#[derive(Debug)]
pub struct Message<'a, M: Mode, W: Wait> {
    pub(super) receiver: &'a mut Receiver<M, W>,
    pub(super) run: Run,
    /// Where the payload lies in the run.
    pub(super) payload: Range<usize>,
    pub(super) kind: u32,
}

impl<'a, M: Mode, W: Wait> Message<'a, M, W> {
    /// The type word.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.kind
    }

    /// The payload as values of a type, whose type word it must have: [`kind_of`].
    ///
    /// # Errors
    /// [`ReceiveError::WrongType`]; [`ReceiveError::WrongLength`] when it is not a whole number of them.
    #[inline]
    pub fn values<T: FromBytes + Immutable + KnownLayout>(&self) -> Result<&[T], ReceiveError> {
        let expected = kind_of::<T>();
        if self.kind != expected {
            return Err(ReceiveError::WrongType { expected, found: self.kind });
        }
        <[T]>::ref_from_bytes(self).map_err(|_| ReceiveError::WrongLength { len: self.payload.len() })
    }

    #[inline]
    #[allow(unsafe_code)]
    fn bytes(&self) -> &[u8] {
        // SAFETY: the ring gave these cells to this receiver, in broadcast to all receivers for reading, until they
        // are released; or they are this receiver's own copy.
        unsafe { &*self.receiver.bytes(self.run) }
    }
}

impl<M: Exclusive, W: Wait> Message<'_, M, W> {
    /// The payload as values that may be changed in place; nothing when it is not a whole number of them.
    #[inline]
    pub fn values_mut<T: FromBytes + IntoBytes + Immutable + KnownLayout>(&mut self) -> Option<&mut [T]> {
        <[T]>::mut_from_bytes(self).ok()
    }
}

impl<'a, M: Exclusive, W: Wait> Message<'a, M, W> {
    /// The message as a packet, with its headroom and tailroom: layers pull from it or push into it where it lies.
    #[inline]
    #[must_use]
    pub fn into_packet(self) -> PacketBuf<Self> {
        let payload = self.payload.clone();
        let mut packet = PacketBuf::filled(self);
        let all = packet.len();
        // The payload lies in the record, behind its header: neither can fail.
        let _ = packet.pull(payload.start - RECORD_HEADER);
        let _ = packet.trim(all - (payload.end - RECORD_HEADER));
        packet
    }

    #[inline]
    #[allow(unsafe_code)]
    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and no other receiver has them.
        unsafe { &mut *self.receiver.bytes(self.run) }
    }
}

impl<M: Mode, W: Wait> Deref for Message<'_, M, W> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes()[self.payload.clone()]
    }
}

/// A message with one receiver may be changed in place.
impl<M: Exclusive, W: Wait> DerefMut for Message<'_, M, W> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        let payload = self.payload.clone();
        &mut self.bytes_mut()[payload]
    }
}

/// Headroom, payload and tailroom.
impl<M: Exclusive, W: Wait> Storage for Message<'_, M, W> {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        &self.bytes()[RECORD_HEADER..]
    }
    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes_mut()[RECORD_HEADER..]
    }
}

impl<M: Mode, W: Wait> Drop for Message<'_, M, W> {
    #[inline]
    fn drop(&mut self) {
        self.receiver.release(self.run, self.payload.len());
    }
}

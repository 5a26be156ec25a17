//! [`StreamBuf`]: the memory between a byte stream and a [`Framing`].
//!
//! ```text
//!   | done with          | pending: received, no packet yet | spare: the next bytes are read into it |
//!   0                  start                               end                              capacity
//!            ^ packets handed on lie here, decoded in place, until spare() is called
//! ```
//!
//! Bytes are written once, by the transport, and packets come out of the same place. Only a frame that is cut by the
//! end of the memory moves, to the front. Not a ring: a packet is always one run of bytes.

use core::ops::Range;

use packhorse_buffer::Storage;

use crate::{Framing, Reject};

/// Receive memory for a byte stream: see the [module](self).
///
/// The loop of a receiver: read into [`spare`](Self::spare), [`commit`](Self::commit) what came, take packets with
/// [`next`](Self::next) until there are none; when the stream is over take the rest with [`finish`](Self::finish).
///
/// The storage should hold two frames of the largest packet or more. A frame that does not fit is counted as
/// overflow and skipped; the next one is found.
#[derive(Clone, Debug)]
pub struct StreamBuf<S> {
    storage: S,
    start: usize,
    end: usize,
    /// Bytes before `start` that the last packet's frame took, as long as they can be given back.
    last: usize,
}

impl<S: Storage> StreamBuf<S> {
    /// Empty, over all of `storage`.
    pub const fn new(storage: S) -> Self {
        Self { storage, start: 0, end: 0, last: 0 }
    }

    /// Bytes in the storage.
    pub fn capacity(&self) -> usize {
        self.storage.as_slice().len()
    }

    /// Bytes received and not consumed yet.
    pub const fn pending(&self) -> usize {
        self.end - self.start
    }

    /// Memory to read the next bytes into; say how many came with [`commit`](Self::commit). Packets handed on before
    /// are gone. Never empty once [`next`](Self::next) has answered `None` (unless the storage itself is empty).
    ///
    /// Moves pending bytes to the front only if that is cheaper than what was consumed since the last move, or if
    /// nothing else is left: on average no byte moves more than once.
    pub fn spare(&mut self) -> &mut [u8] {
        self.last = 0;
        let capacity = self.capacity();
        let pending = self.pending();
        let room = capacity - self.end;
        if pending == 0 {
            self.start = 0;
            self.end = 0;
        } else if room == 0 || (room < capacity / 2 && pending <= self.start) {
            self.storage.as_mut_slice().copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = pending;
        }
        &mut self.storage.as_mut_slice()[self.end..]
    }

    /// The bytes of a packet that [`next_range`](Self::next_range) has found; empty for other ranges outside the storage.
    pub fn packet_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.storage.as_mut_slice().get_mut(range).unwrap_or_default()
    }

    /// `n` bytes were written to the front of [`spare`](Self::spare); more than it has room for count as all of it.
    pub fn commit(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.capacity());
    }

    /// Copies as many of `bytes` as fit behind those that are pending, and returns how many: for transports that
    /// hand out bytes instead of filling memory.
    pub fn extend(&mut self, bytes: &[u8]) -> usize {
        let spare = self.spare();
        let n = spare.len().min(bytes.len());
        spare[..n].copy_from_slice(&bytes[..n]);
        self.commit(n);
        n
    }

    /// The next packet, decoded in place; `None` when more bytes are needed.
    pub fn next<F: Framing>(&mut self, framing: &mut F) -> Option<&mut [u8]> {
        let packet = self.next_range(framing)?;
        self.storage.as_mut_slice().get_mut(packet)
    }

    /// As [`next`](Self::next), but tells where in the storage the packet lies. The place stays valid until
    /// [`spare`](Self::spare) is called, and in the storage that [`replace_storage`](Self::replace_storage) returns.
    pub fn next_range<F: Framing>(&mut self, framing: &mut F) -> Option<Range<usize>> {
        loop {
            let step = framing.deframe(&mut self.storage.as_mut_slice()[self.start..self.end]);
            let from = self.start;
            self.start += step.consumed();
            match step {
                crate::Step::Frame { packet, consumed } => {
                    self.last = consumed;
                    return Some(from + packet.start..from + packet.end);
                }
                crate::Step::More { .. } => {
                    self.last = 0;
                    if self.pending() < self.capacity() || self.pending() == 0 {
                        return None;
                    }
                    framing.reject(Reject::Overflow);
                }
            }
        }
    }

    /// The last packet failed its check: looks again inside its frame, if the framing wants that. To be called
    /// before anything else is done with this buffer; later it does nothing.
    pub fn reject<F: Framing>(&mut self, framing: &mut F) {
        if self.last > 0 {
            self.start -= framing.reject(Reject::Damaged).min(self.last);
            self.last = 0;
        }
    }

    /// No more bytes will come: the next packet that is left, past frames that were cut short. To be called until
    /// it answers `None`; then nothing is pending.
    pub fn finish<F: Framing>(&mut self, framing: &mut F) -> Option<&mut [u8]> {
        let packet = self.finish_range(framing)?;
        self.storage.as_mut_slice().get_mut(packet)
    }

    /// As [`finish`](Self::finish), but tells where in the storage the packet lies.
    pub fn finish_range<F: Framing>(&mut self, framing: &mut F) -> Option<Range<usize>> {
        loop {
            match self.next_range(framing) {
                Some(packet) => return Some(packet),
                None if self.pending() == 0 => return None,
                None => _ = framing.reject(Reject::Ended),
            }
        }
    }

    /// The stream was interrupted: forgets what is pending.
    pub fn reset<F: Framing>(&mut self, framing: &mut F) {
        framing.reset();
        (self.start, self.end, self.last) = (0, 0, 0);
    }

    /// Goes on in `new`, to whose front the pending bytes are copied, and returns the old storage with all packets
    /// where [`next_range`](Self::next_range) said: another thread can work on them while this one receives.
    ///
    /// # Errors
    /// Gives `new` back, and changes nothing, when the pending bytes do not fit into it.
    pub fn replace_storage(&mut self, mut new: S) -> Result<S, S> {
        let pending = self.start..self.end;
        let length = pending.len();
        let Some(front) = new.as_mut_slice().get_mut(..length) else {
            return Err(new);
        };
        front.copy_from_slice(&self.storage.as_slice()[pending]);
        (self.start, self.end, self.last) = (0, length, 0);
        Ok(core::mem::replace(&mut self.storage, new))
    }

    /// Gives the storage back.
    pub fn into_storage(self) -> S {
        self.storage
    }
}

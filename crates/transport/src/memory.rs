//! [`Memory`]: a packet link between two threads of one process, both directions.
//!
//! ```text
//!   end A  sender ---- ring of slots ----> receiver  end B
//!          receiver <--- ring of slots ---- sender
//! ```
//!
//! All memory is taken when the pair is made; a packet costs a lock and a copy in, a lock and a copy out.
//! Not a fast ring between cores: it stands in for a radio or a network in tests, demos and programs
//! that want both ends in one process.

use alloc::sync::Arc;
use core::convert::Infallible;
use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use packhorse_link::{Boundaries, Transport, TransportError};

use crate::Duplex;

/// One end of an in-memory link; the other is in another thread, or the same one.
///
/// Blocks by default: sending waits for a free slot, receiving for a packet; [`Duplex::set_blocking`] changes
/// that. Once the other end is dropped, sending is [`TransportError::Closed`] at once, and receiving
/// when the packets that are still there have been taken.
pub type Memory = Duplex<MemoryReceiver, MemorySender>;

impl Memory {
    /// Two connected ends. Each direction holds at most `slots` packets of at most `mtu` bytes; zeros count as one.
    ///
    /// ```
    /// use packhorse_link::{Transport as _, TransportError};
    /// use packhorse_transport::Memory;
    ///
    /// let (mut here, mut there) = Memory::pair(1472, 64);
    /// let far = std::thread::spawn(move || {
    ///     let mut into = [0; 1472];
    ///     let len = there.receive(&mut into)?;
    ///     there.send_gather(&[b"you said: ", &into[..len]])
    /// });
    /// here.send(b"hello")?;
    /// let mut into = [0; 1472];
    /// assert_eq!(here.receive(&mut into)?, 15);
    /// far.join().unwrap()?;
    /// assert_eq!(here.receive(&mut into), Err(TransportError::Closed));
    /// # Ok::<(), TransportError<core::convert::Infallible>>(())
    /// ```
    ///
    /// # Panics
    /// When `mtu * slots` bytes are more than the machine has.
    #[must_use]
    pub fn pair(mtu: usize, slots: usize) -> (Self, Self) {
        let (to_b, from_a) = direction(mtu.max(1), slots.max(1));
        let (to_a, from_b) = direction(mtu.max(1), slots.max(1));
        (Self::new(from_b, to_b), Self::new(from_a, to_a))
    }

    /// Whether sending and receiving wait, or return [`TransportError::WouldBlock`].
    pub fn set_blocking(&mut self, blocking: bool) {
        self.sender.set_blocking(blocking);
        self.receiver.set_blocking(blocking);
    }
}

/// The half of a [`Memory`] end that receives. Sending on it is [`TransportError::Closed`].
#[derive(Debug)]
pub struct MemoryReceiver {
    shared: Arc<Shared>,
    blocking: bool,
}

/// The half of a [`Memory`] end that sends. Receiving on it is [`TransportError::Closed`].
#[derive(Debug)]
pub struct MemorySender {
    shared: Arc<Shared>,
    blocking: bool,
}

impl MemoryReceiver {
    /// Whether receiving waits for a packet, or returns [`TransportError::WouldBlock`].
    pub fn set_blocking(&mut self, blocking: bool) {
        self.blocking = blocking;
    }

    /// Receives as [`Transport::receive`], waiting at most `timeout`.
    ///
    /// # Errors
    /// As [`Transport::receive`]; [`TransportError::WouldBlock`] when the time is over.
    pub fn receive_timeout(
        &mut self,
        into: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, TransportError<Infallible>> {
        // A time too far ahead to be told is no limit.
        self.shared.receive(into, Wait::until(Instant::now().checked_add(timeout)))
    }
}

impl MemorySender {
    /// Whether sending waits for a free slot, or returns [`TransportError::WouldBlock`].
    pub fn set_blocking(&mut self, blocking: bool) {
        self.blocking = blocking;
    }
}

impl Transport for MemoryReceiver {
    type Error = Infallible;

    fn mtu(&self) -> usize {
        self.shared.mtu
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }
    fn send(&mut self, _bytes: &[u8]) -> Result<(), TransportError<Infallible>> {
        Err(TransportError::Closed)
    }
    fn send_gather(&mut self, _pieces: &[&[u8]]) -> Result<(), TransportError<Infallible>> {
        Err(TransportError::Closed)
    }
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Infallible>> {
        self.shared.receive(into, Wait::when(self.blocking))
    }
}

impl Transport for MemorySender {
    type Error = Infallible;

    fn mtu(&self) -> usize {
        self.shared.mtu
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }
    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Infallible>> {
        self.send_gather(&[bytes])
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Infallible>> {
        self.shared.send(pieces, Wait::when(self.blocking))
    }
    fn receive(&mut self, _into: &mut [u8]) -> Result<usize, TransportError<Infallible>> {
        Err(TransportError::Closed)
    }
}

impl Drop for MemoryReceiver {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Drop for MemorySender {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// One direction. Exactly one sender and one receiver hold it, so one condition each is enough.
#[derive(Debug)]
struct Shared {
    mtu: usize,
    ring: Mutex<Ring>,
    filled: Condvar,
    freed: Condvar,
}

#[derive(Debug)]
struct Ring {
    memory: Box<[u8]>,
    lengths: Box<[usize]>,
    oldest: usize,
    queued: usize,
    closed: bool,
}

#[derive(Clone, Copy)]
enum Wait {
    Never,
    Until(Instant),
    Forever,
}

impl Wait {
    fn when(blocking: bool) -> Self {
        if blocking { Self::Forever } else { Self::Never }
    }
    fn until(end: Option<Instant>) -> Self {
        end.map_or(Self::Forever, Self::Until)
    }
}

fn direction(mtu: usize, slots: usize) -> (MemorySender, MemoryReceiver) {
    let ring = Ring {
        memory: vec![0; mtu.saturating_mul(slots)].into_boxed_slice(),
        lengths: vec![0; slots].into_boxed_slice(),
        oldest: 0,
        queued: 0,
        closed: false,
    };
    let shared =
        Arc::new(Shared { mtu, ring: Mutex::new(ring), filled: Condvar::new(), freed: Condvar::new() });
    (MemorySender { shared: Arc::clone(&shared), blocking: true }, MemoryReceiver { shared, blocking: true })
}

impl Shared {
    fn send(&self, pieces: &[&[u8]], wait: Wait) -> Result<(), TransportError<Infallible>> {
        let len = pieces.iter().fold(0, |sum: usize, piece| sum.saturating_add(piece.len()));
        if len > self.mtu {
            return Err(TransportError::TooLong { len, most: self.mtu });
        }
        let full = |ring: &Ring| !ring.closed && ring.queued == ring.lengths.len();
        let mut ring = wait_while(self.lock(), &self.freed, wait, full);
        if ring.closed {
            return Err(TransportError::Closed);
        }
        if full(&ring) {
            return Err(TransportError::WouldBlock);
        }
        let slot = (ring.oldest + ring.queued) % ring.lengths.len();
        let mut rest = &mut ring.memory[slot * self.mtu..][..len];
        for piece in pieces {
            let (front, behind) = rest.split_at_mut(piece.len());
            front.copy_from_slice(piece);
            rest = behind;
        }
        ring.lengths[slot] = len;
        ring.queued += 1;
        drop(ring);
        self.filled.notify_one();
        Ok(())
    }

    fn receive(&self, into: &mut [u8], wait: Wait) -> Result<usize, TransportError<Infallible>> {
        let empty = |ring: &Ring| !ring.closed && ring.queued == 0;
        let mut ring = wait_while(self.lock(), &self.filled, wait, empty);
        if ring.queued == 0 {
            return Err(if ring.closed { TransportError::Closed } else { TransportError::WouldBlock });
        }
        let slot = ring.oldest;
        let packet = &ring.memory[slot * self.mtu..][..ring.lengths[slot]];
        let (len, most) = (packet.len(), into.len());
        let result = match into.get_mut(..len) {
            Some(front) => {
                front.copy_from_slice(packet);
                Ok(len)
            }
            None => Err(TransportError::TooLong { len, most }),
        };
        ring.oldest = (slot + 1) % ring.lengths.len();
        ring.queued -= 1;
        drop(ring);
        self.freed.notify_one();
        result
    }

    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.freed.notify_one();
    }

    /// A thread that panicked here leaves the ring consistent: every change is made after the copy.
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait_while<'a>(
    mut ring: MutexGuard<'a, Ring>,
    changed: &Condvar,
    wait: Wait,
    condition: impl Fn(&Ring) -> bool,
) -> MutexGuard<'a, Ring> {
    while condition(&ring) {
        ring = match wait {
            Wait::Never => return ring,
            Wait::Forever => changed.wait(ring).unwrap_or_else(PoisonError::into_inner),
            Wait::Until(end) => {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return ring;
                }
                changed.wait_timeout(ring, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
    ring
}

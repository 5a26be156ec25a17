//! [`Loopback`]: packets that come back to whoever holds it, as over a radio link with nothing in the air.
//!
//! ```text
//!   SLOTS slots of MTU bytes in one array      length of each packet
//!   | ...... | packet 1 | packet 2 | ...... |  [ 0 | 40 | 7 | 0 ]
//!            oldest ->              <- next free
//! ```
//!
//! Runs without an allocator and without threads: one owner sends, then receives. For two threads see
//! `Memory`.

use core::convert::Infallible;

use packhorse_link::{Boundaries, Transport, TransportError};

/// A queue of at most `SLOTS` packets of at most `MTU` bytes: what is sent is received, in order and whole.
///
/// Never blocks: sending to a full one and receiving from an empty one is [`TransportError::WouldBlock`].
/// `SLOTS` and `MTU` of zero do not compile:
///
/// ```compile_fail
/// let link = packhorse_transport::Loopback::<64, 0>::new();
/// ```
///
/// ```
/// use packhorse_link::{Transport as _, TransportError};
/// use packhorse_transport::Loopback;
///
/// let mut link = Loopback::<64, 4>::new();
/// link.send(b"first")?;
/// link.send_gather(&[b"sec", b"ond"])?;
///
/// let mut into = [0; 64];
/// assert_eq!(link.receive(&mut into), Ok(5));
/// assert_eq!(link.receive(&mut into), Ok(6));
/// assert_eq!(&into[..6], b"second");
/// assert_eq!(link.receive(&mut into), Err(TransportError::WouldBlock));
/// # Ok::<(), TransportError<core::convert::Infallible>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Loopback<const MTU: usize, const SLOTS: usize> {
    slots: [[u8; MTU]; SLOTS],
    lengths: [usize; SLOTS],
    oldest: usize,
    queued: usize,
}

impl<const MTU: usize, const SLOTS: usize> Loopback<MTU, SLOTS> {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(MTU > 0 && SLOTS > 0, "a loopback needs at least one slot of at least one byte");
        }
        Self { slots: [[0; MTU]; SLOTS], lengths: [0; SLOTS], oldest: 0, queued: 0 }
    }

    /// Packets sent and not yet received.
    #[must_use]
    pub const fn queued(&self) -> usize {
        self.queued
    }

    /// The oldest packet, where it lies, to be read or changed without a copy; [`pop`](Self::pop) then drops it.
    pub fn front(&mut self) -> Option<&mut [u8]> {
        if self.queued == 0 {
            return None;
        }
        self.slots[self.oldest].get_mut(..self.lengths[self.oldest])
    }

    /// Drops the oldest packet. Tells whether there was one.
    pub fn pop(&mut self) -> bool {
        if self.queued == 0 {
            return false;
        }
        self.oldest = (self.oldest + 1) % SLOTS;
        self.queued -= 1;
        true
    }
}

impl<const MTU: usize, const SLOTS: usize> Default for Loopback<MTU, SLOTS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const MTU: usize, const SLOTS: usize> Transport for Loopback<MTU, SLOTS> {
    type Error = Infallible;

    fn mtu(&self) -> usize {
        MTU
    }

    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Infallible>> {
        self.send_gather(&[bytes])
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Infallible>> {
        let len = pieces.iter().fold(0, |sum: usize, piece| sum.saturating_add(piece.len()));
        if len > MTU {
            return Err(TransportError::TooLong { len, most: MTU });
        }
        if self.queued == SLOTS {
            return Err(TransportError::WouldBlock);
        }
        let slot = (self.oldest + self.queued) % SLOTS;
        let mut rest = &mut self.slots[slot][..len];
        for piece in pieces {
            let (front, behind) = rest.split_at_mut(piece.len());
            front.copy_from_slice(piece);
            rest = behind;
        }
        self.lengths[slot] = len;
        self.queued += 1;
        Ok(())
    }

    /// As the trait; an empty packet is received as zero bytes, since a loopback has no end.
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Infallible>> {
        let most = into.len();
        let Some(packet) = self.front() else {
            return Err(TransportError::WouldBlock);
        };
        let len = packet.len();
        let result = match into.get_mut(..len) {
            Some(front) => {
                front.copy_from_slice(packet);
                Ok(len)
            }
            None => Err(TransportError::TooLong { len, most }),
        };
        self.pop();
        result
    }
}

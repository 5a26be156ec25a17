//! [`Faulty`]: a transport that damages what is sent over it.
//!
//! ```text
//!   send ---> errors ---> fate ---> inner.send          packets that pass untouched are not copied
//!                          |  \
//!     memory: | this packet, damaged, until it is taken | one packet that others overtake |
//! ```
//!
//! Only sending is damaged: for a bad link both ways, wrap both ends. Same seed, same calls, same damage; that the
//! transport below was full for a while changes nothing.

use packhorse_buffer::Storage;
use packhorse_link::{Boundaries, Transport, TransportError};

use crate::damage::{BadFault, Damage, Fate, Faults, Noise};

/// Drops, changes, truncates, extends, duplicates and reorders what is sent over `T`.
///
/// Where `T` keeps packets whole, each packet has its fate. On a byte stream it does what [`Noise`] does, in pieces of
/// [`Faults::piece`] bytes from the start of the stream; the transport below should then block, since the rest of a
/// `send` that was begun waits for it.
///
/// ```
/// use packhorse_link::Transport as _;
/// use packhorse_transport::{Faults, Faulty, Loopback};
///
/// let faults = Faults { drop: 0.25, ..Faults::NONE };
/// let mut link = Faulty::with_memory(Loopback::<64, 1000>::new(), 1, &faults, [0; 128])?;
/// for _ in 0..1000 {
///     link.send(b"a packet")?;
/// }
/// let dropped = link.damage().dropped;
/// assert!((200..300).contains(&dropped));
/// assert_eq!(link.inner().queued() as u64, 1000 - dropped);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Faulty<T, S> {
    inner: T,
    noise: Noise,
    /// Two slots of equal length; on byte streams one.
    memory: S,
    /// The packet just damaged, and the one that others overtake.
    waiting: [Waiting; 2],
}

/// A packet in a slot of the memory.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    len: usize,
    /// How often it is still to be sent; 0: the slot is free.
    copies: u8,
    /// Packets that go first.
    after: u32,
}

const NOW: usize = 0;
const LATE: usize = 1;

#[cfg(feature = "std")]
impl<T: Transport> Faulty<T, Vec<u8>> {
    /// Damages what is sent over `inner`, with memory for two of its largest packets.
    ///
    /// # Errors
    /// [`BadFault`] when a value of `faults` is out of range.
    pub fn new(inner: T, seed: u64, faults: &Faults) -> Result<Self, BadFault> {
        let memory = vec![0; inner.mtu().saturating_mul(2)];
        Self::with_memory(inner, seed, faults, memory)
    }
}

impl<T: Transport, S: Storage> Faulty<T, S> {
    /// Damages what is sent over `inner`. Packets may have up to half the length of `memory`.
    ///
    /// # Errors
    /// [`BadFault`] when a value of `faults` is out of range.
    pub fn with_memory(inner: T, seed: u64, faults: &Faults, memory: S) -> Result<Self, BadFault> {
        Ok(Self { inner, noise: Noise::new(seed, faults)?, memory, waiting: [Waiting::default(); 2] })
    }

    /// What was done so far.
    pub const fn damage(&self) -> &Damage {
        self.noise.damage()
    }

    /// Sends what is still held back: the packet that others would have overtaken, the end of the last piece.
    ///
    /// # Errors
    /// As [`Transport::send`].
    pub fn flush(&mut self) -> Result<(), TransportError<T::Error>> {
        let Self { inner, noise, .. } = self;
        if inner.boundaries() == Boundaries::Bytes {
            return noise.try_finish(|run| insist(inner, run));
        }
        self.waiting[LATE].after = 0;
        self.drain()
    }

    /// The transport below.
    pub const fn inner(&self) -> &T {
        &self.inner
    }

    /// The transport below, for calls of its own; what is sent on it is not damaged.
    pub const fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The transport below, back. What was held back is lost.
    pub fn into_inner(self) -> T {
        self.inner
    }

    fn slot(&self) -> usize {
        self.memory.as_slice().len() / 2
    }

    /// Sends the packets whose turn has come and that were not taken before.
    fn drain(&mut self) -> Result<(), TransportError<T::Error>> {
        let slot = self.slot();
        for (index, waiting) in self.waiting.iter_mut().enumerate() {
            while waiting.copies > 0 && waiting.after == 0 {
                let packet = &self.memory.as_slice()[index * slot..][..waiting.len];
                match self.inner.send(packet) {
                    Ok(()) => self.noise.parts().2.bytes_out += count(waiting.len),
                    Err(TransportError::WouldBlock) => return Err(TransportError::WouldBlock),
                    Err(error) => {
                        waiting.copies = 0;
                        return Err(error);
                    }
                }
                waiting.copies -= 1;
            }
        }
        Ok(())
    }

    /// Tries to; what the transport below has no room for goes out later.
    fn drain_if_possible(&mut self) -> Result<(), TransportError<T::Error>> {
        match self.drain() {
            Err(TransportError::WouldBlock) => Ok(()),
            result => result,
        }
    }

    fn send_packet(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<T::Error>> {
        let len = pieces.iter().fold(0, |sum: usize, piece| sum.saturating_add(piece.len()));
        let most = self.mtu();
        if len > most {
            return Err(TransportError::TooLong { len, most });
        }
        // The last packet goes first; until it is taken, this one is not, and has no fate yet.
        self.drain()?;
        let (errors, fates, damage) = self.noise.parts();
        damage.units += 1;
        damage.bytes_in += count(len);
        let fate = fates.next(len, damage);
        let overtaken = self.waiting[LATE].copies > 0;
        let (keep, extra, copies, late) = match fate {
            Fate::Dropped => (0, 0, 0, 0),
            // Only one packet is late at a time.
            Fate::Sent { keep, extra, twice, late } => {
                (keep, extra.min(most - keep), 1 + u8::from(twice), if overtaken { 0 } else { late })
            }
        };
        let spare = errors.spare(len);
        let (mut direct, mut full) = (0, false);
        if spare && (copies == 0 || (keep == len && extra == 0 && late == 0)) {
            errors.pass(len);
            // Nothing to change: from the caller's memory, as long as there is room below.
            while direct < copies {
                match self.inner.send_gather(pieces) {
                    Ok(()) => self.noise.parts().2.bytes_out += count(len),
                    Err(TransportError::WouldBlock) => {
                        full = true;
                        break;
                    }
                    Err(error) => return Err(error),
                }
                direct += 1;
            }
        }
        if direct < copies || !spare {
            let index = if late > 0 { LATE } else { NOW };
            let slot = self.memory.as_slice().len() / 2;
            let memory = &mut self.memory.as_mut_slice()[index * slot..][..slot];
            let (errors, fates, damage) = self.noise.parts();
            let whole = copy(pieces, memory);
            if !spare {
                errors.apply(whole, damage);
            }
            fates.fill(&mut memory[keep..keep + extra]);
            self.waiting[index] = Waiting { len: keep + extra, copies: copies - direct, after: late };
            damage.reordered += u64::from(late > 0);
        }
        if overtaken && copies > 0 {
            let late = &mut self.waiting[LATE];
            late.after = late.after.saturating_sub(1);
        }
        if full { Ok(()) } else { self.drain_if_possible() }
    }

    fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), TransportError<T::Error>> {
        let Self { inner, noise, memory, .. } = self;
        let memory = memory.as_mut_slice();
        if memory.is_empty() {
            return Err(TransportError::TooLong { len: bytes.len(), most: 0 });
        }
        for chunk in bytes.chunks(memory.len()) {
            let damaged = &mut memory[..chunk.len()];
            damaged.copy_from_slice(chunk);
            noise.try_apply(damaged, |run| insist(inner, run))?;
        }
        Ok(())
    }
}

impl<T: Transport, S: Storage> Transport for Faulty<T, S> {
    type Error = T::Error;

    fn mtu(&self) -> usize {
        match self.inner.boundaries() {
            Boundaries::Packets => self.inner.mtu().min(self.slot()),
            Boundaries::Bytes => self.inner.mtu(),
        }
    }

    fn boundaries(&self) -> Boundaries {
        self.inner.boundaries()
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<T::Error>> {
        self.send_gather(&[bytes])
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<T::Error>> {
        match self.inner.boundaries() {
            Boundaries::Packets => self.send_packet(pieces),
            Boundaries::Bytes => pieces.iter().try_for_each(|piece| self.send_bytes(piece)),
        }
    }

    /// As the transport below; before, a packet that it had no room for is offered again.
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<T::Error>> {
        // Whether sending still works is for `send` to tell.
        let _ = self.drain_if_possible();
        self.inner.receive(into)
    }

    fn source(&self) -> u64 {
        self.inner.source()
    }

    fn answer_to(&mut self, source: u64) {
        self.inner.answer_to(source);
    }
}

/// On a byte stream part of a `send` may be out when the transport below is full: the rest has to follow.
fn insist<T: Transport>(inner: &mut T, run: &[u8]) -> Result<(), TransportError<T::Error>> {
    loop {
        match inner.send(run) {
            Err(TransportError::WouldBlock) => core::hint::spin_loop(),
            result => return result,
        }
    }
}

/// The pieces one behind the other; the caller has checked that they fit.
fn copy<'a>(pieces: &[&[u8]], memory: &'a mut [u8]) -> &'a mut [u8] {
    let mut len = 0;
    for piece in pieces {
        memory[len..len + piece.len()].copy_from_slice(piece);
        len += piece.len();
    }
    &mut memory[..len]
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

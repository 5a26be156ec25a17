//! A queue of packets between two threads of a process: slabs full of packets, one behind the other.
//!
//! ```text
//!   PacketSender                          queue, bounded               PacketReceiver
//!   | packet | packet | free ... |  ->  | packet packet packet | ... |  ->  slices of the slab, not copied
//!     a copy of header and payload        a slab comes back once the last slice is dropped
//! ```
//! Nothing is lost: a sender whose receiver is slow waits. Not a network: there is no address and no loss.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use packhorse_buffer::{FreshSlab, SlabSlice, Slabs};
use thiserror::Error;

/// A queue of at most `slabs` slabs of `size` bytes. A packet is at most as long as a slab.
#[must_use]
pub fn queue(slabs: usize, size: usize) -> (PacketSender, PacketReceiver) {
    let most = slabs.max(1);
    let state = State { full: VecDeque::with_capacity(most), sender: true, receiver: true };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), most });
    // Beside those in the queue: one being filled, one being read. More only if the receiver keeps slices.
    let mut supply = Slabs::new(size, usize::MAX);
    let working_set: Vec<_> = (0..most + 2).filter_map(|_| supply.take()).collect();
    working_set.into_iter().for_each(|slab| supply.give_back(slab));
    (PacketSender { slabs: supply, open: None, shared: Arc::clone(&shared) }, PacketReceiver { shared })
}

/// The end that sends. Dropping it ends the stream.
#[derive(Debug)]
pub struct PacketSender {
    slabs: Slabs,
    /// The slab being filled, and how far it is.
    open: Option<(FreshSlab, usize)>,
    shared: Arc<Shared>,
}

/// The end that receives. Dropping it refuses what comes.
#[derive(Debug)]
pub struct PacketReceiver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
}

#[derive(Debug)]
struct State {
    full: VecDeque<SlabSlice>,
    sender: bool,
    receiver: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PacketSender {
    /// Copies a packet of `len` bytes, which `parts` make, into the slab being filled.
    ///
    /// # Errors
    /// [`PutError`]: the receiver is gone, the packet is longer than a slab, or its parts do not make up `len`.
    pub fn put<'a>(&mut self, len: usize, parts: impl Iterator<Item = &'a [u8]>) -> Result<(), PutError> {
        let most = self.slabs.size();
        if len > most {
            return Err(PutError::TooLong { len, most });
        }
        if self.open.as_ref().is_some_and(|(_, used)| len > self.slabs.size() - used) {
            self.flush()?;
        }
        let (slab, used) = match &mut self.open {
            Some(open) => open,
            None => {
                let fresh = self.slabs.take().ok_or(Closed)?;
                self.open.insert((fresh, 0))
            }
        };
        let mut room = &mut slab.as_mut_slice()[*used..*used + len];
        for part in parts {
            let (now, later) = room.split_at_mut_checked(part.len()).ok_or(PutError::Parts { len })?;
            now.copy_from_slice(part);
            room = later;
        }
        if !room.is_empty() {
            return Err(PutError::Parts { len });
        }
        *used += len;
        Ok(())
    }

    /// Hands the slab being filled to the receiver. Waits while the queue is full.
    ///
    /// # Errors
    /// [`Closed`]: the receiver is gone.
    pub fn flush(&mut self) -> Result<(), Closed> {
        let Some((slab, used)) = self.open.take() else {
            return Ok(());
        };
        let shared = slab.share();
        let slice = shared.slice(0..used);
        self.slabs.give(shared);
        let mut state = self.shared.lock();
        while state.receiver && state.full.len() >= self.shared.most {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.receiver {
            return Err(Closed);
        }
        let was_empty = state.full.is_empty();
        state.full.push_back(slice);
        drop(state);
        if was_empty {
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Bytes of the longest packet.
    #[must_use]
    pub fn longest_packet(&self) -> usize {
        self.slabs.size()
    }
}

impl Drop for PacketSender {
    fn drop(&mut self) {
        let _ = self.flush();
        self.shared.lock().sender = false;
        self.shared.changed.notify_all();
    }
}

impl PacketReceiver {
    /// The next packets, one behind the other in one slice; waits at most `timeout`, without one for ever. `Ok(None)`
    /// when that time is over.
    ///
    /// # Errors
    /// [`Closed`]: the sender is gone, and everything that it sent was received.
    pub fn receive(&self, timeout: Option<Duration>) -> Result<Option<SlabSlice>, Closed> {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.shared.lock();
        loop {
            if let Some(slice) = state.full.pop_front() {
                let was_full = state.full.len() + 1 == self.shared.most;
                drop(state);
                if was_full {
                    self.shared.changed.notify_all();
                }
                return Ok(Some(slice));
            }
            if !state.sender {
                return Err(Closed);
            }
            let wait = &self.shared.changed;
            state = match end {
                None => wait.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    wait.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Drop for PacketReceiver {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.receiver = false;
        state.full.clear();
        drop(state);
        self.shared.changed.notify_all();
    }
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutError {
    /// The other end is gone.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// It is longer than a slab.
    #[error("a packet of {len} bytes is longer than a slab of the queue, {most}; make the slabs longer")]
    TooLong {
        /// Bytes of the packet.
        len: usize,
        /// Bytes of a slab.
        most: usize,
    },
    /// Its parts together are shorter or longer than it was said to be.
    #[error("the parts of the packet are not {len} bytes together")]
    Parts {
        /// Bytes that were said.
        len: usize,
    },
}

/// The other end is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the other end of the queue is gone")]
pub struct Closed;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn packets_arrive_in_order_and_the_end_comes_after_them() {
        let (mut sender, receiver) = queue(2, 100);
        let thread = thread::spawn(move || {
            for number in 0..200_u8 {
                sender.put(7, [&[number; 3][..], &[number; 4]].into_iter()).unwrap();
                if number % 3 == 0 {
                    sender.flush().unwrap();
                }
            }
        });
        let mut bytes = Vec::new();
        while let Ok(slice) = receiver.receive(None) {
            bytes.extend_from_slice(&slice.unwrap());
        }
        thread.join().unwrap();
        assert_eq!(bytes, (0..200_u8).flat_map(|number| [number; 7]).collect::<Vec<_>>());
    }

    #[test]
    fn a_packet_that_is_not_as_long_as_said_or_longer_than_a_slab_is_refused() {
        let (mut sender, receiver) = queue(2, 8);
        let mut put = |len, parts: &[&'static [u8]]| sender.put(len, parts.iter().copied());
        assert_eq!(put(9, &[&[1; 9]]), Err(PutError::TooLong { len: 9, most: 8 }));
        assert_eq!(put(4, &[&[2; 3]]), Err(PutError::Parts { len: 4 }));
        assert_eq!(put(4, &[&[3; 3], &[3; 2]]), Err(PutError::Parts { len: 4 }));
        assert_eq!(put(3, &[&[4; 3]]), Ok(()));
        sender.flush().unwrap();
        assert_eq!(&*receiver.receive(None).unwrap().unwrap(), [4; 3]);
    }

    #[test]
    fn a_sender_waits_for_a_slow_receiver_and_learns_that_it_is_gone() {
        let (mut sender, receiver) = queue(1, 8);
        assert_eq!(receiver.receive(Some(Duration::from_millis(1))).map(|slice| slice.is_none()), Ok(true));
        sender.put(8, [&[1; 8][..]].into_iter()).unwrap();
        sender.flush().unwrap();
        let thread = thread::spawn(move || {
            sender.put(8, [&[2; 8][..]].into_iter()).unwrap();
            let result = sender.flush();
            sender.put(8, [&[3; 8][..]].into_iter()).ok();
            (result, sender.flush())
        });
        assert_eq!(
            receiver.receive(None).map(|slice| slice.map(|slice| slice.to_vec())),
            Ok(Some(vec![1; 8]))
        );
        while receiver.shared.lock().full.is_empty() {
            thread::yield_now();
        }
        drop(receiver);
        assert_eq!(thread.join().unwrap(), (Ok(()), Err(Closed)));
    }
}

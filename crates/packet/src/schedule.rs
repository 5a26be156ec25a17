//! [`Scheduler`] and [`PacketQueues`]: which channel sends next, so that telemetry passes a running file transfer.
//!
//! The channel with the highest priority that has something to send goes first; channels of equal priority take
//! turns. Not pacing: how fast the link is fed is the sender's and the transport's matter.

use crate::{Channel, PacketQueue};

/// Chooses among up to `N` channels.
#[derive(Clone, Debug)]
pub struct Scheduler<const N: usize> {
    /// Highest priority first; equal ones in the order of registration.
    entries: [Entry; N],
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    channel: Channel,
    priority: u8,
    /// When it was last chosen: the one that waited longest goes first.
    turn: u64,
}

/// Every place for a channel is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyChannels {
    /// Channels that fit.
    pub most: usize,
}

impl core::fmt::Display for TooManyChannels {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "all {} places for channels are taken", self.most)
    }
}

impl core::error::Error for TooManyChannels {}

impl<const N: usize> Scheduler<N> {
    /// No channels yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: [Entry { channel: Channel::LINK, priority: 0, turn: 0 }; N], len: 0 }
    }

    /// Lets `channel` take part; a higher `priority` goes first. Registering again changes the priority.
    ///
    /// # Errors
    /// [`TooManyChannels`] when `N` others are registered.
    pub fn register(&mut self, channel: Channel, priority: u8) -> Result<(), TooManyChannels> {
        if let Some(index) = self.index(channel) {
            self.entries[index].priority = priority;
            return Ok(());
        }
        let entry = self.entries.get_mut(self.len).ok_or(TooManyChannels { most: N })?;
        *entry = Entry { channel, priority, turn: 0 };
        self.len += 1;
        Ok(())
    }

    /// The channel that sends next, among those for which `wants` says yes; `wants` may be asked in any order.
    pub fn choose(&mut self, mut wants: impl FnMut(Channel) -> bool) -> Option<Channel> {
        self.choose_index(|_, channel| wants(channel)).map(|index| self.entries[index].channel)
    }

    fn choose_index(&mut self, mut wants: impl FnMut(usize, Channel) -> bool) -> Option<usize> {
        let mut best: Option<(usize, Entry)> = None;
        for (index, entry) in self.entries[..self.len].iter().enumerate() {
            let better = best.is_none_or(|(_, best)| {
                entry.priority > best.priority || (entry.priority == best.priority && entry.turn < best.turn)
            });
            if better && wants(index, entry.channel) {
                best = Some((index, *entry));
            }
        }
        let (index, _) = best?;
        let latest = self.entries[..self.len].iter().map(|entry| entry.turn).max().unwrap_or(0);
        self.entries[index].turn = latest + 1;
        Some(index)
    }

    fn index(&self, channel: Channel) -> Option<usize> {
        self.entries[..self.len].iter().position(|entry| entry.channel == channel)
    }
}

impl<const N: usize> Default for Scheduler<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A queue of up to `DEPTH` packets for each of up to `N` channels, emptied in the scheduler's order.
#[derive(Clone, Debug)]
pub struct PacketQueues<T, const N: usize, const DEPTH: usize> {
    queues: [PacketQueue<T, DEPTH>; N],
    scheduler: Scheduler<N>,
    unknown: u64,
}

impl<T, const N: usize, const DEPTH: usize> PacketQueues<T, N, DEPTH> {
    /// No channels yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { queues: [const { PacketQueue::new() }; N], scheduler: Scheduler::new(), unknown: 0 }
    }

    /// As [`Scheduler::register`].
    ///
    /// # Errors
    /// [`TooManyChannels`] when `N` others are registered.
    pub fn register(&mut self, channel: Channel, priority: u8) -> Result<(), TooManyChannels> {
        self.scheduler.register(channel, priority)
    }

    /// Appends a packet to its channel's queue.
    ///
    /// # Errors
    /// The packet itself when the queue is full (counted there) or the channel is unknown (counted in
    /// [`unknown`](Self::unknown)).
    pub fn push(&mut self, channel: Channel, packet: T) -> Result<(), T> {
        match self.scheduler.index(channel) {
            Some(index) => self.queues[index].push(packet),
            None => {
                self.unknown += 1;
                Err(packet)
            }
        }
    }

    /// Takes the packet that goes next, and says whose it is.
    pub fn pop(&mut self) -> Option<(Channel, T)> {
        let Self { queues, scheduler, .. } = self;
        let index = scheduler.choose_index(|index, _| !queues[index].is_empty())?;
        let packet = queues[index].pop()?;
        Some((scheduler.entries[index].channel, packet))
    }

    /// A channel's queue.
    #[must_use]
    pub fn queue(&self, channel: Channel) -> Option<&PacketQueue<T, DEPTH>> {
        self.scheduler.index(channel).map(|index| &self.queues[index])
    }

    /// Packets for channels that nobody registered.
    #[must_use]
    pub const fn unknown(&self) -> u64 {
        self.unknown
    }
}

impl<T, const N: usize, const DEPTH: usize> Default for PacketQueues<T, N, DEPTH> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Channel = Channel::TRANSFER;
    const B: Channel = Channel::LINK;
    const T: Channel = Channel::TELEMETRY;

    #[test]
    fn telemetry_passes_a_running_transfer() {
        let mut queues = PacketQueues::<u32, 2, 8>::new();
        queues.register(A, 0).unwrap();
        queues.register(T, 9).unwrap();
        for number in 0..4 {
            queues.push(A, number).unwrap();
        }
        assert_eq!(queues.pop(), Some((A, 0)));
        queues.push(T, 100).unwrap();
        assert_eq!(queues.pop(), Some((T, 100)));
        assert_eq!(queues.pop(), Some((A, 1)));
    }

    #[test]
    fn channels_of_equal_priority_take_turns() {
        let mut scheduler = Scheduler::<3>::new();
        for channel in [A, B, T] {
            scheduler.register(channel, 1).unwrap();
        }
        let order = [(); 6].map(|()| scheduler.choose(|_| true).unwrap());
        assert_eq!(order, [A, B, T, A, B, T]);
        // One that was silent does not get all its missed turns at once, but the next one.
        let order = [(); 4].map(|()| scheduler.choose(|channel| channel != B).unwrap());
        assert_eq!(order, [A, T, A, T]);
        assert_eq!(scheduler.choose(|_| true), Some(B));
        assert_eq!(scheduler.choose(|_| true), Some(A));
    }

    #[test]
    fn unknown_channels_and_too_many_are_refused_and_counted() {
        let mut queues = PacketQueues::<u32, 1, 1>::new();
        queues.register(A, 0).unwrap();
        assert_eq!(queues.register(B, 0), Err(TooManyChannels { most: 1 }));
        assert_eq!(queues.push(B, 7), Err(7));
        assert_eq!(queues.unknown(), 1);
        queues.push(A, 1).unwrap();
        assert_eq!(queues.push(A, 2), Err(2));
        assert_eq!(queues.queue(A).map(PacketQueue::refused), Some(1));
        assert_eq!(queues.pop(), Some((A, 1)));
        assert_eq!(queues.pop(), None);
    }
}

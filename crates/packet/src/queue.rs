//! [`PacketQueue`]: a fixed ring, first in first out. No allocation, no waiting: a full queue gives the packet back.

/// Up to `N` packets, or whatever stands for them (a `PacketBuf`, a pool's slot, an index).
#[derive(Clone, Debug)]
pub struct PacketQueue<T, const N: usize> {
    slots: [Option<T>; N],
    first: usize,
    len: usize,
    refused: u64,
}

impl<T, const N: usize> PacketQueue<T, N> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: [const { None }; N], first: 0, len: 0, refused: 0 }
    }

    /// Appends a packet.
    ///
    /// # Errors
    /// The packet itself when the queue is full; that is counted.
    pub fn push(&mut self, packet: T) -> Result<(), T> {
        if self.len == N {
            self.refused += 1;
            return Err(packet);
        }
        self.slots[(self.first + self.len) % N] = Some(packet);
        self.len += 1;
        Ok(())
    }

    /// Takes the oldest packet.
    pub fn pop(&mut self) -> Option<T> {
        let packet = self.slots.get_mut(self.first)?.take()?;
        self.first = (self.first + 1) % N;
        self.len -= 1;
        Some(packet)
    }

    /// The oldest packet.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.slots.get(self.first)?.as_ref()
    }

    /// Packets waiting.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Packets that found the queue full.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

impl<T, const N: usize> Default for PacketQueue<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_leave_in_the_order_they_came_and_a_full_queue_gives_them_back() {
        let mut queue = PacketQueue::<u32, 3>::new();
        let mut next = 0;
        for round in 0..10 {
            while queue.push(next).is_ok() {
                next += 1;
            }
            assert_eq!((queue.len(), queue.refused()), (3, round + 1));
            assert_eq!(queue.peek().copied(), Some(next - 3));
            for _ in 0..=round % 3 {
                let first = next - u32::try_from(queue.len()).unwrap();
                assert_eq!(queue.pop(), Some(first));
            }
        }
    }

    #[test]
    fn a_queue_without_slots_is_always_full() {
        let mut queue = PacketQueue::<u32, 0>::new();
        assert_eq!(queue.push(1), Err(1));
        assert_eq!(queue.pop(), None);
    }
}

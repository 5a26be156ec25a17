//! [`Outbox`]: frames that are made and wait for the line, so that the next one is computed while one is being sent.
//!
//! ```text
//!   oldest -> | frame being written | frame | frame |   up to SLOTS, from a pool
//!                      ^ written so far
//! ```

use packhorse_buffer::{PacketBuf, Pool, Pooled};

/// A frame in a slot of a pool.
pub type Frame<'p, const SLOTS: usize, const SIZE: usize> = PacketBuf<Pooled<'p, SLOTS, SIZE>>;

/// A queue of frames in the slots of a pool. It never waits: no slot, no frame.
#[derive(Debug)]
pub struct Outbox<'p, const SLOTS: usize, const SIZE: usize> {
    pool: &'p Pool<SLOTS, SIZE>,
    queue: [Option<Frame<'p, SLOTS, SIZE>>; SLOTS],
    oldest: usize,
    queued: usize,
}

impl<'p, const SLOTS: usize, const SIZE: usize> Outbox<'p, SLOTS, SIZE> {
    /// An empty queue; `pool` may be shared with others.
    #[must_use]
    pub const fn new(pool: &'p Pool<SLOTS, SIZE>) -> Self {
        Self { pool, queue: [const { None }; SLOTS], oldest: 0, queued: 0 }
    }

    /// A free slot to make a frame in, or `None`: the line has to take some first.
    pub fn slot(&self) -> Option<Frame<'p, SLOTS, SIZE>> {
        self.pool.take().map(PacketBuf::new)
    }

    /// Queues a frame.
    ///
    /// # Errors
    /// Gives it back when `SLOTS` frames are queued, which cannot be as long as the pool is this one.
    pub fn push(&mut self, frame: Frame<'p, SLOTS, SIZE>) -> Result<(), Frame<'p, SLOTS, SIZE>> {
        match self.queue.get_mut((self.oldest + self.queued) % SLOTS) {
            Some(place @ None) => {
                *place = Some(frame);
                self.queued += 1;
                Ok(())
            }
            _ => Err(frame),
        }
    }

    /// The bytes that are to be written next; empty when nothing waits.
    #[must_use]
    pub fn front(&self) -> &[u8] {
        self.queue.get(self.oldest).and_then(Option::as_ref).map_or(&[], PacketBuf::as_slice)
    }

    /// `len` bytes of [`front`](Self::front) were written.
    pub fn written(&mut self, len: usize) {
        if let Some(place) = self.queue.get_mut(self.oldest)
            && let Some(frame) = place
        {
            // More than there is counts as all of it.
            if frame.pull(len).is_err() || frame.is_empty() {
                *place = None;
                self.oldest = (self.oldest + 1) % SLOTS;
                self.queued -= 1;
            }
        }
    }

    /// Frames that wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.queued
    }

    /// Whether everything was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.queued == 0
    }

    /// Writes what `line` takes without waiting. Returns how many bytes that were.
    ///
    /// # Errors
    /// What the line says.
    pub fn drain<W: embedded_io::Write + embedded_io::WriteReady>(
        &mut self,
        line: &mut W,
    ) -> Result<usize, W::Error> {
        let mut total = 0;
        while !self.is_empty() && line.write_ready()? {
            let len = line.write(self.front())?;
            if len == 0 {
                break;
            }
            self.written(len);
            total += len;
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_in_order_however_little_the_line_takes() {
        static POOL: Pool<3, 8> = Pool::new();
        let mut outbox = Outbox::new(&POOL);
        for text in [b"abc", b"def", b"ghi"] {
            let mut frame = outbox.slot().unwrap();
            frame.put_slice(text).unwrap();
            outbox.push(frame).unwrap();
        }
        assert!(outbox.slot().is_none(), "three in flight is all");
        let mut line = alloc::vec::Vec::new();
        while !outbox.is_empty() {
            let step = outbox.front().len().min(2);
            line.extend_from_slice(&outbox.front()[..step]);
            outbox.written(step);
        }
        assert_eq!(line, b"abcdefghi");
        assert_eq!(POOL.available(), 3);
    }

    /// A line that takes so many bytes, and then nothing for ever.
    struct Stuck(usize);

    impl embedded_io::ErrorType for Stuck {
        type Error = core::convert::Infallible;
    }

    impl embedded_io::WriteReady for Stuck {
        fn write_ready(&mut self) -> Result<bool, Self::Error> {
            Ok(self.0 > 0)
        }
    }

    impl embedded_io::Write for Stuck {
        fn write(&mut self, from: &[u8]) -> Result<usize, Self::Error> {
            let len = from.len().min(self.0);
            self.0 -= len;
            Ok(len)
        }

        fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_takes_nothing_more_stops_neither_the_loop_nor_what_waits() {
        static POOL: Pool<3, 8> = Pool::new();
        let mut outbox = Outbox::new(&POOL);
        while let Some(mut frame) = outbox.slot() {
            frame.put_slice(b"abcdefgh").unwrap();
            outbox.push(frame).unwrap();
        }
        let mut line = Stuck(11);
        assert_eq!(outbox.drain(&mut line), Ok(11));
        for _ in 0..100 {
            assert_eq!(outbox.drain(&mut line), Ok(0));
        }
        assert_eq!((outbox.len(), outbox.front()), (2, &b"defgh"[..]));
        line.0 = 100;
        assert_eq!(outbox.drain(&mut line), Ok(13));
        assert!(outbox.is_empty() && POOL.available() == 3);
    }
}

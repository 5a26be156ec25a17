//! [`Coalescer`] and [`Splitter`]: many small messages as one large one, and back.
//!
//! ```text
//!   add(a) add(b) add(c)           | length u32 | a | length u32 | b | length u32 | c |      one message of the channel
//!   add(larger than the buffer)    | length u32 | larger ...                          |      what waits goes first
//! ```
//!
//! A large message is the same format with one record, so that the receiving half needs no mark to tell them apart.
//! Not a batcher: nothing is sent by the clock here. Where small messages must not wait, put a
//! [`Batcher`](crate::batch::Batcher) in front, or use a carrier that batches by itself (tcp, udp).

use crate::packed::{Layout, RecordError};

/// Bytes of one coalesced message unless said otherwise.
pub const COALESCED: usize = 64 * 1024;

/// Collects small messages in one buffer: see the [module](self).
///
/// Takes its memory when made; adding allocates nothing. What waits when it is dropped is lost: call
/// [`flush`](Self::flush).
#[derive(Clone, Debug)]
pub struct Coalescer {
    memory: Box<[u8]>,
    used: usize,
    count: usize,
}

impl Coalescer {
    /// Coalesced messages of at most [`COALESCED`] bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(COALESCED)
    }

    /// Coalesced messages of at most `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { memory: vec![0; capacity].into_boxed_slice(), used: 0, count: 0 }
    }

    /// Bytes that wait.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.used
    }

    /// Messages that wait.
    #[must_use]
    pub const fn messages(&self) -> usize {
        self.count
    }

    /// Adds a message. What waits is given to `send` first when the message does not fit behind it; a message larger
    /// than the whole buffer is given at once, alone. `send` gets the pieces of one message of the channel.
    ///
    /// # Errors
    /// What `send` fails with: what waited still waits then, and `message` was not taken.
    /// [`CoalesceError::TooLong`] when its length does not fit a u32.
    pub fn add<E>(
        &mut self,
        message: &[u8],
        mut send: impl FnMut(&[&[u8]]) -> Result<(), E>,
    ) -> Result<(), CoalesceError<E>> {
        let size = Layout::Packed.size(message.len());
        if size > self.memory.len() - self.used {
            self.flush(&mut send).map_err(CoalesceError::Send)?;
        }
        if size > self.memory.len() {
            let length = u32::try_from(message.len());
            let length = length.map_err(|_| CoalesceError::TooLong { len: message.len() })?;
            return send(&[&length.to_be_bytes(), message]).map_err(CoalesceError::Send);
        }
        let put = Layout::Packed.put(&mut self.memory[self.used..], 0, message);
        self.used += put.map_err(|_| CoalesceError::TooLong { len: message.len() })?;
        self.count += 1;
        Ok(())
    }

    /// Gives what waits to `send`, as one message; nothing when nothing waits.
    ///
    /// # Errors
    /// What `send` fails with; what waited still waits then.
    pub fn flush<E>(&mut self, mut send: impl FnMut(&[&[u8]]) -> Result<(), E>) -> Result<(), E> {
        if self.used > 0 {
            send(&[&self.memory[..self.used]])?;
            (self.used, self.count) = (0, 0);
        }
        Ok(())
    }
}

impl Default for Coalescer {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes a coalesced message apart, in place.
#[derive(Clone, Debug)]
pub struct Splitter<'a>(crate::packed::Records<'a>);

impl<'a> Splitter<'a> {
    /// The messages in one coalesced message.
    #[must_use]
    pub const fn new(coalesced: &'a [u8]) -> Self {
        Self(crate::packed::Records::new(Layout::Packed, coalesced))
    }
}

impl<'a> Iterator for Splitter<'a> {
    type Item = Result<&'a [u8], RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|record| record.map(|(_, message)| message))
    }
}

/// Why a message was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoalesceError<E> {
    /// Longer than a u32 can say.
    #[error("a message of {len} bytes: at most 4294967295 can be coalesced")]
    TooLong {
        /// Bytes in the message.
        len: usize,
    },
    /// The channel did not take what waits, or the message itself.
    #[error(transparent)]
    Send(#[from] E),
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;

    fn collect(sent: &mut Vec<Vec<u8>>) -> impl FnMut(&[&[u8]]) -> Result<(), Infallible> + '_ {
        |pieces| {
            sent.push(pieces.concat());
            Ok(())
        }
    }

    #[test]
    fn small_messages_share_one_and_a_large_one_passes_alone_in_order() {
        let mut coalescer = Coalescer::with_capacity(32);
        let mut sent = Vec::new();
        for message in [&b"one"[..], b"", b"three", &[9; 100], b"last"] {
            coalescer.add(message, collect(&mut sent)).unwrap();
        }
        coalescer.flush(collect(&mut sent)).unwrap();
        coalescer.flush(collect(&mut sent)).unwrap();
        assert_eq!(sent.len(), 3);
        assert!(sent[0].len() <= 32);
        let all: Vec<&[u8]> = sent.iter().flat_map(|run| Splitter::new(run)).map(Result::unwrap).collect();
        assert_eq!(all, [&b"one"[..], b"", b"three", &[9; 100], b"last"]);
    }

    #[test]
    fn a_message_that_exactly_fills_the_buffer_is_coalesced() {
        let mut coalescer = Coalescer::with_capacity(32);
        let mut sent = Vec::new();
        coalescer.add(&[1; 28], collect(&mut sent)).unwrap();
        assert_eq!((sent_len(&coalescer), coalescer.messages()), (32, 1));
        coalescer.add(&[], collect(&mut sent)).unwrap();
        assert_eq!((sent.len(), coalescer.pending()), (1, 4));
    }

    fn sent_len(coalescer: &Coalescer) -> usize {
        coalescer.pending()
    }

    #[test]
    fn what_the_channel_refuses_still_waits() {
        let mut coalescer = Coalescer::with_capacity(16);
        coalescer.add(b"abcdefgh", |_| Err("full")).unwrap();
        let refused = coalescer.add(b"12345678", |_| Err("full"));
        assert_eq!(refused, Err(CoalesceError::Send("full")));
        let mut sent = Vec::new();
        coalescer.flush(collect(&mut sent)).unwrap();
        assert_eq!(Splitter::new(&sent[0]).next().unwrap().unwrap(), b"abcdefgh");
    }

    #[test]
    fn a_damaged_run_ends_with_an_error() {
        let run = [0, 0, 0, 1, b'x', 0, 0, 1, 0, b'y'];
        let all: Vec<_> = Splitter::new(&run).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0], Ok(&b"x"[..]));
        assert_eq!(all[1], Err(RecordError::Truncated { offset: 5, needed: 260, available: 5 }));
    }
}

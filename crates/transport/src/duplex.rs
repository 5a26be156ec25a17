//! [`Duplex`]: a transport that receives and one that sends, used as one; and taken apart again for two threads.
//!
//! Not a pair of ends: both halves belong to the same end of the link.

use packhorse_link::{Boundaries, Transport, TransportError};

/// One end of a link, made of the half that receives and the half that sends.
///
/// The fields are public so that an end can be split: move each half to its own thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Duplex<R, W> {
    /// What `receive` asks.
    pub receiver: R,
    /// What `send` gives to, and whose MTU and boundaries count.
    pub sender: W,
}

impl<R, W> Duplex<R, W> {
    /// Both halves as one.
    pub const fn new(receiver: R, sender: W) -> Self {
        Self { receiver, sender }
    }

    /// The halves, receiver first.
    pub fn split(self) -> (R, W) {
        (self.receiver, self.sender)
    }
}

impl<R: Transport, W: Transport<Error = R::Error>> Transport for Duplex<R, W> {
    type Error = R::Error;

    fn mtu(&self) -> usize {
        self.sender.mtu()
    }

    fn boundaries(&self) -> Boundaries {
        self.sender.boundaries()
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Self::Error>> {
        self.sender.send(bytes)
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Self::Error>> {
        self.sender.send_gather(pieces)
    }

    #[cfg(feature = "std")]
    fn send_file(
        &mut self,
        file: &std::fs::File,
        offset: u64,
        len: usize,
    ) -> Result<usize, TransportError<Self::Error>> {
        self.sender.send_file(file, offset, len)
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Self::Error>> {
        self.receiver.receive(into)
    }

    fn source(&self) -> u64 {
        self.receiver.source()
    }

    fn answer_to(&mut self, source: u64) {
        self.sender.answer_to(source);
    }
}

//! [`Tap`]: a transport that shows everything that passes to a [`Recorder`].
//!
//! Reads no clock: the caller sets the time of what comes next. `Capture` is a recorder that writes files.

use packhorse_buffer::Instant;
use packhorse_link::{Boundaries, Transport, TransportError};

/// Which way something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Out of this end.
    Sent,
    /// Into this end.
    Received,
}

/// What takes note of the packets, or the runs of bytes, that pass a [`Tap`].
///
/// Any closure `FnMut(Instant, Direction, &[&[u8]])` is one.
pub trait Recorder {
    /// Something passed at `now`: the pieces, one behind the other, are one packet or one run of bytes.
    fn record(&mut self, now: Instant, direction: Direction, pieces: &[&[u8]]);
}

impl<F: FnMut(Instant, Direction, &[&[u8]])> Recorder for F {
    fn record(&mut self, now: Instant, direction: Direction, pieces: &[&[u8]]) {
        self(now, direction, pieces);
    }
}

/// Shows what `T` sends and receives to `R`, after it succeeded, without a copy.
///
/// ```
/// use packhorse_buffer::Instant;
/// use packhorse_link::Transport as _;
/// use packhorse_transport::{Direction, Loopback, Tap};
///
/// let mut seen = Vec::new();
/// let mut link = Tap::new(Loopback::<64, 4>::new(), |now: Instant, direction, pieces: &[&[u8]]| {
///     seen.push((now.as_nanos(), direction, pieces.concat()));
/// });
/// link.set_now(Instant::from_nanos(5));
/// link.send(b"ping")?;
/// link.set_now(Instant::from_nanos(9));
/// link.receive(&mut [0; 64])?;
/// drop(link);
/// assert_eq!(seen, [(5, Direction::Sent, b"ping".to_vec()), (9, Direction::Received, b"ping".to_vec())]);
/// # Ok::<(), packhorse_link::TransportError<core::convert::Infallible>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tap<T, R> {
    inner: T,
    recorder: R,
    now: Instant,
}

impl<T, R> Tap<T, R> {
    /// Shows what passes `inner` to `recorder`. The time is [`Instant::ZERO`] until it is set.
    pub const fn new(inner: T, recorder: R) -> Self {
        Self { inner, recorder, now: Instant::ZERO }
    }

    /// The time of what passes from now on.
    pub const fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// The transport below.
    pub const fn inner(&self) -> &T {
        &self.inner
    }

    /// The transport below, for calls of its own; what passes on it is not recorded.
    pub const fn inner_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The recorder.
    pub const fn recorder(&self) -> &R {
        &self.recorder
    }

    /// The transport below and the recorder, back.
    pub fn into_parts(self) -> (T, R) {
        (self.inner, self.recorder)
    }
}

impl<T: Transport, R: Recorder> Transport for Tap<T, R> {
    type Error = T::Error;

    fn mtu(&self) -> usize {
        self.inner.mtu()
    }

    fn boundaries(&self) -> Boundaries {
        self.inner.boundaries()
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<T::Error>> {
        self.inner.send(bytes)?;
        self.recorder.record(self.now, Direction::Sent, &[bytes]);
        Ok(())
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<T::Error>> {
        self.inner.send_gather(pieces)?;
        self.recorder.record(self.now, Direction::Sent, pieces);
        Ok(())
    }

    /// As the transport below. The end of a byte stream is not recorded; an empty packet is.
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<T::Error>> {
        let len = self.inner.receive(into)?;
        if len > 0 || self.inner.boundaries() == Boundaries::Packets {
            self.recorder.record(self.now, Direction::Received, &[into.get(..len).unwrap_or_default()]);
        }
        Ok(len)
    }

    fn source(&self) -> u64 {
        self.inner.source()
    }

    fn answer_to(&mut self, source: u64) {
        self.inner.answer_to(source);
    }
}

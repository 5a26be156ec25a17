//! [`SendingEnd`] and [`ReceivingEnd`]: the ends of links that a URI can name, as one type each.
//!
//! Not generic over what is inside: agents, profiles and framings are built once for all links. The price is a branch
//! a call.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::io::Error;
use std::time::Instant;

use packhorse_link::{Boundaries, Transport, TransportError};
use packhorse_transport::{
    ConnectionReader, ConnectionWriter, PipeReader, PipeWriter, SerialReader, SerialWriter, UdpReceiver,
    UdpSender,
};

/// Receiving on a link that must not wait for ever returns so often.
const TICK: Duration = Duration::from_millis(50);
/// While others wait, a link on which nothing came for so long gives up its place.
const IDLE: Duration = Duration::from_secs(5);
/// How long the end of a connection is waited for, so that answers that nobody read take nothing back.
const FINISH: Duration = Duration::from_secs(10);

/// The end that sends.
#[derive(Debug)]
pub(crate) struct SendingEnd {
    writer: Writer,
    /// Something was sent.
    used: bool,
}

/// The end that receives.
#[derive(Debug)]
pub(crate) struct ReceivingEnd {
    reader: Reader,
    /// The link counts as ended when nothing comes for so long.
    give_up: Option<Duration>,
    /// Set while others wait for this one's place.
    crowded: Option<Arc<AtomicBool>>,
    heard: Instant,
}

#[derive(Debug)]
pub(crate) enum Writer {
    /// Standard output, or any descriptor.
    Pipe(PipeWriter),
    /// TCP or a Unix socket.
    Connection(ConnectionWriter),
    /// Datagrams.
    Udp(UdpSender),
    /// A serial line.
    Serial(SerialWriter),
}

#[derive(Debug)]
pub(crate) enum Reader {
    Pipe(PipeReader),
    Connection(ConnectionReader),
    Udp(UdpReceiver),
    Serial(SerialReader),
}

macro_rules! from {
    ($end:ident, $($from:ident => $variant:ident),+) => {$(
        impl From<$from> for $end {
            fn from(end: $from) -> Self {
                Self::$variant(end)
            }
        }
    )+};
}
from!(Writer, PipeWriter => Pipe, ConnectionWriter => Connection, UdpSender => Udp, SerialWriter => Serial);
from!(Reader, PipeReader => Pipe, ConnectionReader => Connection, UdpReceiver => Udp, SerialReader => Serial);

macro_rules! each {
    ($of:expr, $kind:ident, $end:ident => $do:expr) => {
        match $of {
            $kind::Pipe($end) => $do,
            $kind::Connection($end) => $do,
            $kind::Udp($end) => $do,
            $kind::Serial($end) => $do,
        }
    };
}

impl<W: Into<Writer>> From<W> for SendingEnd {
    fn from(writer: W) -> Self {
        Self { writer: writer.into(), used: false }
    }
}

impl SendingEnd {
    /// Counts how often the other machine said that nobody receives there; only datagrams are ever told.
    pub(crate) fn refusals(&self) -> Refusals {
        Refusals(if let Writer::Udp(udp) = &self.writer { Some(udp.refusals()) } else { None })
    }
}

/// How often the other machine has said that nobody receives there.
#[derive(Clone, Debug)]
pub(crate) struct Refusals(Option<Arc<AtomicU64>>);

impl Refusals {
    pub(crate) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// What was sent is on its way, or with the receiver, before the end goes.
impl Drop for SendingEnd {
    fn drop(&mut self) {
        match &mut self.writer {
            // Without answers there is nothing to lose, and a sender that goes on without end is to see that nobody listens.
            Writer::Connection(connection) if self.used => _ = connection.finish(FINISH),
            Writer::Serial(serial) => _ = serial.finish(),
            Writer::Pipe(_) | Writer::Connection(_) | Writer::Udp(_) => {}
        }
    }
}

impl ReceivingEnd {
    pub(crate) fn new(end: impl Into<Reader>) -> Self {
        Self { reader: end.into(), give_up: None, crowded: None, heard: Instant::now() }
    }

    /// The link counts as ended when nothing comes for so long.
    pub(crate) fn give_up(mut self, after: Option<Duration>) -> Self {
        if after.is_some() {
            self.give_up = after;
            self = self.ticking();
        }
        self
    }

    /// The link counts as ended when nothing comes for 5 seconds while `crowded` is set.
    pub(crate) fn makes_room(mut self, crowded: Arc<AtomicBool>) -> Self {
        self.crowded = Some(crowded);
        self.ticking()
    }

    /// How long nothing may come, now.
    fn patience(&self) -> Option<Duration> {
        let crowded = self.crowded.as_ref().is_some_and(|crowded| crowded.load(Ordering::Relaxed));
        if crowded { Some(self.give_up.map_or(IDLE, |give_up| give_up.min(IDLE))) } else { self.give_up }
    }

    /// Receiving returns now and then although nothing came.
    pub(crate) fn ticking(mut self) -> Self {
        each!(&mut self.reader, Reader, end => end.set_timeout(Some(TICK)));
        self
    }
}

impl Transport for ReceivingEnd {
    type Error = Error;

    fn mtu(&self) -> usize {
        each!(&self.reader, Reader, end => end.mtu())
    }
    fn boundaries(&self) -> Boundaries {
        each!(&self.reader, Reader, end => end.boundaries())
    }
    fn send(&mut self, _bytes: &[u8]) -> Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }
    fn send_gather(&mut self, _pieces: &[&[u8]]) -> Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Error>> {
        let received = each!(&mut self.reader, Reader, end => end.receive(into));
        if self.give_up.is_some() || self.crowded.is_some() {
            match received {
                Err(TransportError::WouldBlock) => {
                    if self.patience().is_some_and(|patience| self.heard.elapsed() >= patience) {
                        return Err(TransportError::Closed);
                    }
                }
                _ => self.heard = Instant::now(),
            }
        }
        received
    }
    fn source(&self) -> u64 {
        each!(&self.reader, Reader, end => Transport::source(end))
    }
}

impl Transport for SendingEnd {
    type Error = Error;

    fn mtu(&self) -> usize {
        each!(&self.writer, Writer, end => end.mtu())
    }
    fn boundaries(&self) -> Boundaries {
        each!(&self.writer, Writer, end => end.boundaries())
    }
    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Error>> {
        self.used = true;
        each!(&mut self.writer, Writer, end => end.send(bytes))
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Error>> {
        self.used = true;
        each!(&mut self.writer, Writer, end => end.send_gather(pieces))
    }
    fn send_file(
        &mut self,
        file: &std::fs::File,
        offset: u64,
        len: usize,
    ) -> Result<usize, TransportError<Error>> {
        self.used = true;
        each!(&mut self.writer, Writer, end => end.send_file(file, offset, len))
    }
    fn receive(&mut self, _into: &mut [u8]) -> Result<usize, TransportError<Error>> {
        Err(TransportError::Closed)
    }
    fn answer_to(&mut self, source: u64) {
        each!(&mut self.writer, Writer, end => end.answer_to(source));
    }
}

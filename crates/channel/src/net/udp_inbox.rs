//! [`UdpInbox`]: the datagrams of a receiver, sorted by who sent them.
//!
//! What is lost on the way stays lost and is counted by the gap in the numbers; what comes late or twice is dropped, so
//! that every message comes at most once and in order. A sender that dies says nothing: only its silence tells.

use alloc::sync::Arc;
use core::net::SocketAddr;
use core::ops::Range;
use core::time::Duration;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Instant;

use packhorse_buffer::{Layer as _, PacketBuf, Storage as _};
use packhorse_link::{Transport as _, TransportError};
use packhorse_transport::UdpReceiver;

use super::counters::{Counters, add};
use super::exit::Exit;
use super::greeting::{Greeting, Refusal};
use super::ready::{Ready, wait};
use super::stream::Patience;
use super::tcp_inbox::{FAREWELL, Limits, shorter};
use super::wire::{DatagramStack, Kind, Packet};
use super::words::Words;
use crate::ReceiveError;
use crate::packed::Layout;

/// The longest datagram there is, and a little.
const DATAGRAM: usize = 1 << 16;
/// Datagrams without a message between two looks at the clock.
const LOOK_EVERY: u32 = 64;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct UdpInbox {
    socket: UdpReceiver,
    greeting: Greeting,
    peers_max: usize,
    keep_open: bool,
    memory: Words,
    body: Range<usize>,
    at: usize,
    left: u32,
    peers: Vec<Peer>,
    exit: Arc<Exit>,
    /// Stopped, and until when senders may say that they have.
    stopped: Option<Instant>,
}

#[derive(Debug)]
struct Peer {
    address: SocketAddr,
    session: u32,
    next: u64,
    ended: bool,
}

/// A message, and where it lies.
#[derive(Debug)]
pub(crate) struct Found {
    bytes: Range<usize>,
    pub(crate) kind: u32,
}

impl UdpInbox {
    pub(crate) fn new(mut socket: UdpReceiver, greeting: Greeting, limits: &Limits, exit: Arc<Exit>) -> Self {
        socket.set_blocking(false);
        Self {
            socket,
            greeting,
            peers_max: limits.peers_max,
            keep_open: limits.keep_open,
            memory: Words::new(DATAGRAM),
            body: 0..0,
            at: 0,
            left: 0,
            peers: Vec::new(),
            exit,
            stopped: None,
        }
    }

    /// The next message that is there already, or that comes within `patience`.
    pub(crate) fn next(&mut self, patience: Patience, counters: &Counters) -> Result<Found, ReceiveError> {
        let until = match patience {
            Patience::For(time) => Instant::now().checked_add(time),
            _ => None,
        };
        let mut blocked = false;
        let mut datagrams = 0_u32;
        loop {
            if let Some(found) = self.record(counters) {
                return Ok(found);
            }
            let came = match self.socket.receive(self.memory.as_mut_slice()) {
                Ok(len) => {
                    self.datagram(len, counters);
                    true
                }
                Err(TransportError::WouldBlock) => false,
                // About one datagram, or about what was answered.
                Err(_) => true,
            };
            datagrams = datagrams.wrapping_add(u32::from(came));
            // Strangers may send faster than this end looks: they shall not keep it for ever.
            if came && (self.left > 0 || !datagrams.is_multiple_of(LOOK_EVERY)) {
                continue;
            }
            self.over()?;
            if patience == Patience::None {
                return Err(ReceiveError::Empty);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(ReceiveError::Timeout);
            }
            if came {
                continue;
            }
            if !blocked {
                blocked = true;
                add(&counters.blocks, 1);
            }
            // What goes wrong with waiting goes wrong with reading, and is told there.
            let _ = self.sleep(left);
        }
    }

    /// Whether nothing can come any more.
    fn over(&mut self) -> Result<(), ReceiveError> {
        if self.stopped.is_none() && self.exit.is_stopped() {
            self.stopped = Some(Instant::now() + FAREWELL);
        }
        let ended = self.peers.iter().all(|peer| peer.ended);
        let over = match self.stopped {
            Some(until) => ended || until <= Instant::now(),
            None => ended && !self.peers.is_empty() && !self.keep_open,
        };
        if over { Err(ReceiveError::Stopped) } else { Ok(()) }
    }

    /// What to wait for when there is nothing.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Ready)> {
        let wake = self.stopped.is_none().then(|| self.exit.wake.as_fd());
        core::iter::once(self.socket.as_fd()).chain(wake).map(|fd| (fd, Ready::ToRead))
    }

    /// How long to wait at most: then the senders' time is over.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.stopped.map(|until| until.saturating_duration_since(Instant::now()))
    }

    fn sleep(&self, left: Option<Duration>) -> std::io::Result<bool> {
        wait(self.waits(), shorter(left, self.longest()))
    }

    /// The message's bytes.
    pub(crate) fn bytes(&mut self, found: &Found) -> &mut [u8] {
        self.memory.as_mut_slice().get_mut(found.bytes.clone()).unwrap_or_default()
    }

    /// Senders that are there.
    pub(crate) fn peers(&self) -> usize {
        self.peers.iter().filter(|peer| !peer.ended).count()
    }

    fn record(&mut self, counters: &Counters) -> Option<Found> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let body = self.memory.as_slice().get(self.body.clone()).unwrap_or_default();
        let place = Layout::Aligned.at(body, self.at).ok().flatten()?;
        self.at = place.next;
        add(&counters.messages, 1);
        add(&counters.bytes, place.bytes.len() as u64);
        let bytes = self.body.start + place.bytes.start..self.body.start + place.bytes.end;
        Some(Found { bytes, kind: place.kind })
    }

    /// A datagram of `len` bytes has come.
    fn datagram(&mut self, len: usize, counters: &Counters) {
        let Some(from) = self.socket.source() else { return };
        let mut buf = PacketBuf::filled(self.memory.as_mut_slice().get_mut(..len).unwrap_or_default());
        let Ok((packet, ())) = DatagramStack::default().pull(&mut buf) else {
            add(&counters.garbage, 1);
            return;
        };
        let body = buf.range();
        let known = self.peers.iter().position(|p| (p.address, p.session) == (from, packet.session));
        match (packet.kind, known) {
            (Kind::Hello, known) => self.hello(packet, body, from, known.is_some(), counters),
            (Kind::Data, Some(at)) => self.data(at, packet, body, counters),
            (Kind::End, Some(at)) => {
                if let Some(peer) = self.peers.get_mut(at) {
                    add(&counters.lost, packet.number.saturating_sub(peer.next));
                    peer.next = peer.next.max(packet.number);
                    peer.ended = true;
                }
                self.exit.back().addresses.retain(|(session, _)| *session != packet.session);
                // Said again for each time it comes: the answer can get lost too.
                self.exit.say(Kind::Stop, packet.session, packet.number, &[], from);
            }
            _ => add(&counters.garbage, 1),
        }
    }

    fn hello(
        &mut self,
        packet: Packet,
        body: Range<usize>,
        from: SocketAddr,
        known: bool,
        counters: &Counters,
    ) {
        let theirs = self.memory.as_slice().get(body).unwrap_or_default();
        let fits = self.greeting.agree(theirs);
        let active = self.peers();
        let alone = self.greeting.mode.many_senders() || self.peers.is_empty() || self.keep_open;
        let place = known || (active < self.peers_max && alone && self.stopped.is_none());
        match fits.and(if place { Ok(()) } else { Err(Refusal::Occupied) }) {
            Ok(()) => {
                if !known {
                    // Those that have ended make room.
                    if self.peers.len() >= self.peers_max
                        && let Some(ended) = self.peers.iter().position(|peer| peer.ended)
                    {
                        let ended = self.peers.swap_remove(ended);
                        self.exit.back().addresses.retain(|(session, _)| *session != ended.session);
                    }
                    self.exit.back().addresses.push((packet.session, from));
                    self.peers.push(Peer { address: from, session: packet.session, next: 0, ended: false });
                }
                let welcome = self.greeting.encode();
                self.exit.say(Kind::Welcome, packet.session, 0, &welcome, from);
            }
            Err(refusal) => {
                add(&counters.refused_peers, 1);
                self.exit.say(Kind::Refuse, packet.session, 0, &refusal.encode(), from);
            }
        }
    }

    fn data(&mut self, at: usize, packet: Packet, body: Range<usize>, counters: &Counters) {
        let bytes = self.memory.as_slice().get(body.clone()).unwrap_or_default();
        let (kind, most) = (self.greeting.kind, self.greeting.message_max as usize);
        // All of it is looked at before any of it is used.
        let (mut offset, mut count) = (0, 0);
        let sound = loop {
            match Layout::Aligned.at(bytes, offset) {
                Ok(Some(place))
                    if place.bytes.len() <= most && kind.is_none_or(|kind| kind == place.kind) =>
                {
                    offset = place.next;
                    count += 1;
                }
                Ok(None) => break count == packet.count && count > 0,
                _ => break false,
            }
        };
        let Some(peer) = self.peers.get_mut(at).filter(|peer| sound && !peer.ended) else {
            add(&counters.garbage, 1);
            return;
        };
        if packet.number < peer.next {
            add(&counters.late, u64::from(packet.count));
            return;
        }
        add(&counters.packets, 1);
        add(&counters.lost, packet.number - peer.next);
        peer.next = packet.number.saturating_add(u64::from(packet.count));
        (self.body, self.at, self.left) = (body, 0, packet.count);
        if self.stopped.is_some() {
            // The sender has not heard it.
            let (session, next, address) = (peer.session, peer.next, peer.address);
            self.exit.say(Kind::Stop, session, next, &[], address);
        }
    }
}

//! [`TcpInbox`]: the connections of a receiver: guests that have not greeted yet, peers that have.
//!
//! ```text
//!   listener --> guest --HELLO fits--> peer --END--> left
//!                  |  does not fit       |  ends without END: lost, or awaited if it may come again
//!                  '--> refused          '--> says what no sender says: cut off
//! ```
//!
//! A guest has little memory and little time, so that strangers cost little. Messages are handed out where they were
//! received; a peer's batch is finished before the next peer's turn comes.

use alloc::sync::Arc;
use core::ops::Range;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use packhorse_transport::tcp::Listener;
use packhorse_transport::{Connection, ConnectionWriter};

use super::counters::{Counters, add};
use super::dial::{SILENCE, send, stream};
use super::exit::Exit;
use super::glances::{GLANCE, Glances};
use super::greeting::{Greeting, Refusal};
use super::ready::{Ready, wait};
use super::stream::{Came, PacketStream, Patience};
use super::wire::{Kind, Packet};
use crate::ReceiveError;
use crate::packed::Layout;

/// Guests at a time, besides peers. Others wait in the system's queue.
pub(crate) const GUESTS: usize = 16;
/// Peers that broke off and may come again.
const AWAITED: usize = 64;
/// Who is refused may take so long to hear it.
pub(crate) const REFUSING: Duration = Duration::from_millis(20);
/// After stopping, senders have so long to say that they have.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);
/// The listener is looked at once in so many receptions while messages flow.
const LOOK_EVERY: u32 = 64;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct TcpInbox {
    listener: Option<Listener>,
    greeting: Greeting,
    peers_max: usize,
    body_max: usize,
    reconnect: Option<Duration>,
    keep_open: bool,
    guests: Vec<Guest>,
    peers: Vec<Peer>,
    awaited: Vec<Awaited>,
    /// Whose batch is being handed out.
    turn: usize,
    rounds: u32,
    /// Peers there ever were.
    joined: u64,
    glances: Glances,
    exit: Arc<Exit>,
    /// Stopped, and until when senders may say that they have.
    stopped: Option<Instant>,
}

/// Somebody who has connected, and may greet until then.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) stream: PacketStream,
    pub(crate) writer: ConnectionWriter,
    pub(crate) until: Instant,
}

#[derive(Debug)]
struct Peer {
    stream: PacketStream,
    session: u32,
    /// Number of the message that comes next.
    next: u64,
    /// The batch that is being handed out, what of it is done with, and how many messages are left in it.
    body: Range<usize>,
    at: usize,
    left: u32,
    /// Messages to pass over: they came before, over another connection.
    again: u64,
}

#[derive(Debug)]
struct Awaited {
    session: u32,
    next: u64,
    until: Instant,
}

/// A message: of which peer, and where in its memory.
#[derive(Debug)]
pub(crate) struct Found {
    peer: usize,
    bytes: Range<usize>,
    pub(crate) kind: u32,
}

/// What a receiver accepts.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) peers_max: usize,
    pub(crate) body_max: usize,
    pub(crate) reconnect: Option<Duration>,
    pub(crate) keep_open: bool,
}

impl TcpInbox {
    pub(crate) fn new(
        listener: Option<Listener>,
        greeting: Greeting,
        limits: &Limits,
        exit: Arc<Exit>,
    ) -> Self {
        Self {
            listener,
            greeting,
            peers_max: limits.peers_max,
            body_max: limits.body_max,
            reconnect: limits.reconnect,
            keep_open: limits.keep_open,
            guests: Vec::new(),
            peers: Vec::new(),
            awaited: Vec::new(),
            turn: 0,
            rounds: 0,
            joined: 0,
            glances: Glances::default(),
            exit,
            stopped: None,
        }
    }

    /// A sender that this end has connected to and greeted.
    pub(crate) fn join(
        &mut self,
        mut stream: PacketStream,
        writer: ConnectionWriter,
        session: u32,
        next: u64,
    ) {
        stream.grow(self.body_max, MEMORY);
        self.joined += 1;
        self.exit.back().connections.push((session, writer));
        self.peers.push(Peer { stream, session, next, body: 0..0, at: 0, left: 0, again: 0 });
    }

    /// The next message that is there already, or that comes within `patience`.
    #[inline]
    pub(crate) fn next(&mut self, patience: Patience, counters: &Counters) -> Result<Found, ReceiveError> {
        match self.record(counters)? {
            Some(found) => Ok(found),
            None => self.wait(patience, counters),
        }
    }

    fn wait(&mut self, patience: Patience, counters: &Counters) -> Result<Found, ReceiveError> {
        let until = match patience {
            Patience::For(time) => Instant::now().checked_add(time),
            _ => None,
        };
        let mut blocked = false;
        loop {
            self.rounds = self.rounds.wrapping_add(1);
            let mut came = self.ask(counters)?;
            if !came && patience != Patience::None {
                came = self.glance(until, counters)?;
            }
            if !came || self.rounds.is_multiple_of(LOOK_EVERY) {
                came |= self.welcome(counters);
            }
            if let Some(found) = self.record(counters)? {
                return Ok(found);
            }
            // Who comes and goes without a message shall not keep anybody waiting.
            if came && until.is_none_or(|until| Instant::now() < until) {
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
            if !blocked {
                blocked = true;
                add(&counters.blocks, 1);
            }
            // What goes wrong with waiting goes wrong with reading, and is told there.
            let _ = self.sleep(left);
        }
    }

    /// Asks for a moment, again and again, where that has helped lately: cheaper than to sleep and be woken.
    fn glance(&mut self, until: Option<Instant>, counters: &Counters) -> Result<bool, ReceiveError> {
        if self.peers.is_empty() || !self.glances.is_worth_it() {
            return Ok(false);
        }
        let end = Instant::now() + GLANCE;
        let end = until.map_or(end, |until| until.min(end));
        while !self.exit.is_stopped() && Instant::now() < end {
            if self.ask(counters)? {
                self.glances.helped();
                return Ok(true);
            }
            // Where both ends share a core, the other one could not answer while this one asks.
            std::thread::yield_now();
        }
        self.glances.failed();
        Ok(false)
    }

    /// Asks the peers in turn until one says something.
    fn ask(&mut self, counters: &Counters) -> Result<bool, ReceiveError> {
        for turn in 0..self.peers.len() {
            let index = (self.turn + turn) % self.peers.len();
            if self.poll(index, counters)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The message's bytes.
    #[inline]
    pub(crate) fn bytes(&mut self, found: &Found) -> &mut [u8] {
        match self.peers.get_mut(found.peer) {
            Some(peer) => peer.stream.body(found.bytes.clone()),
            None => &mut [],
        }
    }

    /// Senders that are there.
    pub(crate) fn peers(&self) -> usize {
        self.peers.len()
    }

    /// The next message of the batch that is being handed out.
    #[inline]
    fn record(&mut self, counters: &Counters) -> Result<Option<Found>, ReceiveError> {
        let turn = self.turn;
        let Some(peer) = self.peers.get_mut(turn) else { return Ok(None) };
        while peer.left > 0 {
            let body = peer.body.clone();
            let begin = body.start;
            let Ok(Some(place)) = Layout::Aligned.at(peer.stream.body(body), peer.at) else {
                return Err(self.cut_off(turn, counters));
            };
            let len = place.bytes.len();
            let wrong = self.greeting.kind.is_some_and(|kind| kind != place.kind);
            if wrong || len > self.greeting.message_max as usize {
                return Err(self.cut_off(turn, counters));
            }
            peer.at = place.next;
            peer.left -= 1;
            if peer.left == 0 && begin + peer.at != peer.body.end {
                return Err(self.cut_off(turn, counters));
            }
            if peer.again > 0 {
                peer.again -= 1;
                continue;
            }
            peer.next = peer.next.wrapping_add(1);
            add(&counters.messages, 1);
            add(&counters.bytes, len as u64);
            let bytes = begin + place.bytes.start..begin + place.bytes.end;
            return Ok(Some(Found { peer: turn, bytes, kind: place.kind }));
        }
        Ok(None)
    }

    /// Takes what peer `index` says. False when it says nothing.
    fn poll(&mut self, index: usize, counters: &Counters) -> Result<bool, ReceiveError> {
        let Some(peer) = self.peers.get_mut(index) else { return Ok(false) };
        match peer.stream.next(Patience::None) {
            Ok(Came::Nothing) => Ok(false),
            Ok(Came::Packet(packet, body)) => self.packet(index, packet, body, counters).map(|()| true),
            Ok(Came::Garbage) => Err(self.cut_off(index, counters)),
            Ok(Came::End) | Err(_) => self.lost(index).map(|()| true),
        }
    }

    fn packet(
        &mut self,
        index: usize,
        packet: Packet,
        body: Range<usize>,
        counters: &Counters,
    ) -> Result<(), ReceiveError> {
        let Some(peer) = self.peers.get_mut(index) else { return Ok(()) };
        let foreign = packet.session != peer.session;
        match packet.kind {
            Kind::Data if !foreign && packet.count > 0 => {
                add(&counters.packets, 1);
                add(&counters.lost, packet.number.saturating_sub(peer.next));
                peer.again = peer.next.saturating_sub(packet.number);
                peer.next = peer.next.max(packet.number);
                (peer.body, peer.at, peer.left) = (body, 0, packet.count);
                self.turn = index;
                Ok(())
            }
            Kind::End if !foreign => {
                add(&counters.lost, packet.number.saturating_sub(peer.next));
                self.leave(index);
                Ok(())
            }
            _ => Err(self.cut_off(index, counters)),
        }
    }

    /// A peer's connection ended without the mark of the end.
    fn lost(&mut self, index: usize) -> Result<(), ReceiveError> {
        let peer = self.leave(index);
        if self.stopped.is_some() {
            return Ok(());
        }
        let Some(patience) = self.reconnect.filter(|_| self.listener.is_some()) else {
            return Err(ReceiveError::PeerLost);
        };
        if self.awaited.len() >= AWAITED {
            self.awaited.remove(0);
        }
        self.awaited.push(Awaited {
            session: peer.session,
            next: peer.next,
            until: Instant::now() + patience,
        });
        Ok(())
    }

    #[cold]
    fn cut_off(&mut self, index: usize, counters: &Counters) -> ReceiveError {
        add(&counters.garbage, 1);
        self.leave(index);
        ReceiveError::Garbage
    }

    fn leave(&mut self, index: usize) -> Peer {
        let peer = self.peers.remove(index);
        self.exit.forget(peer.session);
        // The next one's turn.
        self.turn = if index < self.peers.len() { index } else { 0 };
        peer
    }

    /// Whether nothing can come any more.
    fn over(&mut self) -> Result<(), ReceiveError> {
        if self.stopped.is_none() && self.exit.is_stopped() {
            self.stopped = Some(Instant::now() + FAREWELL);
            self.listener = None;
            self.guests.clear();
            self.awaited.clear();
        }
        let now = Instant::now();
        let before = self.awaited.len();
        self.awaited.retain(|awaited| awaited.until > now);
        if self.awaited.len() < before {
            return Err(ReceiveError::PeerLost);
        }
        let empty = self.peers.is_empty() && self.guests.is_empty() && self.awaited.is_empty();
        let waits = self.listener.is_some() && (self.joined == 0 || self.keep_open);
        let late = self.stopped.is_some_and(|until| until <= now);
        if late || (empty && !waits) { Err(ReceiveError::Stopped) } else { Ok(()) }
    }

    /// Accepts guests, and lets in those whose greeting fits. True when somebody came in.
    fn welcome(&mut self, counters: &Counters) -> bool {
        while self.guests.len() < GUESTS
            && let Some(listener) = &self.listener
            && let Ok(Some((connection, _))) = listener.accept(Some(Duration::ZERO))
        {
            self.guests.push(guest(connection));
        }
        let now = Instant::now();
        let mut came = false;
        let mut index = 0;
        while let Some(guest) = self.guests.get_mut(index) {
            match guest.stream.next(Patience::None) {
                Ok(Came::Nothing) if guest.until > now => index += 1,
                Ok(Came::Packet(packet, body)) => {
                    let mut guest = self.guests.swap_remove(index);
                    let fits = match packet.kind {
                        Kind::Hello => self.greeting.agree(guest.stream.body(body)),
                        _ => Err(Refusal::Foreign),
                    };
                    came |= self.admit(guest, packet.session, fits, counters);
                }
                Ok(Came::Garbage) => {
                    add(&counters.garbage, 1);
                    self.guests.swap_remove(index);
                }
                // Silent for too long, or gone again.
                _ => drop(self.guests.swap_remove(index)),
            }
        }
        came
    }

    fn admit(
        &mut self,
        mut guest: Guest,
        session: u32,
        fits: Result<(), Refusal>,
        counters: &Counters,
    ) -> bool {
        let awaited = self.awaited.iter().position(|awaited| awaited.session == session);
        let places = self.peers.len() + self.awaited.len() - usize::from(awaited.is_some());
        let alone = self.greeting.mode.many_senders() || self.joined == 0 || awaited.is_some();
        let fits = fits.and(if places < self.peers_max && alone { Ok(()) } else { Err(Refusal::Occupied) });
        if let Err(refusal) = fits {
            add(&counters.refused_peers, 1);
            // Whoever does not wait for the answer does not get it.
            let _ = send(&mut guest.writer, Kind::Refuse, session, 0, &refusal.encode());
            let _ = guest.writer.finish(REFUSING);
            return false;
        }
        let next = awaited.map_or(0, |at| self.awaited.swap_remove(at).next);
        if next > 0 {
            add(&counters.reconnects, 1);
        }
        let welcome = self.greeting.encode();
        if send(&mut guest.writer, Kind::Welcome, session, next, &welcome).is_err() {
            return false;
        }
        self.join(guest.stream, guest.writer, session, next);
        if !self.greeting.mode.many_senders() && self.reconnect.is_none() && !self.keep_open {
            // Nobody else can come: those who try are told so by the system.
            self.listener = None;
            self.guests.clear();
        }
        true
    }

    /// What to wait for when there is nothing.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Ready)> {
        let wake = self.stopped.is_none().then(|| self.exit.wake.as_fd());
        let listener = self.listener.as_ref().filter(|_| self.guests.len() < GUESTS);
        let peers = self.peers.iter().map(|peer| peer.stream.reader.as_fd());
        let guests = self.guests.iter().map(|guest| guest.stream.reader.as_fd());
        let all = wake.into_iter().chain(peers).chain(guests).chain(listener.map(AsFd::as_fd));
        all.map(|fd| (fd, Ready::ToRead))
    }

    /// How long to wait at most: then somebody's time is over.
    pub(crate) fn longest(&self) -> Option<Duration> {
        let deadlines = self.guests.iter().map(|guest| guest.until);
        let deadlines = deadlines.chain(self.awaited.iter().map(|awaited| awaited.until)).chain(self.stopped);
        deadlines.min().map(|until| until.saturating_duration_since(Instant::now()))
    }

    fn sleep(&self, left: Option<Duration>) -> io::Result<bool> {
        wait(self.waits(), shorter(left, self.longest()))
    }
}

/// The shorter of two times, where none is for ever.
pub(crate) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Bytes that are received at once from a peer.
const MEMORY: usize = 256 * 1024;

pub(crate) fn guest(connection: Connection) -> Guest {
    let (stream, writer) = stream(connection);
    Guest { stream, writer, until: Instant::now() + SILENCE }
}

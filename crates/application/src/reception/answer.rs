//! [`Answers`]: what senders that listen are told, and when.
//!
//! A sender is answered at once when it asks (META, END, SESSION END) and when an object has ended; otherwise after some
//! packets, or a moment after the last one. Every answer says all, so none is ever repeated for its own sake.

use core::time::Duration;
use std::collections::HashMap;

use packhorse_buffer::{Instant, Layer as _, PacketBuf};
use packhorse_transfer::{
    Ack, AckState, AckWriter, BlockHeader, BlockSet as _, Control, ControlCodec as _, SessionEnd, tag_of,
};

use super::ReceiveSession;
use crate::objects::{Label, Object, Stage};
use crate::profile::Profile;

/// Sessions that are answered at a time; more are received and not answered.
const SESSIONS_MAX: usize = 64;
/// Objects of a session that are told of at a time.
const OBJECTS_MAX: usize = 256;
/// Packets after which an answer is due, how long it may wait for them, and how long at least.
const PACKETS: u32 = 16;
const DELAY: Duration = Duration::from_millis(25);
const LEAST: Duration = Duration::from_millis(5);
/// How often the end of an object is told without being asked.
const TIMES: u8 = 3;
/// How long a receiver stays for a sender that has not said that it has heard all: some of its questions, which come every two
/// seconds, or one and a half round trips, at least, may get lost.
const LINGER: Duration = Duration::from_secs(10);
/// Bytes of an answer: many links lose short packets less often.
const LEN: usize = 256;
/// Items of a list at most, whatever fits.
const ITEMS_MAX: usize = 64;

pub(super) struct Answers {
    receiver: u32,
    bits: u32,
    damaged: u32,
    peers: HashMap<(u64, u64), Peer>,
    /// Which session a packet belongs to.
    labels: HashMap<Label, u64>,
    /// A packet whose session is not known yet: its label, its number, its bytes. It may be what announces it.
    first: Option<(Label, u32, usize)>,
    message: u8,
}

/// A session that listens.
#[derive(Default)]
struct Peer {
    channel: u16,
    highest: Option<u32>,
    highest_at: Instant,
    last_at: Instant,
    bytes: u32,
    packets: u32,
    unanswered: u32,
    answered_at: Option<Instant>,
    due: Option<Instant>,
    ended: bool,
    heard: bool,
    /// Objects that are told of, and how often yet when they have ended.
    objects: Vec<(u32, u8)>,
}

impl Answers {
    pub(super) fn new(receiver: u32, bits: u32) -> Self {
        let (peers, labels) = (HashMap::new(), HashMap::new());
        Self { receiver, bits, damaged: 0, peers, labels, first: None, message: 0 }
    }

    pub(super) const fn damaged(&mut self) {
        self.damaged = self.damaged.wrapping_add(1);
    }

    /// A packet came.
    pub(super) fn arrived(&mut self, now: Instant, label: Label, sequence: u32, wire: usize, control: bool) {
        let (source, _, tag) = label;
        let session = match self.labels.get(&label) {
            Some(session) => *session,
            // SESSION END has the tag of its session.
            None => match self.peers.keys().find(|(of, id)| control && *of == source && tag_of(*id) == tag) {
                Some((_, session)) => *session,
                None => {
                    self.first = Some((label, sequence, wire));
                    return;
                }
            },
        };
        let Some(peer) = self.peers.get_mut(&(source, session)) else { return };
        peer.saw(now, sequence, wire, self.bits);
        let at = if peer.unanswered >= PACKETS {
            peer.answered_at.map_or(now, |then| (then + LEAST).max(now))
        } else {
            now + DELAY
        };
        peer.due = Some(peer.due.map_or(at, |due| due.min(at)));
    }

    /// A sender that listens has announced an object, with `key` if it is a new one.
    pub(super) fn heard_of(&mut self, label: Label, session: u64, key: Option<u32>, now: Instant) {
        let id = (label.0, session);
        if self.peers.len() >= SESSIONS_MAX && !self.peers.contains_key(&id) {
            // One that has ended makes room.
            let Some(ended) = self.peers.iter().find(|(_, peer)| peer.ended).map(|(id, _)| *id) else {
                return;
            };
            self.peers.remove(&ended);
            self.labels.retain(|label, session| (label.0, *session) != ended);
        }
        let peer = self.peers.entry(id).or_default();
        peer.channel = label.1;
        if let Some((_, sequence, wire)) = self.first.take_if(|(first, ..)| *first == label) {
            peer.saw(now, sequence, wire, self.bits);
        }
        if let Some(key) = key {
            if peer.objects.len() >= OBJECTS_MAX {
                peer.objects.remove(0);
            }
            peer.objects.push((key, TIMES));
        }
        self.labels.insert(label, session);
        peer.due = Some(now);
    }

    /// Everybody hears what was told already.
    pub(super) fn tell_again(&mut self, now: Instant) {
        self.peers.values_mut().for_each(|peer| peer.due = Some(now));
    }

    /// There is news of an object, or its sender asks.
    pub(super) fn told(&mut self, source: u64, session: u64, key: u32, now: Instant) {
        let Some(peer) = self.peers.get_mut(&(source, session)) else { return };
        match peer.objects.iter_mut().find(|(of, _)| *of == key) {
            Some((_, times)) => *times = TIMES,
            None => peer.objects.push((key, 1)),
        }
        peer.due = Some(now);
    }

    pub(super) fn session_ended(&mut self, source: u64, end: SessionEnd, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&(source, end.session)) {
            peer.ended = true;
            peer.heard |= end.heard;
            peer.due = Some(now);
        }
    }

    /// Whether no sender may still ask: those that have ended have heard all, and of the others nothing comes any more.
    pub(super) fn may_leave(&self, now: Instant) -> bool {
        let gone = |peer: &Peer| (peer.ended && peer.heard) || now.since(peer.last_at) >= LINGER;
        self.peers.values().all(gone)
    }
}

impl Peer {
    /// A packet of it came.
    fn saw(&mut self, now: Instant, sequence: u32, wire: usize, bits: u32) {
        self.last_at = now;
        self.bytes = self.bytes.wrapping_add(u32::try_from(wire).unwrap_or(0));
        self.packets = self.packets.wrapping_add(1);
        self.unanswered += 1;
        // Ahead by less than half the circle.
        let ahead = |highest: u32| {
            let mask = if bits >= 32 { u32::MAX } else { (1 << bits) - 1 };
            let distance = sequence.wrapping_sub(highest) & mask;
            distance != 0 && distance <= mask / 2
        };
        if self.highest.is_none_or(ahead) {
            self.highest = Some(sequence);
            self.highest_at = now;
        }
    }
}

impl<P: Profile> ReceiveSession<P> {
    /// An answer that is due, as a packet in `memory`, with `room` free bytes in front of it. Returns who is to get it, and
    /// where the packet lies.
    pub fn poll_transmit<'m>(
        &mut self,
        now: Instant,
        memory: &'m mut Vec<u8>,
        room: usize,
    ) -> Option<(u64, PacketBuf<&'m mut [u8]>)> {
        let answers = self.answers.as_mut()?;
        let due = |peer: &Peer| peer.due.is_some_and(|due| due <= now) && peer.highest.is_some();
        let (&(source, session), _) = answers.peers.iter().find(|(_, peer)| due(peer))?;
        answers.message = answers.message.wrapping_add(1);
        let (receiver, damaged, message) = (answers.receiver, answers.damaged, answers.message);
        let peer = answers.peers.get_mut(&(source, session))?;
        (peer.due, peer.answered_at, peer.unanswered) = (None, Some(now), 0);
        let mut list = [0; LEN - Ack::HEADER];
        let mut writer = AckWriter::new(&mut list);
        // What has ended comes first: it is short, and its sender waits for it.
        let objects = &mut self.objects;
        for ended in [true, false] {
            for (key, times) in &mut peer.objects {
                let Some(object) = objects.by_key(*key).filter(|object| object.is_open() != ended) else {
                    continue;
                };
                if entry(object, &mut writer) && ended {
                    *times = times.saturating_sub(1);
                }
            }
        }
        peer.objects
            .retain(|(key, times)| objects.by_key(*key).is_some_and(|object| *times > 0 || object.is_open()));
        let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let clock = peer.last_at.as_nanos() / 1000 % (1 << 32);
        let ack = Ack {
            session_ended: peer.ended,
            session,
            receiver,
            sequence: peer.highest.unwrap_or(0),
            held_us: micros(now.since(peer.highest_at)),
            clock_us: u32::try_from(clock).unwrap_or(0),
            bytes: peer.bytes,
            packets: peer.packets,
            damaged,
            list: writer.finish(),
        };
        let channel = packhorse_packet::Channel::new(peer.channel)?;
        self.report.answers += 1;
        let head = room + P::Stack::HEADROOM;
        memory.clear();
        memory.resize(head + LEN + P::Stack::TAILROOM, 0);
        let mut buf = PacketBuf::with_headroom(&mut memory[..], head).ok()?;
        P::Codec::encode(&Control::Ack(ack), &mut buf).ok()?;
        let number = packhorse_packet::Fragment::whole(message).to_word();
        let header = BlockHeader { tag: tag_of(session), number };
        self.stack.push((header, (channel.control(), ())), &mut buf).ok()?;
        Some((source, buf))
    }

    /// When [`poll_transmit`](Self::poll_transmit) has something next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let peers = self.answers.as_ref()?.peers.values();
        peers.filter(|peer| peer.highest.is_some()).filter_map(|peer| peer.due).min()
    }
}

/// What is told of an object. False when there was no room.
fn entry(object: &Object, writer: &mut AckWriter<'_>) -> bool {
    let state = match object.stage {
        Stage::Open => AckState::Receiving,
        Stage::Verifying => AckState::Whole,
        Stage::Done => AckState::Verified,
        Stage::Failed => AckState::Failed,
    };
    let end = object.highest.map_or(0, |highest| highest.saturating_add(1));
    let Some(receiver) = object.receiver.as_ref().filter(|_| state == AckState::Receiving && object.begun)
    else {
        // Before its place is known nothing is said of its blocks.
        let cut = core::iter::once((0, 0)).filter(|_| state == AckState::Receiving);
        let end = if state == AckState::Receiving { 0 } else { end };
        return writer.entry((object.index, state), false, end, cut);
    };
    let blocks = receiver.blocks();
    let Some(fountain) = &object.fountain else {
        // What was there before may reach further than what has come.
        let end = end.max(blocks.first_missing());
        let missing = blocks.missing(end).flat_map(|range| {
            let most = usize::from(u16::MAX);
            range
                .clone()
                .step_by(most)
                .map(move |first| (first, u16::try_from(range.end - first).unwrap_or(u16::MAX)))
        });
        return writer.entry((object.index, state), false, end, missing);
    };
    // Of groups that the sender is done with.
    let geometry = fountain.gather.geometry();
    let passed = if receiver.has_ended() {
        u32::MAX
    } else {
        let group = geometry.group_of(object.highest.unwrap_or(0));
        geometry.group(group).map_or(0, |(first, _)| first)
    };
    let last = receiver.layout().map_or(passed, |layout| layout.blocks().min(passed));
    let interleave = u32::from(geometry.shape().interleave);
    let mut needs = Vec::new();
    let mut at = blocks.first_missing();
    while at < last && needs.len() <= ITEMS_MAX {
        let group = geometry.group_of(at);
        let Some((first, len)) = geometry.group(group).filter(|(_, len)| *len > 0) else { break };
        for place in 0..geometry.source_blocks_in(len) {
            let Some(source) = geometry.source_block(group * interleave + place) else { continue };
            let lacks = fountain.gather.lacks(source, blocks);
            if lacks > 0 {
                needs.push((source.number, u16::try_from(lacks).unwrap_or(u16::MAX)));
            }
        }
        at = blocks.next_missing(first.saturating_add(len));
    }
    writer.entry((object.index, state), true, end, needs.into_iter())
}

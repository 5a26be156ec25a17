//! [`Sender`] and [`Receiver`]: the real sessions with their framings.

use core::time::Duration;

use packhorse::application::choose::Envelope;
use packhorse::application::{
    Growth, Handled, MemoryStore, ObjectSource, Offer, Profile, ReceiveSession, SendEvent, SendPlan,
    SendSession, Until,
};
use packhorse_buffer::{Instant, Layer as _, PacketBuf};
use packhorse_link::{Framing, StreamBuf};
use packhorse_transfer::ObjectKind;

use super::{Link, Scenario, unwatched};

/// Bytes that an end may have received and not yet taken.
const STREAM: usize = 1 << 20;

/// The sending end.
pub(super) struct Sender<P: Profile, F> {
    session: SendSession<P, Memory>,
    back: Inlet<P, F>,
    framing: F,
    memory: Vec<u8>,
    done: usize,
    failed: usize,
    /// What it said went wrong.
    said: Vec<String>,
    error: bool,
    objects: usize,
    streams: bool,
}

/// An object in memory.
pub(super) struct Memory {
    bytes: Vec<u8>,
    hash: [u8; 32],
    /// Of a stream: bytes that have come; a few more every time it is asked.
    grown: Option<usize>,
}

impl<P: Profile, F: Framing + Clone> Sender<P, F> {
    pub(super) fn new(scenario: &Scenario, framing: F, number: u64) -> Self {
        let objects = scenario.objects.len();
        let session = SendSession::new(SendPlan {
            config: scenario.config,
            block: scenario.block,
            answers: scenario.answers,
            session: number,
            objects: u32::try_from(objects).unwrap_or(0),
            patience: scenario.patience,
            loss: None,
            fit: scenario.fits.then_some(Envelope { headers: 16, frame: Some(3), block_max: 4096 }),
        });
        let mut sender = Self {
            back: Inlet::new(framing.clone()),
            framing,
            memory: Vec::new(),
            done: 0,
            failed: 0,
            said: Vec::new(),
            error: false,
            objects,
            streams: scenario.objects.iter().any(|object| object.stream),
            session,
        };
        sender.offer_all(scenario);
        sender
    }

    fn offer_all(&mut self, scenario: &Scenario) {
        for object in &scenario.objects {
            let (bytes, hash) = (object.bytes(), object.hash::<P>());
            let (kind, size, told) = if object.stream {
                (ObjectKind::Stream, None, None)
            } else {
                (ObjectKind::File, Some(bytes.len() as u64), scenario.hash_first.then_some(hash))
            };
            let offer = Offer {
                name: object.name.clone(),
                kind,
                size,
                compression: None,
                hash: told,
                mode: None,
                modified: Some((1_000_000, 0)),
                source: Memory { bytes, hash, grown: object.stream.then_some(0) },
            };
            if self.session.offer(Instant::ZERO, offer).is_err() {
                self.failed += 1;
            }
        }
        self.session.finish();
    }

    pub(super) fn take(&mut self, now: Instant, bytes: &[u8]) {
        let session = &mut self.session;
        self.back.take(bytes, &mut |control, body| {
            if control {
                session.handle_answer(now, body);
            }
        });
    }

    /// Sends what may go now, by its own clock and by that of the link. False when nothing could.
    pub(super) fn send(&mut self, now: Instant, real: Instant, link: &mut Link) -> bool {
        let mut busy = false;
        while !self.error && !link.is_full(real) {
            let packet = match self.session.poll_transmit(now, &mut self.memory, 16) {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(error) => {
                    self.said.push(error.to_string());
                    self.error = true;
                    break;
                }
            };
            let mut frame = vec![0; self.framing.frame_len_max(packet.len())];
            let len = self.framing.enframe(packet.as_slice(), &mut frame).unwrap_or(0);
            frame.truncate(len);
            link.put(real, &frame);
            self.session.sent(now, u32::try_from(len).unwrap_or(0));
            busy = true;
        }
        while let Some(event) = self.session.poll_event() {
            match event {
                SendEvent::Done { .. } => self.done += 1,
                SendEvent::Failed { name, reason, .. } => {
                    self.said.push(format!("{name}: {reason}"));
                    self.failed += 1;
                }
            }
        }
        busy
    }

    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        if self.is_done() {
            return None;
        }
        // More of a stream comes by itself.
        let stream = self.streams.then(|| now + Duration::from_millis(5));
        [self.session.poll_timeout(now), stream].into_iter().flatten().min()
    }

    pub(super) fn is_done(&self) -> bool {
        self.error || self.session.is_done()
    }

    pub(super) fn said(&self) -> String {
        self.said.join("; ")
    }

    pub(super) fn is_content(&self) -> bool {
        !self.error && self.failed == 0 && self.done == self.objects
    }
}

impl ObjectSource for Memory {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(from..from + into.len()).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }

    fn hash(&mut self) -> std::io::Result<Option<[u8; 32]>> {
        Ok(Some(self.hash))
    }

    fn grow(&mut self, _keep: u64) -> std::io::Result<Growth> {
        let len = self.bytes.len();
        let grown = self.grown.get_or_insert(len);
        *grown = (*grown + 1 + len / 8).min(len);
        Ok(Growth { available: *grown as u64, whole: *grown == len })
    }
}

/// The receiving end.
pub(super) struct Receiver<P: Profile, F> {
    session: ReceiveSession<P>,
    inlet: Inlet<P, F>,
    framing: F,
    store: MemoryStore,
    memory: Vec<u8>,
    endless: bool,
    most: usize,
}

impl<P: Profile, F: Framing + Clone> Receiver<P, F> {
    pub(super) fn new(scenario: &Scenario, framing: F, now: Instant, number: u64) -> Self {
        Self::with_store(scenario, framing, now, number, MemoryStore::default())
    }

    pub(super) fn with_store(
        scenario: &Scenario,
        framing: F,
        now: Instant,
        number: u64,
        store: MemoryStore,
    ) -> Self {
        let [_, _, _, _, number @ ..] = number.to_be_bytes();
        let number = scenario.answers.then(|| u32::from_be_bytes(number));
        let sizes: usize = scenario.objects.iter().map(|object| object.size + scenario.block as usize).sum();
        Self {
            session: ReceiveSession::new(now, number),
            inlet: Inlet::new(framing.clone()),
            framing,
            store,
            memory: Vec::new(),
            endless: scenario.endless,
            // Every object may be there twice: from a sender that crashed, too.
            most: 8 * sizes + 4096,
        }
    }

    pub(super) fn take(&mut self, now: Instant, bytes: &[u8]) {
        let Self { session, store, inlet, .. } = self;
        inlet.take_packets(bytes, &mut |packet| {
            let handled = session.handle_packet(now, 0, packet, 0, &mut unwatched());
            store.carry_out(session, packet, now, &mut unwatched());
            if handled == Handled::Crowded {
                while !session.retry(true, &mut unwatched()) {}
                store.carry_out(session, &[], now, &mut unwatched());
            }
            handled != Handled::Damaged
        });
    }

    pub(super) fn answer(&mut self, now: Instant, real: Instant, link: &mut Link) -> bool {
        let mut busy = false;
        while let Some((_, packet)) = self.session.poll_transmit(now, &mut self.memory, 16) {
            let mut frame = vec![0; self.framing.frame_len_max(packet.len())];
            let len = self.framing.enframe(packet.as_slice(), &mut frame).unwrap_or(0);
            link.put(real, &frame[..len]);
            busy = true;
        }
        busy
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        let until = if self.endless { Until::SessionComplete } else { Until::LinkEnds };
        self.session.is_over(now, until)
    }

    pub(super) fn check_bounds(&self) -> Result<(), String> {
        let (files, bytes) = self.store.held();
        if bytes > self.most {
            return Err(format!("{bytes} bytes in {files} open files, where {} were expected", self.most));
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) {
        self.store.sync();
    }

    pub(super) fn into_store(self) -> MemoryStore {
        self.store
    }

    pub(super) fn close(mut self) -> MemoryStore {
        self.session.close(&mut unwatched());
        self.store.carry_out(&mut self.session, &[], Instant::ZERO, &mut unwatched());
        self.store
    }
}

/// Bytes in, packets out.
struct Inlet<P: Profile, F> {
    framing: F,
    stream: StreamBuf<Vec<u8>>,
    stack: P::Stack,
}

impl<P: Profile, F: Framing> Inlet<P, F> {
    fn new(framing: F) -> Self {
        Self { framing, stream: StreamBuf::new(vec![0; STREAM]), stack: P::stack() }
    }

    /// Finds packets; `see` says whether their check was good.
    fn take_packets(&mut self, bytes: &[u8], see: &mut dyn FnMut(&mut [u8]) -> bool) {
        let mut rest = bytes;
        loop {
            let taken = self.stream.extend(rest);
            rest = &rest[taken..];
            while let Some(range) = self.stream.next_range(&mut self.framing) {
                if !see(self.stream.packet_mut(range)) {
                    self.stream.reject(&mut self.framing);
                }
            }
            if rest.is_empty() || taken == 0 {
                return;
            }
        }
    }

    fn take(&mut self, bytes: &[u8], see: &mut dyn FnMut(bool, &[u8])) {
        let mut stack = core::mem::replace(&mut self.stack, P::stack());
        self.take_packets(bytes, &mut |packet| {
            let mut buf = PacketBuf::filled(packet);
            match stack.pull(&mut buf) {
                Ok((_, (arrival, ()))) => see(arrival.address.control, buf.as_slice()),
                Err(error) => return error.layer != "link",
            }
            true
        });
        self.stack = stack;
    }
}

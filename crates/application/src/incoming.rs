//! [`Incoming`]: receives whatever comes over a link: files, folders and streams to the writer, messages to the watcher.
//!
//! ```text
//!   this thread      receive -> deframe -> ReceiveSession decides -> answers, on a link with a way back
//!   writer thread    write + hash what was received before
//! ```
//! Nothing that arrives can end it but the end of the link or a full disk; what is wrong is counted and dropped.

use core::ops::Range;
use core::time::Duration;
use std::sync::mpsc::RecvTimeoutError;

use packhorse_buffer::{Clock as _, Instant, Layer as _, NoProbe, PacketBuf, SystemClock};
use packhorse_compress::Expansion;
use packhorse_link::{Framing, Transport};
use packhorse_transfer::{ControlCodec, TransferStats};

use crate::inlet::{Came, Inlet};
use crate::outgoing::random;
use crate::outlet::Outlet;
use crate::profile::Profile;
use crate::progress::{Event, Watch};
use crate::received::Received;
use crate::reception::{Handled, ReceiveSession};
use crate::until::Until;
use crate::writer::{Batch, Command, Target, Writer};
use crate::{LinkError, ReceiveError};

/// Longest wait for the writer when no more objects can be open.
const CATCH_UP: Duration = Duration::from_millis(100);
/// Longest wait for what can still be decoded when the link has ended: a minute is a slow disk, not a slow decoder.
const DECODING: Duration = Duration::from_secs(60);
/// How often senders are told that nothing more can be received.
const FAREWELLS: u32 = 3;
/// How often progress is told, at most.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// The way back: where answers go. Senders are told apart by the numbers that the receiving transport gives them.
trait WayBack {
    fn send(&mut self, source: u64, packet: &mut [u8], from: usize) -> Result<(), LinkError>;
}

struct Back<F, T>(Outlet<F, T, NoProbe>);

impl<F: Framing, T: Transport> WayBack for Back<F, T>
where
    T::Error: core::fmt::Display,
{
    fn send(&mut self, source: u64, packet: &mut [u8], from: usize) -> Result<(), LinkError> {
        self.0.answer_to(source);
        let len = packet.len();
        let mut buf = PacketBuf::filled(packet);
        // Room for a frame header stays in front.
        let _ = buf.set_range(from..len);
        self.0.packet(&mut buf)?;
        self.0.flush(None)
    }
}

/// Receives from one link, in one profile.
pub struct Incoming<P: Profile, F, T> {
    session: ReceiveSession<P>,
    inlet: Inlet<F, T, P::Probe>,
    back: Option<Box<dyn WayBack + Send>>,
    /// Answers are made here.
    answer: Vec<u8>,
    until: Until,
    writer: Writer<P::Probe>,
    /// The writer had nothing to tell when it was waited for.
    stalled: bool,
    clock: SystemClock,
    now: Instant,
    told: Instant,
}

impl<P: Profile, F: Framing, T: Transport> Incoming<P, F, T>
where
    T::Error: core::fmt::Display,
{
    /// Receives over `transport` through `framing` into `target`. `seen` was already read from the link.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(
        framing: F,
        transport: T,
        target: Target,
        until: Until,
        seen: &[u8],
    ) -> Result<Self, ReceiveError> {
        let packet = P::BLOCK_MAX as usize + P::Stack::HEADROOM + P::Stack::TAILROOM;
        let writer = Writer::start(target, P::Codec::HASH).map_err(ReceiveError::Threads)?;
        let clock = SystemClock;
        let now = clock.now();
        let mut session = ReceiveSession::new(now, None);
        session.report.transfer = TransferStats { wire_bytes: seen.len() as u64, ..TransferStats::default() };
        Ok(Self {
            session,
            inlet: Inlet::new(framing, transport, packet, seen),
            back: None,
            answer: Vec::new(),
            until,
            writer,
            stalled: false,
            clock,
            now,
            told: now,
        })
    }

    /// How much content may come out of compressed objects; otherwise [`Expansion::default`].
    #[must_use]
    pub fn allowing(self, expansion: Expansion) -> Self {
        self.writer.give(Command::Allow(expansion));
        self
    }

    /// Answers senders that listen, over the way back of the link. The receiving transport must not wait for longer than some
    /// 50 ms without saying [`WouldBlock`](packhorse_link::TransportError::WouldBlock), or answers are late.
    #[must_use]
    pub fn answering<G, U>(mut self, framing: G, transport: U) -> Self
    where
        G: Framing + Send + 'static,
        U: Transport + Send + 'static,
        U::Error: core::fmt::Display,
    {
        let [_, _, _, _, number @ ..] = random().to_be_bytes();
        self.session.answer(u32::from_be_bytes(number));
        self.back = Some(Box::new(Back(Outlet::new(framing, transport))));
        self
    }

    /// Receives until it is over.
    ///
    /// # Errors
    /// When the link or the disk fails. Damaged and missing objects are no errors: the report counts them.
    pub fn receive(mut self, watch: &mut dyn Watch) -> Result<Received<P>, ReceiveError> {
        let result = self.listen(watch);
        if let Err(error) = &result {
            // What was whole lands before anybody is told, and partial files are gone.
            self.hand_over();
            self.farewell(error, watch);
            self.writer.finish();
        }
        result?;
        self.close(watch)
    }

    fn listen(&mut self, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        self.take_packets(watch)?;
        while !self.is_over(watch)? {
            self.outcomes(watch)?;
            self.send_answers()?;
            if !self.fill()? {
                break;
            }
            self.now = self.clock.now();
            self.take_packets(watch)?;
            if self.now.since(self.told) >= TELL_EVERY {
                self.told = self.now;
                self.session.tell(watch);
            }
        }
        while let Some(range) = self.inlet.rest() {
            self.packet(range, watch)?;
        }
        Ok(())
    }

    /// Reads what has come. False at the end of the link.
    fn fill(&mut self) -> Result<bool, ReceiveError> {
        // The read may wait for long: nothing that has come waits with it.
        self.hand_over();
        match self.inlet.receive()? {
            Came::Bytes(len) => self.session.report.transfer.wire_bytes += len as u64,
            Came::Nothing => {}
            Came::Ended => return Ok(false),
        }
        Ok(true)
    }

    /// Gives the writer what is due: commands, and the memory received so far with the blocks in it.
    fn hand_over(&mut self) {
        let fresh = if self.session.has_deliveries() { self.writer.recycle() } else { Vec::new() };
        let (first, deliveries, due) = self.session.take_commands(fresh);
        for command in first {
            self.writer.give(command);
        }
        if !deliveries.is_empty()
            && let Some(memory) = self.inlet.take_memory()
        {
            self.writer.give(Command::Batch(Batch { memory, deliveries }));
        }
        for command in due {
            self.writer.give(command);
        }
    }

    fn take_packets(&mut self, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        while let Some(range) = self.inlet.next() {
            self.packet(range, watch)?;
        }
        Ok(())
    }

    fn packet(&mut self, range: Range<usize>, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        let (at, source) = (range.start, self.inlet.source());
        let packet = self.inlet.packet_mut(range);
        match self.session.handle_packet(self.now, source, packet, at, watch) {
            Handled::Taken => {}
            Handled::Damaged => self.inlet.reject(),
            Handled::Crowded => self.catch_up(watch)?,
        }
        Ok(())
    }

    /// No more objects can be open: waits for one that is verified.
    fn catch_up(&mut self, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        while !self.session.retry(self.stalled, watch) {
            self.hand_over();
            // Bounded, and once: in a stream the verified ones may have to wait for one that is still open.
            match self.writer.outcomes.recv_timeout(CATCH_UP) {
                Ok(outcome) => {
                    self.stalled = false;
                    self.session.handle_outcome(self.now, outcome, watch);
                    self.session.take_broken().map_or(Ok(()), Err)?;
                }
                Err(_) => self.stalled = true,
            }
        }
        Ok(())
    }

    /// What the writer has to tell.
    fn outcomes(&mut self, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        while let Ok(begun) = self.writer.begun.try_recv() {
            self.session.handle_begun(self.now, &begun, watch);
        }
        while let Ok(outcome) = self.writer.outcomes.try_recv() {
            self.stalled = false;
            self.session.handle_outcome(self.now, outcome, watch);
        }
        self.session.take_broken().map_or(Ok(()), Err)
    }

    /// Nothing more comes: before what is missing is counted, everybody says what was there already.
    fn await_begun(&mut self, watch: &mut dyn Watch) -> Result<(), ReceiveError> {
        self.hand_over();
        while self.session.is_beginning() {
            self.outcomes(watch)?;
            match self.writer.begun.recv_timeout(Duration::from_millis(5)) {
                Ok(begun) => self.session.handle_begun(self.now, &begun, watch),
                // An object that cannot begin has failed instead, which the next turn hears.
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.hand_over();
        Ok(())
    }

    fn send_answers(&mut self) -> Result<(), ReceiveError> {
        let Some(back) = &mut self.back else { return Ok(()) };
        self.now = self.clock.now();
        let room = F::IN_PLACE.unwrap_or(0);
        loop {
            let Some((source, buf)) = self.session.poll_transmit(self.now, &mut self.answer, room) else {
                return Ok(());
            };
            let range = buf.range();
            match back.send(source, &mut self.answer[..range.end], range.start) {
                // The sender has gone; what it sent may still be on its way.
                Err(LinkError::Closed) => {
                    self.back = None;
                    return Ok(());
                }
                // To one of many senders, whose address may be nobody's: an answer that is lost, as others are.
                Err(error) if self.inlet.has_packets() => tracing::debug!(%error, "answer not sent"),
                other => other?,
            }
        }
    }

    /// Senders that listen need not wait for a receiver that cannot go on. Some of what is said may get lost.
    fn farewell(&mut self, error: &ReceiveError, watch: &mut dyn Watch) {
        let reason = format!("receiving ended: {error}");
        for _ in 0..FAREWELLS {
            self.session.give_up(self.now, &reason, watch);
            if self.send_answers().is_err() {
                return;
            }
        }
    }

    /// Whether nothing more is to be waited for. On a link that never ends that is so when a session has ended: what
    /// is incomplete then has failed, and what is being verified is waited for.
    fn is_over(&mut self, watch: &mut dyn Watch) -> Result<bool, ReceiveError> {
        if !self.session.is_over(self.now, self.until) {
            return Ok(false);
        }
        self.hand_over();
        self.await_begun(watch)?;
        while self.session.verifying() > 0 {
            let Ok(outcome) = self.writer.outcomes.recv() else { break };
            self.session.handle_outcome(self.now, outcome, watch);
            self.session.take_broken().map_or(Ok(()), Err)?;
            self.hand_over();
        }
        self.send_answers()?;
        Ok(self.session.is_over(self.now, self.until))
    }

    /// The link is over: what is incomplete has failed.
    fn close(mut self, watch: &mut dyn Watch) -> Result<Received<P>, ReceiveError> {
        self.await_begun(watch)?;
        // What can be decoded from what has come is: each round tells of what the one before made possible.
        let since = self.clock.now();
        while self.session.is_decoding() && self.clock.now().since(since) < DECODING {
            self.hand_over();
            self.outcomes(watch)?;
            if let Ok(outcome) = self.writer.outcomes.recv_timeout(Duration::from_millis(1)) {
                self.session.handle_outcome(self.now, outcome, watch);
            }
        }
        self.hand_over();
        self.session.close(watch);
        self.hand_over();
        let (outcomes, finished) = self.writer.finish();
        self.now = self.clock.now();
        for outcome in outcomes {
            self.session.handle_outcome(self.now, outcome, watch);
            self.session.take_broken().map_or(Ok(()), Err)?;
        }
        if let Err(lost) = finished.closing {
            watch.event(Event::Warning { text: &lost.to_string() });
        }
        let mut report = self.session.report;
        report.transfer.ended = report.transfer.started.map(|_| self.clock.now());
        report.frames = self.inlet.frame_stats();
        Ok(Received {
            report,
            stack: self.session.stack,
            received: self.inlet.received,
            deframed: self.inlet.deframed,
            written: finished.writing,
        })
    }
}

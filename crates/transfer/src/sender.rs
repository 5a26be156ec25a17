//! [`Sender`]: says which packet of one object goes next, and when. No socket, no clock, no memory of the object.
//!
//! How to drive it:
//! 1. [`poll_transmit`](Sender::poll_transmit) until it says `None`, sending what it says each time, and telling
//!    [`sent`](Sender::sent) what that was on the wire;
//! 2. then wait until [`poll_timeout`](Sender::poll_timeout), or for more bytes of a stream
//!    ([`append`](Sender::append), [`finish`](Sender::finish)), or be done ([`is_done`](Sender::is_done)).
//!
//! The sender says *what* to send, and the caller writes it: the block where the payload of a packet belongs, the
//! control messages through the codec of the profile. So blocks can be read straight into packets, or go out
//! from mapped memory without a copy, and the sender needs no codec, no buffer and no name.

mod answers;
mod plain;

use packhorse_buffer::{Instant, log_info};
pub use plain::{Absent, PlainSender};

use crate::arq::{Slot, Window};
use crate::fountain::{Geometry, Number, Order, SourceBlock};
use crate::plan::{Next, Plan};
use crate::{AckState, Layout, LayoutError, Mode, Pacer, Place, RepeatOrder, SenderConfig, TransferStats};

/// What to send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// The META message, with what is known by now.
    Meta,
    /// A block, or a copy of it.
    Block {
        /// Its number.
        number: u32,
        /// Bytes from the start of the object.
        offset: u64,
        /// Bytes of the block.
        len: u32,
    },
    /// A repair symbol of a source block, one block long.
    Repair {
        /// Its number in the packet.
        number: u32,
        /// The source block.
        source_block: SourceBlock,
        /// Which of its repair symbols.
        index: u32,
    },
    /// The END message.
    End,
}

/// What happened to a [`Sender`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderEvent {
    /// The first packet was handed out.
    Started,
    /// Every block was handed out once; copies may follow.
    BlocksSent,
    /// The last packet was handed out.
    Done,
}

/// Sends one object. A few hundred bytes, whatever the size of the object, and the slots of the window where blocks are
/// acknowledged (see [`arq`](Self::arq)).
///
/// `W` are the slots and `F` is the order of a fountain's symbols; both are [`Absent`] in a [`PlainSender`].
#[derive(Clone, Debug)]
pub struct Sender<W = [Slot; 0], F = Order> {
    config: SenderConfig,
    layout: Layout,
    /// Blocks that can be sent by now.
    available: u32,
    /// Whether the size is final.
    whole: bool,
    schedule: Schedule<W, F>,
    /// The receiver answers: what it lacks decides.
    answers: bool,
    /// What became of the object, as receivers told.
    outcome: Option<AckState>,
    /// The packet handed out last, until its number is told.
    unnumbered: Option<Unnumbered>,
    /// The last repair symbol that somebody had asked for.
    repaired: u64,
    /// METAs that are due out of turn.
    metas_due: u32,
    tick: u64,
    last: Last,
    ends_left: u32,
    pacer: Pacer,
    /// Bytes of the packet handed out last, until the caller tells the truth.
    estimate: Option<(Instant, u32)>,
    stats: TransferStats,
    events: Events,
}

/// In which order blocks are sent.
#[derive(Clone, Debug)]
enum Schedule<W, F> {
    Passes(Plan),
    Fountain(F),
    Arq(Window<W>),
}

#[derive(Clone, Copy, Debug)]
enum Unnumbered {
    Block(u32),
    Repair,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Other,
    End,
}

#[derive(Clone, Copy, Debug, Default)]
struct Events {
    started: bool,
    blocks_sent: bool,
    blocks_sent_told: bool,
    done: bool,
}

impl Sender {
    /// Sends an object whose size is known, in mode once or repeat.
    #[must_use]
    pub fn new(layout: Layout, config: SenderConfig) -> Self {
        Self::passes(layout, config, true)
    }

    /// Sends a stream of unknown length: blocks go out as [`append`](Self::append) announces them. Copies follow
    /// within [`SenderConfig::stream_window`] blocks, so the caller keeps those from
    /// [`oldest_needed`](Self::oldest_needed) on.
    ///
    /// # Errors
    /// When the block size is 0.
    pub fn stream(block_size: u32, config: SenderConfig) -> Result<Self, LayoutError> {
        Ok(Self::passes(Layout::new(0, block_size)?, config, false))
    }
}

impl<W: AsRef<[Slot]> + AsMut<[Slot]>> Sender<W> {
    /// Sends an object with the repair symbols of a fountain code. `geometry` is that of the layout, or, for a stream, of an
    /// empty layout and without an end. With `answers` a receiver says what it lacks
    /// ([`handle_entry`](Self::handle_entry)), and END is sent whenever everything was sent that is known to be lacking.
    #[must_use]
    pub fn fountain(layout: Layout, geometry: Geometry, config: SenderConfig, answers: bool) -> Self {
        let percent = match config.mode {
            Mode::Fountain { repair_percent } => repair_percent,
            Mode::Once | Mode::Repeat { .. } | Mode::Arq => Some(0),
        };
        let order = Order::new(geometry, percent, config.repair_extra, answers);
        let whole = geometry.blocks().is_some();
        Self { answers, ..Self::with(layout, config, Schedule::Fountain(order), whole) }
    }
}

impl<W: AsRef<[Slot]> + AsMut<[Slot]>, F: AsRef<Order> + AsMut<Order>> Sender<W, F> {
    /// Sends an object until every block is acknowledged. As many blocks may be under way as there are slots, at least
    /// one. A stream begins with an empty layout and `whole` false.
    #[must_use]
    pub fn arq(layout: Layout, config: SenderConfig, slots: W, whole: bool) -> Self {
        Self { answers: true, ..Self::with(layout, config, Schedule::Arq(Window::new(slots)), whole) }
    }

    /// As [`new`](Sender::new) and [`stream`](Sender::stream), for callers that have senders of all modes side by side: a stream
    /// begins with an empty layout and `whole` false. Copies follow the whole object, or, of a stream, as closely as its
    /// window says.
    #[must_use]
    pub fn passes(layout: Layout, config: SenderConfig, whole: bool) -> Self {
        let copies = config.mode.copies();
        let lag = match config.order {
            RepeatOrder::Spread if whole => layout.blocks(),
            RepeatOrder::Spread if copies > 0 => (config.stream_window / copies).max(1),
            RepeatOrder::Spread | RepeatOrder::Together => 0,
        };
        Self::with(layout, config, Schedule::Passes(Plan::new(copies, lag)), whole)
    }

    fn with(layout: Layout, config: SenderConfig, schedule: Schedule<W, F>, whole: bool) -> Self {
        let packet = layout.block_size().saturating_add(config.overhead);
        Self {
            config,
            layout,
            available: layout.blocks(),
            whole,
            schedule,
            answers: false,
            outcome: None,
            unnumbered: None,
            repaired: 0,
            metas_due: 0,
            tick: 0,
            last: Last::Other,
            ends_left: config.end_copies.max(1),
            pacer: Pacer::new(config.pace, packet),
            estimate: None,
            stats: TransferStats::default(),
            events: Events::default(),
        }
    }

    /// `len` more bytes of the stream can be read. A block goes out when it is full, or at the end.
    ///
    /// # Errors
    /// When the stream has become longer than `u32::MAX` blocks; the bytes are then not announced. Bytes behind
    /// [`finish`](Self::finish) are ignored.
    pub fn append(&mut self, len: u64) -> Result<(), LayoutError> {
        if self.whole {
            return Ok(());
        }
        self.layout = Layout::new(self.layout.size().saturating_add(len), self.layout.block_size())?;
        let full = self.layout.size() / u64::from(self.layout.block_size());
        self.available = u32::try_from(full).unwrap_or(self.layout.blocks());
        Ok(())
    }

    /// The stream has ended: what was appended is all. META and END can say the size now.
    pub fn finish(&mut self) {
        if self.whole {
            return;
        }
        self.whole = true;
        self.available = self.layout.blocks();
        if let Schedule::Fountain(order) = &mut self.schedule {
            order.as_mut().end_stream(self.available);
            // The last group can only be decoded by who knows where it ends.
            self.metas_due = 2;
        }
    }

    /// What to send now, or `None`: nothing more, nothing yet ([`poll_timeout`](Self::poll_timeout)), or nothing
    /// before more bytes are appended.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.settle();
        if self.is_done() || self.pacer.ready_at() > now {
            return None;
        }
        let transmit = self.choose()?;
        let len = match transmit {
            Transmit::Block { len, .. } => len,
            Transmit::Repair { .. } => self.layout.block_size(),
            Transmit::Meta | Transmit::End => 0,
        };
        self.tick += 1;
        self.last = if transmit == Transmit::End { Last::End } else { Last::Other };
        self.estimate = Some((now, len.saturating_add(self.config.overhead)));
        if self.stats.started.is_none() {
            log_info!("sending: {} bytes a block", self.layout.block_size());
            self.events.started = true;
        }
        self.stats.touch(now);
        Some(transmit)
    }

    /// The packet that was handed out last, or one more fragment of its message, had `wire_bytes` bytes on the
    /// wire. Optional: without it, pacing and statistics count the block and [`SenderConfig::overhead`].
    pub fn sent(&mut self, now: Instant, wire_bytes: u32) {
        self.estimate = None;
        self.count(now, wire_bytes);
    }

    /// As [`sent`](Self::sent), and the number of that packet as [`arq::Path`](crate::arq::Path) counts them: without it,
    /// nothing is ever found to be lost.
    pub fn sent_as(&mut self, now: Instant, wire_bytes: u32, sequence: u64) {
        self.sent(now, wire_bytes);
        match (self.unnumbered.take(), &mut self.schedule) {
            (Some(Unnumbered::Block(number)), Schedule::Arq(window)) => window.sent_as(number, sequence),
            (Some(Unnumbered::Repair), _) => self.repaired = sequence,
            _ => {}
        }
    }

    /// When to call [`poll_transmit`](Self::poll_transmit) again; a time that has passed means at once. `None`
    /// when done, or when the stream has to grow first.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_done() || !(self.is_meta_due() || self.has_next()) {
            return None;
        }
        let mut pacer = self.pacer;
        if let Some((then, wire_bytes)) = self.estimate {
            pacer.sent(then, 1, u64::from(wire_bytes));
        }
        Some(pacer.ready_at())
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        if core::mem::take(&mut self.events.started) {
            return Some(SenderEvent::Started);
        }
        if core::mem::take(&mut self.events.blocks_sent) {
            return Some(SenderEvent::BlocksSent);
        }
        core::mem::take(&mut self.events.done).then_some(SenderEvent::Done)
    }

    /// Whether everything has been handed out; with answers, whether a receiver has told what became of the object.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        if self.answers { self.outcome.is_some() } else { self.ends_left == 0 }
    }

    /// How it sends.
    #[must_use]
    pub const fn config(&self) -> &SenderConfig {
        &self.config
    }

    /// The object as far as it is known: for streams, what was appended.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The size of the object, once it is final.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        if self.whole { Some(self.layout.size()) } else { None }
    }

    /// The first block that may still be asked for: the caller of a stream can let go of those before.
    #[must_use]
    pub fn oldest_needed(&self) -> u32 {
        match &self.schedule {
            Schedule::Passes(plan) => u32::try_from(plan.oldest_needed()).unwrap_or(u32::MAX),
            Schedule::Fountain(order) => order.as_ref().oldest_needed(self.answers),
            Schedule::Arq(window) => window.base(),
        }
    }

    /// How the object is cut for the fountain code.
    #[must_use]
    pub fn geometry(&self) -> Option<&Geometry> {
        match &self.schedule {
            Schedule::Fountain(order) => Some(order.as_ref().geometry()),
            Schedule::Passes(_) | Schedule::Arq(_) => None,
        }
    }

    /// How often a carousel has begun anew: passes over the object that are behind it.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        match &self.schedule {
            Schedule::Fountain(order) => order.as_ref().rounds(),
            Schedule::Passes(_) | Schedule::Arq(_) => 0,
        }
    }

    /// Packets that the whole transfer takes, METAs and ENDs not counted; for streams, as far as it is known.
    #[must_use]
    pub fn blocks_planned(&self) -> u64 {
        match &self.schedule {
            Schedule::Fountain(order) => order.as_ref().planned(),
            Schedule::Passes(_) | Schedule::Arq(_) => {
                u64::from(self.layout.blocks()) * (u64::from(self.config.mode.copies()) + 1)
            }
        }
    }

    /// How it goes.
    #[must_use]
    pub const fn stats(&self) -> &TransferStats {
        &self.stats
    }

    fn is_meta_due(&self) -> bool {
        let SenderConfig { meta_first, meta_every, .. } = self.config;
        // With 1 there would never be a block.
        let every = if meta_every == 1 { 2 } else { meta_every };
        let regular = self.tick.checked_rem(u64::from(every)) == Some(0);
        let between_ends = self.last == Last::End && meta_every > 0;
        if self.answers {
            // Whoever has not heard of it is told out of turn.
            return self.tick < u64::from(meta_first.max(1)) || self.metas_due > 0;
        }
        self.metas_due > 0 || self.tick < u64::from(meta_first) || regular || between_ends
    }

    /// Whether there is anything to send but META.
    fn has_next(&self) -> bool {
        match &self.schedule {
            Schedule::Passes(plan) => {
                let mut plan = *plan;
                plan.peek(self.available, self.whole) != Next::Wait
            }
            Schedule::Fountain(order) => match order.as_ref().clone().next(self.available, self.whole) {
                Next::Wait => false,
                Next::Done => self.ends_left > 0,
                Next::Block { .. } | Next::Repair { .. } => true,
            },
            Schedule::Arq(window) => {
                let all = self.whole && window.sent() == self.available;
                window.has_next(self.available) || (all && self.ends_left > 0)
            }
        }
    }

    fn choose(&mut self) -> Option<Transmit> {
        self.unnumbered = None;
        if self.is_meta_due() {
            self.metas_due = self.metas_due.saturating_sub(1);
            self.stats.metas += 1;
            return Some(Transmit::Meta);
        }
        loop {
            let asked = matches!(&self.schedule, Schedule::Fountain(order) if order.as_ref().is_asked());
            let next = match &mut self.schedule {
                Schedule::Passes(plan) => plan.next(self.available, self.whole),
                Schedule::Fountain(order) => order.as_mut().next(self.available, self.whole),
                Schedule::Arq(window) => window.next(self.available, self.whole),
            };
            return match next {
                Next::Wait => None,
                Next::Done if self.ends_left == 0 => None,
                Next::Done => {
                    self.tell_blocks_sent();
                    self.stats.ends += 1;
                    self.ends_left -= 1;
                    if self.is_done() {
                        log_info!("sent: {} bytes in {} blocks", self.stats.bytes, self.stats.blocks);
                        self.events.done = true;
                    }
                    Some(Transmit::End)
                }
                Next::Block { number, copy } => {
                    let Place { offset, len } = self.layout.place(number)?;
                    if copy {
                        self.stats.repeats += 1;
                    } else {
                        self.stats.blocks += 1;
                        self.stats.bytes += u64::from(len);
                        if self.whole && self.stats.blocks == u64::from(self.available) {
                            self.tell_blocks_sent();
                        }
                    }
                    self.unnumbered = Some(Unnumbered::Block(number));
                    Some(Transmit::Block { number, offset, len })
                }
                Next::Repair { source_block, index } => {
                    let number = Number::Repair { source_block: source_block.number, index };
                    let Some(number) = self.geometry().and_then(|geometry| geometry.to_wire(number)) else {
                        // A stream longer than its numbers reach goes on without repair.
                        continue;
                    };
                    self.stats.repeats += 1;
                    self.unnumbered = asked.then_some(Unnumbered::Repair);
                    Some(Transmit::Repair { number, source_block, index })
                }
            };
        }
    }

    fn tell_blocks_sent(&mut self) {
        self.events.blocks_sent |= !self.events.blocks_sent_told;
        self.events.blocks_sent_told = true;
    }

    /// Counts the last packet by its estimate when the caller has not told.
    fn settle(&mut self) {
        if let Some((now, wire_bytes)) = self.estimate.take() {
            self.count(now, wire_bytes);
        }
    }

    fn count(&mut self, now: Instant, wire_bytes: u32) {
        self.pacer.sent(now, 1, u64::from(wire_bytes));
        self.stats.packets += 1;
        self.stats.wire_bytes += u64::from(wire_bytes);
    }
}

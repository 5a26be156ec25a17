//! [`Sending`]: in which mode an [`Outbound`](crate::Outbound) sends. What a mode does not need, it does not hold, and nothing is
//! compiled for it.
//!
//! | mode | memory beside that of `Repeats` |
//! |---|---|
//! | [`Repeats`]: once, or so many times more | |
//! | [`Fountain`]: source symbols of a fountain code, for receivers that gather symbols of several senders or passes | 200 bytes |
//! | [`Acknowledged`]: until the far end has it; needs a [`WayBack`](crate::WayBack) | 500 bytes, 16 a slot, 24 an entry of the log |

use core::fmt::Debug;
use core::time::Duration;

use packhorse_buffer::Instant;
use packhorse_transfer::arq::{Path, Ready, Sent, Slot};
use packhorse_transfer::fountain::{Geometry, GeometryError, Order, Shape};
use packhorse_transfer::{Absent, Ack, Layout, LayoutError, Mode, PlainSender, Sender, SenderConfig};

/// A mode of sending.
pub trait Sending: Debug {
    /// Slots of a window.
    type Slots: AsRef<[Slot]> + AsMut<[Slot]> + Debug;
    /// The order of symbols.
    type Symbols: AsRef<Order> + AsMut<Order> + Debug;
    /// The far end answers.
    const ANSWERS: bool = false;

    /// How an object is cut beside its layout.
    type Cut: Copy;

    /// Cuts an object.
    ///
    /// # Errors
    /// When that cannot be.
    fn cut(layout: Layout) -> Result<Self::Cut, LayoutError>;

    /// A sender of an object that is cut like this.
    fn sender(
        &mut self,
        layout: Layout,
        cut: Self::Cut,
        config: SenderConfig,
    ) -> Sender<Self::Slots, Self::Symbols>;

    /// A packet went out. Returns its number, where somebody answers by it.
    fn sent(&mut self, _now: Instant, _wire_bytes: u32) -> Option<u64> {
        None
    }

    /// Whether a packet may go.
    fn next(&mut self, _now: Instant) -> Turn {
        Turn::Send
    }

    /// There was nothing to send, though it might have gone. When to ask again.
    fn idle(&mut self, now: Instant) -> Instant {
        now
    }

    /// An answer came. `None` when it is not to be believed.
    fn heard(&mut self, _now: Instant, _ack: &Ack<'_>) -> Option<Heard> {
        None
    }

    /// This object is given up.
    fn give_up(&mut self, _object_id: u64) {}

    /// Whether an object that begins is the one that was given up last: its place in the session is the same, then.
    fn is_again(&mut self, _object_id: u64) -> bool {
        false
    }

    /// When the end of the session is to be said once more; it is, if that time has come.
    fn farewell(&mut self, now: Instant) -> Instant {
        now
    }

    /// The far end knows that the session has ended: the last word goes at once.
    fn part(&mut self) {}

    /// Whether the far end need not stay.
    fn has_parted(&self) -> bool {
        false
    }
}

/// What may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// What is next.
    Send,
    /// A question, the how-manieth since the last answer.
    Ask(u32),
    /// Nothing before this time, or an answer.
    Wait(Instant),
    /// Nobody has answered for too long.
    GiveUp,
}

/// What an answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The highest packet that came.
    pub highest: u64,
    /// Another receiver has taken the place of the one before, and has nothing yet.
    pub anew: bool,
}

/// Once, or so many times more: for lines without a way back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repeats;

impl Sending for Repeats {
    type Slots = Absent;
    type Symbols = Absent;
    type Cut = ();

    fn cut(_layout: Layout) -> Result<(), LayoutError> {
        Ok(())
    }

    fn sender(&mut self, layout: Layout, (): (), config: SenderConfig) -> PlainSender {
        PlainSender::plain(layout, config)
    }
}

/// The source symbols of a fountain code, each once: whoever lost some fills up with repair symbols of another pass or sender.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fountain;

impl Sending for Fountain {
    type Slots = Absent;
    type Symbols = Order;

    type Cut = Geometry;

    fn cut(layout: Layout) -> Result<Geometry, LayoutError> {
        let shape = Shape::for_blocks(layout.block_size(), Some(layout.size()));
        Geometry::of(shape, layout).map_err(|error| match error {
            GeometryError::TooManyBlocks { blocks } => LayoutError::TooManyBlocks { blocks: blocks.into() },
            GeometryError::Shape | GeometryError::SymbolSize { .. } => LayoutError::ZeroBlockSize,
        })
    }

    fn sender(&mut self, layout: Layout, geometry: Geometry, config: SenderConfig) -> Sender<Absent> {
        // Repair symbols take an allocator.
        let config =
            SenderConfig { mode: Mode::Fountain { repair_percent: Some(0) }, repair_extra: 0, ..config };
        Sender::fountain(layout, geometry, config, false)
    }
}

/// How long nobody may answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Another receiver takes the place of one that was not heard for so long.
const REPLACED: Duration = Duration::from_secs(1);

/// Until the far end has every block (selective repeat): at most `SLOTS` blocks under way, of which nothing but the number is
/// kept; `LOG` packets are remembered for the round-trip time.
#[derive(Clone, Debug)]
pub struct Acknowledged<const SLOTS: usize, const LOG: usize> {
    path: Path<[Sent; LOG]>,
    patience: Duration,
    /// When the object began: what was silent before does not count.
    began: Option<Instant>,
    /// Whose answers count, and when it was heard.
    receiver: Option<(u32, Instant)>,
    given_up: Option<u64>,
    /// When the end of the session was said last, and how often.
    farewell: Option<Instant>,
    farewells: u32,
    parted: bool,
}

impl<const SLOTS: usize, const LOG: usize> Acknowledged<SLOTS, LOG> {
    /// Nothing is known of the line. `bits`: of the wire's sequence numbers.
    #[must_use]
    pub fn new(bits: u32) -> Self {
        const { assert!(SLOTS > 0 && LOG > 0, "something must be under way") };
        Self {
            path: Path::new([Sent::default(); LOG], bits),
            patience: PATIENCE,
            began: None,
            receiver: None,
            given_up: None,
            farewell: None,
            farewells: 0,
            parted: false,
        }
    }

    /// Gives an object up when nobody has answered for so long, instead of 30 s.
    pub const fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// What the answers told about the line.
    pub const fn path(&self) -> &Path<[Sent; LOG]> {
        &self.path
    }
}

impl<const SLOTS: usize, const LOG: usize> Sending for Acknowledged<SLOTS, LOG> {
    type Slots = [Slot; SLOTS];
    type Symbols = Absent;
    const ANSWERS: bool = true;

    type Cut = ();

    fn cut(_layout: Layout) -> Result<(), LayoutError> {
        Ok(())
    }

    fn sender(&mut self, layout: Layout, (): (), config: SenderConfig) -> Sender<[Slot; SLOTS], Absent> {
        self.began = None;
        Sender::arq(layout, config, [Slot::default(); SLOTS], true)
    }

    fn sent(&mut self, now: Instant, wire_bytes: u32) -> Option<u64> {
        Some(self.path.sent(now, wire_bytes))
    }

    fn next(&mut self, now: Instant) -> Turn {
        self.path.excuse(now);
        let began = *self.began.get_or_insert(now);
        if self.path.silence(now).min(now.since(began)) >= self.patience {
            return Turn::GiveUp;
        }
        let ask = self.path.ask_at();
        if ask.is_some_and(|at| at <= now) {
            self.path.asked(now);
            return Turn::Ask(self.path.questions());
        }
        let least = now + Duration::from_millis(1);
        match self.path.ready(now) {
            Ready::Now => Turn::Send,
            Ready::At(at) => Turn::Wait(ask.map_or(at, |ask| ask.min(at))),
            Ready::AfterAnswer => Turn::Wait(ask.unwrap_or(least)),
        }
    }

    fn idle(&mut self, now: Instant) -> Instant {
        self.path.idle();
        self.path.ask_at().unwrap_or(now + REPLACED)
    }

    fn heard(&mut self, now: Instant, ack: &Ack<'_>) -> Option<Heard> {
        // One receiver decides what is under way. A new one in its place has forgotten what it had not kept.
        let anew = match self.receiver {
            Some((receiver, _)) if receiver == ack.receiver => false,
            Some((_, heard)) if now.since(heard) < REPLACED => return None,
            before => before.is_some(),
        };
        self.receiver = Some((ack.receiver, now));
        let highest = self.path.handle_ack(now, ack)?.highest;
        // A verdict is due, and the answer that brings it may get lost.
        self.path.expect_answer(now);
        Some(Heard { highest, anew })
    }

    fn give_up(&mut self, object_id: u64) {
        self.given_up = Some(object_id);
    }

    fn is_again(&mut self, object_id: u64) -> bool {
        self.given_up.take() == Some(object_id)
    }

    fn farewell(&mut self, now: Instant) -> Instant {
        let at = self.farewell.unwrap_or(now);
        if at <= now {
            self.farewell = Some(now + self.path.round_trip().timeout(self.farewells));
            self.farewells += 1;
        }
        at
    }

    fn part(&mut self) {
        self.parted = true;
        self.farewell = None;
    }

    fn has_parted(&self) -> bool {
        self.parted
    }
}

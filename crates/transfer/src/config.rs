//! [`SenderConfig`]: how an object is sent, by what the link does to packets and whether it has a way back.

use crate::Pace;

/// What is done about packets that get lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Every block once: the link loses nothing.
    #[default]
    Once,
    /// Every block `copies` times more.
    Repeat {
        /// Copies beside the first sending.
        copies: u32,
    },
    /// Every block once, and repair symbols of a fountain code of which any stand in for any lost block.
    Fountain {
        /// Repair symbols for a hundred blocks, rounded up in every source block; `None` goes on without end, with
        /// ever new ones, until somebody stops it or every receiver is known to have enough.
        repair_percent: Option<u32>,
    },
    /// Every block until the receiver has acknowledged it. Needs a way back.
    Arq,
}

impl Mode {
    /// Copies of a block beside the first.
    #[must_use]
    pub const fn copies(self) -> u32 {
        match self {
            Self::Once | Self::Fountain { .. } | Self::Arq => 0,
            Self::Repeat { copies } => copies,
        }
    }

    /// Whether the mode is of no use without a way back.
    #[must_use]
    pub const fn needs_answers(self) -> bool {
        matches!(self, Self::Arq)
    }
}

/// When the copies of a block are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RepeatOrder {
    /// As far from one another as possible: the whole object, then the whole object again. A burst of errors
    /// hits one copy only. On a stream of unknown length, within [`SenderConfig::stream_window`].
    #[default]
    Spread,
    /// Right after the first: what `ftag` does. A burst of errors hits all of them.
    Together,
}

/// How one object is sent. Every packet of the transfer is a tick, counted from 0: the tick sends META when it is
/// one of the first `meta_first` or a multiple of `meta_every`, and otherwise the next block, or END after the
/// last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// What is done about loss.
    pub mode: Mode,
    /// When the copies of a block are sent.
    pub order: RepeatOrder,
    /// METAs before the first block.
    pub meta_first: u32,
    /// Every so many packets one is META; 0 for never, 1 counts as 2.
    pub meta_every: u32,
    /// How often END is sent, at least once. With `meta_every`, a META goes between two of them, so that
    /// whoever has missed all before still learns the name.
    pub end_copies: u32,
    /// Most blocks from the first sending of a block to its last copy, on streams of unknown length: the caller
    /// keeps so many in memory. At least the number of copies.
    pub stream_window: u32,
    /// How fast.
    pub pace: Pace,
    /// Bytes on the wire beside the block, by which packets are paced before
    /// [`Sender::sent`](crate::Sender::sent) has told the truth.
    pub overhead: u32,
    /// Repair symbols of every source block beside the percentage of [`Mode::Fountain`].
    pub repair_extra: u32,
}

impl SenderConfig {
    /// For links that lose nothing: META, every block once, END.
    #[must_use]
    pub const fn once() -> Self {
        Self {
            mode: Mode::Once,
            order: RepeatOrder::Spread,
            meta_first: 1,
            meta_every: 0,
            end_copies: 1,
            stream_window: 1024,
            pace: Pace::UNLIMITED,
            overhead: 0,
            repair_extra: 0,
        }
    }

    /// For links that lose packets and have no way back: `copies` more of each block, spread; META 8 times and
    /// then every 50th packet; END 8 times.
    #[must_use]
    pub const fn repeat(copies: u32) -> Self {
        Self { mode: Mode::Repeat { copies }, meta_first: 8, meta_every: 50, end_copies: 8, ..Self::once() }
    }

    /// For links that lose packets, with a fountain code: `repair_percent` as in [`Mode::Fountain`]; META and END as in
    /// [`repeat`](Self::repeat), END twice.
    #[must_use]
    pub const fn fountain(repair_percent: Option<u32>) -> Self {
        Self { mode: Mode::Fountain { repair_percent }, end_copies: 2, ..Self::repeat(0) }
    }

    /// For links with a way back: what is lost is sent again.
    #[must_use]
    pub const fn arq() -> Self {
        Self { mode: Mode::Arq, ..Self::once() }
    }

    /// What the public toolkit of the `ftag` profile sends: as [`repeat`](Self::repeat), but copies follow one
    /// another, and there is one END.
    #[must_use]
    pub const fn ftag(copies: u32) -> Self {
        Self { order: RepeatOrder::Together, end_copies: 1, ..Self::repeat(copies) }
    }
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self::once()
    }
}

//! [`SendSettings`]: what a person says about sending, and what profile and mode make of it.

use core::time::Duration;

use packhorse_transfer::{ControlCodec as _, Mode, Pace, RepeatOrder, SenderConfig};

use crate::choose;
use crate::feed::Ahead;
use crate::profile::Profile;
use crate::slab::Shape;

/// Bytes read ahead at once, and how often.
const SLAB: usize = 256 * 1024;
const SLABS: usize = 4;
/// Blocks of a stream that are kept for their copies, at most, and their bytes.
const WINDOW_BLOCKS: u32 = 256;
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// How to send. Lengths and rates in bytes; `None` is the profile's default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendSettings {
    /// What is done about loss; no copies in [`Mode::Repeat`] are as many as suit `loss`.
    pub mode: Mode,
    /// Bytes of a block.
    pub block: Option<u32>,
    /// The chance of a packet to be lost, where copies and repair are to suit it: see [`choose`](crate::choose).
    pub loss: Option<f64>,
    /// How fast.
    pub pace: Pace,
    /// Announcements before the first block.
    pub meta_first: Option<u32>,
    /// Every so many packets one announces the object again.
    pub meta_every: Option<u32>,
    /// How often the end of an object is told.
    pub end_copies: Option<u32>,
    /// Repair symbols of every source block beside the percentage of fountain mode.
    pub repair_extra: u32,
    /// Receivers answer: whoever drives the sender listens to them (see `Outgoing::answers`).
    pub duplex: bool,
    /// Objects are sent compressed, each as an LZ4 frame, where the profile can say so.
    pub compress: bool,
    /// With answers on a byte stream: objects that have not begun yet are cut anew for the link as it was measured, with a
    /// frame of about so many bytes around a packet. `None`: blocks stay as they are.
    pub fits: Option<usize>,
    /// How long receivers may be silent that are to answer; `None`: half a minute.
    pub patience: Option<Duration>,
}

impl SendSettings {
    /// Whether copies are to suit what is expected.
    pub(crate) fn chooses_copies(&self) -> bool {
        self.mode == Mode::Repeat { copies: 0 }
    }

    /// The same with as many copies as objects whose length nobody knows need.
    pub(crate) fn with_copies(&self) -> Self {
        /// Blocks that are reckoned with.
        const BLOCKS: u32 = 1 << 16;
        if !self.chooses_copies() {
            return *self;
        }
        let copies = choose::copies(BLOCKS, self.loss.unwrap_or(choose::LinkEstimate::LOSS));
        Self { mode: Mode::Repeat { copies: copies.max(1) }, ..*self }
    }
}

/// How the transfer's sender works.
pub(crate) fn config<P: Profile>(settings: &SendSettings, block: u32) -> SenderConfig {
    let base = match (settings.mode, P::REPEATS) {
        (mode, RepeatOrder::Together) => SenderConfig::ftag(mode.copies()),
        (Mode::Once, RepeatOrder::Spread) => SenderConfig::once(),
        (Mode::Arq, _) => SenderConfig::arq(),
        (Mode::Fountain { repair_percent }, _) => fountain(repair_percent),
        (mode, RepeatOrder::Spread) => SenderConfig::repeat(mode.copies()),
    };
    SenderConfig {
        // The link has a pace of its own, over all objects and messages.
        pace: Pace::UNLIMITED,
        meta_first: settings.meta_first.unwrap_or(base.meta_first).max(1),
        meta_every: settings.meta_every.unwrap_or(base.meta_every),
        end_copies: settings.end_copies.unwrap_or(base.end_copies),
        repair_extra: settings.repair_extra,
        stream_window: stream_window(settings.mode, block),
        ..base
    }
}

/// Blocks that come before META are kept, so it is spread over the whole object: how often is decided object by object, where
/// nobody has said it.
fn fountain(repair_percent: Option<u32>) -> SenderConfig {
    SenderConfig { meta_first: 1, meta_every: 0, end_copies: 1, ..SenderConfig::fountain(repair_percent) }
}

/// How the loader reads ahead.
pub(crate) fn ahead<P: Profile>(shape: Shape, mode: Mode, window: u32, staged: bool) -> Ahead {
    let lossy = mode != Mode::Once;
    let slab = shape.stride().max(SLAB);
    let kept = if lossy { (window as usize).div_ceil(shape.blocks_in(slab)) + 1 } else { 0 };
    let hash = if P::HASH_FIRST { None } else { Some(P::Codec::HASH) };
    Ahead { shape, slab, slabs: SLABS + kept, hash, staged, prompt: !lossy }
}

/// Blocks of a stream within which all copies of a block are sent.
fn stream_window(mode: Mode, block: u32) -> u32 {
    (WINDOW_BYTES / block.max(1)).clamp(1, WINDOW_BLOCKS).max(mode.copies())
}

/// A block that a paced link takes in a twentieth of a second, so that the pace is more than an average.
pub(crate) fn smooth(block: u32, pace: Pace) -> u32 {
    const LEAST: u32 = 256;
    let share = pace.bytes_per_s.map_or(u64::MAX, |rate| rate / 20);
    u32::try_from(share).unwrap_or(u32::MAX).max(LEAST).min(block)
}

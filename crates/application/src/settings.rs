//! [`SendSettings`]: what a person says about sending, and what profile and mode make of it.

use packhorse_transfer::{ControlCodec as _, Mode, Pace, RepeatOrder, SenderConfig};

use crate::feed::Ahead;
use crate::profile::Profile;
use crate::slab::Shape;

/// Bytes read ahead at once, and how often.
const SLAB: usize = 1 << 18;
const SLABS: usize = 4;
/// The same on lossy links, where blocks are small and streams keep a window of them.
const SLAB_LOSSY: usize = 1 << 18;
const STREAM_WINDOW: u32 = 256;
/// How to send. Lengths and rates in bytes; `None` is the profile's default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendSettings {
    /// What is done about loss.
    pub mode: Mode,
    /// Bytes of a block.
    pub block: Option<u32>,
    /// How fast.
    pub pace: Pace,
    /// Announcements before the first block.
    pub meta_first: Option<u32>,
    /// Every so many packets one announces the object again.
    pub meta_every: Option<u32>,
}

/// How the transfer's sender works.
pub(crate) fn config<P: Profile>(settings: &SendSettings) -> SenderConfig {
    let base = match (settings.mode, P::REPEATS) {
        (mode, RepeatOrder::Together) => SenderConfig::ftag(mode.copies()),
        (Mode::Once, RepeatOrder::Spread) => SenderConfig::once(),
        (mode, RepeatOrder::Spread) => SenderConfig::repeat(mode.copies()),
    };
    SenderConfig {
        pace: settings.pace,
        meta_first: settings.meta_first.unwrap_or(base.meta_first).max(1),
        meta_every: settings.meta_every.unwrap_or(base.meta_every),
        stream_window: STREAM_WINDOW.max(settings.mode.copies()),
        ..base
    }
}

/// How the loader reads ahead.
pub(crate) fn ahead<P: Profile>(shape: Shape, lossy: bool, staged: bool) -> Ahead {
    let slab = shape.stride().max(if lossy { SLAB_LOSSY } else { SLAB });
    let window = if lossy { (STREAM_WINDOW as usize).div_ceil(shape.blocks_in(slab)) + 1 } else { 0 };
    let hash = if P::HASH_FIRST { None } else { Some(P::Codec::HASH) };
    Ahead { shape, slab, slabs: SLABS + window, hash, staged, prompt: !lossy }
}

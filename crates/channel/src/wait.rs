//! Wait strategies as types: what an end does while there is nothing for it to do.
//!
//! [`Adaptive`] suits nearly all: a message that is about to come is caught by spinning, which costs nothing but
//! the core's time; one that comes later is waited for asleep, which costs a wake-up (about 50 microseconds on
//! virtual machines). Where both ends share a core, spinning only keeps the other end from running: it yields.

pub(crate) mod barrier;
pub(crate) mod bell;

/// The atomics. The loom tests compile `bell` with loom's.
mod atomic {
    pub(super) use core::sync::atomic::{AtomicU32, Ordering};
}

/// What to do before the next look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many pauses of the processor.
    Spin(u32),
    /// Let another thread run on this core.
    Yield,
    /// Sleep until the other end wakes us.
    Park,
}

/// A wait strategy. Stateless: what it needs is how often it looked in vain.
pub trait Wait: Send + 'static {
    /// What to do after look number `round`, counted from 0; `apart` when the other end was last seen on another
    /// core, or never.
    fn step(round: u32, apart: bool) -> Step;
}

/// Spins briefly if the other end runs on another core, then yields, then sleeps: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Adaptive;

/// Looks again and again: the lowest latency, and a core for itself. Ends that share a core starve each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin;

/// Sleeps at once: the least work for the processor, and a wake-up for every message that was waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Park;

/// Looks with a pause each: some 20 microseconds.
const SPINS: u32 = 1_000;
/// Then so many chances for others.
const YIELDS: u32 = 16;
/// Where both ends share a core.
const SHARED_YIELDS: u32 = 32;

impl Wait for Adaptive {
    #[inline]
    fn step(round: u32, apart: bool) -> Step {
        match (apart, round) {
            (true, ..SPINS) => Step::Spin(1),
            (true, ..) if round < SPINS + YIELDS => Step::Yield,
            (false, ..SHARED_YIELDS) => Step::Yield,
            _ => Step::Park,
        }
    }
}

impl Wait for Spin {
    #[inline]
    fn step(_round: u32, _apart: bool) -> Step {
        Step::Spin(1)
    }
}

impl Wait for Park {
    #[inline]
    fn step(_round: u32, _apart: bool) -> Step {
        Step::Park
    }
}

//! Modes as types: how many senders and receivers a channel has, and whether a message is for one or for all.
//!
//! | mode | senders | receivers | each message goes to |
//! |---|---|---|---|
//! | [`Spsc`] | one | one | the receiver |
//! | [`Mpsc`] | many | one | the receiver |
//! | [`Spmc`] | one | many | one of them |
//! | [`Mpmc`] | many | many | one of them |
//! | [`Broadcast`] | one | many | all of them |
//!
//! An end that may exist only once is not `Clone`; [`ModeName`] is the same as a value, for command lines.

use core::fmt;
use core::str::FromStr;

use crate::ring;

/// A mode, as this module describes it.
pub trait Mode: Sealed + Send + 'static {
    /// The mode as a value.
    const NAME: ModeName;
    /// The writing end of its ring.
    #[doc(hidden)]
    type Producer: ring::Produce + Send;
    /// The reading end of its ring.
    #[doc(hidden)]
    type Consumer: ring::Consume + Send;
}

/// Modes whose senders can be cloned.
pub trait ManySenders: Mode {}
/// Modes whose receivers can be cloned.
pub trait ManyReceivers: Mode {}
/// Modes in which a message has one receiver, which may change it in place.
pub trait Exclusive: Mode {}

/// One sender, one receiver.
#[derive(Clone, Copy, Debug)]
pub enum Spsc {}
/// Many senders, one receiver.
#[derive(Clone, Copy, Debug)]
pub enum Mpsc {}
/// One sender, many receivers, each message for one of them.
#[derive(Clone, Copy, Debug)]
pub enum Spmc {}
/// Many senders, many receivers, each message for one of them.
#[derive(Clone, Copy, Debug)]
pub enum Mpmc {}
/// One sender, many receivers, each message for all of them.
#[derive(Clone, Copy, Debug)]
pub enum Broadcast {}

use sealed::Sealed;
mod sealed {
    pub trait Sealed {}
}

impl Sealed for Spsc {}
impl Mode for Spsc {
    const NAME: ModeName = ModeName::Spsc;
    type Producer = ring::single::Producer;
    type Consumer = ring::single::Consumer;
}
impl Exclusive for Spsc {}

impl Sealed for Mpsc {}
impl Mode for Mpsc {
    const NAME: ModeName = ModeName::Mpsc;
    type Producer = ring::turns::Producer<true>;
    type Consumer = ring::turns::Consumer;
}
impl ManySenders for Mpsc {}
impl Exclusive for Mpsc {}

impl Sealed for Spmc {}
impl Mode for Spmc {
    const NAME: ModeName = ModeName::Spmc;
    type Producer = ring::turns::Producer<false>;
    type Consumer = ring::turns::Consumer;
}
impl ManyReceivers for Spmc {}
impl Exclusive for Spmc {}

impl Sealed for Mpmc {}
impl Mode for Mpmc {
    const NAME: ModeName = ModeName::Mpmc;
    type Producer = ring::turns::Producer<true>;
    type Consumer = ring::turns::Consumer;
}
impl ManySenders for Mpmc {}
impl ManyReceivers for Mpmc {}
impl Exclusive for Mpmc {}

impl Sealed for Broadcast {}
impl Mode for Broadcast {
    const NAME: ModeName = ModeName::Broadcast;
    type Producer = ring::broadcast::Producer;
    type Consumer = ring::broadcast::Consumer;
}
impl ManyReceivers for Broadcast {}

/// A mode as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum ModeName {
    /// [`Spsc`]
    Spsc = 1,
    /// [`Mpsc`]
    Mpsc = 2,
    /// [`Spmc`]
    Spmc = 3,
    /// [`Mpmc`]
    Mpmc = 4,
    /// [`Broadcast`]
    Broadcast = 5,
}

impl ModeName {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Spsc, Self::Mpsc, Self::Spmc, Self::Mpmc, Self::Broadcast];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spsc => "spsc",
            Self::Mpsc => "mpsc",
            Self::Spmc => "spmc",
            Self::Mpmc => "mpmc",
            Self::Broadcast => "broadcast",
        }
    }

    /// Whether there may be more than one sender.
    #[must_use]
    pub const fn many_senders(self) -> bool {
        matches!(self, Self::Mpsc | Self::Mpmc)
    }

    /// Whether there may be more than one receiver.
    #[must_use]
    pub const fn many_receivers(self) -> bool {
        matches!(self, Self::Spmc | Self::Mpmc | Self::Broadcast)
    }

    pub(crate) fn from_word(word: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| *mode as u64 == word)
    }
}

impl fmt::Display for ModeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ModeName {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or(UnknownMode)
    }
}

/// A text that names no mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mode is one of spsc, mpsc, spmc, mpmc, broadcast")]
pub struct UnknownMode;

//! [`PlainSender`]: a sender that repeats, without the memory and the program of what it does not do.

use super::Sender;
use crate::arq::Slot;
use crate::fountain::Order;
use crate::{Layout, SenderConfig};

/// A sender in modes once and repeat only, in half of the program and memory: for microcontrollers.
pub type PlainSender = Sender<Absent, Absent>;

impl PlainSender {
    /// As [`Sender::new`]; other modes than once and repeat count as once.
    #[must_use]
    pub fn plain(layout: Layout, config: SenderConfig) -> Self {
        Self::passes(layout, config, true)
    }
}

/// What a [`PlainSender`] does not have. There is no value of it, so nothing is compiled for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {}

impl AsRef<[Slot]> for Absent {
    fn as_ref(&self) -> &[Slot] {
        match *self {}
    }
}

impl AsMut<[Slot]> for Absent {
    fn as_mut(&mut self) -> &mut [Slot] {
        match *self {}
    }
}

impl AsRef<Order> for Absent {
    fn as_ref(&self) -> &Order {
        match *self {}
    }
}

impl AsMut<Order> for Absent {
    fn as_mut(&mut self) -> &mut Order {
        match *self {}
    }
}

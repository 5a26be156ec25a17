//! From an address and a mode that are known at run time to ends whose types say both.
//!
//! A visitor is called with the end: what it does is compiled once for each carrier and mode.

use anyhow::bail;
use packhorse::channel::net::{self, Options};
use packhorse::channel::{
    Address, BackPressure, Broadcast, Builder, Channel, ModeName, Mpmc, Mpsc, OpenError, ReceiveRecords,
    SendRecords, Spmc, Spsc,
};

/// What is done with a sender.
pub(super) trait WithSender {
    type Out;
    fn with<S: SendRecords + Send + 'static>(self, sender: S) -> anyhow::Result<Self::Out>;
}

/// What is done with a receiver.
pub(super) trait WithReceiver {
    type Out;
    fn with<R: ReceiveRecords + Send + 'static>(self, receiver: R) -> anyhow::Result<Self::Out>;
}

/// A channel to be opened.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) address: Address,
    pub(super) mode: ModeName,
    pub(super) options: Options,
    /// Bytes of a ring; `None` takes one that is there as it is.
    pub(super) capacity: Option<usize>,
}

impl Opening {
    pub(super) fn sender<V: WithSender>(&self, visitor: V) -> anyhow::Result<V::Out> {
        if self.is_network() {
            net::supports(&self.address, self.mode)?;
            return match self.mode {
                ModeName::Mpsc => visitor.with(net::sender::<Mpsc>(&self.address, &self.options)?),
                _ => visitor.with(net::sender::<Spsc>(&self.address, &self.options)?),
            };
        }
        match self.mode {
            ModeName::Spsc => visitor.with(self.ring()?.record_sender::<Spsc>()?),
            ModeName::Mpsc => visitor.with(self.ring()?.record_sender::<Mpsc>()?),
            ModeName::Spmc => visitor.with(self.ring()?.record_sender::<Spmc>()?),
            ModeName::Mpmc => visitor.with(self.ring()?.record_sender::<Mpmc>()?),
            ModeName::Broadcast => visitor.with(self.ring()?.record_sender::<Broadcast>()?),
            _ => bail!("this program does not know the mode {}", self.mode),
        }
    }

    pub(super) fn receiver<V: WithReceiver>(&self, visitor: V) -> anyhow::Result<V::Out> {
        if self.is_network() {
            net::supports(&self.address, self.mode)?;
            return match self.mode {
                ModeName::Mpsc => visitor.with(net::receiver::<Mpsc>(&self.address, &self.options)?),
                _ => visitor.with(net::receiver::<Spsc>(&self.address, &self.options)?),
            };
        }
        match self.mode {
            ModeName::Spsc => visitor.with(self.ring()?.record_receiver::<Spsc>()?),
            ModeName::Mpsc => visitor.with(self.ring()?.record_receiver::<Mpsc>()?),
            ModeName::Spmc => visitor.with(self.ring()?.record_receiver::<Spmc>()?),
            ModeName::Mpmc => visitor.with(self.ring()?.record_receiver::<Mpmc>()?),
            ModeName::Broadcast => visitor.with(self.ring()?.record_receiver::<Broadcast>()?),
            _ => bail!("this program does not know the mode {}", self.mode),
        }
    }

    pub(super) fn is_network(&self) -> bool {
        matches!(self.address, Address::Tcp { .. } | Address::Udp { .. })
    }

    fn ring(&self) -> Result<Builder, OpenError> {
        let builder = Channel::at(&self.address.to_string())?.back_pressure(self.options.back_pressure);
        Ok(match self.capacity {
            Some(bytes) => builder.capacity(bytes),
            None => builder,
        })
    }
}

/// Options of a network that follow from what was written.
pub(super) fn options(back_pressure: BackPressure, capacity: Option<usize>) -> Options {
    let mut options = Options { back_pressure, ..Options::default() };
    if let Some(capacity) = capacity {
        options.capacity = capacity;
    }
    options
}

//! [`Layer`]: what every layer of a stack does to a buffer, and [`Over`], which stacks two of them.

use crate::{NoRoom, PacketBuf, Storage};

/// One layer of a protocol stack: pushes its header (and trailer) on the way down, pulls it on the way up.
///
/// A layer that fails to pull leaves the buffer in an unspecified but valid state: drop the packet.
pub trait Layer {
    /// Most bytes that this layer, with all the layers that it is made of, pushes in front.
    const HEADROOM: usize;
    /// Most bytes that it puts behind.
    const TAILROOM: usize;
    /// What the sender tells the layer about a packet.
    type Tx;
    /// What the layer tells the receiver about a packet.
    type Rx;
    /// Why a received packet was refused.
    type Error;

    /// Adds this layer's header and trailer around the data.
    ///
    /// # Errors
    /// [`NoRoom`], and nothing else.
    fn push<S: Storage>(&mut self, tx: Self::Tx, buf: &mut PacketBuf<S>) -> Result<(), NoRoom>;

    /// Checks and removes this layer's header and trailer.
    ///
    /// # Errors
    /// When the packet is not one of this layer's, or damaged.
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<Self::Rx, Self::Error>;
}

/// The empty stack: nothing pushed, nothing pulled.
impl Layer for () {
    const HEADROOM: usize = 0;
    const TAILROOM: usize = 0;
    type Tx = ();
    type Rx = ();
    type Error = core::convert::Infallible;

    #[inline]
    fn push<S: Storage>(&mut self, (): (), _buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        Ok(())
    }
    #[inline]
    fn pull<S: Storage>(&mut self, _buf: &mut PacketBuf<S>) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// `upper` over `lower`: pushing runs down, pulling runs up, the room that both need adds up by type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Over<U, L> {
    /// The layer nearer to the application.
    pub upper: U,
    /// The layer nearer to the wire.
    pub lower: L,
}

impl<U, L> Over<U, L> {
    /// `upper` over `lower`.
    pub const fn new(upper: U, lower: L) -> Self {
        Self { upper, lower }
    }
}

impl<U: Layer, L: Layer> Layer for Over<U, L>
where
    L::Error: Into<U::Error>,
{
    const HEADROOM: usize = U::HEADROOM + L::HEADROOM;
    const TAILROOM: usize = U::TAILROOM + L::TAILROOM;
    type Tx = (U::Tx, L::Tx);
    type Rx = (U::Rx, L::Rx);
    type Error = U::Error;

    #[inline]
    fn push<S: Storage>(&mut self, (upper, lower): Self::Tx, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        self.upper.push(upper, buf)?;
        self.lower.push(lower, buf)
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<Self::Rx, Self::Error> {
        let lower = self.lower.pull(buf).map_err(Into::into)?;
        let upper = self.upper.pull(buf)?;
        Ok((upper, lower))
    }
}

//! Where packets go: [`Writer`] and those that come with the crate.

mod discard;
mod in_process;
mod octets;
mod udp;

use std::io;

pub use discard::Discard;
pub use in_process::InProcess;
pub use octets::Octets;
pub use udp::{Udp, UdpOptions};

use super::Batch;

/// Takes packets and moves them somewhere. It keeps none of them: when `write` returns, their memory is free again.
pub trait Writer: Send {
    /// Writes all packets of the batch in their order, and waits as long as that takes.
    ///
    /// # Errors
    /// What the system says. Which packets have left then is not known.
    fn write(&mut self, batch: &Batch<'_>) -> io::Result<()>;

    /// Bytes of the longest packet that it can write.
    fn longest_packet(&self) -> usize;

    /// How many endpoints it has.
    fn substreams(&self) -> usize {
        1
    }
}

impl<W: Writer + ?Sized> Writer for Box<W> {
    fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        (**self).write(batch)
    }

    fn longest_packet(&self) -> usize {
        (**self).longest_packet()
    }

    fn substreams(&self) -> usize {
        (**self).substreams()
    }
}

//! [`Accelerator`]: whoever computes bricks. Threads of this machine by default; a card if you have one.
//!
//! ```text
//!   prepare    the brick's payload goes to where the computation can reach it       sync to device
//!   start      the computation begins; the call returns a handle at once
//!   wait       ... until it is done
//!   retrieve   results come back into the brick's output                            sync from device
//! ```
//! A schedule calls the four in this order for each brick, several bricks in flight, bricks in the order of the
//! stream: `prepare` and `start` from one thread, `wait` and `retrieve` from another. So that transfers and
//! computation overlap, `start` must not wait for the computation.
//!
//! # A back end of your own
//!
//! A GPU or an FPGA is one file that implements this trait:
//!
//! - Hold as many input and output buffers on the device as there are buffer sets ([`Schedule`](crate::Schedule)), and
//!   keep which brick uses which in `Running`.
//! - `prepare`: [`Block::load`](crate::Block::load) each block, copy its [`payload`](crate::Block::payload) over.
//! - `retrieve`: for each block [`set_output`](crate::Block::set_output) with the compressed bytes, or
//!   [`set_outcome`](crate::Block::set_outcome) to [`Outcome::Stored`](crate::Outcome::Stored) when it did not shrink. The
//!   frame's checksums are added by the host.
//! - What the device does not do (linked blocks, dictionaries, decoding), let the kernel that it was given do on the
//!   host: [`Kernel::worker`].
//!
//! [`Simulated`] is such a file, with time in place of hardware.

mod cpu;
mod host;
mod inline;
mod simulated;

pub use cpu::CpuPool;
pub use host::Host;
pub use inline::Inline;
pub use simulated::{Simulated, Speed};

use crate::brick::{Block, Brick};

/// Computes bricks. See the [module](self).
pub trait Accelerator: Sync {
    /// A brick that is being computed.
    type Running: Send;

    /// Brings the payload of `brick` to where it is computed.
    ///
    /// # Errors
    /// When the device fails. That a payload cannot be read is an [`Outcome`](crate::Outcome) of its block.
    fn prepare(&self, brick: &mut Brick) -> Result<(), DeviceError>;

    /// Begins the computation and returns.
    ///
    /// # Errors
    /// When the device fails.
    fn start(&self, brick: Brick) -> Result<Self::Running, DeviceError>;

    /// Waits for the end of the computation.
    ///
    /// # Errors
    /// When the device fails.
    fn wait(&self, running: Self::Running) -> Result<Brick, DeviceError>;

    /// Brings the results back.
    ///
    /// # Errors
    /// When the device fails.
    fn retrieve(&self, brick: &mut Brick) -> Result<(), DeviceError>;
}

/// What is computed, apart from where: compressing or decoding, with all that it needs to know.
pub trait Kernel: Send + Sync {
    /// Somebody to do it, with scratch memory of its own: one for each thread.
    fn worker(&self) -> Box<dyn Worker>;
}

/// Computes one block after another.
pub trait Worker: Send {
    /// Computes the block, whose payload is loaded, and sets its outcome.
    fn compute(&mut self, block: &mut Block);
}

/// The device failed, which is no fault of the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the accelerator failed: {0}")]
pub struct DeviceError(pub String);

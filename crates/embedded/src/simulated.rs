//! Flash and SD cards in RAM that are as slow and as picky as real ones, for tests and emulators.
//!
//! Time is not slept: each device adds up how long it would have been [`busy`](SimulatedFlash::busy), and how much of that
//! with interrupts off, in which a UART without a buffer loses what arrives.

mod card;
mod flash;

pub use card::{CardFault, SimulatedCard};
pub use flash::{FlashFault, SimulatedFlash};

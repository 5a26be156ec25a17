//! Sending: streams of heaps, at a pace, to a network, a file, or another thread.
//!
//! | | where it runs | heaps | for |
//! |---|---|---|---|
//! | [`Sender`] | the caller's thread | taken and given back, or borrowed | the highest rate |
//!
//! Both take [`PrebuiltHeap`](crate::PrebuiltHeap)s and give them back to be filled again.

mod batch;
mod config;
mod count;
mod engine;
mod pacer;
mod sender;
pub mod writers;

pub use batch::{Batch, BatchPacket};
pub use config::StreamConfig;
pub use count::CountSequence;
pub use engine::{Order, StreamStatistics, Unfit};
pub use sender::{RejectReason, Rejected, Sender, Sent};
pub use writers::Writer;

//! Sending: streams of heaps, at a pace, to a network, a file, or another thread.
//!
//! | | where it runs | heaps | for |
//! |---|---|---|---|
//! | [`Sender`] | the caller's thread | taken and given back, or borrowed | the highest rate |
//! | [`Stream`] | a thread of its own | taken; awaited, polled or called back | programs that do something else meanwhile |
//!
//! Both take [`PrebuiltHeap`](crate::PrebuiltHeap)s and give them back to be filled again.

mod batch;
mod completion;
mod config;
mod count;
mod engine;
mod limits;
mod outcome;
mod pacer;
mod rate;
mod sender;
mod stream;
pub mod writers;

pub use batch::{Batch, BatchPacket};
pub use completion::{BatchCompletion, Completion};
pub use config::StreamConfig;
pub use count::CountSequence;
pub use engine::{Order, StreamStatistics};
pub use limits::Unfit;
pub use outcome::{RejectReason, Rejected, RejectedBatch, Sent, SentBatch};
pub use rate::{BadRate, Rate};
pub use sender::Sender;
pub use stream::Stream;
pub use writers::Writer;

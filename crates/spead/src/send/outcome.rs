//! What became of a heap: [`Sent`], or [`Rejected`] before it began.

use std::io;

use super::Unfit;
use crate::PrebuiltHeap;

/// A heap that was sent, or was tried to.
#[derive(Debug)]
pub struct Sent {
    /// The heap, to be filled again.
    pub heap: PrebuiltHeap,
    /// Bytes of its packets, or why they did not all leave.
    pub result: io::Result<usize>,
}

/// A heap that was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    /// The heap.
    pub heap: PrebuiltHeap,
    /// Why.
    #[source]
    pub reason: RejectReason,
}

/// Heaps that were sent together, or were tried to.
#[derive(Debug)]
pub struct SentBatch {
    /// The heaps in their order, to be filled again.
    pub heaps: Vec<PrebuiltHeap>,
    /// Bytes of all their packets, or why they did not all leave.
    pub result: io::Result<usize>,
}

/// Heaps that were not taken.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct RejectedBatch {
    /// The heaps.
    pub heaps: Vec<PrebuiltHeap>,
    /// Why.
    #[source]
    pub reason: RejectReason,
}

/// Why a heap was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// As many heaps are under way, or sent and not taken back, as the stream holds.
    #[error("{heaps} heaps are under way, as many as the stream holds; wait for one, or take sent ones back")]
    Full {
        /// How many it holds.
        heaps: usize,
    },
    /// It can never be sent on this stream.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The stream has stopped.
    #[error("the stream has stopped; make a new one")]
    Stopped,
}

/// The same error for another heap.
pub(super) fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

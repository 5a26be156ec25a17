//! [`Until`]: when receiving is over.

/// When receiving is over, apart from the end of the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// The link ends: pipes, recorded files. Also when everything has come of a sender that goes on without end.
    #[default]
    LinkEnds,
    /// A session is over, and no other one is under way: links that never end. What is incomplete then has failed.
    SessionComplete,
    /// Somebody stops it, or the link ends: whatever has come, more may.
    Stopped,
}

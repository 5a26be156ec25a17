//! The bits of a channel's state word.

/// Somebody stopped it, for good.
pub(crate) const STOPPED: u32 = 1;
/// There were senders, and all have left.
pub(crate) const NO_SENDERS: u32 = 2;
/// There were receivers, and all have left.
pub(crate) const NO_RECEIVERS: u32 = 4;
/// A sender's process died.
pub(crate) const SENDER_LOST: u32 = 8;
/// A receiver's process died.
pub(crate) const RECEIVER_LOST: u32 = 16;

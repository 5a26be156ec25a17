//! [`BackPressure`]: what a sender does when the channel is full.

use core::time::Duration;

/// What happens when a message finds no room. Whatever it is, it is counted in [`Metrics`](crate::Metrics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackPressure {
    /// Wait until there is room.
    #[default]
    Block,
    /// Wait so long, then fail with [`SendError::Timeout`](crate::SendError::Timeout).
    BlockFor(Duration),
    /// The message that finds no room is dropped, and `send` succeeds.
    DropNewest,
    /// The oldest unread message is dropped to make room.
    DropOldest,
    /// Fail with [`SendError::Full`](crate::SendError::Full).
    Error,
}

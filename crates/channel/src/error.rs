//! What can go wrong, by who has to act: opening a channel, sending, receiving.

use crate::{AddressError, ModeName};

/// Why a channel could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address does not parse.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The carrier cannot do what was asked of it.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A channel of that name is there, and was made otherwise.
    #[error(
        "the channel is there and has {what} {found}, not {wanted}: open it as it was made, or choose another name"
    )]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// What the channel has.
        found: u64,
        /// What was asked for.
        wanted: u64,
    },
    /// A channel of that name is there, in another mode.
    #[error(
        "the channel is there in mode {found}, not {wanted}: open it in that mode, or choose another name"
    )]
    Mode {
        /// The mode that it has.
        found: ModeName,
        /// The mode that was asked for.
        wanted: ModeName,
    },
    /// There is no channel of that name.
    #[error("there is no channel of that name: start a program that sends or receives on it first")]
    Missing,
    /// The mode allows one sender or one receiver, and there is one.
    #[error("the channel has its only {0} already: wait until it ends, or choose a mode with many")]
    Occupied(&'static str),
    /// All places for senders and receivers are taken.
    #[error("all {0} places for senders and receivers are taken: make the channel with more peers")]
    Crowded(u64),
    /// A process has the channel, and it cannot be opened through it.
    #[error(
        "process {process} has the channel and does not share it ({source}): it must run as the same user, be dumpable and be \
         visible in /proc; or choose another name"
    )]
    Unreachable {
        /// The number of the process.
        process: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process stands still while it opens or leaves the channel.
    #[error(
        "another process stands still in the middle of opening or leaving the channel: let it go on, or end it"
    )]
    Busy,
    /// The capacity is too small for one message, or larger than this machine can address.
    #[error(
        "a capacity of {capacity} bytes does not do: at least {least} are needed, at most {most} are possible"
    )]
    Capacity {
        /// What was asked for.
        capacity: usize,
        /// Fewest bytes.
        least: usize,
        /// Most bytes.
        most: usize,
    },
    /// What is there under that name is no channel of this version, or is damaged.
    #[error(
        "what is there under that name is not a channel of this version ({0}): remove it, or choose another name"
    )]
    Foreign(&'static str),
    /// The other end of a network channel was opened otherwise, or the place is taken.
    #[error(transparent)]
    Refused(#[from] crate::net::Refusal),
    /// What the system said.
    #[error("the system refused: {0}")]
    Io(#[from] std::io::Error),
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No room now.
    #[error("the channel is full")]
    Full,
    /// No room within the time given.
    #[error("the channel stayed full for the time given")]
    Timeout,
    /// Somebody stopped the channel.
    #[error("the channel was stopped")]
    Stopped,
    /// All receivers have left.
    #[error("all receivers have left the channel")]
    Disconnected,
    /// A receiver's process ended without leaving.
    #[error("the receiver's process ended without leaving the channel")]
    PeerLost,
    /// The message can never fit.
    #[error("a message of {len} bytes, where at most {most} fit: make the channel larger")]
    TooLarge {
        /// Bytes in the message.
        len: usize,
        /// Most bytes in a message of this channel.
        most: usize,
    },
    /// The channel carries messages of one type, and this is another.
    #[error("a message of type {found:#x} in a channel for {expected:#x} only")]
    WrongType {
        /// The channel's type.
        expected: u32,
        /// The type of the message.
        found: u32,
    },
    /// The receiver that came, or came again, was opened otherwise: open both ends alike.
    #[error("the receiver at the other end was opened otherwise: open both ends alike")]
    Refused,
    /// The channel's memory makes no sense.
    #[error("the channel's shared memory is damaged: close it and open a new one")]
    Corrupt,
}

/// Why no message was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// Nothing there now.
    #[error("the channel is empty")]
    Empty,
    /// Nothing came within the time given.
    #[error("the channel stayed empty for the time given")]
    Timeout,
    /// The channel was stopped or all senders have left, and everything that was sent is read.
    #[error("the channel has ended")]
    Stopped,
    /// As [`Stopped`](Self::Stopped), but a sender's process ended without leaving: what it meant to send may be
    /// incomplete.
    #[error("a sender's process ended without leaving the channel")]
    PeerLost,
    /// The message has another type.
    #[error("a message of type {found:#x}, where {expected:#x} was expected")]
    WrongType {
        /// The type asked for.
        expected: u32,
        /// The type of the message.
        found: u32,
    },
    /// The message has the right type and a length that does not fit it.
    #[error("a message of {len} bytes does not hold a whole number of values")]
    WrongLength {
        /// Bytes in the message.
        len: usize,
    },
    /// This reader was too slow for an overwriting channel: so many cells are lost to it. A message of a fixed type has one cell, a
    /// record as many as its length needs.
    #[error("{0} cells of messages were overwritten before they were read")]
    Lagged(u64),
    /// Somebody who had greeted as a sender sent what no sender sends, and was cut off.
    #[error("what a sender sent is no packet of a channel, or damaged: it was cut off")]
    Garbage,
    /// The channel's memory makes no sense.
    #[error("the channel's shared memory is damaged: close it and open a new one")]
    Corrupt,
}

//! What an [`Inbound`](super::Inbound) tells and counts.

use packhorse_packet::Channel;

/// Most bytes of a name that is kept.
pub const NAME_MAX: usize = 32;

/// What happened while receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// An object is coming, so many bytes of it.
    Announced {
        /// Its name as the wire says it, shortened to [`NAME_MAX`] bytes.
        name: &'a [u8],
        /// Bytes.
        size: u64,
    },
    /// An object is not taken.
    Refused {
        /// Its name.
        name: &'a [u8],
        /// Why.
        reason: Reason,
    },
    /// A message beside the objects.
    Message {
        /// On which channel.
        channel: Channel,
        /// The message.
        bytes: &'a [u8],
    },
    /// Every block has come and the hash is right.
    Verified {
        /// Bytes of the object.
        size: u64,
    },
    /// The sender has ended the object, and blocks are missing: they may still come, as long as no other object begins.
    Incomplete {
        /// Blocks.
        missing: u32,
    },
    /// The object is lost; another one may come.
    Failed(Failure),
}

/// Why an object is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has more bytes or more blocks than the device: at most so many bytes.
    TooLarge {
        /// Most bytes.
        most: u64,
    },
    /// Its size must be known beforehand here.
    UnknownSize,
    /// It is not a file, or its hash is of another kind.
    Unsupported,
}

/// Why an object is lost for good: nothing more of it is taken unless its sender begins a new session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Its bytes give another hash.
    Damaged,
    /// The sink did not take bytes, or did not give them back.
    Storage,
    /// Another object began before this one was whole.
    Replaced,
}

/// What an [`Inbound`](super::Inbound) counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboundStats {
    /// Packets that were whole.
    pub packets: u64,
    /// Packets refused by a layer.
    pub damaged: u64,
    /// Blocks of objects that were not announced, or not taken.
    pub unannounced: u64,
    /// Blocks that cannot belong to the object.
    pub misplaced: u64,
    /// Control messages that say nothing that is understood.
    pub bad_control: u64,
    /// Objects verified.
    pub verified: u64,
    /// Objects lost.
    pub failed: u64,
    /// Interruptions of the line.
    pub interruptions: u32,
}

//! What a [`Receiver`](crate::Receiver) answers: its events, and its verdict on a block, a META, an END.

/// What happened to a [`Receiver`](crate::Receiver).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverEvent {
    /// The first block came (or the object is empty).
    Started,
    /// A META said something else than the first one; the first one counts.
    ConflictingMeta,
    /// An END said something else than what is known; it was not believed.
    ConflictingEnd,
    /// Every block is there, and the size and the hash are known: verify and keep.
    Complete,
    /// The sender has ended and blocks are missing; told once. Late blocks may still complete the object.
    EndedIncomplete {
        /// Blocks that are missing; 0 when only the size of the object is unknown.
        missing: u32,
    },
}

/// Why a block was not taken. None of these is an error of the transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is there already.
    Repeat,
    /// There is no such block.
    OutOfRange,
    /// It has not the length that it must have.
    WrongLength {
        /// Bytes that it must have: at most so many, when it may be the last of a stream.
        expected: u32,
    },
    /// There is no memory left to remember it; it may fit later.
    SetFull,
}

/// What a META after the first one said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaVerdict {
    /// The same, or less.
    Same,
    /// The same, and the size or the hash that was not known.
    Completed,
    /// Something else about this object; counted, an event, nothing changed.
    Conflicting,
    /// It is about another object (another id): not for this receiver.
    OtherObject,
}

/// What an END said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndVerdict {
    /// What fits.
    Accepted,
    /// Another size or hash than what is known; counted, an event, nothing changed.
    Conflicting,
    /// It is about another object (another id).
    OtherObject,
}

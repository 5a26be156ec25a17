//! [`Command`]: what the writer is told, and what it tells: the words between who decides and who has the disk.

use core::ops::Range;
use std::io;
use std::path::PathBuf;

use packhorse_buffer::HeapSlot;
use packhorse_compress::Expansion;
use packhorse_transfer::Compression;

use crate::extents::Extents;
use crate::inbox::{Attributes, InboxError};
use crate::name::SafePath;
use crate::partial::Identity;
use crate::reception::DecodeJob;
use crate::unpack::BadContent;

/// A block in a batch.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// The object.
    pub(crate) key: u32,
    /// Where in the object, in bytes.
    pub(crate) offset: u64,
    /// Where in the batch's memory.
    pub(crate) range: Range<usize>,
    /// A repair symbol in the place of a missing block: not the object's bytes.
    pub(crate) repair: bool,
}

/// Received memory with blocks in it.
pub(crate) struct Batch {
    pub(crate) memory: HeapSlot,
    pub(crate) deliveries: Vec<Delivery>,
}

/// What the writer is told, in order.
pub(crate) enum Command {
    /// With `identity`, what an earlier receiver left of it is looked for: see [`Begun`].
    Begin {
        key: u32,
        name: SafePath,
        identity: Option<Identity>,
        /// What was written may have to be read back, to decode from it.
        decodes: bool,
        /// Its bytes, when that is known.
        size: Option<u64>,
        /// What its bytes are, when they are not the content itself.
        compression: Option<Compression>,
    },
    /// How much content may come out of compressed objects, from here on.
    Allow(Expansion),
    Folder {
        key: u32,
        name: SafePath,
        attributes: Attributes,
    },
    Batch(Batch),
    /// A block, or a repair symbol, that lies in no batch.
    Write {
        key: u32,
        offset: u64,
        repair: bool,
        bytes: Box<[u8]>,
    },
    /// A source block is to be decoded from what was written of it.
    Decode {
        key: u32,
        job: Box<DecodeJob>,
    },
    Complete {
        key: u32,
        size: u64,
        hash: [u8; 32],
        attributes: Attributes,
    },
    Abandon {
        key: u32,
    },
}

/// An object has its place, and this is what an earlier receiver left of it, each byte verified.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) key: u32,
    pub(crate) present: Extents,
}

/// What came of a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// What became of an object.
    Ended { key: u32, result: Result<Landed, Lost> },
    /// Whether a source block could be decoded; its blocks are then written.
    Decoded { key: u32, source_block: u32, good: bool },
}

/// An object that arrived.
#[derive(Debug)]
pub(crate) struct Landed {
    /// Where it stands; none when it went to a stream.
    pub(crate) path: Option<PathBuf>,
    /// Bytes of its content, when it was compressed.
    pub(crate) content: Option<u64>,
}

/// Why an object did not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("its bytes do not have the hash that the sender stated; send it again")]
    Damaged,
    #[error(transparent)]
    Content(BadContent),
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error("cannot write it: {0}; free some space or choose another folder")]
    Io(io::Error),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        error.downcast().map_or_else(Self::Io, Self::Content)
    }
}

impl Lost {
    /// Whether what was asked for cannot be, on a disk that is well.
    pub(crate) fn is_absurd(&self) -> bool {
        let Self::Io(error) = self else { return false };
        matches!(error.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput)
    }
}

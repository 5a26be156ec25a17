//! [`Control`]: what a sender says about an object besides its blocks, and [`ControlCodec`], which puts it into
//! the bytes of a profile and back.
//!
//! Not the packets: a message longer than a packet is cut into fragments by the caller
//! (`packhorse_packet::Fragments`) and comes here whole.

use core::fmt;

use packhorse_buffer::{DecodeError, NoRoom, PacketBuf, Storage};

use crate::ack::Ack;
use crate::fountain::Shape;
use crate::{Compression, Layout, LayoutError};

/// A control message of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// What is coming: sent first, and again every so often.
    Meta(Meta<'a>),
    /// All blocks of an object have been sent.
    End(End),
    /// All objects of a session have been sent.
    SessionEnd(SessionEnd),
    /// What a receiver has and lacks: from the receiver to the sender.
    Ack(Ack<'a>),
}

/// What kind of thing an object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A file.
    #[default]
    File,
    /// A folder: a name and a mode, no blocks.
    Folder,
    /// A stream of bytes without a name.
    Stream,
}

/// Which function the 32 bytes of a hash come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HashKind {
    /// BLAKE3: the `native` profile.
    #[default]
    Blake3,
    /// SHA-256: the `ftag` profile.
    Sha256,
}

/// When a file was modified: seconds since 1970 and nanoseconds of that second (below 1,000,000,000).
pub type MTime = (i64, u32);

/// What is known about an object before, or while, its blocks arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta<'a> {
    /// The sender's number for the object; its low 16 bits are the tag of its blocks. 0 in `ftag`.
    pub object_id: u64,
    /// The sender's number for the session that the object belongs to. 0 in `ftag`.
    pub session: u64,
    /// The object's index in its session, from 0.
    pub index: u32,
    /// Objects in the session, 0 while the sender does not know. 1 in `ftag`.
    pub objects: u32,
    /// What kind of thing it is.
    pub kind: ObjectKind,
    /// Bytes of every block but the last, which may be shorter. Never 0.
    pub block_size: u32,
    /// Bytes of the object; `None` for a stream that still grows.
    pub size: Option<u64>,
    /// The function of `hash`, also of the hash in [`End`].
    pub hash_kind: HashKind,
    /// The hash of all its bytes, or of the content where they are compressed; `None` when it is still being computed:
    /// [`End`] brings it.
    pub hash: Option<[u8; 32]>,
    /// A relative path, `/` between its parts; empty for none. UTF-8 in `native`; any bytes but NUL in `ftag`.
    /// As the wire says it: whoever makes a file of it makes it safe first.
    pub name: &'a [u8],
    /// Unix permission bits.
    pub mode: Option<u32>,
    /// When it was modified.
    pub mtime: Option<MTime>,
    /// How the fountain code cuts the object into source blocks; `None` when there is none, and always in `ftag`.
    pub fountain: Option<Shape>,
    /// What the bytes are, when they are not the content itself. Never in `ftag`.
    pub compression: Option<Compression>,
    /// The sender listens to acknowledgements. Never in `ftag`.
    pub answers: bool,
    /// The sender goes on without end, so that receivers leave when they have enough. Never in `ftag`.
    pub carousel: bool,
}

impl<'a> Meta<'a> {
    /// The tag of the object's blocks.
    #[must_use]
    pub const fn tag(&self) -> u16 {
        tag_of(self.object_id)
    }

    /// The name, when it is UTF-8.
    #[must_use]
    pub fn name_utf8(&self) -> Option<&'a str> {
        core::str::from_utf8(self.name).ok()
    }

    /// Whether the size was not known when the object was first announced, whatever is known by now: a fountain code cuts
    /// such an object into groups of one size.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        let growing = matches!(self.compression, Some(Compression { growing: true, .. }));
        matches!(self.kind, ObjectKind::Stream) || growing
    }

    /// How the object is cut into blocks, when its size is known.
    ///
    /// # Errors
    /// When size and block size do not go together.
    pub fn layout(&self) -> Result<Option<Layout>, LayoutError> {
        self.size.map(|size| Layout::new(size, self.block_size)).transpose()
    }
}

/// The tag of an object's blocks: the low 16 bits of its id.
#[must_use]
pub const fn tag_of(object_id: u64) -> u16 {
    let [.., high, low] = object_id.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// All blocks of an object have been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// The object. 0 in `ftag`.
    pub object_id: u64,
    /// Its bytes; always there in `native`, never in `ftag`.
    pub size: Option<u64>,
    /// Its hash, of the kind that its [`Meta`] says; always there in `native`, never in `ftag`.
    pub hash: Option<[u8; 32]>,
}

/// All objects of a session have been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionEnd {
    /// The session.
    pub session: u64,
    /// Objects that were sent in it.
    pub objects: u32,
    /// The sender has heard all that it needs to know: nobody has to stay to answer it. Never in `ftag`.
    pub heard: bool,
}

/// How a profile writes control messages.
pub trait ControlCodec {
    /// The function that the profile's hashes come from.
    const HASH: HashKind;
    /// Whether a message may be cut into fragments; otherwise it is at most one packet.
    const FRAGMENTED: bool;
    /// Whether the profile has sessions of several objects, folders and streams of unknown length.
    const SESSIONS: bool;
    /// Bytes of the longest message.
    const MESSAGE_MAX: usize;

    /// Puts the message behind the data of `buf`.
    ///
    /// # Errors
    /// When the profile cannot say it: the error names the limit. `buf` is then unchanged.
    fn encode<S: Storage>(control: &Control<'_>, buf: &mut PacketBuf<S>) -> Result<(), EncodeError>;

    /// Reads a whole message. Any bytes are refused or read; nothing is allocated.
    ///
    /// # Errors
    /// When these bytes are not a message of this profile.
    fn decode(message: &[u8]) -> Result<Control<'_>, DecodeError>;
}

/// Why a profile cannot say a control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small.
    NoRoom(NoRoom),
    /// The object is larger than its block size allows in this profile.
    TooLarge {
        /// Bytes of the object.
        size: u64,
        /// Most bytes at this block size.
        most: u64,
    },
    /// The block size is 0 or larger than the profile has.
    BlockSize {
        /// Bytes of a block.
        block_size: u32,
        /// Most bytes of a block.
        most: u32,
    },
    /// The name is longer than the profile has.
    NameTooLong {
        /// Bytes of the name.
        len: usize,
        /// Most bytes.
        most: usize,
    },
    /// The name contains what the profile cannot say: not UTF-8 in `native`, a NUL in `ftag`.
    BadName,
    /// Nanoseconds of 1,000,000,000 or more.
    BadTime,
    /// The profile needs this to be known: the size, or the hash.
    Unknown(&'static str),
    /// The profile has no such message, kind of object, or kind of hash.
    Unsupported(&'static str),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoRoom(no_room) => no_room.fmt(f),
            Self::TooLarge { size, most } => {
                write!(
                    f,
                    "{size} bytes are more than the {most} that this profile carries at this block size"
                )
            }
            Self::BlockSize { block_size, most } => {
                write!(f, "a block of {block_size} bytes, where this profile has 1 to {most}")
            }
            Self::NameTooLong { len, most } => {
                write!(f, "a name of {len} bytes, where this profile has at most {most}")
            }
            Self::BadName => f.write_str("the name has bytes that this profile cannot carry"),
            Self::BadTime => f.write_str("a second has fewer nanoseconds"),
            Self::Unknown(what) => write!(f, "this profile needs to know the {what} beforehand"),
            Self::Unsupported(what) => write!(f, "this profile has no {what}"),
        }
    }
}

impl core::error::Error for EncodeError {}

impl From<NoRoom> for EncodeError {
    fn from(no_room: NoRoom) -> Self {
        Self::NoRoom(no_room)
    }
}

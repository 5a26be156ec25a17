//! What follows the bytes of an object as they come in order, to tell at the end whether they are what was announced: a hash, or,
//! for a compressed object, decompression into its content and that one's hash.
//!
//! ```text
//!   FileCheck    plain   object's bytes --> hash
//!                packed  object's bytes --> content, in a partial file of its own --> hash
//!   StreamCheck  plain   object's bytes --> out, hash
//!                packed  object's bytes --> content --> out, hash
//! ```
//! A decoder takes memory: of all files under way one has it while it still comes, the others when they are whole.

use alloc::rc::{Rc, Weak};
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;

use packhorse_compress::Expansion;
use packhorse_transfer::{Compression, HashKind};

use crate::inbox::Inbox;
use crate::integrity::{Hasher, OrderedHasher};
use crate::name::SafePath;
use crate::partial::PartialFile;
use crate::unpack::{BadContent, Unpacker};

/// Bytes that are read back at once.
const READ: usize = 256 * 1024;

/// Follows the bytes of an object that is written to a file.
pub(crate) struct FileCheck(FileState);

enum FileState {
    Plain(OrderedHasher),
    Packed(Box<PackedFile>),
}

/// An object that is whole.
pub(crate) struct FinishedFile {
    /// Its content.
    pub(crate) whole: PartialFile,
    /// The hash of the content.
    pub(crate) hash: [u8; 32],
    /// Bytes of the content, where that is not what came.
    pub(crate) content: Option<u64>,
    /// What came, where that is not the content: to be thrown away when the content is safe.
    pub(crate) packed: Option<PartialFile>,
}

struct PackedFile {
    about: Compression,
    expansion: Expansion,
    kind: HashKind,
    inbox: Inbox,
    /// Somebody decompresses as long as there are two of it.
    turn: Weak<()>,
    along: Option<Along>,
    /// Only verifies what an earlier receiver left.
    hasher: OrderedHasher,
}

/// Content in the making.
struct Along {
    unpacker: Unpacker,
    content: PartialFile,
    at: u64,
    _turn: Option<Rc<()>>,
}

impl FileCheck {
    pub(crate) fn plain(kind: HashKind) -> Self {
        Self(FileState::Plain(OrderedHasher::new(kind)))
    }

    pub(crate) fn packed(
        about: Compression,
        expansion: Expansion,
        kind: HashKind,
        inbox: Inbox,
        turn: Weak<()>,
    ) -> Self {
        let hasher = OrderedHasher::new(kind);
        Self(FileState::Packed(Box::new(PackedFile {
            about,
            expansion,
            kind,
            inbox,
            turn,
            along: None,
            hasher,
        })))
    }

    /// What goes along while an earlier receiver's bytes are verified.
    pub(crate) fn hasher(&mut self) -> &mut OrderedHasher {
        match &mut self.0 {
            FileState::Plain(hasher) => hasher,
            FileState::Packed(packed) => &mut packed.hasher,
        }
    }

    /// Takes bytes at `offset` if they are the next ones.
    pub(crate) fn offer(&mut self, offset: u64, bytes: &[u8], name: &SafePath) -> io::Result<()> {
        match &mut self.0 {
            FileState::Plain(hasher) => {
                hasher.offer(offset, bytes);
                Ok(())
            }
            FileState::Packed(packed) => packed.offer(offset, bytes, name),
        }
    }

    /// All of `partial` is there, `size` bytes.
    pub(crate) fn finish(self, mut partial: PartialFile, size: u64) -> io::Result<FinishedFile> {
        match self.0 {
            FileState::Plain(hasher) => {
                let hash = hasher.finish(partial.file(), size)?;
                Ok(FinishedFile { whole: partial, hash, content: None, packed: None })
            }
            FileState::Packed(packed) => match packed.finish(&partial, size) {
                Ok((whole, content, hash)) => {
                    Ok(FinishedFile { whole, hash, content: Some(content), packed: Some(partial) })
                }
                Err(error) => {
                    if is_bad(&error) {
                        partial.spoil();
                    }
                    Err(error)
                }
            },
        }
    }
}

impl PackedFile {
    fn offer(&mut self, offset: u64, bytes: &[u8], name: &SafePath) -> io::Result<()> {
        if offset == 0 && self.along.is_none() && self.turn.strong_count() == 1 {
            self.along = Some(self.start(name, self.turn.upgrade())?);
        }
        match &mut self.along {
            Some(along) if along.unpacker.fed() == offset => along.feed(bytes),
            _ => Ok(()),
        }
    }

    fn start(&mut self, name: &SafePath, turn: Option<Rc<()>>) -> io::Result<Along> {
        let content = self.inbox.begin(name.clone()).map_err(io::Error::other)?;
        let unpacker = Unpacker::new(self.about, self.expansion, self.kind)?;
        Ok(Along { unpacker, content, at: 0, _turn: turn })
    }

    fn finish(
        mut self: Box<Self>,
        partial: &PartialFile,
        size: u64,
    ) -> io::Result<(PartialFile, u64, [u8; 32])> {
        let mut along = match self.along.take() {
            Some(along) => along,
            None => self.start(partial.name(), None)?,
        };
        let mut memory = Vec::new();
        while along.unpacker.fed() < size {
            let left = size - along.unpacker.fed();
            memory.resize(usize::try_from(left).map_or(READ, |left| left.min(READ)), 0);
            partial.file().read_exact_at(&mut memory, along.unpacker.fed())?;
            along.feed(&memory)?;
        }
        let Along { unpacker, content, mut at, _turn } = along;
        let (len, hash) = unpacker.finish(&mut |bytes| write(&content, &mut at, bytes))?;
        Ok((content, len, hash))
    }
}

impl Along {
    fn feed(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { unpacker, content, at, .. } = self;
        unpacker.feed(bytes, &mut |bytes| write(content, at, bytes))
    }
}

fn write(content: &PartialFile, at: &mut u64, bytes: &[u8]) -> io::Result<()> {
    content.file().write_all_at(bytes, *at)?;
    *at += bytes.len() as u64;
    Ok(())
}

/// The length of the content, where that is not what came, and its hash.
pub(crate) type Verdict = (Option<u64>, [u8; 32]);

/// Follows the bytes of an object that goes to a byte stream in order.
pub(crate) struct StreamCheck(StreamState);

enum StreamState {
    Plain(Hasher),
    /// The decoder is made with the first bytes.
    Packed {
        about: Compression,
        expansion: Expansion,
        kind: HashKind,
        unpacker: Option<Box<Unpacker>>,
    },
    /// Of a content that cannot be; the stream goes on to the next object.
    Bad(io::Error),
}

impl StreamCheck {
    pub(crate) fn plain(kind: HashKind) -> Self {
        Self(StreamState::Plain(Hasher::new(kind)))
    }

    pub(crate) fn packed(about: Compression, expansion: Expansion, kind: HashKind) -> Self {
        Self(StreamState::Packed { about, expansion, kind, unpacker: None })
    }

    /// Takes the next bytes, and gives content to `out`.
    pub(crate) fn take<W: Write>(&mut self, bytes: &[u8], out: &mut Option<W>) -> io::Result<()> {
        let fed = match &mut self.0 {
            StreamState::Plain(hasher) => {
                hasher.update(bytes);
                return put(out, bytes);
            }
            StreamState::Bad(_) => return Ok(()),
            StreamState::Packed { about, expansion, kind, unpacker } => {
                let unpacker = match unpacker {
                    Some(unpacker) => unpacker,
                    None => unpacker.insert(Box::new(Unpacker::new(*about, *expansion, *kind)?)),
                };
                unpacker.feed(bytes, &mut |content| put(out, content))
            }
        };
        self.settle(fed)
    }

    /// What is whole goes to `out`.
    pub(crate) fn flush<W: Write>(&mut self, out: &mut Option<W>) -> io::Result<()> {
        let StreamState::Packed { unpacker: Some(unpacker), .. } = &mut self.0 else { return Ok(()) };
        let flushed = unpacker.flush(&mut |content| put(out, content));
        self.settle(flushed)?;
        out.as_mut().map_or(Ok(()), W::flush)
    }

    /// All has come.
    pub(crate) fn finish<W: Write>(self, out: &mut Option<W>) -> io::Result<Verdict> {
        match self.0 {
            StreamState::Plain(hasher) => Ok((None, hasher.finish())),
            StreamState::Bad(error) => Err(error),
            StreamState::Packed { about, expansion, kind, unpacker } => {
                let unpacker = match unpacker {
                    Some(unpacker) => *unpacker,
                    None => Unpacker::new(about, expansion, kind)?,
                };
                let (content, hash) = unpacker.finish(&mut |content| put(out, content))?;
                Ok((Some(content), hash))
            }
        }
    }

    /// A content that cannot be ends its object, not the stream.
    fn settle(&mut self, result: io::Result<()>) -> io::Result<()> {
        match result {
            Err(error) if is_bad(&error) => {
                self.0 = StreamState::Bad(error);
                Ok(())
            }
            other => other,
        }
    }
}

fn put<W: Write>(out: &mut Option<W>, bytes: &[u8]) -> io::Result<()> {
    out.as_mut().map_or(Ok(()), |out| out.write_all(bytes))
}

/// Whether the content is at fault, and not the system.
pub(crate) fn is_bad(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<BadContent>())
}

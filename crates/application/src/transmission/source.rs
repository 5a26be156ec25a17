//! [`ObjectSource`]: where the bytes of an object are read, as often as they are needed.

use alloc::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use packhorse_transfer::HashKind;

use crate::integrity::{Hasher, OrderedHasher};
use crate::slab_reader::shrank;

/// Reads an object.
pub trait ObjectSource {
    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When not all of them can be read.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// The hash of all bytes, which are known by now.
    ///
    /// # Errors
    /// When they cannot be read.
    fn hash(&mut self) -> io::Result<Option<[u8; 32]>>;

    /// Of a stream: what has come by now. Bytes before `keep` are not needed any more.
    ///
    /// # Errors
    /// When the stream has failed.
    fn grow(&mut self, keep: u64) -> io::Result<Growth>;

    /// It is not read for a while: what can be got again need not be held.
    fn rest(&mut self) {}
}

/// How much of a stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Bytes from its start.
    pub available: u64,
    /// Whether these are all.
    pub whole: bool,
}

impl<S: ObjectSource + ?Sized> ObjectSource for Box<S> {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, into)
    }

    fn hash(&mut self) -> io::Result<Option<[u8; 32]>> {
        (**self).hash()
    }

    fn grow(&mut self, keep: u64) -> io::Result<Growth> {
        (**self).grow(keep)
    }

    fn rest(&mut self) {
        (**self).rest();
    }
}

/// A file. Hashed while it is read in order.
pub struct FileSource {
    /// Closed while it rests, if it can be opened again.
    file: Option<File>,
    path: Option<PathBuf>,
    size: u64,
    kind: HashKind,
    hasher: OrderedHasher,
}

impl FileSource {
    /// The first `size` bytes of a file.
    #[must_use]
    pub fn new(file: File, size: u64, kind: HashKind) -> Self {
        Self { file: Some(file), path: None, size, kind, hasher: OrderedHasher::new(kind) }
    }

    /// The file can be opened again at `path`, and is closed while it is not read.
    #[must_use]
    pub fn at(self, path: PathBuf) -> Self {
        Self { path: Some(path), ..self }
    }

    fn opened<'f>(file: &'f mut Option<File>, path: Option<&PathBuf>) -> io::Result<&'f File> {
        match (file, path) {
            (Some(file), _) => Ok(file),
            (file, Some(path)) => Ok(file.insert(File::open(path)?)),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl ObjectSource for FileSource {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let file = Self::opened(&mut self.file, self.path.as_ref())?;
        file.read_exact_at(into, offset).map_err(shrank)?;
        self.hasher.offer(offset, into);
        Ok(())
    }

    fn hash(&mut self) -> io::Result<Option<[u8; 32]>> {
        let hasher = core::mem::replace(&mut self.hasher, OrderedHasher::new(self.kind));
        let file = Self::opened(&mut self.file, self.path.as_ref())?;
        hasher.finish(file, self.size).map(Some)
    }

    fn grow(&mut self, _keep: u64) -> io::Result<Growth> {
        Ok(Growth { available: self.size, whole: true })
    }

    fn rest(&mut self) {
        if self.path.is_some() {
            self.file = None;
        }
    }
}

/// A stream: what has come and may still be needed, in memory.
pub struct StreamSource {
    bytes: VecDeque<u8>,
    /// Where those begin in the stream.
    from: u64,
    hasher: Hasher,
    whole: bool,
    failed: Option<io::Error>,
}

impl StreamSource {
    /// Nothing has come.
    #[must_use]
    pub fn new(kind: HashKind) -> Self {
        Self { bytes: VecDeque::new(), from: 0, hasher: Hasher::new(kind), whole: false, failed: None }
    }

    /// More has come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes.extend(bytes);
    }

    /// Nothing more comes, because of this error if there is one.
    pub fn end(&mut self, error: Option<io::Error>) {
        self.whole = true;
        self.failed = error;
    }

    /// Bytes that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.bytes.len()
    }
}

impl ObjectSource for StreamSource {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let at = offset.checked_sub(self.from).and_then(|at| usize::try_from(at).ok());
        let range = at.and_then(|at| Some(at..at.checked_add(into.len())?));
        let Some(range) = range.filter(|range| range.end <= self.bytes.len()) else {
            return Err(io::Error::other("what was read of the stream is not kept any more"));
        };
        for (to, byte) in into.iter_mut().zip(self.bytes.range(range)) {
            *to = *byte;
        }
        Ok(())
    }

    fn hash(&mut self) -> io::Result<Option<[u8; 32]>> {
        Ok(self.whole.then(|| self.hasher.finish()))
    }

    fn grow(&mut self, keep: u64) -> io::Result<Growth> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let have = self.bytes.len() as u64;
        let gone = keep.saturating_sub(self.from).min(have);
        self.bytes.drain(..usize::try_from(gone).unwrap_or(0));
        self.from += gone;
        Ok(Growth { available: self.from + self.bytes.len() as u64, whole: self.whole })
    }
}

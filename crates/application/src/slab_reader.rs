//! [`SlabReader`]: reads an object slab by slab, in the order in which its blocks will leave, and hashes it on the way.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::unix::fs::FileExt as _;

use packhorse_buffer::HeapSlot;

use crate::feed::Ahead;
use crate::integrity::Hasher;
use crate::pack::Packer;
use crate::slab::Slab;

/// Most pieces of memory that one system call fills.
const IOV_MAX: usize = 1024;
/// Blocks below this are read in one run and then laid out, where they are hashed and not copied again on their way:
/// hashing tiny pieces costs more than copying them once.
const STAGED_BELOW: usize = 16 * 1024;

/// What to read.
pub(crate) enum Job {
    /// `passes` times the first `size` bytes of a file.
    File { file: File, size: u64, passes: u32 },
    /// Everything that comes, once.
    Stream { reader: ByteStream },
}

/// Bytes whose number is known at their end.
pub(crate) enum ByteStream {
    /// As they come.
    Plain(Box<dyn Read + Send>),
    /// Compressed on the way.
    Packed(Box<Packer>),
}

impl Read for ByteStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(into),
            Self::Packed(packer) => packer.read(into),
        }
    }
}

/// Blocks that were read, and what is known with them.
pub(crate) struct Loaded {
    pub(crate) slab: Slab,
    /// The object's hash, with the last slab of its first pass.
    pub(crate) hash: Option<[u8; 32]>,
    /// Whether these are the last bytes of a stream.
    pub(crate) ended: bool,
}

pub(crate) struct SlabReader {
    ahead: Ahead,
    job: Option<Job>,
    /// Of the next slab: its first block, and where that begins in the object.
    first: u32,
    offset: u64,
    hasher: Option<Hasher>,
    staging: Vec<u8>,
}

impl SlabReader {
    pub(crate) fn new(ahead: Ahead) -> Self {
        let staged = ahead.staged && ahead.hash.is_some() && ahead.shape.block < STAGED_BELOW;
        let ahead = Ahead { staged, ..ahead };
        Self { ahead, job: None, first: 0, offset: 0, hasher: None, staging: Vec::new() }
    }

    /// Begins an object; what is left of the one before is not read.
    pub(crate) fn begin(&mut self, job: Job) {
        self.job = Some(job);
        (self.first, self.offset) = (0, 0);
        self.hasher = self.ahead.hash.map(Hasher::new);
    }

    /// Whether the object has been read to its end.
    pub(crate) fn is_done(&self) -> bool {
        match &self.job {
            None => true,
            Some(Job::File { size, passes, .. }) => *passes == 0 || *size == 0,
            Some(Job::Stream { .. }) => false,
        }
    }

    /// Reads the next slab into `memory`. After an error nothing more of the object is read.
    pub(crate) fn next(&mut self, memory: HeapSlot) -> io::Result<Loaded> {
        let slab = Slab::new(memory, self.ahead.shape, self.first);
        match self.job.take() {
            Some(Job::File { file, size, passes }) => self.file(slab, file, size, passes),
            Some(Job::Stream { reader }) => self.stream(slab, reader),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn file(&mut self, mut slab: Slab, file: File, size: u64, passes: u32) -> io::Result<Loaded> {
        let most = slab.capacity() as u64 * self.ahead.shape.block as u64;
        let want = usize::try_from(most.min(size - self.offset)).unwrap_or(usize::MAX);
        if self.ahead.staged {
            self.fill_staged(&mut slab, &file, want)?;
        } else {
            self.fill(&mut slab, &file, want)?;
        }
        slab.filled(want);
        self.offset += want as u64;
        self.first += slab.count;
        let mut passes = passes;
        let mut hash = None;
        if self.offset == size {
            hash = self.hasher.take().map(|hasher| hasher.finish());
            (self.first, self.offset) = (0, 0);
            passes = passes.saturating_sub(1);
        }
        self.job = Some(Job::File { file, size, passes });
        Ok(Loaded { slab, hash, ended: false })
    }

    fn fill_staged(&mut self, slab: &mut Slab, file: &File, want: usize) -> io::Result<()> {
        self.staging.resize(want, 0);
        file.read_exact_at(&mut self.staging, self.offset).map_err(shrank)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.staging);
        }
        for (block, bytes) in slab.blocks_mut().zip(self.staging.chunks(self.ahead.shape.block)) {
            block[..bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }

    fn fill(&mut self, slab: &mut Slab, file: &File, want: usize) -> io::Result<()> {
        let mut pieces: Vec<IoSliceMut<'_>> = filled_parts(slab, want).map(IoSliceMut::new).collect();
        let mut rest = &mut pieces[..];
        let mut at = self.offset;
        while !rest.is_empty() {
            let batch = rest.len().min(IOV_MAX);
            match rustix::io::preadv(file, &mut rest[..batch], at) {
                Ok(0) => return Err(shrank(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => {
                    at += n as u64;
                    IoSliceMut::advance_slices(&mut rest, n);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(hasher) = &mut self.hasher {
            filled_parts(slab, want).for_each(|part| hasher.update(part));
        }
        Ok(())
    }

    fn stream(&mut self, mut slab: Slab, mut reader: ByteStream) -> io::Result<Loaded> {
        let mut bytes = 0;
        let mut ended = false;
        for block in slab.blocks_mut() {
            let (n, starved) = read_full(&mut reader, block)?;
            if let (Some(hasher), ByteStream::Plain(_)) = (&mut self.hasher, &reader) {
                hasher.update(&block[..n]);
            }
            bytes += n;
            ended = n < block.len();
            // A source slower than the link: what is whole leaves now instead of waiting for a full slab.
            if ended || (starved && self.ahead.prompt) {
                break;
            }
        }
        slab.filled(bytes);
        self.first = u32::try_from(u64::from(self.first) + u64::from(slab.count)).map_err(|_| {
            io::Error::other("the stream has more blocks than can be numbered; use a larger --block")
        })?;
        let hash = self.hasher.take_if(|_| ended).map(|hasher| match &reader {
            ByteStream::Plain(_) => hasher.finish(),
            ByteStream::Packed(packer) => packer.content_hash(),
        });
        if !ended {
            self.job = Some(Job::Stream { reader });
        }
        Ok(Loaded { slab, hash, ended })
    }
}

/// The parts of the blocks that `want` bytes fill.
fn filled_parts(slab: &mut Slab, want: usize) -> impl Iterator<Item = &mut [u8]> {
    let mut left = want;
    slab.blocks_mut().map_while(move |block| {
        let len = block.len().min(left);
        left -= len;
        (len > 0).then(|| &mut block[..len])
    })
}

/// Reads until the block is full or the stream ends; says also whether the stream had to be asked more than once.
fn read_full(reader: &mut impl Read, block: &mut [u8]) -> io::Result<(usize, bool)> {
    let mut have = 0;
    let mut starved = false;
    while have < block.len() {
        match reader.read(&mut block[have..]) {
            Ok(0) => break,
            Ok(n) => {
                have += n;
                starved |= have < block.len();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((have, starved))
}

pub(crate) fn shrank(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file became shorter while it was sent; send it again",
        )
    } else {
        error
    }
}

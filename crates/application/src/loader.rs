//! The loader: a thread that reads and hashes blocks ahead of the sender, slab by slab, in the order in which they will leave.
//!
//! ```text
//!   loader thread   | read, hash slab 1 | read, hash slab 2 | read, hash slab 3 | ...
//!   sender                              | push, send slab 1 | push, send slab 2 | ...
//! ```
//! The pool bounds how far ahead it runs: with all slabs in flight it waits for one to come back.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Sender, SyncSender, channel};
use std::{io::IoSliceMut, thread};

use packhorse_buffer::HeapPool;
use packhorse_transfer::HashKind;

use crate::feed::Ahead;
use crate::integrity::Hasher;
use crate::slab::{Shape, Slab};

/// Most pieces of memory that one system call fills.
const IOV_MAX: usize = 1024;
/// Blocks below this are read in one run and then laid out, where they are hashed and not copied again on their way:
/// hashing tiny pieces costs more than copying them once.
const STAGED_BELOW: usize = 16 * 1024;

/// What to load next.
pub(crate) enum Job {
    /// `passes` times the first `size` bytes of a file.
    File { file: File, size: u64, passes: u32 },
    /// Everything that comes, once.
    Stream { reader: Box<dyn Read + Send> },
}

/// Blocks ready to be sent.
pub(crate) struct Loaded {
    /// Which job they belong to.
    pub(crate) job: u64,
    /// The blocks, or why there are none.
    pub(crate) slab: io::Result<Slab>,
    /// The object's hash, with the last slab of its first pass.
    pub(crate) hash: Option<[u8; 32]>,
    /// Whether these are the last bytes of a stream.
    pub(crate) ended: bool,
}

/// The loader's handle: gives it jobs.
pub(crate) struct Loader {
    jobs: Sender<(u64, Job)>,
    wanted: Arc<AtomicU64>,
    next: u64,
}

impl Loader {
    /// Starts the thread. What it loads comes out of `deliver`, wrapped by `wrap`.
    pub(crate) fn start<E, W>(
        pool: HeapPool,
        ahead: Ahead,
        deliver: SyncSender<E>,
        wrap: W,
    ) -> io::Result<Self>
    where
        E: Send + 'static,
        W: Fn(Loaded) -> E + Send + 'static,
    {
        let (jobs, queue) = channel::<(u64, Job)>();
        let wanted = Arc::new(AtomicU64::new(0));
        let Ahead { shape, hash, staged, prompt, .. } = ahead;
        let staged = staged && hash.is_some() && shape.block < STAGED_BELOW;
        let mut worker =
            Worker { pool, shape, hash, staged, prompt, wanted: Arc::clone(&wanted), staging: Vec::new() };
        thread::Builder::new().name("loader".into()).spawn(move || {
            while let Ok((number, job)) = queue.recv() {
                let gone = worker.run(number, job, &mut |loaded| deliver.send(wrap(loaded)).is_ok());
                if gone {
                    return;
                }
            }
        })?;
        Ok(Self { jobs, wanted, next: 0 })
    }

    /// Queues a job and returns its number. What is left of earlier jobs is abandoned.
    pub(crate) fn load(&mut self, job: Job) -> u64 {
        self.next += 1;
        self.wanted.store(self.next, Ordering::Relaxed);
        // The thread only ends when this handle or the receiving end is gone.
        let _ = self.jobs.send((self.next, job));
        self.next
    }
}

struct Worker {
    pool: HeapPool,
    shape: Shape,
    hash: Option<HashKind>,
    staged: bool,
    prompt: bool,
    wanted: Arc<AtomicU64>,
    staging: Vec<u8>,
}

impl Worker {
    /// Runs one job. Returns whether nobody listens any more.
    fn run(&mut self, number: u64, job: Job, deliver: &mut dyn FnMut(Loaded) -> bool) -> bool {
        let outcome = match job {
            Job::File { file, size, passes } => self.file(number, &file, size, passes, deliver),
            Job::Stream { reader } => self.stream(number, reader, deliver),
        };
        match outcome {
            Ok(listening) => !listening,
            Err(error) => !deliver(Loaded { job: number, slab: Err(error), hash: None, ended: false }),
        }
    }

    fn abandoned(&self, number: u64) -> bool {
        self.wanted.load(Ordering::Relaxed) != number
    }

    fn file(
        &mut self,
        number: u64,
        file: &File,
        size: u64,
        passes: u32,
        deliver: &mut dyn FnMut(Loaded) -> bool,
    ) -> io::Result<bool> {
        for pass in 0..passes {
            let mut hasher = if pass == 0 { self.hash.map(Hasher::new) } else { None };
            let mut offset = 0;
            let mut first = 0;
            while offset < size {
                if self.abandoned(number) {
                    return Ok(true);
                }
                let mut slab = Slab::new(self.pool.take_blocking(), self.shape, first);
                let most = slab.capacity() as u64 * self.shape.block as u64;
                let want = usize::try_from(most.min(size - offset)).unwrap_or(usize::MAX);
                self.fill(&mut slab, file, offset, want, hasher.as_mut())?;
                slab.filled(want);
                offset += want as u64;
                first += slab.count;
                let hash = if offset == size { hasher.as_ref().map(Hasher::finish) } else { None };
                if !deliver(Loaded { job: number, slab: Ok(slab), hash, ended: false }) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn fill(
        &mut self,
        slab: &mut Slab,
        file: &File,
        offset: u64,
        want: usize,
        hasher: Option<&mut Hasher>,
    ) -> io::Result<()> {
        if self.staged {
            self.staging.resize(want, 0);
            file.read_exact_at(&mut self.staging, offset).map_err(shrank)?;
            if let Some(hasher) = hasher {
                hasher.update(&self.staging);
            }
            for (block, bytes) in slab.blocks_mut().zip(self.staging.chunks(self.shape.block)) {
                block[..bytes.len()].copy_from_slice(bytes);
            }
            return Ok(());
        }
        let mut left = want;
        let mut pieces: Vec<IoSliceMut<'_>> = slab
            .blocks_mut()
            .map_while(|block| {
                let len = block.len().min(left);
                left -= len;
                (len > 0).then(|| IoSliceMut::new(&mut block[..len]))
            })
            .collect();
        let mut rest = &mut pieces[..];
        let mut at = offset;
        while !rest.is_empty() {
            let batch = rest.len().min(IOV_MAX);
            let n = match rustix::io::preadv(file, &mut rest[..batch], at) {
                Ok(0) => return Err(shrank(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => n,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            at += n as u64;
            IoSliceMut::advance_slices(&mut rest, n);
        }
        if let Some(hasher) = hasher {
            let mut left = want;
            for block in slab.blocks_mut() {
                let len = block.len().min(left);
                hasher.update(&block[..len]);
                left -= len;
                if left == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn stream(
        &mut self,
        number: u64,
        mut reader: Box<dyn Read + Send>,
        deliver: &mut dyn FnMut(Loaded) -> bool,
    ) -> io::Result<bool> {
        let mut hasher = self.hash.map(Hasher::new);
        let mut first = 0;
        loop {
            let mut slab = Slab::new(self.pool.take_blocking(), self.shape, first);
            let mut bytes = 0;
            let mut ended = false;
            for block in slab.blocks_mut() {
                let (n, starved) = read_full(&mut reader, block)?;
                if let Some(hasher) = hasher.as_mut() {
                    hasher.update(&block[..n]);
                }
                bytes += n;
                ended = n < block.len();
                // A source slower than the link: what is whole leaves now instead of waiting for a full slab.
                if ended || (starved && self.prompt) {
                    break;
                }
            }
            slab.filled(bytes);
            first = match u32::try_from(u64::from(first) + u64::from(slab.count)) {
                Ok(first) => first,
                Err(_) => {
                    return Err(io::Error::other(
                        "the stream has more blocks than can be numbered; use a larger --block",
                    ));
                }
            };
            let hash = if ended { hasher.as_ref().map(Hasher::finish) } else { None };
            if !deliver(Loaded { job: number, slab: Ok(slab), hash, ended }) {
                return Ok(false);
            }
            if ended || self.abandoned(number) {
                return Ok(true);
            }
        }
    }
}

/// Reads until the block is full or the stream ends; says also whether the stream had to be asked more than once.
fn read_full(reader: &mut dyn Read, block: &mut [u8]) -> io::Result<(usize, bool)> {
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

fn shrank(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file became shorter while it was sent; send it again",
        )
    } else {
        error
    }
}

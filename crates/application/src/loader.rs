//! The loader: a thread that reads and hashes slabs ahead of the sender.
//!
//! ```text
//!   loader thread   | read, hash slab 1 | read, hash slab 2 | read, hash slab 3 | ...
//!   sender                              | push, send slab 1 | push, send slab 2 | ...
//! ```
//! The pool bounds how far ahead it runs: with all slabs in flight it waits for one to come back.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::sync::mpsc::{Sender, SyncSender, channel};
use std::thread;

use packhorse_buffer::HeapPool;

use crate::feed::Ahead;
use crate::slab_reader::{Job, Loaded, SlabReader};

/// The loader's handle: gives it jobs.
pub(crate) struct Loader {
    jobs: Sender<(u64, Job)>,
    wanted: Arc<AtomicU64>,
    next: u64,
}

impl Loader {
    /// Starts the thread. What it loads comes out of `deliver`: the job's number and a slab, or why there is none.
    pub(crate) fn start<E, W>(
        pool: HeapPool,
        ahead: Ahead,
        deliver: SyncSender<E>,
        wrap: W,
    ) -> io::Result<Self>
    where
        E: Send + 'static,
        W: Fn(u64, io::Result<Loaded>) -> E + Send + 'static,
    {
        let (jobs, queue) = channel::<(u64, Job)>();
        let wanted = Arc::new(AtomicU64::new(0));
        let asked_for = Arc::clone(&wanted);
        let mut reader = SlabReader::new(ahead);
        thread::Builder::new().name("loader".into()).spawn(move || {
            while let Ok((number, job)) = queue.recv() {
                reader.begin(job);
                while !reader.is_done() && asked_for.load(Ordering::Relaxed) == number {
                    let loaded = reader.next(pool.take_blocking());
                    if deliver.send(wrap(number, loaded)).is_err() {
                        return;
                    }
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

//! [`Intake`]: what all streams have in common: readers in their threads, one assembler behind a lock, an end.
//!
//! ```text
//!   reader 1 --batch--+
//!   reader 2 --batch--+--> lock --> Assembler --> Outlet: ring, chunks
//! ```
//! The end comes once: by a stop heap, when the last reader ends, or when the user stops the stream. Then heaps under
//! way are given up and the outlet is closed.

use alloc::sync::Arc;
use core::any::Any;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::panic::catch_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use packhorse_buffer::log_warn;

use super::assembler::{Arrival, Assembler, Store};
use super::{Batch, Reader, Statistics, Stopper};
use crate::panic_text;

/// Where what is finished leaves the stream.
pub(crate) trait Outlet<S> {
    /// A batch of packets is through: hands over what is finished, and tells how often it had to wait.
    fn hand_over(&mut self, store: &mut S) -> u64;

    /// Nothing will come any more.
    fn close(&mut self, store: &mut S);
}

pub(crate) struct Intake<S: Store, O> {
    line: Mutex<Line<S, O>>,
    /// The statistics after the last batch: readable while a reader waits with the line locked.
    published: Mutex<Statistics>,
    ended: AtomicBool,
    readers: Mutex<Readers>,
}

/// The way of every packet.
pub(crate) struct Line<S: Store, O> {
    pub(crate) assembler: Assembler<S>,
    pub(crate) outlet: O,
}

#[derive(Default)]
struct Readers {
    threads: Vec<JoinHandle<()>>,
    stoppers: Vec<Stopper>,
    running: usize,
    error: Option<io::Error>,
}

impl<S: Store, O: Outlet<S>> Intake<S, O>
where
    S: Send + 'static,
    S::Place: Send,
    O: Send + 'static,
{
    pub(crate) fn new(assembler: Assembler<S>, outlet: O) -> Arc<Self> {
        Arc::new(Self {
            line: Mutex::new(Line { assembler, outlet }),
            published: Mutex::default(),
            ended: AtomicBool::new(false),
            readers: Mutex::default(),
        })
    }

    /// Runs readers, each in its thread. The stream does not end before all of them.
    pub(crate) fn start(self: &Arc<Self>, readers: Vec<Box<dyn Reader>>) -> io::Result<()> {
        let mut state = lock(&self.readers);
        state.running += readers.len();
        for mut reader in readers {
            let own = Arc::clone(self);
            state.stoppers.push(reader.stopper());
            let run = move || {
                let run = catch_unwind(AssertUnwindSafe(|| own.run(&mut *reader)));
                let panicked = run.is_err();
                own.reader_ended(run.unwrap_or_else(|panic| Err(said(&*panic))), panicked);
            };
            match thread::Builder::new().name("spead-receive".to_owned()).spawn(run) {
                Ok(thread) => state.threads.push(thread),
                Err(error) => {
                    state.running -= 1;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Ends the stream and waits for its readers.
    pub(crate) fn stop(&self, close: impl FnOnce()) {
        self.ended.store(true, Ordering::Release);
        let mut state = lock(&self.readers);
        state.stoppers.iter().for_each(Stopper::stop);
        let threads = core::mem::take(&mut state.threads);
        drop(state);
        // A reader may wait for room that only closing gives.
        close();
        for thread in threads {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
        self.end(&mut lock(&self.line));
    }

    pub(crate) fn statistics(&self) -> Statistics {
        *lock(&self.published)
    }

    pub(crate) fn take_error(&self) -> Option<io::Error> {
        lock(&self.readers).error.take()
    }

    fn run(&self, reader: &mut dyn Reader) -> io::Result<()> {
        let mut batch = Batch::default();
        let mut warned = !reader.is_lossy();
        while !self.ended.load(Ordering::Acquire) {
            let more = reader.read(&mut batch)?;
            let mut line = lock(&self.line);
            let blocked = line.assembler.stats().worker_blocked;
            let stopped = line.deliver(&batch);
            if !warned && line.assembler.stats().worker_blocked > blocked {
                warned = true;
                log_warn!("the consumer is slower than the sender, who does not wait: packets may be lost");
            }
            self.publish(&mut line);
            if stopped {
                self.end(&mut line);
            }
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// A reader is done. After a panic nobody knows what its packets were for: the whole stream ends.
    fn reader_ended(&self, result: io::Result<()>, panicked: bool) {
        let mut state = lock(&self.readers);
        if let Err(error) = result {
            state.error.get_or_insert(error);
        }
        state.running -= 1;
        let last = state.running == 0 || panicked;
        drop(state);
        if last {
            self.end(&mut lock(&self.line));
        }
    }

    fn end(&self, line: &mut Line<S, O>) {
        line.end();
        // Whoever sees the end finds all statistics.
        self.publish(line);
        line.close();
        if !self.ended.swap(true, Ordering::AcqRel) {
            // Another reader of the stream may be waiting for packets.
            lock(&self.readers).stoppers.iter().for_each(Stopper::stop);
        }
    }

    fn publish(&self, line: &mut Line<S, O>) {
        *lock(&self.published) = *line.assembler.stats();
    }
}

impl<S: Store, O: Outlet<S>> Line<S, O> {
    /// Takes the packets of a batch and hands over what is finished. Tells whether the stream has stopped.
    pub(crate) fn deliver(&mut self, batch: &Batch) -> bool {
        let Self { assembler, outlet } = self;
        batch.count(assembler.stats());
        for (slab, range, may_keep) in batch.packets() {
            let Some(bytes) = slab.get(range.clone()) else { continue };
            assembler.handle(Arrival { bytes, slab: may_keep.then_some((slab, range.start)) });
        }
        let waited = outlet.hand_over(assembler.store());
        assembler.stats().worker_blocked += waited;
        assembler.has_stopped()
    }

    /// Gives up what is under way; nothing more will come. Then [`close`](Self::close).
    pub(crate) fn end(&mut self) {
        let Self { assembler, outlet } = self;
        assembler.flush();
        let waited = outlet.hand_over(assembler.store());
        assembler.stats().worker_blocked += waited;
    }

    pub(crate) fn close(&mut self) {
        self.outlet.close(self.assembler.store());
    }
}

/// What a panic in a function of the user's said. The lock is taken all the same: what it guards is whole.
fn said(panic: &(dyn Any + Send)) -> io::Error {
    let text = panic_text(panic);
    io::Error::other(format!(
        "the stream ended by a panic in its place function, allocator or reader: {text}"
    ))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

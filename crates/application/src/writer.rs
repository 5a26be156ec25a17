//! The writer: a thread that does everything with the file system and the hashes while the receiver reads on.
//!
//! ```text
//!   receiver        | receive, pull batch 1 | receive, pull batch 2 | receive, pull batch 3 | ...
//!   writer thread                           | write, hash batch 1   | write, hash batch 2   | ...
//! ```
//! A batch is the memory in which packets were received, and where in it the blocks lie: nothing is copied on the way.

use alloc::collections::VecDeque;
use core::ops::Range;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::thread;

use packhorse_buffer::{HeapSlot, Probe, Stage, Storage as _};
use packhorse_transfer::HashKind;

use crate::extents::Extents;
use crate::inbox::{Attributes, Inbox, InboxError};
use crate::name::SafePath;
use crate::partial::Identity;
use crate::reception::DecodeJob;
use crate::sink::{FileSink, OrderedSink};

/// Commands that may wait; the pool bounds the memory behind them.
const QUEUE: usize = 256;

/// Journals are looked at so often while nothing comes.
const TICK: Duration = Duration::from_millis(500);

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
    },
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
}

/// Why an object did not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("its bytes do not have the hash that the sender stated; send it again")]
    Damaged,
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error("cannot write it: {0}; free some space or choose another folder")]
    Io(#[from] io::Error),
}

impl Lost {
    /// Whether what was asked for cannot be, on a disk that is well.
    pub(crate) fn is_absurd(&self) -> bool {
        let Self::Io(error) = self else { return false };
        matches!(error.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput)
    }
}

/// Where received objects go.
pub enum Target {
    /// Into a folder, under their names.
    Folder(Inbox),
    /// One after the other into a byte stream, as they arrive; folders and names are dropped.
    Stream(Box<dyn Write + Send>),
}

impl core::fmt::Debug for Target {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Folder(inbox) => inbox.fmt(f),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// The writer's handle.
pub(crate) struct Writer<P> {
    commands: Option<SyncSender<Command>>,
    pub(crate) outcomes: Receiver<Outcome>,
    pub(crate) begun: Receiver<Begun>,
    recycled: Receiver<Vec<Delivery>>,
    thread: Option<thread::JoinHandle<Finished<P>>>,
}

/// What the thread leaves.
pub(crate) struct Finished<P> {
    pub(crate) closing: Result<(), Lost>,
    pub(crate) writing: Stage<P>,
}

impl<P: Probe + Default + Send + 'static> Writer<P> {
    pub(crate) fn start(target: Target, hash: HashKind) -> io::Result<Self> {
        let (commands, queue) = sync_channel(QUEUE);
        let (report, outcomes) = std::sync::mpsc::channel();
        let (begin, begun) = std::sync::mpsc::channel();
        let (recycle, recycled) = sync_channel(8);
        let thread = thread::Builder::new().name("writer".into()).spawn(move || {
            let mut writing = Stage::<P>::new("write+hash");
            let mut worker = Worker::new(target, hash, begin);
            loop {
                let command = match queue.recv_timeout(TICK) {
                    Ok(command) => command,
                    Err(RecvTimeoutError::Timeout) => {
                        worker.tick(&mut |outcome| drop(report.send(outcome)));
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                if let Command::Batch(batch) = command {
                    let mark = writing.start();
                    worker.batch(&batch, &mut |outcome| drop(report.send(outcome)));
                    writing.stop(mark);
                    let mut deliveries = batch.deliveries;
                    deliveries.clear();
                    // Full means enough are under way already.
                    let _ = recycle.try_send(deliveries);
                } else {
                    worker.command(command, &mut |outcome| drop(report.send(outcome)));
                }
            }
            Finished { closing: worker.close(), writing }
        })?;
        Ok(Self { commands: Some(commands), outcomes, begun, recycled, thread: Some(thread) })
    }

    /// Gives the next command. Blocks while too many wait.
    pub(crate) fn give(&self, command: Command) {
        // The thread ends only when this handle is gone.
        let _ = self.commands.as_ref().map(|commands| commands.send(command));
    }

    /// An empty list, with its memory, if one came back.
    pub(crate) fn recycle(&self) -> Vec<Delivery> {
        self.recycled.try_recv().unwrap_or_default()
    }

    /// Waits until everything is done; nothing can be given afterwards.
    pub(crate) fn finish(&mut self) -> (Vec<Outcome>, Finished<P>) {
        self.commands = None;
        let rest = self.outcomes.iter().collect();
        let stopped = || Finished {
            closing: Err(io::Error::other("the writer stopped").into()),
            writing: Stage::new("write+hash"),
        };
        let finished = self.thread.take().and_then(|thread| thread.join().ok());
        (rest, finished.unwrap_or_else(stopped))
    }
}

type Report<'a> = &'a mut dyn FnMut(Outcome);

/// What is known of an object while it is written.
enum Sink {
    File(FileSink),
    Ordered {
        sink: OrderedSink<Box<dyn Write + Send>>,
        complete: Option<(u64, [u8; 32])>,
    },
    /// Failed, and reported so: what still comes is dropped.
    Failed,
}

struct Worker {
    target: Target,
    /// The stream's writer, while no object has it.
    out: Option<Box<dyn Write + Send>>,
    /// Objects for the stream in the order in which they began.
    turns: VecDeque<u32>,
    hash: HashKind,
    sinks: HashMap<u32, Sink>,
    begun: Sender<Begun>,
}

impl Worker {
    fn new(target: Target, hash: HashKind, begun: Sender<Begun>) -> Self {
        let (target, out) = match target {
            Target::Stream(out) => (Target::Stream(Box::new(io::sink())), Some(out)),
            folder => (folder, None),
        };
        Self { target, out, turns: VecDeque::new(), hash, sinks: HashMap::new(), begun }
    }

    fn command(&mut self, command: Command, report: Report<'_>) {
        match command {
            Command::Begin { key, name, identity, decodes } => {
                let begun = self.begin(key, name, identity, decodes);
                self.settle(key, begun, report);
            }
            Command::Folder { key, name, attributes } => {
                let result = match &mut self.target {
                    Target::Folder(inbox) => inbox.folder(name, attributes).map(Some).map_err(Lost::from),
                    Target::Stream(_) => Ok(None),
                };
                report(Outcome::Ended { key, result: result.map(|path| Landed { path }) });
            }
            Command::Complete { key, size, hash, attributes } => {
                self.complete(key, size, hash, attributes, report);
            }
            Command::Abandon { key } => {
                if let Some(Sink::Ordered { sink, .. }) = self.sinks.remove(&key) {
                    self.pass_on(key, sink, report);
                }
            }
            Command::Batch(batch) => self.batch(&batch, report),
            Command::Write { key, offset, repair, bytes } => {
                let written = self.write(key, offset, &[&bytes], repair);
                self.settle(key, written.map_err(Lost::from), report);
            }
            Command::Decode { key, job } => self.decode(key, &job, report),
        }
    }

    fn begin(
        &mut self,
        key: u32,
        name: SafePath,
        identity: Option<Identity>,
        decodes: bool,
    ) -> Result<(), Lost> {
        let sink = match &mut self.target {
            Target::Folder(inbox) => {
                let mut sink = FileSink::new(inbox.go_on(name, identity)?, self.hash);
                let present = sink.restore();
                if present.bytes() > 0 {
                    tracing::info!(bytes = present.bytes(), "left by an earlier receiver, and verified");
                }
                let _ = self.begun.send(Begun { key, present });
                Sink::File(sink)
            }
            Target::Stream(_) => {
                let _ = self.begun.send(Begun { key, present: Extents::default() });
                self.turns.push_back(key);
                let out = if self.turns.len() == 1 { self.out.take() } else { None };
                Sink::Ordered { sink: OrderedSink::new(out, self.hash, decodes), complete: None }
            }
        };
        self.sinks.insert(key, sink);
        Ok(())
    }

    fn batch(&mut self, batch: &Batch, report: Report<'_>) {
        let memory = batch.memory.as_slice();
        let mut rest = &batch.deliveries[..];
        let mut pieces: Vec<&[u8]> = Vec::with_capacity(rest.len().min(4096));
        while let Some(first) = rest.first() {
            // A run: blocks of one object that follow one another.
            let mut end = first.offset;
            let run = rest
                .iter()
                .take_while(|next| {
                    let follows = next.key == first.key && next.offset == end && next.repair == first.repair;
                    end = next.offset.saturating_add(next.range.len() as u64);
                    follows
                })
                .count();
            pieces.clear();
            pieces.extend(rest[..run].iter().filter_map(|next| memory.get(next.range.clone())));
            let written = self.write(first.key, first.offset, &pieces, first.repair);
            self.settle(first.key, written.map_err(Lost::from), report);
            rest = &rest[run..];
        }
    }

    /// Writes pieces that follow one another.
    fn write(&mut self, key: u32, offset: u64, pieces: &[&[u8]], repair: bool) -> io::Result<()> {
        match self.sinks.get_mut(&key) {
            Some(Sink::File(sink)) if repair => sink.write_repair(offset, pieces),
            Some(Sink::Ordered { sink, .. }) if repair => sink.write_repair(offset, pieces),
            Some(Sink::File(sink)) => sink.write(offset, pieces),
            Some(Sink::Ordered { sink, .. }) => write_ordered(sink, offset, pieces),
            Some(Sink::Failed) | None => Ok(()),
        }
    }

    /// Reads a source block back, decodes it, and writes the blocks that were missing.
    fn decode(&mut self, key: u32, job: &DecodeJob, report: Report<'_>) {
        let decoded = match self.sinks.get_mut(&key) {
            Some(Sink::File(sink)) => job.run(|offset, into| sink.read(offset, into)),
            Some(Sink::Ordered { sink, .. }) => job.run(|offset, into| sink.read(offset, into)),
            Some(Sink::Failed) | None => return,
        };
        let source_block = job.decode.source.number;
        let good = match decoded {
            Ok(Some(blocks)) => {
                for (offset, block) in job.missing(&blocks) {
                    let written = self.write(key, offset, &[block], false);
                    self.settle(key, written.map_err(Lost::from), report);
                }
                true
            }
            Ok(None) => false,
            Err(error) => return self.settle(key, Err(error.into()), report),
        };
        report(Outcome::Decoded { key, source_block, good });
    }

    /// Nothing comes: what waits in memory is written, and journals are.
    fn tick(&mut self, report: Report<'_>) {
        let mut failed = Vec::new();
        for (&key, sink) in &mut self.sinks {
            if let Sink::File(sink) = sink
                && let Err(error) = sink.tick()
            {
                failed.push((key, error));
            }
        }
        for (key, error) in failed {
            self.settle(key, Err(error.into()), report);
        }
    }

    /// Reports a failure, once, and drops the object.
    fn settle(&mut self, key: u32, result: Result<(), Lost>, report: Report<'_>) {
        if let Err(lost) = result {
            self.sinks.insert(key, Sink::Failed);
            report(Outcome::Ended { key, result: Err(lost) });
        }
    }

    fn complete(&mut self, key: u32, size: u64, hash: [u8; 32], attributes: Attributes, report: Report<'_>) {
        match self.sinks.remove(&key) {
            Some(Sink::File(sink)) => {
                let result = self.land(sink, size, hash, attributes);
                report(Outcome::Ended { key, result });
            }
            Some(Sink::Ordered { sink, .. }) if self.turns.front() == Some(&key) => {
                self.close_ordered(key, sink, size, hash, report);
            }
            Some(Sink::Ordered { sink, .. }) => {
                self.sinks.insert(key, Sink::Ordered { sink, complete: Some((size, hash)) });
            }
            Some(Sink::Failed) | None => {}
        }
    }

    fn land(
        &mut self,
        sink: FileSink,
        size: u64,
        hash: [u8; 32],
        attributes: Attributes,
    ) -> Result<Landed, Lost> {
        let (partial, found) = sink.finish(size)?;
        if found != hash {
            // Nobody is to go on from there.
            partial.discard();
            return Err(Lost::Damaged);
        }
        let Target::Folder(inbox) = &mut self.target else { return Ok(Landed { path: None }) };
        Ok(Landed { path: Some(inbox.commit(partial, attributes)?) })
    }

    fn close_ordered(
        &mut self,
        key: u32,
        sink: OrderedSink<Box<dyn Write + Send>>,
        size: u64,
        hash: [u8; 32],
        report: Report<'_>,
    ) {
        let (out, result) = match sink.finish() {
            Ok((out, written, found)) if written == size && found == hash => (out, Ok(Landed { path: None })),
            Ok((out, ..)) => (out, Err(Lost::Damaged)),
            Err(error) => (None, Err(error.into())),
        };
        report(Outcome::Ended { key, result });
        self.next_turn(key, out, report);
    }

    /// An object for the stream is given up; the next one has the stream.
    fn pass_on(&mut self, key: u32, sink: OrderedSink<Box<dyn Write + Send>>, report: Report<'_>) {
        let out = sink.finish().ok().and_then(|(out, ..)| out);
        self.next_turn(key, out, report);
    }

    fn next_turn(&mut self, ended: u32, out: Option<Box<dyn Write + Send>>, report: Report<'_>) {
        self.turns.retain(|&key| key != ended);
        let Some(out) = out else { return };
        let Some(&key) = self.turns.front() else {
            self.out = Some(out);
            return;
        };
        match self.sinks.remove(&key) {
            Some(Sink::Ordered { mut sink, complete }) => {
                if let Err(error) = sink.turn(out) {
                    return self.settle(key, Err(error.into()), report);
                }
                match complete {
                    Some((size, hash)) => self.close_ordered(key, sink, size, hash, report),
                    None => drop(self.sinks.insert(key, Sink::Ordered { sink, complete })),
                }
            }
            _ => self.next_turn(key, Some(out), report),
        }
    }

    /// Everything has come: folders get their times; unfinished objects vanish.
    fn close(self) -> Result<(), Lost> {
        drop(self.sinks);
        match self.target {
            Target::Folder(mut inbox) => Ok(inbox.close()?),
            Target::Stream(_) => Ok(()),
        }
    }
}

fn write_ordered<W: Write>(sink: &mut OrderedSink<W>, offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
    let mut at = offset;
    for piece in pieces {
        sink.write(at, piece)?;
        at += piece.len() as u64;
    }
    sink.flush()
}

//! The writer: a thread that does everything with the file system and the hashes while the receiver reads on.
//!
//! ```text
//!   receiver        | receive, pull batch 1 | receive, pull batch 2 | receive, pull batch 3 | ...
//!   writer thread                           | write, hash batch 1   | write, hash batch 2   | ...
//! ```
//! A batch is the memory in which packets were received, and where in it the blocks lie: nothing is copied on the way.

mod command;

pub(crate) use command::{Batch, Begun, Command, Delivery, Landed, Lost, Outcome};

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use packhorse_buffer::{Probe, Stage, Storage as _};
use packhorse_compress::Expansion;
use packhorse_transfer::{Compression, HashKind};

use crate::check::{FileCheck, FinishedFile, StreamCheck};
use crate::extents::Extents;
use crate::inbox::{Attributes, Inbox};
use crate::name::SafePath;
use crate::partial::Identity;
use crate::reception::DecodeJob;
use crate::sink::{FileSink, OrderedSink};
use crate::unpack::Unpacker;

/// Commands that may wait; the pool bounds the memory behind them.
const QUEUE: usize = 256;

/// What waits in memory and the journals are looked at so often.
const TICK: Duration = Duration::from_millis(500);

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
            let mut ticked = Instant::now();
            loop {
                let command = queue.recv_timeout(TICK);
                // Also on a slow line, of which something comes all the time.
                if ticked.elapsed() >= TICK {
                    worker.tick(&mut |outcome| drop(report.send(outcome)));
                    ticked = Instant::now();
                }
                let command = match command {
                    Ok(command) => command,
                    Err(RecvTimeoutError::Timeout) => continue,
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
        if let Some(commands) = &self.commands {
            let _ = commands.send(command);
        }
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
    expansion: Expansion,
    /// Held by whoever decompresses what still comes: one object at a time.
    along: Rc<()>,
}

impl Worker {
    fn new(target: Target, hash: HashKind, begun: Sender<Begun>) -> Self {
        let (target, out) = match target {
            Target::Stream(out) => (Target::Stream(Box::new(io::sink())), Some(out)),
            folder => (folder, None),
        };
        Self {
            target,
            out,
            turns: VecDeque::new(),
            hash,
            sinks: HashMap::new(),
            begun,
            expansion: Expansion::default(),
            along: Rc::new(()),
        }
    }

    fn command(&mut self, command: Command, report: Report<'_>) {
        match command {
            Command::Begin { key, name, identity, decodes, size, compression } => {
                let allowed = compression.map_or(Ok(()), |about| {
                    Unpacker::check(size, about, self.expansion).map_err(Lost::Content)
                });
                let begun = allowed.and_then(|()| self.begin(key, name, identity, decodes, compression));
                self.settle(key, begun, report);
            }
            Command::Allow(expansion) => self.expansion = expansion,
            Command::Folder { key, name, attributes } => {
                let result = match &mut self.target {
                    Target::Folder(inbox) => inbox.folder(name, attributes).map(Some).map_err(Lost::from),
                    Target::Stream(_) => Ok(None),
                };
                report(Outcome::Ended { key, result: result.map(|path| Landed { path, content: None }) });
            }
            Command::Complete { key, size, hash, attributes } => {
                self.complete(key, size, hash, attributes, report);
            }
            Command::Abandon { key } => match self.sinks.remove(&key) {
                Some(Sink::Ordered { sink, .. }) => self.pass_on(key, sink, report),
                Some(Sink::File(sink)) => sink.abandon(),
                Some(Sink::Failed) | None => {}
            },
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
        compression: Option<Compression>,
    ) -> Result<(), Lost> {
        let sink = match &mut self.target {
            Target::Folder(inbox) => {
                let partial = inbox.go_on(name, identity)?;
                let check = match compression {
                    None => FileCheck::plain(self.hash),
                    Some(about) => {
                        let along = Rc::downgrade(&self.along);
                        FileCheck::packed(about, self.expansion, self.hash, inbox.clone(), along)
                    }
                };
                let mut sink = FileSink::new(partial, check);
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
                let check = match compression {
                    None => StreamCheck::plain(self.hash),
                    Some(about) => StreamCheck::packed(about, self.expansion, self.hash),
                };
                Sink::Ordered { sink: OrderedSink::new(out, check, decodes), complete: None }
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

    /// Time passes: what waits in memory is written, and journals are.
    fn tick(&mut self, report: Report<'_>) {
        let mut failed = Vec::new();
        for (&key, sink) in &mut self.sinks {
            let result = match sink {
                Sink::File(sink) => sink.tick(),
                Sink::Ordered { sink, .. } => sink.tick(),
                Sink::Failed => Ok(()),
            };
            if let Err(error) = result {
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
        let FinishedFile { whole, hash: found, content, packed } = sink.finish(size)?;
        if found != hash {
            // Nobody is to go on from there.
            whole.discard();
            if let Some(packed) = packed {
                packed.discard();
            }
            return Err(Lost::Damaged);
        }
        let Target::Folder(inbox) = &mut self.target else { return Ok(Landed { path: None, content }) };
        let path = Some(inbox.commit(whole, attributes)?);
        if let Some(packed) = packed {
            packed.discard();
        }
        Ok(Landed { path, content })
    }

    fn close_ordered(
        &mut self,
        key: u32,
        sink: OrderedSink<Box<dyn Write + Send>>,
        size: u64,
        hash: [u8; 32],
        report: Report<'_>,
    ) {
        let came = sink.came();
        let (out, finished) = sink.finish();
        let result = match finished {
            Ok((content, found)) if came == size && found == hash => Ok(Landed { path: None, content }),
            Ok(_) => Err(Lost::Damaged),
            Err(error) => Err(error.into()),
        };
        report(Outcome::Ended { key, result });
        self.next_turn(key, out, report);
    }

    /// An object for the stream is given up; the next one has the stream.
    fn pass_on(&mut self, key: u32, sink: OrderedSink<Box<dyn Write + Send>>, report: Report<'_>) {
        let (out, _) = sink.finish();
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
        for sink in self.sinks.into_values() {
            if let Sink::File(sink) = sink {
                sink.abandon();
            }
        }
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

//! [`Feed`]: the slabs that the sender works on, and whatever else reaches its thread: blocks from the loader, messages
//! from anybody.

use alloc::collections::VecDeque;
use core::time::Duration;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};

use packhorse_buffer::HeapPool;
use packhorse_packet::Channel;
use packhorse_transfer::HashKind;

use crate::loader::Loader;
use crate::slab::{Shape, Slab};
use crate::slab_reader::{Job, Loaded};

/// Inputs that may wait before those who give them wait.
const QUEUE: usize = 64;

/// What reaches the sender's thread.
pub(crate) enum Input {
    Loaded(u64, io::Result<Loaded>),
    Message(Channel, Vec<u8>),
    /// A control message of a receiver.
    Answer(Vec<u8>),
    /// Whoever listens for answers is still there.
    Nothing,
}

/// Gives messages to a running sender, from any thread; they pass between the blocks of the file under way.
#[derive(Clone)]
pub struct Messages(SyncSender<Input>);

impl Messages {
    /// Queues a message for `channel`; waits while too many are queued. False when the session is over.
    pub fn send(&self, channel: Channel, message: Vec<u8>) -> bool {
        self.0.send(Input::Message(channel, message)).is_ok()
    }
}

/// How the sender reads ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    pub(crate) shape: Shape,
    /// Bytes in a slab.
    pub(crate) slab: usize,
    /// Slabs in all.
    pub(crate) slabs: usize,
    /// What is hashed while it is read, if anything.
    pub(crate) hash: Option<HashKind>,
    /// Small blocks are read and hashed in one run and then laid out, which copies them once.
    pub(crate) staged: bool,
    /// Blocks of a stream leave as soon as they are whole, instead of a slab at a time.
    pub(crate) prompt: bool,
}

pub(crate) struct Feed {
    inputs: Receiver<Input>,
    sender: SyncSender<Input>,
    loader: Loader,
    job: u64,
    ready: VecDeque<io::Result<Loaded>>,
    pub(crate) messages: VecDeque<(Channel, Vec<u8>)>,
    pub(crate) answers: VecDeque<Vec<u8>>,
    /// Slabs of the object under way, in the order of their blocks.
    slabs: VecDeque<Slab>,
    /// The one that packets were made in since the last flush.
    current: usize,
}

/// What came of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    Input,
    Nothing,
}

/// A slab that has come, and what was learnt with it.
pub(crate) struct Came {
    pub(crate) bytes: usize,
    pub(crate) hash: Option<[u8; 32]>,
    pub(crate) ended: bool,
}

impl Feed {
    pub(crate) fn new(ahead: Ahead) -> io::Result<Self> {
        let (sender, inputs) = sync_channel(QUEUE);
        let pool = HeapPool::new(ahead.slabs, ahead.slab);
        let loader = Loader::start(pool, ahead, sender.clone(), Input::Loaded)?;
        Ok(Self {
            inputs,
            sender,
            loader,
            job: 0,
            ready: VecDeque::new(),
            messages: VecDeque::new(),
            answers: VecDeque::new(),
            slabs: VecDeque::new(),
            current: 0,
        })
    }

    pub(crate) fn messages(&self) -> Messages {
        Messages(self.sender.clone())
    }

    /// The queue by which inputs reach this feed.
    pub(crate) fn inputs(&self) -> SyncSender<Input> {
        self.sender.clone()
    }

    /// Begins another object.
    pub(crate) fn load(&mut self, job: Job) {
        self.slabs.clear();
        self.ready.clear();
        self.current = 0;
        self.job = self.loader.load(job);
    }

    /// Takes in what has come, without waiting.
    pub(crate) fn poll(&mut self) {
        // Whoever gives messages faster than they can be sent has to wait.
        while self.messages.len() < QUEUE
            && let Ok(input) = self.inputs.try_recv()
        {
            self.take(input);
        }
    }

    /// Lets time pass; takes in what comes meanwhile, as far as there is room for it.
    pub(crate) fn rest(&mut self, time: Duration) {
        if self.messages.len() < QUEUE {
            self.wait(time);
        } else {
            std::thread::sleep(time);
        }
    }

    /// Waits for an input, at most so long.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Waited {
        match self.inputs.recv_timeout(timeout) {
            Ok(input) => {
                self.take(input);
                Waited::Input
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Waited::Nothing,
        }
    }

    /// The next slab of the object, if it has come. Slabs before block `keep` are let go first.
    pub(crate) fn next_slab(&mut self, keep: u32) -> io::Result<Option<Came>> {
        while self.slabs.front().is_some_and(|slab| slab.first.saturating_add(slab.count) <= keep) {
            self.slabs.pop_front();
            self.current = self.current.saturating_sub(1);
        }
        let Some(loaded) = self.ready.pop_front() else { return Ok(None) };
        let Loaded { slab, hash, ended } = loaded?;
        let came = Came { bytes: slab.bytes(), hash, ended };
        self.slabs.push_back(slab);
        Ok(Some(came))
    }

    /// Lets go of all slabs.
    pub(crate) fn clear(&mut self) {
        self.slabs.clear();
    }

    /// Whether block `number` is at hand.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.position(number).is_some()
    }

    /// Whether block `number` is in another slab than the one under way.
    pub(crate) fn moves_to(&self, number: u32) -> bool {
        self.position(number) != Some(self.current)
    }

    /// The slab with block `number`, which is the one under way from here on.
    pub(crate) fn slab_with(&mut self, number: u32) -> Option<&mut Slab> {
        self.current = self.position(number)?;
        self.slabs.get_mut(self.current)
    }

    fn position(&self, number: u32) -> Option<usize> {
        match self.slabs.get(self.current) {
            Some(slab) if slab.contains(number) => Some(self.current),
            _ => self.slabs.iter().position(|slab| slab.contains(number)),
        }
    }

    /// The slab that packets were made in.
    pub(crate) fn current(&self) -> Option<&Slab> {
        self.slabs.get(self.current)
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Loaded(job, loaded) if job == self.job => self.ready.push_back(loaded),
            // Of an object that was given up.
            Input::Loaded(..) => {}
            Input::Message(channel, message) => self.messages.push_back((channel, message)),
            Input::Answer(answer) => {
                // Every answer says all: of too many, the newest count.
                if self.answers.len() >= QUEUE {
                    self.answers.pop_front();
                }
                self.answers.push_back(answer);
            }
            Input::Nothing => {}
        }
    }
}

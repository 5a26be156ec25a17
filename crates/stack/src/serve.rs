//! Receiving from everybody who connects: each connection has an agent of its own, all have one inbox.
//!
//! ```text
//!   this thread     accept, and tell the watcher what all of them tell
//!   a connection    look, recognise, receive; its writer thread           at most 64 at a time; while others wait, silent ones end
//! ```
//! A connection that ends early, or on which nothing sensible comes, ends alone.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use packhorse_application::{Event, Inbox, ReceiveError, Target, Until, Watch};
use packhorse_transport::Connection;

use crate::ends::{ReceivingEnd, SendingEnd};
use crate::open::Listener;
use crate::session::receive_over;
use crate::{Error, ReceiveOptions, ReceiveOutcome};

/// Most connections at a time. Each needs about 5 MiB while it receives.
const CONNECTIONS_MAX: usize = 64;
/// Events that may wait to be told.
const QUEUE: usize = 256;
/// The listener and the events are looked at in turns, so long each at most.
const TURN: Duration = Duration::from_millis(20);

/// Receives from connections until those that came are over; with [`ReceiveOptions::stay`], until nobody has come for as
/// long as [`ReceiveOptions::give_up`] says, or for ever.
pub(crate) fn serve(
    inbox: &Inbox,
    listener: &Listener,
    options: &ReceiveOptions,
    watch: &mut dyn Watch,
) -> Result<ReceiveOutcome, Error> {
    let (tell, told) = sync_channel(QUEUE);
    let mut running: Vec<JoinHandle<Result<ReceiveOutcome, Error>>> = Vec::new();
    let mut sum: Option<ReceiveOutcome> = None;
    let crowded = Arc::new(AtomicBool::new(false));
    let mut busy = Instant::now();
    loop {
        let room = running.len() < CONNECTIONS_MAX;
        crowded.store(!room, Ordering::Relaxed);
        let accepted = if room { listener.accept(TURN) } else { Ok(None) };
        match accepted {
            Ok(Some(connection)) => running.push(receive_on(connection, inbox, options, (&tell, &crowded))?),
            Ok(None) => {}
            // One too many for the system: the others go on.
            Err(error) if running.is_empty() => return Err(ReceiveError::Threads(error).into()),
            Err(_) => thread::sleep(TURN),
        }
        pass_on(&told, if room { Duration::ZERO } else { TURN }, watch);
        let (ended, still) = running.into_iter().partition(JoinHandle::is_finished);
        running = still;
        for thread in ended {
            let thread: JoinHandle<Result<ReceiveOutcome, Error>> = thread;
            let result = thread.join();
            pass_on(&told, Duration::ZERO, watch);
            match result {
                Ok(Ok(outcome)) => match &mut sum {
                    None => sum = Some(outcome),
                    Some(sum) => {
                        sum.report.absorb(&outcome.report);
                        sum.other = sum.other.or(outcome.other);
                    }
                },
                // A question whether somebody listens.
                Ok(Err(Error::Silence)) => {}
                Ok(Err(error @ (Error::Unrecognised { .. } | Error::Receive(ReceiveError::Link(_))))) => {
                    let text = format!("a connection ended: {error}");
                    watch.event(Event::Warning { text: &text });
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    watch.event(Event::Warning { text: "a connection ended by a fault of this program" });
                }
            }
        }
        if !running.is_empty() {
            busy = Instant::now();
            continue;
        }
        let over = options.give_up.is_some_and(|patience| busy.elapsed() >= patience);
        match sum.take_if(|_| over || !options.stay) {
            Some(outcome) => return Ok(outcome),
            None if over => return Err(Error::Silence),
            None => {}
        }
    }
}

/// Receives from the first connection on which something comes.
pub(crate) fn first(
    listener: &Listener,
    target: Target,
    options: &ReceiveOptions,
    watch: &mut dyn Watch,
) -> Result<ReceiveOutcome, Error> {
    let started = Instant::now();
    loop {
        let connection = listener.accept(TURN).map_err(ReceiveError::Threads)?;
        if let Some(connection) = connection {
            let (receiving, sending) = ends(connection, options);
            // It waits here, so that a question whether somebody listens takes nothing away.
            return receive_over(target, receiving, Some(sending), Until::LinkEnds, options, watch);
        }
        if options.give_up.is_some_and(|patience| started.elapsed() >= patience) {
            return Err(Error::Silence);
        }
    }
}

fn ends(connection: Connection, options: &ReceiveOptions) -> (ReceivingEnd, SendingEnd) {
    let (receiver, sender) = connection.split();
    (ReceivingEnd::new(receiver).give_up(options.give_up), sender.into())
}

fn receive_on(
    connection: Connection,
    inbox: &Inbox,
    options: &ReceiveOptions,
    (tell, crowded): (&SyncSender<Told>, &Arc<AtomicBool>),
) -> Result<JoinHandle<Result<ReceiveOutcome, Error>>, Error> {
    let (target, options, tell) = (Target::Folder(inbox.clone()), options.clone(), tell.clone());
    let crowded = Arc::clone(crowded);
    let thread = thread::Builder::new().name("connection".into()).spawn(move || {
        let (receiving, sending) = ends(connection, &options);
        let receiving = receiving.makes_room(crowded);
        let mut watch = |event: Event<'_>| {
            // The listener is gone only when the program is about to end.
            Told::of(&event).into_iter().for_each(|told| drop(tell.send(told)));
        };
        receive_over(target, receiving, Some(sending), Until::LinkEnds, &options, &mut watch)
    });
    thread.map_err(|error| ReceiveError::Threads(error).into())
}

/// Tells the watcher what connections told, for `patience` at least.
fn pass_on(told: &Receiver<Told>, patience: Duration, watch: &mut dyn Watch) {
    if let Ok(first) = told.recv_timeout(patience) {
        watch.event(first.event());
        told.try_iter().take(QUEUE).for_each(|told| watch.event(told.event()));
    }
}

/// An event that can cross threads.
enum Told {
    Started { name: String, size: Option<u64> },
    Progress { name: String, bytes: u64, size: Option<u64> },
    Done { name: String, path: Option<PathBuf>, bytes: u64, hash: Option<[u8; 32]>, took: Duration },
    Failed { name: String, reason: String },
    Note(String),
    Warning(String),
    Message { channel: u16, bytes: Vec<u8> },
}

impl Told {
    fn of(event: &Event<'_>) -> Option<Self> {
        Some(match *event {
            Event::Started { name, size } => Self::Started { name: name.to_owned(), size },
            Event::Progress { name, bytes, size } => Self::Progress { name: name.to_owned(), bytes, size },
            Event::Done { name, path, bytes, hash, took } => {
                let path = path.map(ToOwned::to_owned);
                Self::Done { name: name.to_owned(), path, bytes, hash, took }
            }
            Event::Failed { name, reason } => {
                Self::Failed { name: name.to_owned(), reason: reason.to_owned() }
            }
            Event::Note { text } => Self::Note(text.to_owned()),
            Event::Warning { text } => Self::Warning(text.to_owned()),
            Event::Message { channel, bytes } => Self::Message { channel, bytes: bytes.to_vec() },
            _ => return None,
        })
    }

    fn event(&self) -> Event<'_> {
        match self {
            Self::Started { name, size } => Event::Started { name, size: *size },
            Self::Progress { name, bytes, size } => Event::Progress { name, bytes: *bytes, size: *size },
            Self::Done { name, path, bytes, hash, took } => {
                Event::Done { name, path: path.as_deref(), bytes: *bytes, hash: *hash, took: *took }
            }
            Self::Failed { name, reason } => Event::Failed { name, reason },
            Self::Note(text) => Event::Note { text },
            Self::Warning(text) => Event::Warning { text },
            Self::Message { channel, bytes } => Event::Message { channel: *channel, bytes },
        }
    }
}

//! Sending through a [`SendSession`]: fountain and acknowledged modes, where blocks are read more than once and answers may come.
//!
//! ```text
//!   this thread     poll the session -> frame -> write;  in between: messages, answers, the next object of the catalog
//!   way back        receive -> deframe -> pull -> to this thread           (`Answers::listen`, a thread of the caller's)
//!   reader thread   of a stream: reads ahead, a few chunks
//! ```

use alloc::sync::Arc;
use core::marker::PhantomData;
use core::time::Duration;
use std::io::{self, Read as _};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use packhorse_buffer::{Clock as _, Instant, Layer as _, NoProbe, PacketBuf};
use packhorse_link::{Framing, Transport};
use packhorse_transfer::{ControlCodec as _, HashKind, Mode};

use super::Outgoing;
use super::form::{FileForm, Form, Rules};
use crate::catalog::{Catalog, Entry, EntryKind};
use crate::choose::Envelope;
use crate::feed::Input;
use crate::inlet::{Came, Inlet};
use crate::profile::{CONTROL_MAX, Profile};
use crate::progress::{Event, Watch};
use crate::report::SendReport;
use crate::slab_reader::ByteStream;
use crate::transmission::{
    FileSource, Growth, ObjectSource, Offer, SendEvent, SendPlan, SendSession, StreamSource,
};
use crate::{LinkError, SendError};

/// Files up to this size are hashed before they are sent, so that every META is whole and all of them are the same.
const HASH_FIRST: u64 = 16 << 20;
/// Files up to this size are compressed before they are sent.
const SPOOL_MAX: u64 = 256 << 20;
/// Of a stream: bytes read at a time, chunks that may wait, bytes held.
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 8;
const HELD_MAX: usize = 16 << 20;
/// Packets between two looks at what else came.
const LOOK_EVERY: u32 = 16;
/// A stream is looked at so often while nothing can be sent.
const STREAM_LOOK: Duration = Duration::from_millis(5);
/// Longest sleep: an answer or a message wakes it.
const REST: Duration = Duration::from_secs(3600);

/// Where an object of the catalog is read.
pub(super) enum Source {
    Nothing,
    File(FileSource),
    Stream(StreamSource, Receiver<io::Result<Vec<u8>>>, Arc<OnceLock<[u8; 32]>>),
}

/// Takes what receivers answer: give it the way back of the link, on a thread of its own.
pub struct Answers<P: Profile> {
    to: SyncSender<Input>,
    profile: PhantomData<fn() -> P>,
}

impl<P: Profile> Answers<P> {
    /// Receives answers until the link ends or the sender is done; says why it ended, if that was an error. `transport` says
    /// [`WouldBlock`](packhorse_link::TransportError::WouldBlock) now and then, or this cannot end before the link does.
    ///
    /// # Errors
    /// When the link fails.
    pub fn listen<F: Framing, T: Transport>(self, framing: F, transport: T) -> Result<(), LinkError>
    where
        T::Error: core::fmt::Display,
    {
        let packet = CONTROL_MAX + P::Stack::HEADROOM + P::Stack::TAILROOM;
        let mut stack = P::stack();
        let mut inlet = Inlet::<F, T, NoProbe>::new(framing, transport, packet, &[]);
        loop {
            while let Some(range) = inlet.next() {
                let mut buf = PacketBuf::filled(inlet.packet_mut(range));
                let body = match stack.pull(&mut buf) {
                    Ok((_, (arrival, ()))) if arrival.address.control => buf.as_slice().to_vec(),
                    Ok(_) => continue,
                    Err(error) => {
                        if error.layer == "link" {
                            inlet.reject();
                        }
                        continue;
                    }
                };
                if self.to.send(Input::Answer(body)).is_err() {
                    return Ok(());
                }
            }
            match inlet.receive()? {
                Came::Bytes(_) => {}
                // Finds out whether anybody still listens.
                Came::Nothing if self.to.send(Input::Nothing).is_err() => return Ok(()),
                Came::Nothing => std::thread::sleep(Duration::from_millis(2)),
                Came::Ended => return Ok(()),
            }
        }
    }
}

impl<P: Profile, F: Framing, T: Transport> Outgoing<P, F, T>
where
    T::Error: core::fmt::Display,
{
    /// What takes the answers of receivers, where there is a way back.
    pub fn answers(&self) -> Answers<P> {
        Answers { to: self.feed.inputs(), profile: PhantomData }
    }

    pub(super) fn send_by_session(
        &mut self,
        catalog: &mut Catalog,
        watch: &mut dyn Watch,
    ) -> Result<SendReport, SendError> {
        let mut session = SendSession::<P, Source>::new(SendPlan {
            config: self.config,
            block: self.block,
            answers: self.duplex,
            session: self.session,
            objects: catalog.count_known().unwrap_or(0),
            loss: self.loss,
            fit: self.fits.map(|frame| Envelope {
                headers: P::Stack::HEADROOM + P::Stack::TAILROOM,
                frame: Some(frame),
                block_max: P::BLOCK_MAX,
            }),
            patience: self.patience,
        });
        let result = self.run_session(&mut session, catalog, watch);
        // What was sent is told also when the link has failed.
        let flushed = self.outlet.flush(None);
        self.report.passed_over = catalog.passed_over();
        self.report.failed += session.failed();
        self.report.transfer = session.stats();
        self.report.measure = session.measure();
        self.count();
        result?;
        flushed?;
        Ok(self.report)
    }

    fn run_session(
        &mut self,
        session: &mut SendSession<P, Source>,
        catalog: &mut Catalog,
        watch: &mut dyn Watch,
    ) -> Result<(), SendError> {
        let mut memory = Vec::new();
        let room = F::IN_PLACE.unwrap_or(0);
        let mut streams = false;
        let mut told = self.clock.now();
        let mut tick = 0_u32;
        loop {
            let now = self.clock.now();
            if tick.is_multiple_of(LOOK_EVERY) {
                self.look(session, now);
                self.show(session, now, &mut told, watch);
            }
            tick = tick.wrapping_add(1);
            while session.wants_object() {
                match catalog.next() {
                    None => session.finish(),
                    Some(entry) => match entry.map_err(SendError::from).and_then(|entry| {
                        streams |= entry.kind == EntryKind::Stream;
                        self.offer(session, &entry, now, watch)
                    }) {
                        Ok(()) => {}
                        Err(error) if error.ends_session() => return Err(error),
                        Err(error) => {
                            self.report.failed += 1;
                            watch.event(Event::Warning { text: &error.to_string() });
                        }
                    },
                }
            }
            self.keep_pace()?;
            let now = self.clock.now();
            if let Some(mut buf) = session.poll_transmit(now, &mut memory, room)? {
                let before = self.outlet.wire_bytes();
                self.outlet.packet(&mut buf)?;
                let wire = self.outlet.wire_bytes() - before;
                session.sent(now, u32::try_from(wire).unwrap_or(u32::MAX));
                if self.outlet.is_full() || (self.duplex && tick.is_multiple_of(LOOK_EVERY)) {
                    self.outlet.flush(None)?;
                }
                continue;
            }
            self.outlet.flush(None)?;
            self.show(session, now, &mut told, watch);
            if session.is_done() {
                return Ok(());
            }
            let timer = session.poll_timeout(now).map_or(REST, |at| at.since(now));
            let timer = if streams { timer.min(STREAM_LOOK) } else { timer };
            if !session.wants_object() && !timer.is_zero() {
                self.feed.wait(timer);
            }
            tick = 0;
        }
    }

    /// Takes in what has come: messages and answers.
    fn look(&mut self, session: &mut SendSession<P, Source>, now: Instant) {
        self.feed.poll();
        while let Some(answer) = self.feed.answers.pop_front() {
            session.handle_answer(now, &answer);
        }
        while let Some((channel, message)) = self.feed.messages.pop_front() {
            match session.message(channel, &message) {
                Ok(()) => self.report.messages += 1,
                Err(error) => {
                    tracing::warn!(%error, "message not sent");
                    self.report.messages_refused += 1;
                }
            }
        }
    }

    fn show(
        &mut self,
        session: &mut SendSession<P, Source>,
        now: Instant,
        told: &mut Instant,
        watch: &mut dyn Watch,
    ) {
        while let Some(event) = session.poll_event() {
            match event {
                SendEvent::Done { name, bytes, hash, took, .. } => {
                    self.report.objects += 1;
                    watch.event(Event::Done { name: &name, path: None, bytes, hash, took });
                }
                SendEvent::Failed { name, reason, .. } => {
                    watch.event(Event::Failed { name: &name, reason: &reason });
                }
            }
        }
        if now.since(*told) >= super::TELL_EVERY {
            *told = now;
            if let Some((name, bytes, size)) = session.progress() {
                watch.event(Event::Progress { name, bytes, size });
            }
        }
    }

    /// Larger files are compressed while they are sent, so that receivers of other objects do not wait: what grows can neither
    /// go on after an interruption nor go round without end.
    fn spool_max(&self) -> u64 {
        match self.config.mode {
            Mode::Fountain { repair_percent: None } => u64::MAX,
            _ => SPOOL_MAX,
        }
    }

    fn offer(
        &mut self,
        session: &mut SendSession<P, Source>,
        entry: &Entry,
        now: Instant,
        watch: &mut dyn Watch,
    ) -> Result<(), SendError> {
        let name = entry.name.as_str();
        let unreadable = |source| SendError::Read { name: name.to_owned(), source };
        let rules = Rules {
            kind: P::Codec::HASH,
            compress: self.compress,
            spool_max: self.spool_max(),
            hash_max: if P::HASH_FIRST { u64::MAX } else { HASH_FIRST },
        };
        let form = if entry.kind == EntryKind::Stream {
            rules.stdin().map_err(SendError::Threads)?
        } else {
            let (size, file) = entry.open().map_err(unreadable).inspect_err(|_| session.skip())?;
            rules.file(size, file).map_err(unreadable)?
        };
        let (size, hash, compression, source) = match form {
            Form::Empty { size, hash } => (Some(size), Some(hash), None, Source::Nothing),
            Form::Stream(reader, compression) => {
                (None, None, compression, read_ahead(reader, rules.kind).map_err(SendError::Threads)?)
            }
            Form::File(FileForm { file, size, hash, compression }) => {
                let file = FileSource::new(file, size, rules.kind);
                // What is compressed beforehand has no name to be opened by again.
                let file = if compression.is_none() { file.at(entry.path.clone()) } else { file };
                (Some(size), hash, compression, Source::File(file))
            }
        };
        session.offer(
            now,
            Offer {
                name: name.to_owned(),
                kind: entry.kind.into(),
                size,
                compression,
                hash,
                mode: entry.mode,
                modified: entry.modified,
                source,
            },
        )?;
        watch.event(Event::Started { name, size });
        Ok(())
    }
}

impl ObjectSource for Source {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Nothing => Err(io::ErrorKind::UnexpectedEof.into()),
            Self::File(file) => file.read_at(offset, into),
            Self::Stream(stream, ..) => stream.read_at(offset, into),
        }
    }

    fn hash(&mut self) -> io::Result<Option<[u8; 32]>> {
        match self {
            Self::Nothing => Ok(None),
            Self::File(file) => file.hash(),
            // Of a compressed object the hash is the content's, known since the end of the stream.
            Self::Stream(stream, _, hash) => match hash.get() {
                Some(hash) => Ok(Some(*hash)),
                None => stream.hash(),
            },
        }
    }

    fn grow(&mut self, keep: u64) -> io::Result<Growth> {
        match self {
            Self::Nothing => Ok(Growth { available: 0, whole: true }),
            Self::File(file) => file.grow(keep),
            Self::Stream(stream, chunks, _) => {
                stream.grow(keep)?;
                while stream.held() < HELD_MAX {
                    match chunks.try_recv() {
                        Ok(Ok(chunk)) => stream.push(&chunk),
                        Ok(Err(error)) => stream.end(Some(error)),
                        Err(TryRecvError::Empty) => break,
                        Err(TryRecvError::Disconnected) => {
                            stream.end(None);
                            break;
                        }
                    }
                }
                stream.grow(keep)
            }
        }
    }

    fn rest(&mut self) {
        if let Self::File(file) = self {
            file.rest();
        }
    }
}

/// Reads a stream ahead, on a thread of its own.
fn read_ahead(mut input: ByteStream, kind: HashKind) -> io::Result<Source> {
    let (sender, chunks) = sync_channel(CHUNKS);
    let hash = Arc::new(OnceLock::new());
    let told = Arc::clone(&hash);
    std::thread::Builder::new().name("reader".into()).spawn(move || {
        loop {
            let mut chunk = vec![0; CHUNK];
            match input.read(&mut chunk) {
                Ok(0) => {
                    if let ByteStream::Packed(packer) = &input {
                        // Before the channel ends, which says that this was all.
                        let _ = told.set(packer.content_hash());
                    }
                    return;
                }
                Ok(len) => {
                    chunk.truncate(len);
                    if sender.send(Ok(chunk)).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            }
        }
    })?;
    Ok(Source::Stream(StreamSource::new(kind), chunks, hash))
}

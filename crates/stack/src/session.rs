//! [`send`] and [`receive`]: whole sessions by URI and profile name, as the program runs them.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::thread;

use packhorse_application::choose::Choice;
use packhorse_application::{
    Catalog, Existing, Inbox, Incoming, LinkError, Messages, Outgoing, Profile, ReceiveError, ReceiveReport,
    Received, Resume, SendError, SendReport, SendSettings, Target, Until, Watch,
};
use packhorse_buffer::timing::{Table, Timings};
use packhorse_compress::Expansion;
use packhorse_link::{Boundaries, Framing, Transport, TransportError};
use packhorse_transfer::{Mode, Pace};
use packhorse_transport::Tap;

use crate::ends::{ReceivingEnd, SendingEnd};
use crate::expect::{MARKS, fit};
use crate::latest::Latest;
use crate::open::{Link, Listening, to_receive, to_send};
use crate::{Error, Expect, ProfileName, Speak, Uri, Wire, recognise, serve};

/// Bytes that are looked at at a time to tell the profile, and at first.
const LOOK: usize = 256 * 1024;
const LOOK_FIRST: usize = 8 * 1024;

/// How to send. `None` is the profile's default.
#[derive(Clone, Debug, Default)]
pub struct SendOptions {
    /// The wire format.
    pub profile: ProfileName,
    /// What is done about loss. No copies in [`Mode::Repeat`], and no percentage in [`Mode::Fountain`], are as many as suit
    /// what is expected.
    pub mode: Mode,
    /// What is expected of the link.
    pub expect: Expect,
    /// Bytes of a file in a packet.
    pub block: Option<u32>,
    /// Bytes on the wire a second, at most.
    pub rate: Option<u64>,
    /// Packets a second, at most.
    pub packet_rate: Option<u32>,
    /// Announcements before the first block.
    pub meta_first: Option<u32>,
    /// Every so many packets one announces the object again.
    pub meta_every: Option<u32>,
    /// The only object's name on the other side.
    pub name: Option<String>,
    /// Who listens at the other end may come so much later, and may be silent so long where answers are expected; `None`:
    /// ten seconds.
    pub give_up: Option<Duration>,
    /// Answers come over a pipe; on links with two directions they may anyway, where the mode asks for them.
    pub duplex: bool,
    /// Objects are sent compressed: an LZ4 frame each. Profile `ftag` has no such objects.
    pub compress: bool,
    /// Measure every layer.
    pub timing: bool,
}

/// How long somebody is waited for who does not listen yet.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of sending.
#[derive(Debug)]
pub struct SendOutcome {
    /// What was sent, also when it ended early.
    pub report: SendReport,
    /// Why it ended early.
    pub error: Option<Error>,
    /// Datagrams of which the other machine said that nobody receives them.
    pub refused: u64,
    /// How long every layer took, if that was asked for.
    pub timing: Option<String>,
}

/// Where received objects go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Into this folder, under their names.
    Folder(PathBuf),
    /// To standard output, one after the other.
    Stdout,
}

/// How to receive.
#[derive(Clone, Debug, Default)]
pub struct ReceiveOptions {
    /// The wire format; `None` recognises it.
    pub profile: Option<ProfileName>,
    /// What happens to files that are there already.
    pub existing: Existing,
    /// What happens to files that do not arrive whole.
    pub resume: Resume,
    /// The receiver may write answers to a pipe; on links with two directions it may anyway.
    pub duplex: bool,
    /// The link counts as ended when nothing comes for so long; `None`: never.
    pub give_up: Option<Duration>,
    /// How many times longer than what was sent the content of a compressed object may be; of the first
    /// [64 MiB](Expansion::default) nothing is asked. `None`: 100.
    pub ratio_limit: Option<u32>,
    /// Receive session after session, until interrupted, where the link does not end.
    pub stay: bool,
    /// Measure every layer.
    pub timing: bool,
}

/// What came of receiving.
#[derive(Clone, Debug)]
pub struct ReceiveOutcome {
    /// What was received.
    pub report: ReceiveReport,
    /// In which profile.
    pub profile: ProfileName,
    /// How long every layer took, if that was asked for.
    pub timing: Option<String>,
    /// The link ended in a session of another profile or framing, of which nothing was received.
    pub other: Option<ProfileName>,
}

/// Sends `paths` (`-` is standard input) to the link at `to`. `messages` gets the handle by which other threads send
/// messages beside the files.
///
/// # Errors
/// When the link cannot be opened or something to send does not exist: nothing was sent then. Later failures are in
/// the outcome.
pub fn send(
    paths: &[PathBuf],
    to: &Uri,
    options: &SendOptions,
    messages: impl FnOnce(Messages),
    watch: &mut dyn Watch,
) -> Result<SendOutcome, Error> {
    let catalog = Catalog::new(paths, options.name.as_deref())?;
    let Link { sending, receiving, lossy } = to_send(to, options.give_up.unwrap_or(PATIENCE))?;
    let refusals = sending.refusals();
    let duplex = options.duplex || options.mode == Mode::Arq;
    // Who expects answers or loss on a pipe does not have a pipe that loses nothing.
    let lossy = lossy || (*to == Uri::Pipe && (duplex || matches!(options.mode, Mode::Fountain { .. })));
    let wire = match sending.boundaries() {
        Boundaries::Packets => Wire::packets(options.profile),
        Boundaries::Bytes if lossy => Wire::lossy_stream(options.profile),
        Boundaries::Bytes => Wire::stream(options.profile),
    };
    let (wire, choice) = fit(wire, options, size_of(paths));
    let answers = duplex.then(|| receiving.ticking());
    let sending = Sending { catalog, transport: sending, answers, options, choice, messages, watch };
    let outcome = wire.speak(options.timing, sending)?;
    Ok(SendOutcome { refused: refusals.count(), ..outcome })
}

/// As [`send`], over a transport of the caller's.
///
/// # Errors
/// As [`send`].
pub fn send_to<T>(
    catalog: Catalog,
    transport: T,
    options: &SendOptions,
    messages: impl FnOnce(Messages),
    watch: &mut dyn Watch,
) -> Result<SendOutcome, Error>
where
    T: Transport,
    T::Error: core::fmt::Display,
{
    let wire = match transport.boundaries() {
        Boundaries::Bytes => Wire::stream(options.profile),
        Boundaries::Packets => Wire::packets(options.profile),
    };
    let (wire, choice) = fit(wire, options, None);
    wire.speak(
        options.timing,
        Sending { catalog, transport, answers: None, options, choice, messages, watch },
    )
}

/// Bytes of the largest file among `paths`, which is what frames are chosen for; `None` for streams and folders.
fn size_of(paths: &[PathBuf]) -> Option<u64> {
    let size = |path: &PathBuf| {
        std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len())
    };
    paths.iter().map(size).try_fold(0, |most, size| Some(most.max(size?)))
}

/// A whole session of sending.
struct Sending<'a, T, M> {
    catalog: Catalog,
    transport: T,
    /// Where answers come from.
    answers: Option<ReceivingEnd>,
    options: &'a SendOptions,
    choice: Option<Choice>,
    messages: M,
    watch: &'a mut dyn Watch,
}

impl<T, M: FnOnce(Messages)> Speak for Sending<'_, T, M>
where
    T: Transport,
    T::Error: core::fmt::Display,
{
    type Output = Result<SendOutcome, Error>;

    fn speak<P: Profile, F: Framing + Clone + Send + 'static>(mut self, framing: F) -> Self::Output {
        let options = self.options;
        let settings = SendSettings {
            mode: options.mode,
            block: self.choice.map(|choice| choice.block).or(options.block),
            loss: self.choice.map(|choice| choice.loss),
            pace: Pace { bytes_per_s: options.rate, packets_per_s: options.packet_rate },
            meta_first: options.meta_first.or(self.choice.map(|choice| choice.metas_first())),
            meta_every: options.meta_every,
            end_copies: self.choice.map(|choice| choice.ends()),
            duplex: self.answers.is_some(),
            compress: options.compress,
            // Rugged frames have a code for what was expected, and what it corrects nobody tells.
            fits: (options.block.is_none()
                && self.transport.boundaries() == Boundaries::Bytes
                && self.choice.is_some_and(|choice| choice.code.is_none()))
            .then_some(MARKS),
            patience: options.give_up,
            ..SendSettings::default()
        };
        let mut outgoing = Outgoing::<P, F, T>::new(framing.clone(), self.transport, &settings)?;
        (self.messages)(outgoing.messages());
        if let Some(back) = self.answers {
            let answers = outgoing.answers();
            // A way back that fails is one on which nobody answers: the sender notices that by itself.
            let listen = move || drop(answers.listen(framing, back));
            thread::Builder::new().name("answers".into()).spawn(listen).map_err(SendError::Threads)?;
        }
        let result = outgoing.send(&mut self.catalog, self.watch);
        Ok(sent(*outgoing.report(), result, options.timing.then_some(&outgoing as &dyn Timings)))
    }
}

fn sent(
    report: SendReport,
    result: Result<SendReport, SendError>,
    timings: Option<&dyn Timings>,
) -> SendOutcome {
    let timing = timings.map(|timings| Table(&[timings]).to_string());
    match result {
        Ok(report) => SendOutcome { report, error: None, refused: 0, timing },
        Err(error) => SendOutcome { report, error: Some(error.into()), refused: 0, timing },
    }
}

/// Receives from the link at `from` until it ends; on a link that never does (a terminal, a serial line), until a
/// session is complete.
///
/// # Errors
/// When the link or the destination cannot be opened, nothing sensible comes, or link or disk fail on the way.
/// Damaged and missing objects are counted in the outcome.
pub fn receive(
    into: &Destination,
    from: &Uri,
    options: &ReceiveOptions,
    watch: &mut dyn Watch,
) -> Result<ReceiveOutcome, Error> {
    let inbox = match into {
        Destination::Folder(folder) => Some(Inbox::open(folder, options.existing)?.resuming(options.resume)),
        Destination::Stdout => None,
    };
    let target = inbox
        .clone()
        .map_or_else(|| Ok(Target::Stream(stdout()?)), |inbox| Ok::<_, Error>(Target::Folder(inbox)))?;
    match (to_receive(from, options.duplex)?, inbox) {
        (Listening::Link { receiving, answers, endless }, _) => {
            let until = match (options.stay, endless) {
                (true, _) => Until::Stopped,
                (false, true) => Until::SessionComplete,
                (false, false) => Until::LinkEnds,
            };
            receive_over(target, receiving.give_up(options.give_up), answers, until, options, watch)
        }
        (Listening::Connections(listener), Some(inbox)) => serve::serve(&inbox, &listener, options, watch),
        (Listening::Connections(listener), None) => serve::first(&listener, target, options, watch),
    }
}

/// As [`receive_from`], with the end on which answers may go.
pub(crate) fn receive_over(
    target: Target,
    receiving: ReceivingEnd,
    answers: Option<SendingEnd>,
    until: Until,
    options: &ReceiveOptions,
    watch: &mut dyn Watch,
) -> Result<ReceiveOutcome, Error> {
    let receiving = if answers.is_some() { receiving.ticking() } else { receiving };
    receive_answering(target, receiving, answers, until, options, watch)
}

/// As [`receive`], over a transport of the caller's.
///
/// # Errors
/// As [`receive`].
pub fn receive_from<T>(
    target: Target,
    transport: T,
    until: Until,
    options: &ReceiveOptions,
    watch: &mut dyn Watch,
) -> Result<ReceiveOutcome, Error>
where
    T: Transport,
    T::Error: core::fmt::Display,
{
    receive_answering(target, transport, None, until, options, watch)
}

fn receive_answering<T>(
    target: Target,
    mut transport: T,
    answers: Option<SendingEnd>,
    until: Until,
    options: &ReceiveOptions,
    watch: &mut dyn Watch,
) -> Result<ReceiveOutcome, Error>
where
    T: Transport,
    T::Error: core::fmt::Display,
{
    let (wire, seen) = match (options.profile, transport.boundaries()) {
        // Packets carry no marks to be recognised by: there the profile is known to both sides.
        (profile, Boundaries::Packets) => (Wire::packets(profile.unwrap_or_default()), Vec::new()),
        // In `native` the framing is still to be recognised.
        (Some(profile), Boundaries::Bytes) if profile != ProfileName::Native => {
            (Wire::stream(profile), Vec::new())
        }
        (profile, Boundaries::Bytes) => listen(&mut transport, profile)?,
    };
    let expansion = match options.ratio_limit {
        Some(ratio) => Expansion { ratio, ..Expansion::default() },
        None => Expansion::default(),
    };
    let framed = transport.boundaries() == Boundaries::Bytes;
    let latest = Latest::new(&seen);
    let transport = Tap::new(transport, latest.recorder());
    let (report, timing) = wire.speak(
        options.timing,
        Receiving { target, transport, answers, until, seen: &seen, expansion, watch },
    )?;
    if options.profile.is_some() && report.transfer.wire_bytes == 0 {
        return Err(Error::Silence);
    }
    let other = if framed { latest.other(wire, report.frames.junk_bytes) } else { None };
    Ok(ReceiveOutcome {
        report,
        profile: wire.profile(),
        timing: options.timing.then_some(timing),
        other: other.map(Wire::profile),
    })
}

/// A whole session of receiving.
struct Receiving<'a, T> {
    target: Target,
    transport: T,
    /// Where answers go.
    answers: Option<SendingEnd>,
    until: Until,
    seen: &'a [u8],
    expansion: Expansion,
    watch: &'a mut dyn Watch,
}

impl<T> Speak for Receiving<'_, T>
where
    T: Transport,
    T::Error: core::fmt::Display,
{
    type Output = Result<(ReceiveReport, String), Error>;

    fn speak<P: Profile, F: Framing + Clone + Send + 'static>(self, framing: F) -> Self::Output {
        let (target, until) = (self.target, self.until);
        let mut incoming =
            Incoming::<P, F, T>::new(framing.clone(), self.transport, target, until, self.seen)?
                .allowing(self.expansion);
        if let Some(answers) = self.answers {
            incoming = incoming.answering(framing, answers);
        }
        let received: Received<P> = incoming.receive(self.watch)?;
        Ok((received.report, Table(&[&received]).to_string()))
    }
}

/// Reads until something is recognised. Returns what may still be needed of what was read.
///
/// With a `profile` that was told, what cannot be recognised is in that profile, and less badly damaged further on.
fn listen<T>(transport: &mut T, profile: Option<ProfileName>) -> Result<(Wire, Vec<u8>), Error>
where
    T: Transport,
    T::Error: core::fmt::Display,
{
    let mut seen = Vec::new();
    let mut total = 0;
    // Little at first: what is seen here passes the receiver in one go.
    let mut most = LOOK_FIRST;
    loop {
        // Two looks' worth stay: no packet is cut where old bytes are let go.
        if seen.len() >= 2 * LOOK {
            seen.drain(..LOOK);
        }
        let from = seen.len();
        seen.resize(from + most, 0);
        most = (2 * most).min(LOOK);
        let received = transport.receive(&mut seen[from..]);
        seen.truncate(from + *received.as_ref().unwrap_or(&0));
        match received {
            Ok(0) | Err(TransportError::Closed) if total == 0 => return Err(Error::Silence),
            Ok(0) | Err(TransportError::Closed) => {
                let told = profile.ok_or(Error::Unrecognised { bytes: total })?;
                return Ok((Wire::stream(told), seen));
            }
            Ok(len) => total += len as u64,
            Err(TransportError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            Err(TransportError::TooLong { .. }) => {}
            Err(TransportError::Io(error)) => {
                return Err(ReceiveError::from(LinkError::Io(error.to_string())).into());
            }
        }
        if let Some(wire) = recognise(&seen).filter(|wire| profile.is_none_or(|told| told == wire.profile()))
        {
            return Ok((wire, seen));
        }
    }
}

/// Standard output without the line buffer of the standard library.
fn stdout() -> Result<Box<dyn Write + Send>, Error> {
    let open = |source| Error::Open { uri: Box::new(Uri::Pipe), source };
    Ok(Box::new(File::from(io::stdout().as_fd().try_clone_to_owned().map_err(open)?)))
}

/// Whether a person sits at `stream`: a terminal that edits lines. A serial line in raw mode is a terminal, too, but
/// one that carries bytes.
pub fn is_interactive(stream: impl std::os::fd::AsFd) -> bool {
    rustix::termios::tcgetattr(stream)
        .is_ok_and(|terminal| terminal.local_modes.contains(rustix::termios::LocalModes::ICANON))
}

/// Whether standard input never ends by itself: terminals and serial lines.
pub(crate) fn endless() -> io::Result<bool> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let kind = stdin.metadata()?.file_type();
    Ok(kind.is_char_device() && rustix::termios::isatty(&stdin))
}

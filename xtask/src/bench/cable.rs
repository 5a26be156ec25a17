//! A serial cable between two pseudo terminals: full duplex, at its speed, with byte errors from a seed.
//!
//! ```text
//!   program A -- slave | master A ---> rate, errors ---> master B | slave -- program B
//!                      |          <--- rate, errors <---          |
//! ```
//! What a program writes waits in the terminal, as in the driver of a real line, and the relay takes it at the line's speed.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::Context as _;
use packhorse_link::{Transport as _, TransportError};
use packhorse_transport::{Faults, Noise, PipeReader, PipeWriter};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// The relay looks so often whether it is to end.
const LOOK: Duration = Duration::from_millis(20);

/// A cable. Dropping it ends it.
pub(super) struct Cable {
    /// Where programs open its two ends.
    pub(super) ends: [PathBuf; 2],
    /// Open for as long as the cable is there: without them a terminal that a program closes hangs up.
    slaves: [File; 2],
    sent: [Arc<AtomicU64>; 2],
    over: Arc<AtomicBool>,
    relays: Vec<JoinHandle<()>>,
}

impl Cable {
    /// A cable that takes `rate` bytes a second each way and damages them.
    pub(super) fn new(rate: u32, faults: &Faults, seed: u64) -> anyhow::Result<Self> {
        let (a, b) = (Terminal::open()?, Terminal::open()?);
        let over = Arc::new(AtomicBool::new(false));
        let sent = [Arc::default(), Arc::default()];
        let mut relays = Vec::new();
        for (from, to, sent, seed) in [(&a, &b, &sent[0], seed), (&b, &a, &sent[1], seed ^ 0x5EED)] {
            let (reader, writer) = (from.master.try_clone()?, to.master.try_clone()?);
            let (noise, sent, over) = (Noise::new(seed, faults)?, Arc::clone(sent), Arc::clone(&over));
            let relay =
                move || relay(PipeReader::new(reader), PipeWriter::new(writer), rate, noise, &sent, &over);
            relays.push(std::thread::spawn(relay));
        }
        Ok(Self { ends: [a.path, b.path], slaves: [a.slave, b.slave], sent, over, relays })
    }

    /// Both ends as files, to be standard input and output of programs.
    pub(super) fn files(&self) -> anyhow::Result<[File; 2]> {
        let [a, b] = &self.slaves;
        Ok([a.try_clone()?, b.try_clone()?])
    }

    /// Bytes that passed from the first end to the second, and back.
    pub(super) fn sent(&self) -> [u64; 2] {
        [self.sent[0].load(Ordering::Relaxed), self.sent[1].load(Ordering::Relaxed)]
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.relays.drain(..).for_each(|relay| drop(relay.join()));
    }
}

struct Terminal {
    master: OwnedFd,
    slave: File,
    path: PathBuf,
}

impl Terminal {
    fn open() -> anyhow::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .context("the system gives no pseudo terminals")?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = PathBuf::from(ptsname(&master, Vec::new())?.into_string()?);
        let flags = i32::try_from(rustix::fs::OFlags::NOCTTY.bits())?;
        let slave = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&path)?;
        let mut modes = tcgetattr(&slave)?;
        modes.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &modes)?;
        Ok(Self { master, slave, path })
    }
}

fn relay(
    mut from: PipeReader,
    mut to: PipeWriter,
    rate: u32,
    mut noise: Noise,
    sent: &AtomicU64,
    over: &AtomicBool,
) {
    from.set_timeout(Some(LOOK));
    // Five milliseconds' worth at a time.
    let mut bytes = vec![0; usize::try_from(rate / 200).unwrap_or(1).max(1)];
    let mut free = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let len = match from.receive(&mut bytes) {
            Ok(len) => len,
            Err(TransportError::WouldBlock) => continue,
            Err(_) => return,
        };
        let Some(bytes) = bytes.get_mut(..len) else { return };
        sent.fetch_add(len as u64, Ordering::Relaxed);
        // The line is busy for as long as the bytes take; they are there when the last bit is.
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let takes = Duration::from_secs_f64(len as f64 / f64::from(rate));
        free = free.max(Instant::now()) + takes;
        std::thread::sleep(free.saturating_duration_since(Instant::now()));
        if noise.try_apply(bytes, |run| to.send(run)).is_err() {
            return;
        }
    }
}

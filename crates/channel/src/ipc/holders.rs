//! [`Holders`]: the file that says which processes hold a channel's memory, locked while it is looked at.

use core::time::Duration;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind, Read as _, Result, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::is_sealed;
use crate::process::Process;

/// Most bytes of the file that are read: some thousand processes.
const MOST: u64 = 1 << 18;
/// How long the file's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A process that holds the memory, and its number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    process: Process,
    descriptor: RawFd,
}

impl Holder {
    pub(super) fn own(memory: &File) -> Self {
        Self { process: Process::own(), descriptor: memory.as_raw_fd() }
    }

    pub(super) fn process_id(&self) -> u64 {
        self.process.id
    }

    pub(super) fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// The memory, opened through that process.
    ///
    /// # Errors
    /// Those of the system, and when it is not what we would map.
    pub(super) fn memory(&self) -> Result<File> {
        let path = format!("/proc/{}/fd/{}", self.process.id, self.descriptor);
        // What is there may be anything by now, also something whose opening would wait.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        let flags = i32::try_from(flags.bits()).map_err(Error::other)?;
        let memory = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        if memory.metadata()?.is_file() && is_sealed(&memory) {
            Ok(memory)
        } else {
            Err(Error::new(ErrorKind::InvalidData, "what it holds is no memory of a channel"))
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next();
        let (id, started, descriptor) = (word()?.parse().ok()?, word()?.parse().ok()?, word()?.parse().ok()?);
        Some(Self { process: Process { id, started }, descriptor })
    }
}

/// The holders of one channel's memory.
#[derive(Debug)]
pub(super) struct Holders {
    /// Locked until it is closed.
    file: File,
    path: PathBuf,
    list: Vec<Holder>,
}

impl Holders {
    /// Locks the file of that name, and makes it if asked to.
    pub(super) fn lock(name: &str, make: bool) -> Result<Self> {
        let folder = folder(make)?;
        let path = folder.join(name);
        loop {
            let flags = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(make).truncate(false).mode(0o600).custom_flags(flags);
            let mut file = options.open(&path)?;
            lock(&file)?;
            // Whoever had the lock before may have taken the file away.
            let same = std::fs::metadata(&path).is_ok_and(|there| {
                file.metadata().is_ok_and(|ours| (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
            });
            if same {
                let mut text = Vec::new();
                (&mut file).take(MOST).read_to_end(&mut text)?;
                let list = String::from_utf8_lossy(&text).lines().filter_map(Holder::parse).collect();
                return Ok(Self { file, path, list });
            }
        }
    }

    /// Those that still run; the others are forgotten.
    pub(super) fn alive(&mut self) -> Vec<Holder> {
        self.list.retain(|holder| holder.process.is_alive());
        self.list.clone()
    }

    pub(super) fn add(&mut self, holder: Holder) {
        self.list.push(holder);
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Forgets this process's hold by that descriptor.
    pub(super) fn remove(&mut self, descriptor: RawFd) {
        let own = Process::own();
        self.list.retain(|holder| holder.process != own || holder.descriptor != descriptor);
    }

    /// Writes the list; without anybody on it the file goes.
    pub(super) fn write(&mut self) -> Result<()> {
        if self.alive().is_empty() {
            return std::fs::remove_file(&self.path);
        }
        let line = |Holder { process, descriptor }: &Holder| {
            format!("{} {} {descriptor}\n", process.id, process.started)
        };
        let text: String = self.list.iter().map(line).collect();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)
    }
}

/// Locks the file, for which others have microseconds of work. One that was stopped in the middle of it is not waited for.
fn lock(file: &File) -> Result<()> {
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => {
                let text = "a process that opens or leaves the channel stands still: let it go on, or end it";
                return Err(Error::new(ErrorKind::TimedOut, text));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// The number of the process namespace that every Linux has at first (`PROC_PID_INIT_INO`).
const FIRST_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The number of our process namespace; where the system does not say, there is but one.
fn namespace() -> u64 {
    std::fs::metadata("/proc/self/ns/pid").map_or(FIRST_NAMESPACE, |namespace| namespace.ino())
}

/// The folder of this user's channels; nobody else may be able to write into it.
fn folder(make: bool) -> Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = match namespace() {
        FIRST_NAMESPACE => base.join(format!("packhorse-{user}")),
        other => base.join(format!("packhorse-{user}-{other}")),
    };
    if make {
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let there = std::fs::symlink_metadata(&folder)?;
    if there.is_dir() && there.uid() == user && there.mode() & 0o022 == 0 {
        Ok(folder)
    } else {
        let text = format!("{} is not this user's alone: remove it", folder.display());
        Err(Error::new(ErrorKind::PermissionDenied, text))
    }
}

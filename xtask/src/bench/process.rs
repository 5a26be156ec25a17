//! Two processes joined by a pipe, timed, with the peak memory of each.

use core::time::Duration;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context as _, bail};
use wait4::Wait4 as _;

/// What one run of `left | right` took.
pub(super) struct Measured {
    /// From the start of the first process to the end of both.
    pub(super) time: Duration,
    /// Most bytes of memory that each process held (resident set), as the kernel accounted for it.
    pub(super) peak: [u64; 2],
}

/// A program with its arguments.
pub(super) struct Program {
    path: OsString,
    args: Vec<OsString>,
}

impl Program {
    pub(super) fn new(path: impl Into<OsString>) -> Self {
        Self { path: path.into(), args: Vec::new() }
    }

    pub(super) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(super) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(Into::into));
        self
    }

    /// The command, standard error aside.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args).stderr(Stdio::piped());
        command
    }

    fn name(&self) -> String {
        Path::new(&self.path).file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Runs `left | right`, the output of `right` going to `out` when given.
///
/// Times the whole from outside, as a user would see it: starting, moving, checking and finishing.
pub(super) fn piped(left: &Program, right: &Program, out: Option<&Path>) -> anyhow::Result<Measured> {
    let mut right_command = right.command();
    match out {
        Some(path) => right_command.stdout(File::create(path)?),
        None => right_command.stdout(Stdio::null()),
    };
    let started = Instant::now();
    let mut first = left
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", left.name()))?;
    let pipe = first.stdout.take().context("the first process has no output")?;
    let mut second = right_command
        .stdin(Stdio::from(pipe))
        .spawn()
        .with_context(|| format!("cannot start {}", right.name()))?;
    let said = [drain(first.stderr.take()), drain(second.stderr.take())];
    let ends = [first.wait4()?, second.wait4()?];
    let time = started.elapsed();
    for ((program, end), said) in [left, right].into_iter().zip(&ends).zip(said) {
        if !end.status.success() {
            let said = said.join().unwrap_or_default();
            bail!("{} ended with {}: {}", program.name(), end.status, said.trim());
        }
    }
    let [first, second] = ends;
    Ok(Measured { time, peak: [first.rusage.maxrss, second.rusage.maxrss] })
}

/// Reads a process's messages beside its run, so that it never waits for us.
fn drain(stderr: Option<ChildStderr>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            // What cannot be read is missing from an error message, no more.
            let _ = stderr.read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// Whether two files hold the same bytes, read in pieces.
pub(super) fn same(a: &Path, b: &Path) -> anyhow::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let n = a.read(&mut left)?;
        if n == 0 {
            return Ok(true);
        }
        let (Some(left), Some(right)) = (left.get(..n), right.get_mut(..n)) else {
            return Ok(false);
        };
        b.read_exact(right)?;
        if left != right {
            return Ok(false);
        }
    }
}

/// A folder in memory (tmpfs) that goes when it is dropped.
pub(super) struct Scratch {
    folder: std::path::PathBuf,
}

impl Scratch {
    pub(super) fn new(name: &str) -> anyhow::Result<Self> {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = base.join(format!("packhorse-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays for the next restart; there is nobody to tell.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A file of `len` bytes without pattern, the same every time (SplitMix64; public domain by S. Vigna).
pub(super) fn random_file(path: &Path, len: u64) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut state = 0_u64;
    let mut file = std::io::BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut left = len;
    while left > 0 {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bytes = (word ^ (word >> 31)).to_le_bytes();
        let take = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        file.write_all(bytes.get(..take).unwrap_or(&bytes))?;
        left -= take as u64;
    }
    Ok(file.flush()?)
}

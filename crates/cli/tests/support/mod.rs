//! Runs the real binary through real pipes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]
#![allow(dead_code, reason = "every test file uses a part of this")]

pub(crate) mod heaps;

use core::time::Duration;
use std::fs;
use std::io::{Read, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

/// The binary under test.
pub(crate) const PACKHORSE: &str = env!("CARGO_BIN_EXE_packhorse");

/// A command that starts it.
pub(crate) fn packhorse(args: &[&str]) -> Command {
    let mut command = Command::new(PACKHORSE);
    command.args(args).env_remove("RUST_LOG");
    command
}

/// What a program left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

/// Runs it with these bytes on standard input.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Ended {
    feed(packhorse(args), input)
}

/// Runs a command with these bytes on standard input.
pub(crate) fn feed(mut command: Command, input: &[u8]) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // It may end before it has read everything.
        scope.spawn(move || _ = stdin.write_all(input));
        child.wait_with_output().unwrap().into()
    })
}

/// Runs `packhorse A | packhorse B | ...`; the last one's output is in its place.
pub(crate) fn pipeline(commands: &[&[&str]]) -> Vec<Ended> {
    let mut children: Vec<Child> = Vec::new();
    for args in commands {
        let stdin = match children.last_mut() {
            Some(child) => Stdio::from(child.stdout.take().unwrap()),
            None => Stdio::null(),
        };
        let child = packhorse(args).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        children.push(child.unwrap());
    }
    let readers: Vec<_> = children
        .into_iter()
        .map(|child| thread::spawn(|| child.wait_with_output().unwrap().into()))
        .collect();
    readers.into_iter().map(|reader| reader.join().unwrap()).collect()
}

/// Runs `packhorse A | packhorse B` and expects both to succeed.
pub(crate) fn pipe_ok(sender: &[&str], receiver: &[&str]) -> Ended {
    let mut ended = pipeline(&[sender, receiver]);
    for one in &ended {
        assert_eq!(one.code, Some(0), "{}", one.stderr);
    }
    ended.pop().unwrap()
}

/// Starts it without input; what it says is read by [`ended`].
pub(crate) fn start(args: &[&str]) -> Child {
    packhorse(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What it left, when it has ended.
pub(crate) fn ended(child: Child) -> Ended {
    child.wait_with_output().unwrap().into()
}

/// The same of one that has to succeed.
#[track_caller]
pub(crate) fn ok(child: Child) -> Ended {
    let ended = ended(child);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended
}

/// Sends it a signal: `-INT`, `-TERM`.
#[track_caller]
pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// A port that is free now.
pub(crate) fn port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until there is a file or folder of that name.
#[track_caller]
pub(crate) fn wait_for(folder: &Folder, name: &str) {
    let there = (0..4000).any(|_| {
        thread::sleep(Duration::from_millis(5));
        folder.path(name).exists()
    });
    assert!(there, "{name} never appeared");
}

/// A folder that is deleted at the end of the test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The path of `name` in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a file in it, with its folders, and returns its path as text.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        self.text(name)
    }

    /// The file `name` in it.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// Names in a folder, sorted; none when there is no folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A child's standard error, read to its end.
pub(crate) fn stderr_of(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Expects exactly one line "packhorse: ..." that contains `part`, and no debug dump.
#[track_caller]
pub(crate) fn assert_says(ended: &Ended, code: i32, part: &str) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    let said = ended.stderr.lines().any(|line| line.starts_with("packhorse: ") && line.contains(part));
    assert!(said, "'{part}' is missing in: {}", ended.stderr);
    for sign in ["panicked", "RUST_BACKTRACE", "Error {", "Os {"] {
        assert!(!ended.stderr.contains(sign), "{}", ended.stderr);
    }
}

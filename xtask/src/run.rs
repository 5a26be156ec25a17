//! [`Run`]: one command, printed before it runs, its output filtered to what a person wants, its tests counted.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, mpsc};

use anyhow::{Context as _, bail};

use crate::counts::Counts;
use crate::report;

/// Whether every line of output is shown.
pub(crate) static VERBOSE: AtomicBool = AtomicBool::new(false);

/// A command to run.
pub(crate) struct Run {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    folder: Option<PathBuf>,
    limit: Option<Duration>,
}

impl Run {
    /// `program`, found on the path.
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), folder: None, limit: None }
    }

    /// `cargo SUBCOMMAND` in the workspace, of the toolchain that runs xtask. What resolves dependencies takes
    /// those of the committed Cargo.lock, or fails.
    pub(crate) fn cargo(subcommand: &str) -> Self {
        const RESOLVING: [&str; 8] = ["bench", "build", "check", "clippy", "doc", "package", "run", "test"];
        let run = Self::new("cargo").arg(subcommand);
        if RESOLVING.contains(&subcommand) { run.arg("--locked") } else { run }
    }

    /// One more argument.
    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments.
    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// `-p NAME` for each name.
    pub(crate) fn packages<A: Into<OsString>>(mut self, names: impl IntoIterator<Item = A>) -> Self {
        for name in names {
            self.args.push("-p".into());
            self.args.push(name.into());
        }
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Where it runs.
    pub(crate) fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Ends it, as a failure, when it takes longer.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The command as a person would type it.
    pub(crate) fn line(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", quoted(&value.to_string_lossy())));
        let words = core::iter::once(&self.program).chain(&self.args).map(|w| quoted(&w.to_string_lossy()));
        env.chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Runs it to its end, prints what matters, and adds the tests that it ran to `tally`.
    ///
    /// # Errors
    /// When it cannot start, exits with anything but 0, or takes longer than its limit.
    pub(crate) fn run(self, tally: &mut Counts) -> anyhow::Result<()> {
        let line = self.line();
        println!("  {}", report::bold(&format!("$ {line}")));
        // One pipe for both streams keeps their lines in the order in which they were written.
        let (reader, writer) = std::io::pipe()?;
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        forget_cargo(&mut command);
        let child = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
        // The command holds the write ends; while it lives the pipe has no end.
        drop(command);

        let child = Arc::new(Mutex::new(child));
        let watch = self.limit.map(|limit| watch(Arc::clone(&child), limit));
        show(reader, tally)?;
        let status = wait(&child)?;
        let late = watch.is_some_and(|(done, late)| {
            drop(done);
            late.load(Ordering::Relaxed)
        });
        if late {
            bail!("`{line}` took longer than {}", report::duration(self.limit.unwrap_or_default()));
        }
        if !status.success() {
            bail!("`{line}` ended with {status}");
        }
        Ok(())
    }

    /// Runs it quietly and returns what it printed.
    ///
    /// # Errors
    /// When it cannot start or exits with anything but 0.
    pub(crate) fn output(self) -> anyhow::Result<String> {
        let line = self.line();
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        forget_cargo(&mut command);
        let output = command.output().with_context(|| format!("cannot start `{line}`"))?;
        if !output.status.success() {
            bail!("`{line}` ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// What `cargo run` tells xtask about xtask is not true of the commands that xtask runs.
fn forget_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let about_xtask = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if text == "CARGO" || text == "OUT_DIR" || about_xtask.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// Ends the child after `limit`, unless the sender is dropped before.
fn watch(child: Arc<Mutex<Child>>, limit: Duration) -> (mpsc::Sender<()>, Arc<AtomicBool>) {
    let (done, ended) = mpsc::channel::<()>();
    let late = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&late);
    std::thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            flag.store(true, Ordering::Relaxed);
            if let Ok(mut child) = child.lock() {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
            }
        }
    });
    (done, late)
}

/// Waits without holding the lock, so that the watcher can still end a child that has closed its output.
fn wait(child: &Mutex<Child>) -> anyhow::Result<ExitStatus> {
    loop {
        let ended = child.lock().map_err(|_| anyhow::anyhow!("the watcher panicked"))?.try_wait()?;
        if let Some(status) = ended {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Prints the lines that matter, one by one as they come.
fn show(reader: std::io::PipeReader, tally: &mut Counts) -> anyhow::Result<()> {
    let verbose = VERBOSE.load(Ordering::Relaxed);
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    let mut built = 0_u32;
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        bytes.clear();
        if let Some(counts) = Counts::from_line(&line) {
            *tally += counts;
        }
        built += u32::from(is_build_noise(&line));
        if verbose
            || !(line.is_empty() || is_build_noise(&line) || is_test_noise(&line) || is_fuzz_noise(&line))
        {
            println!("    {line}");
        }
    }
    if built > 0 && !verbose {
        println!("    ({built} crates fetched, checked or built)");
    }
    Ok(())
}

/// Cargo's progress, a line for every crate.
fn is_build_noise(line: &str) -> bool {
    const VERBS: [&str; 12] = [
        "Compiling ",
        "Checking ",
        "Downloaded ",
        "Downloading ",
        "Documenting ",
        "Fresh ",
        "Updating ",
        "Locking ",
        "Adding ",
        "Blocking ",
        "Scraping ",
        "Unpacking ",
    ];
    // Cargo right-aligns its verbs in twelve columns; a program's own output seldom starts with blanks.
    line.starts_with(' ') && VERBS.iter().any(|verb| line.trim_start().starts_with(verb))
}

/// Tests that held, and the runners' preludes.
fn is_test_noise(line: &str) -> bool {
    (line.starts_with("test ") && line.ends_with("... ok"))
        || line == "running 0 tests"
        || line.starts_with("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered")
        || line.trim_start().starts_with("Running unittests")
        || line.trim_start().starts_with("Running tests")
        || (line.starts_with("running ") && (line.ends_with(" tests") || line.ends_with(" test")))
}

/// What libFuzzer says while it goes: a line for every input that it keeps, and its dictionary at the end.
fn is_fuzz_noise(line: &str) -> bool {
    let kept = line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let dictionary = line.starts_with('"') && line.contains(" # Uses: ");
    kept || dictionary || ["INFO: ", "\tNEW_FUNC", "###### "].iter().any(|prefix| line.starts_with(prefix))
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_as_a_person_would_type_it() {
        let run = Run::cargo("test").packages(["a", "b"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(run.line(), "RUSTDOCFLAGS='-D warnings' cargo test --locked -p a -p b");
        assert_eq!(Run::cargo("fmt").line(), "cargo fmt", "it knows no lock");
    }

    #[test]
    fn the_tests_of_a_command_are_counted() {
        let mut tally = Counts::default();
        Run::new("echo").arg("test result: ok. 2 passed; 0 failed; 0 ignored").run(&mut tally).unwrap();
        assert_eq!(tally.passed, 2);
    }

    #[test]
    fn a_command_that_fails_or_takes_too_long_is_an_error() {
        let mut tally = Counts::default();
        let failed = Run::new("sh").args(["-c", "exit 3"]).run(&mut tally).unwrap_err();
        assert!(failed.to_string().contains("exit status: 3"), "{failed}");
        let late = Run::new("sleep").arg("30").limit(Duration::from_millis(50)).run(&mut tally).unwrap_err();
        assert!(late.to_string().contains("took longer"), "{late}");
    }

    #[test]
    fn progress_is_hidden_and_findings_are_not() {
        assert!(is_build_noise("   Compiling anyhow v1.0.0"));
        assert!(is_test_noise("test a::b ... ok"));
        for kept in
            ["warning: unused", "Compiling is hard", "test a::b ... FAILED", "test result: ok. 1 passed"]
        {
            assert!(!is_build_noise(kept) && !is_test_noise(kept), "{kept}");
        }
    }
}

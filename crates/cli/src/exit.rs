//! How the program ends: exit codes, and the one line that says what happened and what to do next.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use crate::screen;

/// An end that is no error of usage or of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is done and verified: 0.
    Done,
    /// Something is incomplete or damaged, and was told: 1.
    Damaged,
    /// A signal asked for the end: 128 and its number, as shells do. 130 for Ctrl-C, 143 for SIGTERM.
    Asked(i32),
}

/// Wrong usage, or the system refused to read or write: 2.
const FAILED: u8 = 2;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Damaged => Self::from(1),
            Exit::Asked(signal) => Self::from(u8::try_from(128 + signal).unwrap_or(FAILED)),
        }
    }
}

/// Prints help, version or a usage error where it belongs.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Whoever closed the other end does not want to read on.
    let _ = error.print();
    let _ = io::stdout().flush();
    if error.use_stderr() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

/// Prints an error, its causes behind it, as one line.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    screen::error(&one_line(error));
    ExitCode::from(FAILED)
}

/// The error and its causes. Many errors name their cause themselves: those causes are not said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The end of a filter: a reader that has had enough is no failure.
pub(crate) fn filter(result: anyhow::Result<()>) -> anyhow::Result<Exit> {
    match result {
        Err(error) if !is_broken_pipe(&error) => Err(error),
        _ => Ok(Exit::Done),
    }
}

/// Whether nobody reads what is written any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    io_kinds(error).any(|kind| kind == ErrorKind::BrokenPipe)
}

/// What the system said, from the outermost cause on.
pub(crate) fn io_kinds(error: &anyhow::Error) -> impl Iterator<Item = ErrorKind> {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// Says a panic as a line that a person can report, instead of a backtrace.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let what = info.payload_as_str().unwrap_or("no reason given");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        screen::error(&format!(
            "this is a bug in packhorse: {what} ({place}); please report it with what you did"
        ));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_said_once() {
        let full = || io::Error::from(ErrorKind::StorageFull);
        let said = Err::<(), _>(full()).context(format!("cannot write: {}", full())).unwrap_err();
        assert_eq!(one_line(&said), format!("cannot write: {}", full()));
        let unsaid = Err::<(), _>(full()).context("cannot write").unwrap_err();
        assert_eq!(one_line(&unsaid), format!("cannot write: {}", full()));
    }

    #[test]
    fn a_closed_pipe_is_found_below_its_context_and_ends_a_filter_quietly() {
        let closed = || Err::<(), _>(io::Error::from(ErrorKind::BrokenPipe)).context("cannot write");
        assert_eq!(filter(closed()).unwrap(), Exit::Done);
        let full = Err::<(), _>(io::Error::from(ErrorKind::StorageFull)).context("cannot write");
        assert!(filter(full).is_err());
    }
}

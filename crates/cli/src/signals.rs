//! Ctrl-C and its like: delete what is not whole, say so in one line, and go; or let a command come to its end.

use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, process, thread};

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::screen;

/// Folders and files that are to be deleted when the program is interrupted.
static PARTIAL: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The signal that asked the command to end, 0 before.
static ASKED: AtomicI32 = AtomicI32::new(0);
/// Whether the command looks at [`asked`] and ends by itself.
static LOOKS: AtomicBool = AtomicBool::new(false);
/// How long a command may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// Starts waiting for signals.
pub(crate) fn watch() -> anyhow::Result<()> {
    // Whoever started this with nohup wants it to survive a hang-up.
    let signals = [SIGINT, SIGTERM, SIGHUP];
    let wanted = signals.into_iter().filter(|signal| *signal != SIGHUP || !is_ignored(SIGHUP));
    let mut signals = Signals::new(wanted).context("cannot wait for Ctrl-C")?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if !LOOKS.load(Ordering::Acquire) || ASKED.swap(signal, Ordering::AcqRel) != 0 {
                    interrupted(signal);
                }
                // A command that is held up does not hold up whoever wants it to end.
                thread::spawn(move || {
                    thread::sleep(GRACE);
                    interrupted(signal)
                });
            }
        })
        .context("cannot start a thread; close some programs")?;
    Ok(())
}

/// From now on the command looks at [`asked`] and ends by itself, within three seconds.
pub(crate) fn end_by_itself() {
    LOOKS.store(true, Ordering::Release);
}

/// The signal that asked the command to end, if one did.
pub(crate) fn asked() -> Option<i32> {
    Some(ASKED.load(Ordering::Acquire)).filter(|signal| *signal != 0)
}

/// Deletes this folder or file if the program is interrupted.
pub(crate) fn delete_when_interrupted(path: &Path) {
    PARTIAL.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
}

fn interrupted(signal: i32) -> ! {
    packhorse::application::remove_partial_files();
    for path in PARTIAL.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    screen::error(if LOOKS.load(Ordering::Acquire) {
        "interrupted before the end"
    } else {
        "interrupted before the end; run it again: recv goes on with the files whose journal it finds"
    });
    // The shell's convention for a program that a signal ended.
    process::exit(128 + signal)
}

/// Whether the process was started with this signal ignored, as far as the system tells.
fn is_ignored(signal: i32) -> bool {
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

//! Standard error, shared by messages, logs and the progress bar, so that none of them tears another apart.
//!
//! Nothing here fails: a closed standard error is no reason to stop moving data.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, Write};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use serde_json::{Value, json};

static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
/// Whether the reader is a program.
static JSON: AtomicBool = AtomicBool::new(false);
/// Whether nobody wants to hear anything.
static SILENT: AtomicBool = AtomicBool::new(false);

/// From now on every line is a JSON object.
pub(crate) fn speak_json() {
    JSON.store(true, Ordering::Relaxed);
}

/// From now on nothing is said at all.
pub(crate) fn be_silent() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Whether every line is a JSON object.
pub(crate) fn speaks_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// Shows a bar below the lines.
pub(crate) fn add(bar: ProgressBar) -> ProgressBar {
    BARS.add(bar)
}

/// A line for a person, as it is; nothing where a program reads.
pub(crate) fn line(text: &str) {
    if !speaks_json() {
        raw(text);
    }
}

/// What went wrong.
pub(crate) fn error(text: &str) {
    tell("error", "", text);
}

/// What is odd.
pub(crate) fn warning(text: &str) {
    tell("warning", "warning: ", text);
}

/// What may be good to know.
pub(crate) fn note(text: &str) {
    tell("note", "", text);
}

/// A JSON object; nothing where a person reads.
pub(crate) fn object(value: &Value) {
    if speaks_json() {
        raw(&value.to_string());
    }
}

/// Characters that would move the cursor, end the line or disguise the text are shown as a replacement.
pub(crate) fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}

fn tell(event: &str, prefix: &str, text: &str) {
    let text = printable(&text.replace('\n', " "));
    if speaks_json() {
        raw(&json!({ "event": event, "text": text }).to_string());
    } else {
        raw(&format!("packhorse: {prefix}{text}"));
    }
}

fn raw(text: &str) {
    if SILENT.load(Ordering::Relaxed) {
        return;
    }
    let line = format!("{text}\n");
    BARS.suspend(|| {
        let _ = io::stderr().write_all(line.as_bytes());
    });
}

/// Standard error for the log.
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| {
            let _ = io::stderr().write_all(bytes);
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_name_from_the_wire_cannot_move_the_cursor() {
        assert_eq!(printable("a\x1b[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(printable("grüße.jpg"), "grüße.jpg");
    }
}

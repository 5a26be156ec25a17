//! What `send` and `recv` show while they work: a bar with a line for every finished file, JSON lines, or nothing.
//!
//! JSON lines have an `event`: started, progress (at most ten a second), done, failed, warning, error, message, and at
//! the end summary. Sizes are bytes, times seconds, hashes hex digits.

use core::time::Duration;
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use packhorse::application::{Event, Watch};
use serde_json::json;

use crate::args::ProgressKind;
use crate::telemetry::Log;
use crate::{human, screen};

/// Least time between two progress lines for a program.
const PAUSE: Duration = Duration::from_millis(100);
/// Characters of a name beside the bar.
const NAME_WIDTH: usize = 28;

/// Watches a session.
pub(crate) struct Progress {
    /// What became of an object: "sent" or "received".
    done: &'static str,
    bar: Option<ProgressBar>,
    last: Option<Instant>,
    messages: Option<Log>,
}

impl Progress {
    /// For a session that lets objects be `done`; messages that arrive go to `messages`. `quiet`: no bar unless it is
    /// asked for.
    pub(crate) fn new(kind: ProgressKind, done: &'static str, quiet: bool, messages: Option<Log>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = match kind {
            ProgressKind::Json => {
                screen::speak_json();
                false
            }
            ProgressKind::Auto => terminal && !quiet,
            ProgressKind::Bar => true,
            ProgressKind::None => false,
        };
        Self { done, bar: bar.then(new_bar), last: None, messages }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn started(&mut self, name: &str, size: Option<u64>) {
        screen::object(&json!({ "event": "started", "name": name, "size": size }));
        if let Some(bar) = &self.bar {
            bar.reset();
            bar.set_style(style(size.is_some()));
            bar.set_message(shorten(&screen::printable(name)));
            bar.set_length(size.unwrap_or(0));
        }
        self.last = None;
    }

    fn progress(&mut self, name: &str, bytes: u64, size: Option<u64>) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        } else if screen::speaks_json() && self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            screen::object(&json!({ "event": "progress", "name": name, "bytes": bytes, "size": size }));
            self.last = Some(Instant::now());
        }
    }

    fn done(&self, name: &str, path: Option<&Path>, bytes: u64, hash: Option<[u8; 32]>, took: Duration) {
        screen::object(&json!({
            "event": "done", "name": name, "path": path.map(Path::to_string_lossy), "bytes": bytes,
            "hash": hash.as_ref().map(human::hash), "seconds": took.as_secs_f64(),
        }));
        // A folder has nothing to boast of.
        if self.bar.is_some() && hash.is_some() {
            let shown = path.map_or_else(|| name.into(), Path::to_string_lossy);
            screen::line(&format!(
                "{}  {} {} in {} ({})",
                screen::printable(&shown),
                human::bytes(bytes),
                self.done,
                human::time(took),
                human::rate(bytes, took),
            ));
        }
    }

    fn failed(&self, name: &str, reason: &str) {
        if screen::speaks_json() {
            screen::object(&json!({ "event": "failed", "name": name, "reason": reason }));
        } else {
            screen::line(&format!("packhorse: '{}': {}", screen::printable(name), screen::printable(reason)));
        }
    }
}

impl Watch for Progress {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Started { name, size } => self.started(name, size),
            Event::Progress { name, bytes, size } => self.progress(name, bytes, size),
            Event::Done { name, path, bytes, hash, took } => self.done(name, path, bytes, hash, took),
            Event::Failed { name, reason } => self.failed(name, reason),
            Event::Warning { text } => screen::warning(text),
            Event::Note { text } => screen::note(text),
            Event::Message { channel, bytes } => {
                screen::object(&json!({
                    "event": "message", "channel": channel, "text": String::from_utf8_lossy(bytes),
                }));
                if let Some(messages) = &mut self.messages {
                    messages.take(bytes);
                }
            }
            // An event of a later version of the library.
            _ => {}
        }
    }
}

fn new_bar() -> ProgressBar {
    screen::add(ProgressBar::no_length())
}

fn style(sized: bool) -> ProgressStyle {
    let template = if sized {
        "{msg:28} [{wide_bar}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}"
    } else {
        "{msg:28} {spinner} {decimal_bytes} {decimal_bytes_per_sec} {elapsed}"
    };
    // A template that does not parse shows the default bar: a matter of looks.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// The end of a long name says more than its start.
fn shorten(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME_WIDTH {
        return name.to_owned();
    }
    core::iter::once('…').chain(name.chars().skip(count + 1 - NAME_WIDTH)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_end() {
        let short = shorten("photos/2026/a very long folder/photo.jpg");
        assert_eq!(short.chars().count(), NAME_WIDTH);
        assert!(short.starts_with('…') && short.ends_with("photo.jpg"));
        assert_eq!(shorten("grüße"), "grüße");
    }

    #[test]
    fn both_templates_parse() {
        for template in [true, false] {
            let _ = style(template);
        }
    }
}

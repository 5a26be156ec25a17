//! Messages beside the files: lines read from a file or FIFO on one side, appended to a file on the other.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context as _;

use crate::screen;

/// Lines of a regular file that are queued before the first block leaves: fewer than the library's queue holds, since
/// nobody takes them yet.
const AHEAD: usize = 32;

/// The lines of a file or FIFO, each to be sent as a message.
pub(crate) struct Lines {
    path: PathBuf,
    regular: bool,
    /// Longest line that is sent as one message, in bytes; longer ones are cut.
    most: u64,
}

impl Lines {
    /// The lines of `path`; `-` is standard input. A FIFO may have no writer yet.
    pub(crate) fn open(path: &Path, most: u64) -> anyhow::Result<Self> {
        let regular = path.as_os_str() != "-"
            && fs::metadata(path)
                .with_context(|| format!("cannot read telemetry from {}", path.display()))?
                .is_file();
        Ok(Self { path: path.to_owned(), regular, most })
    }

    /// Reads them on a thread of their own and gives each to `send`, until that says that nobody wants more.
    pub(crate) fn start(self, mut send: impl FnMut(Vec<u8>) -> bool + Send + 'static) {
        let mut ahead = None;
        if self.regular {
            // What is there already shall not lose the race against a short file.
            match File::open(&self.path).map(BufReader::new).and_then(|mut file| {
                let more = pass(&mut file, self.most, AHEAD, &mut send)?;
                Ok(more.then_some(file))
            }) {
                Ok(None) => return,
                Ok(file) => ahead = file,
                Err(error) => return self.warn(&error),
            }
        }
        let name = self.path.display().to_string();
        let reader = thread::Builder::new().name("telemetry".into()).spawn(move || {
            let result = if let Some(mut file) = ahead {
                pass(&mut file, self.most, usize::MAX, &mut send)
            } else if self.path.as_os_str() == "-" {
                pass(&mut io::stdin().lock(), self.most, usize::MAX, &mut send)
            } else {
                File::open(&self.path)
                    .and_then(|file| pass(&mut BufReader::new(file), self.most, usize::MAX, &mut send))
            };
            if let Err(error) = result {
                self.warn(&error);
            }
        });
        if let Err(error) = reader {
            screen::warning(&format!("telemetry from {name} is not sent: {error}"));
        }
    }

    fn warn(&self, error: &io::Error) {
        screen::warning(&format!("telemetry from {} ends early: {error}", self.path.display()));
    }
}

/// Passes at most `count` lines on. Returns whether there may be more.
fn pass(
    from: &mut impl BufRead,
    most: u64,
    count: usize,
    send: &mut impl FnMut(Vec<u8>) -> bool,
) -> io::Result<bool> {
    for _ in 0..count {
        let mut line = Vec::new();
        if from.take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(false);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if !send(line) {
            // The files are sent; nobody wants more.
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where received messages go, one a line.
pub(crate) struct Log {
    to: Target,
    name: String,
}

enum Target {
    Screen,
    File(File),
    /// It could not be written to.
    Lost,
}

impl Log {
    /// Appends to the file at `path`; `-` is standard error.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            return Ok(Self { to: Target::Screen, name });
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("cannot write telemetry to {name}"))?;
        Ok(Self { to: Target::File(file), name })
    }

    /// Writes a message. It is in the file at once: others may follow it.
    pub(crate) fn take(&mut self, message: &[u8]) {
        match &mut self.to {
            Target::Screen => screen::line(&screen::printable(&String::from_utf8_lossy(message))),
            Target::File(file) => {
                // A message may hold anything, but it stays one line.
                let line = message.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte });
                let line: Vec<u8> = line.chain([b'\n']).collect();
                if let Err(error) = file.write_all(&line) {
                    screen::warning(&format!("telemetry is not written to {} any more: {error}", self.name));
                    self.to = Target::Lost;
                }
            }
            Target::Lost => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_ends_and_long_ones_are_cut() {
        let text = b"a\n\nb\xff\n0123456789abc\nend";
        let mut lines = Vec::new();
        let more = pass(&mut &text[..], 10, usize::MAX, &mut |line| {
            lines.push(line);
            true
        });
        assert!(!more.unwrap());
        assert_eq!(lines, [&b"a"[..], b"", b"b\xff", b"0123456789", b"abc", b"end"]);
    }

    #[test]
    fn passing_stops_at_the_count_and_when_nobody_listens() {
        let mut text = &b"1\n2\n3\n4\n"[..];
        let mut count = 0;
        assert!(
            pass(&mut text, 10, 2, &mut |_| {
                count += 1;
                true
            })
            .unwrap()
        );
        assert!(
            !pass(&mut text, 10, 9, &mut |_| {
                count += 1;
                false
            })
            .unwrap()
        );
        assert_eq!((count, text), (3, &b"4\n"[..]));
    }
}

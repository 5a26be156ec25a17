//! `packhorse heaps recv` on a free port of this machine.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::{Ended, packhorse};

/// A receiver that listens, the port on which it says so, and what it says afterwards.
pub(crate) struct Receiver {
    pub(crate) child: Child,
    pub(crate) port: String,
    said: JoinHandle<String>,
}

impl Receiver {
    pub(crate) fn start(args: &[&str]) -> Self {
        let args = [&["heaps", "recv", "--json"], args, &["127.0.0.1", "0"]].concat();
        let mut command = packhorse(&args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut messages = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("receiving on") {
            line.clear();
            assert!(messages.read_line(&mut line).unwrap() > 0, "the receiver says no port");
        }
        let port = line.trim().rsplit_once(':').unwrap().1.to_owned();
        // What it says must go somewhere, or it waits.
        let said = thread::spawn(move || {
            let mut text = String::new();
            messages.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, port, said }
    }

    /// What it left, when it has ended.
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr: self.said.join().unwrap() }
    }
}

/// The lines of `--json`: a heap each, and the statistics.
pub(crate) fn lines(ended: &Ended) -> Vec<Value> {
    let text = str::from_utf8(&ended.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

//! `packhorse lz4` where its input and output are one file, named pipes or sockets: it ends, and spoils nothing.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use core::time::Duration;
use std::fs::{self, File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use packhorse_testkit::patterns;
use support::{Folder, assert_says, names, packhorse, run, stderr_of};

/// Its exit code and what it said, which has to come.
fn ends(child: &mut Child) -> (Option<i32>, String) {
    let began = Instant::now();
    let code = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if began.elapsed() > Duration::from_secs(20) => {
                child.kill().unwrap();
                panic!("it does not end");
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    (code, stderr_of(child))
}

/// A named pipe.
fn fifo(folder: &Folder, name: &str) -> String {
    let path = folder.text(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[test]
fn a_file_is_not_appended_to_while_it_is_read() {
    let folder = Folder::new();
    // More than all buffers hold: 4 sets of one block of 64 KiB.
    let noise = patterns::random(1, 1 << 20);
    let file = folder.write("f", &noise);
    let link = folder.text("link");
    fs::hard_link(&file, &link).unwrap();
    for (name, decompress) in [(Some(&file), false), (Some(&link), false), (None, false), (None, true)] {
        let mut command = packhorse(&["lz4", "-B4", "--sets", "4", "--brick", "1"]);
        command.args(decompress.then_some("-d")).args(name);
        if name.is_none() {
            command.stdin(File::open(&file).unwrap());
        }
        command.stdout(OpenOptions::new().append(true).open(&file).unwrap());
        let (code, said) = ends(&mut command.stderr(Stdio::piped()).spawn().unwrap());
        assert_eq!(code, Some(2), "{name:?}: {said}");
        assert!(said.contains("the file that is read"), "{said}");
        assert!(folder.read("f") == noise, "{name:?}");
    }
}

#[test]
fn another_file_is_appended_to() {
    let folder = Folder::new();
    let file = folder.write("f", b"content");
    let log = OpenOptions::new().append(true).create(true).open(folder.path("all.lz4")).unwrap();
    for _ in 0..2 {
        let status = packhorse(&["lz4", &file]).stdout(log.try_clone().unwrap()).status().unwrap();
        assert_eq!(status.code(), Some(0));
    }
    assert_eq!(run(&["lz4", "-dc", &folder.text("all.lz4")], b"").stdout, b"contentcontent");
}

#[test]
fn an_open_named_pipe_keeps_it_neither_from_ending_nor_from_telling_damage() {
    let folder = Folder::new();
    let path = fifo(&folder, "pipe");
    // Both ends, so that nobody waits for somebody to open the other, and it never ends.
    let mut held = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    for schedule in ["overlapped", "serial"] {
        let mut command = packhorse(&["lz4", "-c", "--schedule", schedule, &path]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(ends(&mut child), (Some(0), String::new()), "{schedule}");
    }
    let mut command = packhorse(&["lz4", "-t", &path]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut held, b"this is no frame").unwrap();
    let (code, said) = ends(&mut child);
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn a_named_pipe_is_read_to_its_end() {
    let folder = Folder::new();
    let path = fifo(&folder, "pipe");
    let content = patterns::text(2, 300_000);
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| fs::write(&path, &content).unwrap());
        run(&["lz4", "-c", &path], b"")
    });
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(run(&["lz4", "-d"], &ended.stdout).stdout == content);
    assert_eq!(run(&["lz4", "-q", "/dev/null", &folder.text("empty.lz4")], b"").code, Some(0));
    assert_eq!(run(&["lz4", "-dc", &folder.text("empty.lz4")], b"").stdout, b"");
}

#[test]
fn a_socket_that_nobody_reads_ends_it_although_its_input_is_open() {
    for schedule in ["overlapped", "serial"] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut command = packhorse(&["lz4", "--schedule", schedule]);
        command.stdin(Stdio::piped()).stdout(OwnedFd::from(theirs)).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let held = child.stdin.take();
        // Ours of their end is closed, too.
        drop(command);
        drop(ours);
        assert_eq!(ends(&mut child), (Some(0), String::new()), "{schedule}");
        drop(held);
    }
}

#[test]
fn a_timeline_never_takes_the_place_of_what_is_read_or_written() {
    let folder = Folder::new();
    let content = patterns::text(3, 100_000);
    let input = folder.write("in", &content);
    let old = folder.write("old.lz4", b"an older result");
    let new = folder.text("new.lz4");
    let link = folder.text("link");
    std::os::unix::fs::symlink("in", &link).unwrap();
    for (timeline, output) in [(&input, &new), (&link, &new), (&old, &old), (&new, &new)] {
        let refused = run(&["lz4", "-f", "--timeline", timeline, &input, output], b"");
        assert_says(&refused, 2, "name another file for the timeline");
        assert!(folder.read("in") == content, "{timeline}");
        assert_eq!(folder.read("old.lz4"), b"an older result");
        assert_eq!(names(&folder.path("")), ["in", "link", "old.lz4"], "{timeline}");
    }
    let mut command = packhorse(&["lz4", "-f", "--timeline", &old, &input]);
    command.stdout(OpenOptions::new().append(true).open(&old).unwrap());
    assert_eq!(command.status().unwrap().code(), Some(2));
    assert_eq!(folder.read("old.lz4"), b"an older result");
}

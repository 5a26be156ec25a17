//! When things go wrong: one clear line, the right exit code, nothing under a final name that is not whole.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use core::time::Duration;
use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use packhorse_testkit::patterns;
use support::{Ended, Folder, PACKHORSE, assert_says, feed, names, packhorse, run, stderr_of};

/// What `send` writes for a file of so many bytes.
fn recording(folder: &Folder, size: usize, more: &[&str]) -> Vec<u8> {
    let file = folder.write("f", &patterns::random(size as u64, size));
    let mut args = vec!["send", &file];
    args.extend(more);
    let sent = run(&args, b"");
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    sent.stdout
}

#[test]
fn garbage_is_told_and_leaves_nothing() {
    let folder = Folder::new();
    for (name, garbage) in patterns::all(7, 100_000) {
        let ended = run(&["recv", &folder.text("inbox")], &garbage);
        assert_says(&ended, 1, "");
        for profile in ["native", "ftag"] {
            let ended = run(&["recv", &folder.text("inbox"), "--profile", profile], &garbage);
            assert_says(&ended, 1, "");
        }
        assert!(names(&folder.path("inbox")).is_empty(), "{name}");
    }
}

#[test]
fn nothing_at_all_is_told() {
    let folder = Folder::new();
    assert_says(&run(&["recv", &folder.text("inbox")], b""), 1, "is the sender running");
    assert_says(&run(&["recv", "-", "--profile", "native"], b""), 1, "is the sender running");
}

#[test]
fn a_stream_cut_anywhere_leaves_nothing_or_what_a_later_receiver_goes_on_with() {
    let folder = Folder::new();
    for profile in ["native", "ftag"] {
        let whole = recording(&folder, 20_000, &["--profile", profile]);
        for cut in [1, 7, 30, 200, whole.len() / 2, whole.len() * 9 / 10] {
            let inbox = folder.path("inbox");
            let ended = run(&["recv", "--no-resume", inbox.to_str().unwrap()], &whole[..cut]);
            assert_says(&ended, 1, "");
            assert!(names(&inbox).is_empty(), "{profile} cut at {cut}: {:?}", names(&inbox));
            let ended = run(&["recv", inbox.to_str().unwrap()], &whole[..cut]);
            assert_says(&ended, 1, "");
            let left = names(&inbox);
            let kept = |ending: &str| left.iter().filter(|name| name.ends_with(ending)).count();
            assert!(left.len() <= 2 && kept(".part") == kept(".journal"), "{profile} cut at {cut}: {left:?}");
            left.iter().for_each(|name| fs::remove_file(inbox.join(name)).unwrap());
        }
    }
}

#[test]
fn the_wrong_profile_is_told() {
    let folder = Folder::new();
    let native = recording(&folder, 5000, &[]);
    let ftag = recording(&folder, 5000, &["--profile", "ftag"]);
    for (stream, profile) in [(native, "ftag"), (ftag, "native")] {
        let ended = run(&["recv", &folder.text("inbox"), "--profile", profile], &stream);
        assert_says(&ended, 1, "");
        assert!(names(&folder.path("inbox")).is_empty());
    }
}

#[test]
fn a_missing_file_is_told_before_anything_is_sent() {
    let folder = Folder::new();
    let file = folder.write("f", b"x");
    let missing = folder.text("missing");
    for args in [&["send", &missing][..], &["send", &file, &missing]] {
        let ended = run(args, b"");
        assert_says(&ended, 2, "missing");
        assert!(ended.stdout.is_empty());
        assert_eq!(ended.stderr.matches("No such file").count(), 1, "{}", ended.stderr);
    }
}

#[test]
fn names_that_clash_or_mean_nothing_are_refused_before_anything_is_sent() {
    let folder = Folder::new();
    let (a, b) = (folder.write("a/x", b"1"), folder.write("b/x", b"2"));
    for args in [&["send", &a, &b][..], &["send", &a, &b, "--name", "c"], &["send", "-", "-"]] {
        let ended = run(args, b"");
        assert_says(&ended, 2, "");
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn what_a_profile_cannot_carry_is_told() {
    let folder = Folder::new();
    let large = folder.write("large", &vec![0; 17_000_000]);
    assert_says(&run(&["send", "--profile", "ftag", &large], b""), 2, "ftag");
    assert_says(&run(&["send", "--profile", "ftag", "-"], b"x"), 2, "length");
    assert_says(&run(&["send", "--profile", "ftag", "--block", "300", &large], b""), 2, "block");
}

#[test]
fn an_inbox_that_cannot_be_written_is_told() {
    let folder = Folder::new();
    let stream = recording(&folder, 100, &[]);
    // Also root cannot make a folder where a file is.
    let in_the_way = folder.write("file", b"");
    assert_says(&run(&["recv", &in_the_way], &stream), 2, "cannot write to");
    assert_says(&run(&["recv", &format!("{in_the_way}/inbox")], &stream), 2, "cannot write to");
    assert_says(&run(&["recv", "/proc/packhorse"], &stream), 2, "cannot write to");
}

#[test]
fn a_full_disk_is_told() {
    let folder = Folder::new();
    let stream = recording(&folder, 3_000_000, &[]);
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let write_to_full = |args: &[&str], input: &[u8]| -> Ended {
        let mut child =
            packhorse(args).stdin(Stdio::piped()).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || _ = stdin.write_all(input));
            child.wait_with_output().unwrap().into()
        })
    };
    assert_says(&write_to_full(&["recv", "-"], &stream), 2, "space");
    assert_says(&write_to_full(&["send", &folder.text("f")], b""), 2, "space");
    assert_says(&write_to_full(&["hex", "encode"], b"x"), 2, "space");
    assert_says(&write_to_full(&["noise"], b"x"), 2, "space");
    assert_says(&write_to_full(&["inspect"], &stream), 2, "space");
    assert_says(&write_to_full(&["generate", "man"], b""), 2, "space");

    // Only root may mount; others are covered by /dev/full.
    let disk = folder.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&disk).output();
    if mounted.is_ok_and(|output| output.status.success()) {
        let ended = run(&["recv", disk.to_str().unwrap()], &stream);
        let left = names(&disk);
        assert!(Command::new("umount").arg(&disk).status().unwrap().success());
        assert_says(&ended, 2, "space");
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_filters_quietly_and_sessions_with_a_line() {
    let folder = Folder::new();
    let stream = recording(&folder, 1_000_000, &["--block", "100"]);
    let long = vec![b'0'; 4_000_000];
    for (args, input) in [
        (&["hex", "encode"][..], &long),
        (&["hex", "decode"], &long),
        (&["inspect"], &stream),
        (&["noise", "--seed", "1"], &long),
    ] {
        let ended = read_a_little(args, input);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("packhorse: "), "{args:?}: {}", ended.stderr);
    }
    let file = folder.write("large", &patterns::random(9, 5_000_000));
    assert_says(&read_a_little(&["send", &file], b""), 1, "closed");
    let sent = run(&["send", &file], b"").stdout;
    assert_says(&read_a_little(&["recv", "-"], &sent), 1, "closed");
}

/// Reads ten bytes of the output, then closes it.
fn read_a_little(args: &[&str], input: &[u8]) -> Ended {
    let mut child =
        packhorse(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || _ = stdin.write_all(input));
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        let stderr = stderr_of(&mut child);
        Ended { code: child.wait().unwrap().code(), stdout: Vec::new(), stderr }
    })
}

#[test]
fn help_and_man_pages_end_quietly_when_nobody_reads_them() {
    for args in ["--help", "generate man", "generate completion bash"] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{PACKHORSE} {args} | true; exit 0")]);
        let ended = feed(command, b"");
        assert_eq!(ended.stderr, "", "{args}");
    }
}

#[test]
fn an_interrupt_deletes_partial_files_that_nobody_is_to_go_on_with_and_says_so() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let folder = Folder::new();
        let whole = recording(&folder, 3_000_000, &[]);
        let inbox = folder.path("inbox");
        let mut child = packhorse(&["recv", "--no-resume", inbox.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&whole[..whole.len() / 2]).unwrap();
        let began = Instant::now();
        while names(&inbox).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "no partial file appears");
            thread::sleep(Duration::from_millis(5));
        }
        support::signal(&child, &format!("-{signal}"));
        let stderr = stderr_of(&mut child);
        let ended = Ended { code: child.wait().unwrap().code(), stdout: Vec::new(), stderr };
        assert_says(&ended, code, "interrupted");
        assert!(names(&inbox).is_empty(), "{:?}", names(&inbox));
    }
}

//! `packhorse lz4` as a filter and on files: what comes out, what is told, and what is left when it goes wrong.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Stdio;

use packhorse_testkit::patterns;
use support::{Folder, assert_says, names, packhorse, run};

fn content() -> Vec<u8> {
    [patterns::text(1, 1_500_000), patterns::random(2, 700_000), patterns::zeros(1_000_001)].concat()
}

#[test]
fn it_is_a_filter_both_ways_with_every_option() {
    let content = content();
    for options in [
        &["lz4"][..],
        &["lz4", "-9", "-B4"],
        &["lz4", "-BD", "-B5", "--checksum"],
        &["lz4", "--fast=3", "-BX", "-T1"],
        &["lz4", "--schedule", "serial"],
        &["lz4", "--sets", "2", "--brick", "1", "-T", "5"],
    ] {
        let frame = run(options, &content);
        assert_eq!((frame.code, frame.stderr.as_str()), (Some(0), ""), "{options:?}");
        assert!(frame.stdout.len() < content.len());
        let back = run(&["lz4", "-d"], &frame.stdout);
        assert_eq!((back.code, back.stderr.as_str()), (Some(0), ""), "{options:?}");
        assert!(back.stdout == content, "{options:?}");
    }
}

#[test]
fn the_default_frame_has_the_header_of_independent_blocks_of_1_mib() {
    assert_eq!(&run(&["lz4"], b"x").stdout[..7], b"\x04\x22\x4D\x18\x60\x60\x51");
    assert_eq!(run(&["lz4"], b"").stdout, b"\x04\x22\x4D\x18\x60\x60\x51\0\0\0\0");
}

#[test]
fn files_keep_mode_and_time_and_are_told_as_lz4_tells_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let input = folder.write("in", &patterns::zeros(100_000));
    fs::set_permissions(&input, fs::Permissions::from_mode(0o640)).unwrap();
    let output = folder.text("out.lz4");
    let ended = run(&["lz4", "--content-size", &input, &output], b"");
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.starts_with("Compressed 100000 bytes into 4"), "{}", ended.stderr);
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o640);
    let time = |path: &str| fs::metadata(path).unwrap().modified().unwrap();
    assert_eq!(time(&output), time(&input));
    let ended = run(&["lz4", "-q", &output, &folder.text("again")], b"");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "its name says what to do");
    assert!(folder.read("again") == patterns::zeros(100_000));
    let ended = run(&["lz4", "-t", &output], b"");
    assert!(ended.stderr.starts_with("whole: 100000 bytes"), "{}", ended.stderr);
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_asked_and_only_by_a_whole_one() {
    let folder = Folder::new();
    let input = folder.write("in", b"new");
    let output = folder.write("out", b"old");
    assert_says(&run(&["lz4", &input, &output], b""), 2, "-f replaces it");
    assert_eq!(folder.read("out"), b"old");
    assert_eq!(run(&["lz4", "-f", &input, &output], b"").code, Some(0));
    let mut frame = folder.read("out");
    assert_eq!(run(&["lz4", "-d"], &frame).stdout, b"new");

    frame.truncate(frame.len() - 1);
    let cut = folder.write("cut.lz4", &frame);
    folder.write("kept", b"kept");
    let ended = run(&["lz4", "-d", "-f", &cut, &folder.text("kept")], b"");
    assert_says(&ended, 1, &format!("at byte {}", frame.len()));
    assert_eq!(folder.read("kept"), b"kept");
    assert_eq!(names(&folder.path("")), ["cut.lz4", "in", "kept", "out"], "no partial file is left");
}

#[test]
fn damage_is_told_with_its_place_and_exit_code_1() {
    let mut frame = run(&["lz4", "--checksum", "-BX"], &content()).stdout;
    for (bytes, says) in
        [(&b"not lz4 at all"[..], "no LZ4 frame"), (&[][..], "empty"), (&frame[..5000], "cut short")]
    {
        assert_says(&run(&["lz4", "-dc"], bytes), 1, says);
        assert_says(&run(&["lz4", "-t"], bytes), 1, "at byte");
    }
    frame.extend_from_slice(b"junk");
    let ended = run(&["lz4", "-d"], &frame);
    assert_says(&ended, 1, &format!("at byte {}", frame.len() - 4));
    assert!(ended.stdout == content(), "what came before is right");
    assert_says(&run(&["lz4", "-d", "--limit", "1M"], &frame), 1, "limit of 1000000 bytes");
    frame[100_000] ^= 4;
    assert_says(&run(&["lz4", "-d"], &frame), 1, "the block is damaged");
}

#[test]
fn a_dictionary_makes_it_smaller_and_is_needed_again() {
    let folder = Folder::new();
    let dictionary = folder.write("dictionary", &patterns::text(7, 40_000));
    let content = patterns::text(7, 30_000);
    let frame = run(&["lz4", "-D", &dictionary], &content).stdout;
    assert!(frame.len() < 1000, "{}", frame.len());
    assert!(run(&["lz4", "-d", "-D", &dictionary], &frame).stdout == content);
    assert_says(&run(&["lz4", "-d"], &frame), 1, "another dictionary");
    let empty = folder.write("empty", b"");
    assert_says(&run(&["lz4", "-D", &empty], &content), 2, "empty");
}

#[test]
fn a_full_disk_and_a_folder_are_errors_and_a_closed_pipe_is_not() {
    let folder = Folder::new();
    let input = folder.write("in", &content());
    assert_says(&run(&["lz4", &input, "/dev/full"], b""), 2, "at byte");
    assert_says(&run(&["lz4", &folder.text("")], b""), 2, "is a folder");
    assert_says(&run(&["lz4", "-f", &input, &folder.text("")], b""), 2, "is a folder");
    assert_says(&run(&["lz4", "--content-size"], b"x"), 2, "needs a file");
    assert_says(&run(&["lz4", &folder.text("none")], b""), 2, "cannot read");

    let mut child =
        packhorse(&["lz4", &input]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let stderr = support::stderr_of(&mut child);
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn sparse_files_and_files_without_a_length_are_read_as_they_are() {
    let folder = Folder::new();
    let sparse = folder.text("sparse");
    fs::File::create(&sparse).unwrap().set_len(20 << 20).unwrap();
    let frame = run(&["lz4", "-c", &sparse], b"").stdout;
    assert!(run(&["lz4", "-d"], &frame).stdout == patterns::zeros(20 << 20));
    // A file of /proc says that it has no byte, and has some.
    let status = run(&["lz4", "-c", "/proc/self/cmdline"], b"").stdout;
    assert!(run(&["lz4", "-d"], &status).stdout.starts_with(support::PACKHORSE.as_bytes()));
}

#[test]
fn what_is_added_to_a_file_while_it_is_read_does_no_harm() {
    let folder = Folder::new();
    let log = folder.write("log", &patterns::text(3, 3_000_000));
    let mut child = packhorse(&["lz4", "-c", &log]).stdout(Stdio::piped()).spawn().unwrap();
    let mut file = OpenOptions::new().append(true).open(&log).unwrap();
    for _ in 0..100 {
        file.write_all(&patterns::text(4, 1000)).unwrap();
    }
    let mut frame = Vec::new();
    std::io::Read::read_to_end(&mut child.stdout.take().unwrap(), &mut frame).unwrap();
    assert!(child.wait().unwrap().success());
    let back = run(&["lz4", "-d"], &frame).stdout;
    assert!(back.len() >= 3_000_000 && folder.read("log").starts_with(&back));
}

#[test]
fn rm_deletes_what_was_read_and_only_after_success() {
    let folder = Folder::new();
    let input = folder.write("in", b"content");
    assert_eq!(run(&["lz4", "--rm", "-q", &input, &folder.text("in.lz4")], b"").code, Some(0));
    assert_eq!(names(&folder.path("")), ["in.lz4"]);
    let broken = folder.write("broken.lz4", b"junk");
    assert_eq!(run(&["lz4", "-d", "--rm", &broken, &folder.text("out")], b"").code, Some(1));
    assert_eq!(names(&folder.path("")), ["broken.lz4", "in.lz4"]);
    assert_eq!(run(&["lz4", "-qq", "-t", &broken], b"").stderr, "", "silence was asked for");
}

#[test]
fn rm_deletes_nothing_whose_content_would_be_lost() {
    let folder = Folder::new();
    let input = folder.write("in", b"all that there is");
    assert_says(&run(&["lz4", "--rm", &input], b""), 2, "name OUT");
    assert_says(&run(&["lz4", "--rm", &input, "/dev/null"], b""), 2, "name OUT");
    assert_says(&run(&["lz4", "--rm", "-f", &input, &input], b""), 2, "is what is read");
    assert_says(&run(&["lz4", "-f", &input, &input], b""), 2, "is what is read");
    assert_says(&run(&["lz4", "--timeline", &input, "-"], b"x"), 2, "-f replaces it");
    assert_eq!(run(&["lz4", "-t", "--rm", &input], b"").code, Some(2));
    assert_eq!(folder.read("in"), b"all that there is");
    assert_eq!(names(&folder.path("")), ["in"]);
}

#[test]
fn a_timeline_is_drawn_of_either_schedule() {
    let folder = Folder::new();
    let input = folder.write("in", &content());
    for schedule in ["serial", "overlapped"] {
        let svg = folder.text(&format!("{schedule}.svg"));
        let args = ["lz4", "--schedule", schedule, "--timeline", &svg, "-c", "--brick", "1", &input];
        assert_eq!(run(&args, b"").code, Some(0));
        let picture = String::from_utf8(folder.read(&format!("{schedule}.svg"))).unwrap();
        for part in ["<svg ", schedule, ">read<", ">compute ", ">write<"] {
            assert!(picture.contains(part), "{part}");
        }
    }
}

/// Gives `input` to a filter and holds its standard input open; `read` so many bytes of what it writes, and then closed. Its exit
/// code, which has to come.
fn held_open(args: &[&str], input: &[u8], read: usize) -> (Option<i32>, String) {
    let mut command = packhorse(args);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    std::thread::scope(|scope| {
        let held = scope.spawn(move || {
            // The pipe may break.
            let _ = stdin.write_all(input);
            stdin
        });
        let mut some = vec![0; read];
        std::io::Read::read_exact(&mut stdout, &mut some).unwrap();
        let reads_on =
            (read == 0).then(|| scope.spawn(move || std::io::copy(&mut stdout, &mut std::io::sink())));
        let began = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > core::time::Duration::from_secs(20) {
                child.kill().unwrap();
                panic!("{args:?} waits for more input, of which it has no use");
            }
            std::thread::sleep(core::time::Duration::from_millis(5));
        }
        drop(held.join().unwrap());
        drop(reads_on);
    });
    let code = child.wait().unwrap().code();
    (code, support::stderr_of(&mut child))
}

#[test]
fn an_open_input_does_not_keep_it_from_ending_when_nobody_reads() {
    // More than one brick and fewer than are in flight: the reader waits in the middle of one.
    let noise = patterns::random(6, 3 << 20);
    let frame = run(&["lz4"], &noise).stdout;
    for schedule in ["overlapped", "serial"] {
        let args = ["lz4", "--schedule", schedule, "--brick", "2"];
        assert_eq!(held_open(&args, &noise, 10), (Some(0), String::new()), "{schedule}");
        let args = ["lz4", "-d", "--schedule", schedule, "--brick", "2"];
        assert_eq!(held_open(&args, &frame, 10), (Some(0), String::new()), "{schedule}");
    }
}

#[test]
fn an_open_input_does_not_keep_damage_from_being_told() {
    let mut frame = run(&["lz4", "-BX"], &patterns::text(7, 5_000_000)).stdout;
    frame[100_000] ^= 1;
    // One brick and a part of the next: the reader waits for its rest.
    frame.truncate(frame.len() / 2);
    for schedule in ["overlapped", "serial"] {
        let (code, said) = held_open(&["lz4", "-d", "--schedule", schedule, "--brick", "2"], &frame, 0);
        assert_eq!(code, Some(1), "{schedule}: {said}");
        assert!(said.contains("damaged"), "{said}");
    }
}

#[test]
fn a_timeline_that_cannot_be_drawn_is_told_first_and_hides_no_other_error() {
    let folder = Folder::new();
    let input = folder.write("in", &content());
    let nowhere = folder.text("missing/run.svg");
    let failed = run(&["lz4", "--timeline", &nowhere, &input, &folder.text("out")], b"");
    assert_says(&failed, 2, "cannot draw the timeline");
    assert_eq!(names(&folder.path("")), ["in"], "nothing was done");
    // A full disk for the picture, damage in the input.
    let broken = folder.write("broken.lz4", b"junk");
    let failed = run(&["lz4", "-d", "--timeline", "/dev/full", &broken, &folder.text("out")], b"");
    assert_says(&failed, 1, "broken.lz4");
    let full = run(&["lz4", "--timeline", "/dev/full", &input, &folder.text("out")], b"");
    assert_says(&full, 2, "cannot draw the timeline");
    assert!(run(&["lz4", "-dc", &folder.text("out")], b"").stdout == content(), "the result stays");
}

#[test]
fn a_link_that_leads_nowhere_yet_stays_a_link() {
    let folder = Folder::new();
    let input = folder.write("in", b"content");
    std::os::unix::fs::symlink("target.lz4", folder.path("link")).unwrap();
    assert_eq!(run(&["lz4", "-q", &input, &folder.text("link")], b"").code, Some(0));
    assert!(fs::symlink_metadata(folder.path("link")).unwrap().is_symlink());
    assert_eq!(run(&["lz4", "-dc", &folder.text("target.lz4")], b"").stdout, b"content");
    assert_says(&run(&["lz4", &input, &folder.text("link")], b""), 2, "-f replaces it");
    std::os::unix::fs::symlink("round", folder.path("round")).unwrap();
    assert_eq!(run(&["lz4", &input, &folder.text("round")], b"").code, Some(2));
    std::os::unix::fs::symlink("no/folder", folder.path("lost")).unwrap();
    assert_says(&run(&["lz4", &input, &folder.text("lost")], b""), 2, "cannot write");
    assert_eq!(names(&folder.path("")), ["in", "link", "lost", "round", "target.lz4"]);
}

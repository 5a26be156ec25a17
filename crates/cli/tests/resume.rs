//! A receiver that is killed at any moment goes on from what it has verified, and never accepts what is damaged.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

mod support;

use core::time::Duration;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Instant;

use packhorse_testkit::patterns;
use support::{Ended, Folder, names, packhorse, run, signal};

const SIZE: usize = 3_000_000;

fn start(args: &[&str]) -> Child {
    packhorse(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn journal(folder: &Folder) -> Option<String> {
    names(&folder.path("in")).into_iter().find(|name| name.ends_with(".journal"))
}

/// Feeds the first `share` of the stream, waits until a journal of it is there, and kills the receiver.
fn killed_after(folder: &Folder, stream: &[u8], share: f64) {
    let mut receiver = start(&["recv", &folder.text("in")]);
    let mut stdin = receiver.stdin.take().unwrap();
    let len = (stream.len() as f64 * share) as usize;
    stdin.write_all(&stream[..len]).unwrap();
    let before = journal(folder).map(|name| fs::metadata(folder.path("in").join(name)).unwrap().len());
    let began = Instant::now();
    while journal(folder).map(|name| fs::metadata(folder.path("in").join(name)).unwrap().len()) == before {
        assert!(began.elapsed() < Duration::from_secs(30), "no journal appears");
        thread::sleep(Duration::from_millis(5));
    }
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    drop(stdin);
}

fn went_on_with(ended: &Ended) -> u64 {
    let text = &ended.stderr;
    let said = text.lines().find(|line| line.contains("goes on with")).unwrap_or_else(|| panic!("{text}"));
    said.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
}

#[test]
fn a_killed_receiver_needs_only_what_is_missing() {
    let folder = Folder::new();
    let bytes = patterns::random(1, SIZE);
    let file = folder.write("f", &bytes);
    let stream = run(&["send", &file], b"").stdout;
    killed_after(&folder, &stream, 0.6);
    // Only the announcement and the second half come in the next life.
    let half = run(&["send", &file, "--block", "10000"], b"").stdout;
    let cut = half.len() / 2;
    let late: Vec<u8> = half[..20_000].iter().chain(&half[cut..]).copied().collect();
    let ended = run(&["recv", &folder.text("in")], &late);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(went_on_with(&ended) > SIZE as u64 / 2);
    assert!(folder.read("in/f") == bytes);
    assert_eq!(names(&folder.path("in")), ["f"], "nothing else is left");
}

#[test]
fn a_sender_that_was_interrupted_and_begins_again_leaves_one_whole_file() {
    let folder = Folder::new();
    let bytes = patterns::random(11, SIZE);
    let file = folder.write("f", &bytes);
    for options in [&["--mode", "fountain=10"][..], &[]] {
        let send = || run(&[&["send", &file, "--block", "10000"], options].concat(), b"").stdout;
        let (first, second) = (send(), send());
        let line = [&first[..first.len() / 2], &second[..]].concat();
        let ended = run(&["recv", &folder.text("in")], &line);
        assert_eq!(ended.code, Some(0), "{options:?}: {}", ended.stderr);
        assert!(went_on_with(&ended) > SIZE as u64 / 3, "{}", ended.stderr);
        assert!(folder.read("in/f") == bytes);
        assert_eq!(names(&folder.path("in")), ["f"], "nothing else is left");
        fs::remove_dir_all(folder.path("in")).unwrap();
    }
}

#[test]
fn a_damaged_prefix_is_found_and_repaired() {
    let folder = Folder::new();
    let bytes = patterns::random(2, SIZE);
    let file = folder.write("f", &bytes);
    let stream = run(&["send", &file, "--block", "10000"], b"").stdout;
    killed_after(&folder, &stream, 0.9);
    let part = names(&folder.path("in")).into_iter().find(|name| name.ends_with(".part")).unwrap();
    let part = fs::OpenOptions::new().write(true).open(folder.path("in").join(part)).unwrap();
    part.write_all_at(&[bytes[1_500_000] ^ 1], 1_500_000).unwrap();
    // Its neighbourhood and the end come again; the rest only if that were not enough.
    let at = |share: f64| (stream.len() as f64 * share) as usize;
    let late = [&stream[..20_000], &stream[at(0.3)..at(0.75)], &stream[at(0.8)..]].concat();
    let ended = run(&["recv", &folder.text("in")], &late);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let went_on = went_on_with(&ended);
    assert!(went_on > 1_000_000 && went_on < 2_000_000, "{went_on}");
    assert!(folder.read("in/f") == bytes);
}

#[test]
fn another_file_of_the_name_and_a_fresh_start_take_nothing_over() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(3, SIZE));
    let stream = run(&["send", &file], b"").stdout;
    killed_after(&folder, &stream, 0.6);
    let bytes = patterns::random(4, SIZE);
    folder.write("f", &bytes);
    let other = run(&["send", &folder.text("f")], b"").stdout;
    let ended = run(&["recv", &folder.text("in")], &other);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("goes on with"));
    assert!(folder.read("in/f") == bytes);
    assert!(journal(&folder).is_some(), "what the first one left stays");
    let ended = run(&["recv", "--fresh", &folder.text("in")], &stream);
    assert!(!ended.stderr.contains("goes on with"), "{}", ended.stderr);
    assert_eq!(names(&folder.path("in")), ["f"]);
}

#[test]
fn what_did_not_arrive_over_a_bad_link_is_all_that_a_second_try_needs() {
    let folder = Folder::new();
    let bytes = patterns::random(5, SIZE);
    let file = folder.write("f", &bytes);
    let stream = run(&["send", &file, "--block", "1000"], b"").stdout;
    let noise =
        |seed: &str| run(&["noise", "--drop", "1/500", "--len", "1024", "--seed", seed], &stream).stdout;
    let first = run(&["recv", &folder.text("in")], &noise("1"));
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    assert!(journal(&folder).is_some());
    let codes: Vec<_> = (2..8)
        .map(|seed| run(&["recv", &folder.text("in")], &noise(&seed.to_string())).code)
        .take_while(|code| *code != Some(0))
        .collect();
    assert!(codes.len() < 6, "{codes:?}");
    assert!(folder.read("in/f") == bytes);
}

/// Gives a receiver the stream without the bytes from behind the announcement to `have`, which have to be there.
fn without(folder: &Folder, stream: &[u8], have: usize) -> u64 {
    let ended = run(&["recv", &folder.text("in")], &[&stream[..300], &stream[have..]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    went_on_with(&ended)
}

#[test]
fn a_small_file_of_which_half_came_over_a_slow_line_goes_on_from_there() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(8, 20_000));
    let stream = run(&["send", &file, "--block", "48"], b"").stdout;
    let half = &stream[..stream.len() / 2];
    // The line ends at once.
    let ended = run(&["recv", &folder.text("in")], half);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(without(&folder, &stream, half.len() - 200) > 8000);

    // The receiver is killed while something comes all the time.
    let folder = Folder::new();
    let mut receiver = start(&["recv", &folder.text("in")]);
    let mut stdin = receiver.stdin.take().unwrap();
    stdin.write_all(&half[..1000]).unwrap();
    for piece in half[1000..].chunks(half.len().div_ceil(400)) {
        stdin.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(10));
        if journal(&folder).is_some() {
            break;
        }
    }
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    assert!(journal(&folder).is_some(), "nothing was written down in seconds");
    assert!(without(&folder, &stream, 900) > 0);
}

/// Kills at random moments, from a seed, until the file is there; over a pipe, a socket and datagrams.
#[test]
fn kills_at_random_moments_never_lead_to_a_wrong_file() {
    let seed = std::env::var("PACKHORSE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7_u64);
    for (link, kills) in [("unix", 4), ("udp", 3)] {
        let folder = Folder::new();
        let bytes = patterns::random(seed, SIZE);
        let file = folder.write("f", &bytes);
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let uri = match link {
            "unix" => format!("unix:{}", folder.text("link")),
            _ => format!("udp://127.0.0.1:{port}"),
        };
        let mut state = seed;
        for _ in 0..kills {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let receiver = start(&["recv", &folder.text("in"), "--from", &uri]);
            let mut sender = start(&["send", &file, "--to", &uri, "--rate", "1500k", "--block", "1200"]);
            thread::sleep(Duration::from_millis(state >> 33 & 0x7FF));
            let mut receiver = receiver;
            receiver.kill().unwrap();
            receiver.wait().unwrap();
            sender.kill().unwrap();
            sender.wait().unwrap();
        }
        assert!(!folder.path("in/f").exists() || folder.read("in/f") == bytes, "seed {seed}");
        let receiver = start(&["recv", &folder.text("in"), "--from", &uri, "--give-up", "20"]);
        thread::sleep(Duration::from_millis(500));
        let sender = start(&["send", &file, "--to", &uri, "--rate", "6M", "--mode", "repeat=1"]);
        let sent: Ended = sender.wait_with_output().unwrap().into();
        let ended: Ended = receiver.wait_with_output().unwrap().into();
        assert_eq!(ended.code, Some(0), "seed {seed}, {link}: {} {}", ended.stderr, sent.stderr);
        assert!(folder.read("in/f") == bytes, "seed {seed}, {link}");
        assert!(names(&folder.path("in")).iter().all(|name| !name.starts_with('.')), "seed {seed}, {link}");
    }
}

#[test]
fn an_interrupt_keeps_what_has_arrived() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(6, SIZE));
    let stream = run(&["send", &file], b"").stdout;
    let mut receiver = start(&["recv", &folder.text("in")]);
    let mut stdin = receiver.stdin.take().unwrap();
    stdin.write_all(&stream[..SIZE / 2]).unwrap();
    let began = Instant::now();
    while journal(&folder).is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "no journal appears");
        thread::sleep(Duration::from_millis(5));
    }
    signal(&receiver, "-INT");
    assert_eq!(receiver.wait().unwrap().code(), Some(130));
    drop(stdin);
    let ended = run(&["recv", &folder.text("in")], &stream);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(went_on_with(&ended) > 0);
}

#[test]
fn of_a_compressed_file_the_compressed_bytes_are_kept_and_gone_on_with() {
    let folder = Folder::new();
    // Half of it shrinks to nothing, so that what is kept is not as long as the file.
    let bytes = [patterns::random(9, SIZE), vec![7; SIZE]].concat();
    let file = folder.write("f", &bytes);
    let args = ["send", "--compress", "--mode", "repeat=1", "--block", "10000", &file];
    let stream = run(&args, b"").stdout;
    // The first pass is the first half.
    killed_after(&folder, &stream, 0.3);
    let late = [&stream[..20_000], &stream[stream.len() * 7 / 10..]].concat();
    let ended = run(&["recv", &folder.text("in")], &late);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let went_on = went_on_with(&ended);
    assert!(went_on > SIZE as u64 / 3 && went_on < SIZE as u64, "{went_on}");
    assert!(folder.read("in/f") == bytes);
    // What the killed one had unpacked is no use to anybody; it goes with what is too old.
    let left: Vec<String> =
        names(&folder.path("in")).into_iter().filter(|name| !name.ends_with(".part")).collect();
    assert_eq!(left, ["f"], "no journal is left");
}

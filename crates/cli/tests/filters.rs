//! `hex`, `noise` and `inspect`: what comes in at one end and goes out at the other.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use packhorse_testkit::patterns;
use support::{Folder, assert_says, packhorse, run};

#[test]
fn hex_digits_come_back_as_the_same_bytes() {
    for (name, bytes) in patterns::all(11, 300_007) {
        let encoded = run(&["hex", "encode"], &bytes);
        assert_eq!(encoded.code, Some(0));
        assert!(encoded.stdout.split(|byte| *byte == b'\n').all(|line| line.len() <= 64), "{name}");
        let decoded = run(&["hex", "decode"], &encoded.stdout);
        assert_eq!(decoded.code, Some(0), "{}", decoded.stderr);
        assert!(decoded.stdout == bytes, "{name}");
    }
}

#[test]
fn hex_names_the_place_of_what_is_no_digit() {
    let ended = run(&["hex", "decode"], b"00 11\r\n2x");
    assert_says(&ended, 2, "'x' at offset 8");
    assert_eq!(ended.stdout, [0x00, 0x11], "what was good before it is there");
    assert_says(&run(&["hex", "decode"], b"001"), 2, "half a byte");
}

#[test]
fn hex_does_not_wait_for_a_line_to_fill() {
    let mut child =
        packhorse(&["hex", "encode"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdin.write_all(b"\x01\x02").unwrap();
    let mut digits = [0; 4];
    stdout.read_exact(&mut digits).unwrap();
    assert_eq!(&digits, b"0102");
    stdin.write_all(&[0xAA; 30]).unwrap();
    drop(stdin);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert_eq!(line, "aa".repeat(30) + "\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_same_seed_does_the_same_damage() {
    let bytes = patterns::zeros(200_000);
    let damage = |seed: &str| {
        let args = [
            "noise",
            "--seed",
            seed,
            "--byte-error",
            "1%",
            "--drop",
            "1/100",
            "--dup",
            "0.01",
            "--burst",
            "4",
        ];
        run(&args, &bytes)
    };
    let (one, again, other) = (damage("1"), damage("1"), damage("2"));
    assert!(one.stdout == again.stdout && one.stdout != other.stdout);
    assert_eq!(one.stderr, again.stderr);
    assert!(one.stderr.contains("seed 1;") && one.stderr.contains("200000 bytes in"), "{}", one.stderr);
    let changed = one.stdout.iter().filter(|byte| **byte != 0).count();
    assert!((1400..2600).contains(&changed), "{changed}");
}

#[test]
fn a_seed_that_was_not_given_is_printed_and_does_the_same_again() {
    let bytes = patterns::zeros(50_000);
    let first = run(&["noise", "--bit-error", "1e-3"], &bytes);
    let seed = first.stderr.split("seed ").nth(1).unwrap().split(';').next().unwrap();
    let again = run(&["noise", "--bit-error", "1e-3", "--seed", seed], &bytes);
    assert!(first.stdout == again.stdout && first.stdout != bytes);
}

#[test]
fn noise_without_faults_changes_nothing() {
    let bytes = patterns::random(3, 100_001);
    assert!(run(&["noise"], &bytes).stdout == bytes);
}

#[test]
fn inspect_tells_every_packet_of_a_recording() {
    let folder = Folder::new();
    let file = folder.write("photo.jpg", &patterns::random(5, 1000));
    let sent = run(&["send", &file, "--block", "400"], b"").stdout;
    let recording = folder.write("recording", &sent);
    let ended = run(&["inspect", &recording], b"");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let text = String::from_utf8(ended.stdout).unwrap();
    for part in [
        "file 'photo.jpg', 1000 bytes in blocks of 400",
        "block 2",
        "200 bytes",
        "SESSION END",
        "damage    none",
    ] {
        assert!(text.contains(part), "'{part}' is missing in:\n{text}");
    }
    assert!(run(&["inspect"], &sent).stdout == text.as_bytes(), "standard input is the default");

    let ended = run(&["inspect", "--json", &recording], b"");
    let lines = String::from_utf8(ended.stdout).unwrap();
    let objects: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["meta", "block", "block", "block", "end", "session_end", "summary"]);
    assert_eq!(objects[0]["name"], "photo.jpg");
    assert_eq!(objects[6]["good_packets"], 6);
}

#[test]
fn inspect_tells_what_is_damaged() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(6, 2000));
    let mut sent = run(&["send", &file, "--block", "400"], b"").stdout;
    // Inside the third block.
    let at = sent.len() / 2;
    sent[at] ^= 0x55;
    let text = String::from_utf8(run(&["inspect"], &sent).stdout).unwrap();
    assert!(text.contains("BAD link layer") && text.contains("bad check 1"), "{text}");
    assert!(text.contains("1 packet missing before"), "{text}");

    let golden = packhorse_testkit::golden::ftag_named("hundred");
    let noisy = [b"junk", golden.stream].concat();
    let text = String::from_utf8(run(&["inspect"], &noisy).stdout).unwrap();
    assert!(text.contains("profile   ftag") && text.contains("junk bytes 4"), "{text}");
}

#[test]
fn inspect_says_when_there_is_nothing_to_see() {
    assert_says(&run(&["inspect"], b""), 2, "empty");
    assert_says(&run(&["inspect"], &patterns::random(8, 10_000)), 2, "--profile");
    assert_says(&run(&["inspect", "/nonexistent"], b""), 2, "/nonexistent");
    let named = run(&["inspect", "--profile", "native"], &patterns::random(8, 10_000));
    assert_eq!(named.code, Some(0), "{}", named.stderr);
    assert!(String::from_utf8(named.stdout).unwrap().contains("junk bytes"));
}

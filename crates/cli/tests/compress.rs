//! `send --compress | recv`: what goes in comes out, over every mode; bombs and damage leave nothing.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use core::time::Duration;
use std::fs::{self, File};
use std::net::UdpSocket;
use std::process::Stdio;

use packhorse_testkit::patterns;
use support::{Ended, Folder, assert_says, names, packhorse, pipe_ok, pipeline, run};

/// Shrinks to about a fifth.
fn text(len: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(len + 64);
    let mut line = 0_u64;
    while text.len() < len {
        line += 1;
        text.extend_from_slice(
            format!("{line} {} temperature 21.5 humidity 40\n", line * 7919 % 1000).as_bytes(),
        );
    }
    text.truncate(len);
    text
}

/// Bytes on the wire of what `args` send.
fn wire(args: &[&str]) -> usize {
    let sent = run(args, b"");
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    sent.stdout.len()
}

#[test]
fn every_kind_of_content_arrives_in_every_mode() {
    let contents = [
        ("empty", Vec::new()),
        ("byte", b"x".to_vec()),
        ("line", b"the same, the same, the same, the same, the same\n".to_vec()),
        ("text", text(3_000_000)),
        ("zeros", vec![0; 2_500_000]),
        ("noise", patterns::random(1, 1_300_000)),
        ("block", text(1 << 20)),
    ];
    let modes: [&[&str]; 6] = [
        &["--mode", "once"],
        &["--mode", "repeat=1"],
        &["--mode", "repeat"],
        &["--mode", "fountain=10"],
        &["--profile", "rugged", "--mode", "fountain=10"],
        &["--mode", "once", "--block", "1000", "--rate", "1G"],
    ];
    for mode in modes {
        let folder = Folder::new();
        let files: Vec<String> =
            contents.iter().map(|(name, bytes)| folder.write(&format!("out/{name}"), bytes)).collect();
        let mut args = vec!["send", "--compress"];
        args.extend_from_slice(mode);
        args.extend(files.iter().map(String::as_str));
        pipe_ok(&args, &["recv", &folder.text("in")]);
        for (name, bytes) in &contents {
            assert!(folder.read(&format!("in/{name}")) == *bytes, "{mode:?} {name}");
        }
        assert_eq!(names(&folder.path("in")).len(), contents.len(), "{mode:?}: nothing else is left");
    }
}

#[test]
fn lost_packets_are_repaired_in_the_compressed_form() {
    let folder = Folder::new();
    let bytes = text(4_000_000);
    let file = folder.write("f", &bytes);
    for (name, mode) in [("a", "fountain=40"), ("b", "repeat=5")] {
        let inbox = folder.text(name);
        let args = ["send", "--compress", "--block", "1000", "--mode", mode, &file];
        let ended = pipeline(&[&args, &["noise", "--drop", "1/2000", "--seed", "5"], &["recv", &inbox]]);
        assert_eq!(ended[2].code, Some(0), "{mode}: {}", ended[2].stderr);
        assert!(folder.read(&format!("{name}/f")) == bytes);
    }
}

#[test]
fn streams_arrive_in_a_folder_and_on_standard_output() {
    let bytes = text(5_000_001);
    for mode in ["once", "repeat=1", "fountain=10"] {
        let sent = run(&["send", "-", "--compress", "--mode", mode], &bytes);
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
        let received = run(&["recv", "-"], &sent.stdout);
        assert_eq!(received.code, Some(0), "{mode}: {}", received.stderr);
        assert!(received.stdout == bytes, "{mode}");
        let folder = Folder::new();
        let received = run(&["recv", &folder.text("in")], &sent.stdout);
        assert_eq!(received.code, Some(0), "{mode}: {}", received.stderr);
        assert!(folder.read("in/stdin") == bytes, "{mode}");
    }
}

#[test]
fn a_carousel_of_a_compressed_file_ends_when_it_has_arrived() {
    let folder = Folder::new();
    let bytes = text(2_000_000);
    let file = folder.write("f", &bytes);
    let ended =
        pipeline(&[&["send", "--compress", "--mode", "fountain", &file], &["recv", &folder.text("in")]]);
    assert_eq!(ended[1].code, Some(0), "{}", ended[1].stderr);
    assert!(folder.read("in/f") == bytes);
}

#[test]
fn answers_come_about_compressed_objects() {
    let folder = Folder::new();
    let bytes = text(3_000_000);
    let files = [folder.write("f", &bytes), folder.write("noise", &patterns::random(3, 500_000))];
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let from = format!("udp://127.0.0.1:{port}");
    let mut receiver = packhorse(&["recv", &folder.text("in"), "--from", &from, "--give-up", "20"]);
    let receiver =
        receiver.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // It is to listen before the first packet leaves; if it does not yet, the sender sends again.
    std::thread::sleep(Duration::from_millis(200));
    let sent = run(&["send", "--compress", "--to", &from, &files[0], &files[1]], b"");
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    let received: Ended = receiver.wait_with_output().unwrap().into();
    assert_eq!(received.code, Some(0), "{}", received.stderr);
    assert!(folder.read("in/f") == bytes);
    assert!(folder.read("in/noise") == folder.read("noise"));
}

#[test]
fn text_shrinks_on_the_wire_and_noise_does_not_grow() {
    let folder = Folder::new();
    let line = folder.write("text", &text(3_000_000));
    let noise = folder.write("noise", &patterns::random(2, 3_000_000));
    assert!(wire(&["send", "--compress", &line]) * 3 < wire(&["send", &line]));
    for mode in ["once", "fountain=10"] {
        let (packed, plain) =
            (wire(&["send", "--compress", "--mode", mode, &noise]), wire(&["send", "--mode", mode, &noise]));
        // Lengths of blocks, header, option: less than a hundred bytes.
        assert!(packed < plain + 150, "{mode}: {packed} instead of {plain}");
    }
}

#[test]
fn the_listing_of_a_recording_says_what_is_compressed() {
    let folder = Folder::new();
    let file = folder.write("f", &text(100_000));
    let sent = run(&["send", "--compress", &file], b"");
    let shown = run(&["inspect"], &sent.stdout);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("LZ4 of 100000 bytes"), "{shown:?}");
    assert_says(&run(&["send", "--compress", "--profile", "ftag", &file], b""), 2, "--compress");
}

#[test]
fn a_bomb_is_refused_at_the_limit_and_leaves_nothing() {
    let folder = Folder::new();
    let (zeros, text) = (folder.text("zeros"), folder.write("text", &text(10_000)));
    File::create(&zeros).unwrap().set_len(100 << 20).unwrap();
    for (mode, limit) in [("once", "20"), ("repeat=1", "1")] {
        let sent = run(&["send", "--compress", "--mode", mode, &zeros, &text], b"");
        assert!(sent.stdout.len() < 4 << 20, "{}", sent.stdout.len());
        let received = run(&["recv", &folder.text("in"), "--ratio-limit", limit], &sent.stdout);
        assert_says(&received, 1, "");
        assert!(received.stderr.contains("higher --ratio-limit"), "{}", received.stderr);
        assert_eq!(names(&folder.path("in")), ["text"], "what is honest arrives all the same");
        let received = run(&["recv", "-", "--ratio-limit", limit], &sent.stdout);
        assert_eq!(received.code, Some(1));
        assert!(received.stdout.ends_with(&folder.read("text")), "the stream goes on behind it");
        // What our own sender makes is within the default.
        let received = run(&["recv", &folder.text("in")], &sent.stdout);
        assert_eq!(received.code, Some(0), "{}", received.stderr);
        assert_eq!(fs::metadata(folder.path("in/zeros")).unwrap().len(), 100 << 20);
        fs::remove_dir_all(folder.path("in")).unwrap();
    }
}

#[test]
fn every_damage_of_a_compressed_stream_is_found() {
    let folder = Folder::new();
    let file = folder.write("f", &text(300_000));
    let sent = run(&["send", "--compress", "--block", "4000", &file], b"").stdout;
    for at in [200, sent.len() / 3, sent.len() / 2, sent.len() - 100] {
        let mut damaged = sent.clone();
        damaged[at] ^= 0x10;
        let received = run(&["recv", &folder.text("in")], &damaged);
        assert_eq!(received.code, Some(1), "{at}: {}", received.stderr);
        let received = run(&["recv", &folder.text("in")], &sent[..at]);
        assert_eq!(received.code, Some(1), "{at}: {}", received.stderr);
        assert!(names(&folder.path("in")).is_empty(), "{at}: {:?}", names(&folder.path("in")));
    }
}

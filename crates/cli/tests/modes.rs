//! Fountain and acknowledged modes through the real program, over links that lose and damage, whoever comes late.

#![allow(clippy::unwrap_used)] // all of it is tests

extern crate alloc;

mod support;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::process::Stdio;
use std::thread;

use packhorse_testkit::patterns;
use packhorse_transport::{Faults, Noise};
use support::{Ended, Folder, assert_says, ended, names, ok, packhorse, port, run, start, wait_for};

#[test]
fn a_block_that_comes_while_it_is_decoded_leaves_the_file_as_it_was_sent() {
    let folder = Folder::new();
    let bytes = patterns::random(11, 10_000);
    let file = folder.write("f", &bytes);
    let sent = run(&["send", &file, "--block", "1000", "--mode", "fountain=50"], b"");
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    // COBS: frames between zeroes. The long ones are ten blocks, then repair symbols.
    let mut frames: Vec<&[u8]> =
        sent.stdout.split(|byte| *byte == 0).filter(|frame| !frame.is_empty()).collect();
    let long: Vec<usize> = (0..frames.len()).filter(|at| frames[*at].len() > 1000).collect();
    assert_eq!(long.len(), 15, "ten blocks and five repair symbols");
    // The first block comes late: behind the repair symbol that took its place, all in one piece.
    let late = frames.remove(long[0]);
    frames.insert(long[10], late);
    let stream: Vec<u8> = frames.iter().flat_map(|frame| [&[0][..], frame, &[0]].concat()).collect();
    let ended = run(&["recv", &folder.text("inbox")], &stream);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(folder.read("inbox/f") == bytes, "it is another file");
}

#[test]
fn modes_that_a_profile_does_not_have_are_refused() {
    let folder = Folder::new();
    let file = folder.write("f", b"content");
    for mode in ["fountain", "fountain=20", "arq"] {
        let refused = run(&["send", &file, "--profile", "ftag", "--mode", mode], b"");
        assert_says(&refused, 2, "--mode repeat=N");
        assert!(refused.stdout.is_empty());
    }
}

#[test]
fn packets_refused_before_the_receiver_was_there_do_not_spoil_what_it_has_answered() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(3, 50_000));
    let link = format!("udp://127.0.0.1:{}", port());
    let sender = start(&["send", &file, "--to", &link, "--progress", "none"]);
    // Long enough for a first packet that is refused, at any speed of the machine: the sender asks for as long as it takes.
    thread::sleep(Duration::from_millis(700));
    let receiver = start(&["recv", &folder.text("inbox"), "--from", &link, "--give-up", "20"]);
    ok(sender);
    ok(receiver);
    assert_eq!(names(&folder.path("inbox")), ["f"]);
}

/// A relay of datagrams that loses one in `one_in`, both ways. Ends with the test.
struct Relay {
    port: u16,
    over: Arc<AtomicBool>,
}

impl Relay {
    fn new(to: u16, one_in: u64) -> Self {
        let near = UdpSocket::bind("127.0.0.1:0").unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.connect(("127.0.0.1", to)).unwrap();
        for socket in [&near, &far] {
            socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        }
        let port = near.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        thread::spawn(move || {
            let (near_out, far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            let sender = std::sync::Mutex::new(None);
            let lossy = |seed: u64| {
                let mut state = seed;
                move || {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33).is_multiple_of(one_in)
                }
            };
            thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut lost, mut into) = (lossy(1), [0; 65_536]);
                    while !stop.load(Ordering::Relaxed) {
                        let Ok((len, from)) = near.recv_from(&mut into) else { continue };
                        *sender.lock().unwrap() = Some(from);
                        if !lost() {
                            let _ = far_out.send(&into[..len]);
                        }
                    }
                });
                scope.spawn(|| {
                    let (mut lost, mut into) = (lossy(2), [0; 65_536]);
                    while !stop.load(Ordering::Relaxed) {
                        let Ok(len) = far.recv(&mut into) else { continue };
                        let to = *sender.lock().unwrap();
                        if let Some(to) = to.filter(|_| !lost()) {
                            let _ = near_out.send_to(&into[..len], to);
                        }
                    }
                });
            });
        });
        Self { port, over }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[test]
fn acknowledged_files_arrive_though_one_datagram_in_ten_is_lost_both_ways() {
    let folder = Folder::new();
    let bytes = patterns::random(1, 600_001);
    let file = folder.write("f", &bytes);
    folder.write("tree/a/b", b"small");
    let there = port();
    let relay = Relay::new(there, 10);
    let receiver = start(&[
        "recv",
        &folder.text("in"),
        "--from",
        &format!("udp://127.0.0.1:{there}"),
        "--give-up",
        "30",
    ]);
    wait_for(&folder, "in");
    let to = format!("udp://127.0.0.1:{}", relay.port);
    ok(start(&["send", &file, &folder.text("tree"), "--to", &to, "--mode", "arq"]));
    ok(receiver);
    assert!(folder.read("in/f") == bytes);
    assert_eq!(folder.read("in/tree/a/b"), b"small");
}

#[test]
fn acknowledged_files_arrive_over_connections() {
    let folder = Folder::new();
    let bytes = patterns::random(2, 2_000_001);
    let file = folder.write("f", &bytes);
    for (number, uri) in
        [format!("tcp://127.0.0.1:{}", port()), format!("unix:{}", folder.text("link"))].iter().enumerate()
    {
        let inbox = folder.text(&format!("in{number}"));
        let receiver = start(&["recv", &inbox, "--from", uri, "--give-up", "30"]);
        ok(start(&["send", &file, "--to", uri, "--mode", "arq"]));
        ok(receiver);
        assert!(folder.read(&format!("in{number}/f")) == bytes, "{uri}");
    }
}

/// `send --duplex` and `recv --duplex` joined both ways by pipes, with damage on the way there.
fn both_ways(folder: &Folder, send: &[&str], faults: &Faults) -> (Ended, Ended) {
    let inbox = folder.text("in");
    let mut receiver = packhorse(&["recv", &inbox, "--duplex", "--give-up", "30"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut sender = packhorse(send)
        .stdin(Stdio::from(receiver.stdout.take().unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut from, mut to) = (sender.stdout.take().unwrap(), receiver.stdin.take().unwrap());
    let mut noise = Noise::new(3, faults).unwrap();
    let way = thread::spawn(move || {
        let mut into = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut into) {
            if noise.try_apply(&mut into[..len], |run| to.write_all(run)).is_err() {
                break;
            }
        }
    });
    let sent = ended(sender);
    way.join().unwrap();
    (sent, ended(receiver))
}

#[test]
fn acknowledged_files_arrive_over_pipes_that_damage_bytes() {
    for profile in ["native", "rugged"] {
        let folder = Folder::new();
        let bytes = patterns::random(4, 300_000);
        let file = folder.write("f", &bytes);
        let faults = Faults { byte_error: 3e-4, drop: 1e-3, ..Faults::NONE };
        let send = ["send", &file, "--duplex", "--profile", profile, "--expect-errors", "1e-3"];
        let (sent, received) = both_ways(&folder, &send, &faults);
        assert_eq!(
            (sent.code, received.code),
            (Some(0), Some(0)),
            "{profile}: {} {}",
            sent.stderr,
            received.stderr
        );
        assert!(folder.read("in/f") == bytes, "{profile}");
    }
}

#[test]
fn a_link_on_which_nobody_answers_is_told() {
    let folder = Folder::new();
    let file = folder.write("f", &[1; 10_000]);
    let (_, stream) = (0, std::fs::File::create(folder.path("out")).unwrap());
    let sender = packhorse(&["send", &file, "--duplex", "--give-up", "1"])
        .stdin(Stdio::piped())
        .stdout(stream)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut sender = sender;
    let held = sender.stdin.take();
    let sent = ended(sender);
    drop(held);
    assert_ne!(sent.code, Some(0));
    assert!(sent.stderr.contains("no answer"), "{}", sent.stderr);
}

#[test]
fn a_fountain_fills_the_holes_of_a_link_without_a_way_back() {
    let folder = Folder::new();
    let bytes = patterns::random(5, 500_000);
    let file = folder.write("f", &bytes);
    let stream = run(&["send", &file, "--mode", "fountain=40", "--block", "1000"], b"").stdout;
    let noise = run(&["noise", "--drop", "10%", "--len", "1024", "--seed", "3"], &stream).stdout;
    let received = run(&["recv", &folder.text("in")], &noise);
    assert_eq!(received.code, Some(0), "{}", received.stderr);
    assert!(folder.read("in/f") == bytes);
}

#[test]
fn a_stream_whose_start_and_end_are_lost_still_brings_the_file() {
    let folder = Folder::new();
    let bytes = patterns::random(6, 400_000);
    let file = folder.write("f", &bytes);
    let stream = run(&["send", &file, "--mode", "fountain=80", "--block", "1000"], b"").stdout;
    let cut = &stream[stream.len() / 6..stream.len() * 9 / 10];
    let received = run(&["recv", &folder.text("in")], cut);
    assert!(folder.path("in/f").exists(), "{}", received.stderr);
    assert!(folder.read("in/f") == bytes);
}

#[test]
fn a_carousel_serves_whoever_comes_late_and_never_ends_by_itself() {
    let folder = Folder::new();
    let bytes = patterns::random(7, 300_000);
    let file = folder.write("f", &bytes);
    let uri = format!("udp://239.255.88.9:{}?interface=127.0.0.1", port());
    let mut sender = start(&["send", &file, "--to", &uri, "--mode", "fountain", "--rate", "1500k"]);
    for name in ["early", "late"] {
        thread::sleep(Duration::from_millis(if name == "late" { 400 } else { 0 }));
        ok(start(&["recv", &folder.text(name), "--from", &uri, "--give-up", "30"]));
        assert!(folder.read(&format!("{name}/f")) == bytes, "{name}");
    }
    assert!(sender.try_wait().unwrap().is_none(), "a carousel goes on");
    sender.kill().unwrap();
    sender.wait().unwrap();
}

#[test]
fn acknowledged_sessions_that_cross_do_not_mix() {
    let folder = Folder::new();
    let there = port();
    let from = format!("udp://127.0.0.1:{there}");
    let mut receiver = start(&["recv", &folder.text("in"), "--from", &from, "--stay"]);
    wait_for(&folder, "in");
    thread::sleep(Duration::from_millis(200));
    let relays = [(); 3].map(|()| Relay::new(there, 30));
    let sent: Vec<_> = relays
        .iter()
        .enumerate()
        .map(|(n, relay)| {
            let bytes = patterns::random(n as u64, 150_000);
            let file = folder.write(&format!("{n}/f{n}"), &bytes);
            (
                start(&["send", &file, "--to", &format!("udp://127.0.0.1:{}", relay.port), "--mode", "arq"]),
                bytes,
            )
        })
        .collect();
    for (n, (sender, bytes)) in sent.into_iter().enumerate() {
        ok(sender);
        assert!(folder.read(&format!("in/f{n}")) == bytes, "acknowledged, so it is there");
    }
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    assert_eq!(names(&folder.path("in")).len(), 3);
}

#[test]
fn a_sender_says_what_its_receiver_could_not_take() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(8, 100_000));
    let uri = format!("unix:{}", folder.text("link"));
    std::fs::create_dir(folder.path("in")).unwrap();
    // A folder stands where the file's folder would be a file.
    folder.write("in/d", b"in the way");
    folder.write("d/x", b"bytes");
    let receiver = start(&["recv", &folder.text("in"), "--from", &uri, "--give-up", "30"]);
    let sent = ended(start(&["send", &folder.text("d"), &file, "--to", &uri, "--mode", "arq"]));
    let received = ended(receiver);
    assert_ne!(sent.code, Some(0), "{}", sent.stderr);
    assert_says(&received, 1, "incomplete");
    assert!(folder.path("in/f").exists());
}

//! Every kind of link that a URI can name, through the real program: files arrive, whoever comes first.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

mod support;

use core::time::Duration;
use std::process::Child;
use std::thread;

use packhorse_testkit::patterns;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use support::{Folder, assert_says, ended, names, ok, port, start, wait_for};

/// Sends a file and a folder from one process to another.
fn across(from: &str, to: &str, extra: &[&str]) {
    let folder = Folder::new();
    let bytes = patterns::random(1, 700_001);
    let file = folder.write("large", &bytes);
    folder.write("tree/a/small", b"small");
    folder.write("tree/empty", b"");
    let (tree, inbox) = (folder.text("tree"), folder.text("in"));
    let receiver = start(&["recv", &inbox, "--from", from, "--give-up", "30"]);
    if from.starts_with("udp") || from.starts_with("serial") {
        // Nobody waits there for a receiver that comes late.
        wait_for(&folder, "in");
        thread::sleep(Duration::from_millis(300));
    }
    ok(start(&[&["send", &file, &tree, "--to", to][..], extra].concat()));
    ok(receiver);
    assert!(folder.read("in/large") == bytes, "{from}");
    assert_eq!(folder.read("in/tree/a/small"), b"small");
    assert_eq!(names(&folder.path("in")), ["large", "tree"], "{from}");
}

#[test]
fn files_arrive_over_tcp_whoever_comes_first() {
    let port = port();
    across(&format!("tcp://127.0.0.1:{port}"), &format!("tcp://localhost:{port}"), &[]);
    across(&format!("tcp://:{port}"), &format!("tcp://127.0.0.1:{port}"), &["--mode", "repeat=1"]);
}

#[test]
fn files_arrive_over_a_unix_socket_and_its_file_goes() {
    let folder = Folder::new();
    let uri = format!("unix:{}", folder.text("link"));
    across(&uri, &uri, &[]);
    across(&uri, &uri, &["--profile", "rugged"]);
    assert!(names(&folder.path("")).is_empty());
}

#[test]
fn files_arrive_in_datagrams_to_one_and_to_a_group() {
    for (from, to) in [
        ("udp://127.0.0.1", "udp://127.0.0.1"),
        ("udp://", "udp://localhost"),
        ("udp://239.255.88.1", "udp://239.255.88.1"),
    ] {
        let (port, interface) = (port(), if from.contains("239") { "?interface=127.0.0.1" } else { "" });
        // Slow enough that the system drops nothing.
        let extra = ["--mode", "repeat=1", "--rate", "4M"];
        across(&format!("{from}:{port}{interface}"), &format!("{to}:{port}{interface}"), &extra);
    }
}

#[test]
fn every_member_of_a_group_receives_what_is_sent_once() {
    let folder = Folder::new();
    let bytes = patterns::random(5, 200_000);
    let file = folder.write("f", &bytes);
    let uri = format!("udp://239.255.88.2:{}?interface=127.0.0.1", port());
    let receivers = ["a", "b", "c"].map(|name| {
        let receiver = start(&["recv", &folder.text(name), "--from", &uri, "--give-up", "30"]);
        wait_for(&folder, name);
        receiver
    });
    thread::sleep(Duration::from_millis(300));
    ok(start(&["send", &file, "--to", &uri, "--rate", "2M"]));
    receivers.into_iter().for_each(|receiver| drop(ok(receiver)));
    for name in ["a/f", "b/f", "c/f"] {
        assert!(folder.read(name) == bytes, "{name}");
    }
}

#[test]
fn every_member_of_a_group_that_answers_has_it_before_the_sender_ends() {
    let folder = Folder::new();
    let bytes = patterns::random(8, 200_000);
    let file = folder.write("f", &bytes);
    let uri = format!("udp://239.255.88.4:{}?interface=127.0.0.1", port());
    let receivers = ["a", "b"].map(|name| {
        let receiver = start(&["recv", &folder.text(name), "--from", &uri, "--give-up", "30"]);
        wait_for(&folder, name);
        receiver
    });
    thread::sleep(Duration::from_millis(300));
    let sender = start(&["send", &file, "--to", &uri, "--duplex", "--rate", "2M"]);
    assert_says(&ended(sender), 0, "--mode fountain");
    receivers.into_iter().for_each(|receiver| drop(ok(receiver)));
    for name in ["a/f", "b/f"] {
        assert!(folder.read(name) == bytes, "{name}");
    }
}

#[test]
fn a_sender_that_is_done_ends_nothing_that_another_one_sends() {
    let folder = Folder::new();
    let (large, small) = (patterns::random(6, 600_000), patterns::random(7, 5_000));
    let (slow, fast) = (folder.write("slow", &large), folder.write("fast", &small));
    let uri = format!("udp://239.255.88.3:{}?interface=127.0.0.1", port());
    let receiver = start(&["recv", &folder.text("in"), "--from", &uri, "--give-up", "30"]);
    wait_for(&folder, "in");
    thread::sleep(Duration::from_millis(300));
    let one_way = |file: &str, rate: &str| {
        start(&["send", file, "--to", &uri, "--mode", "repeat=1", "--rate", rate, "--meta-every", "8"])
    };
    let first = one_way(&slow, "600k");
    thread::sleep(Duration::from_millis(500));
    ok(one_way(&fast, "2M"));
    ok(first);
    ok(receiver);
    assert!(folder.read("in/slow") == large && folder.read("in/fast") == small);
}

#[test]
fn who_stays_receives_more_after_all_of_a_carousel_has_come() {
    let folder = Folder::new();
    let bytes = patterns::random(8, 50_000);
    let (first, second) = (folder.write("first", &bytes), folder.write("second", &bytes));
    let uri = format!("udp://127.0.0.1:{}", port());
    let receiver = start(&["recv", &folder.text("in"), "--from", &uri, "--stay", "--give-up", "2"]);
    wait_for(&folder, "in");
    thread::sleep(Duration::from_millis(300));
    let mut carousel = start(&["send", &first, "--to", &uri, "--mode", "fountain", "--rate", "1M"]);
    wait_for(&folder, "in/first");
    carousel.kill().unwrap();
    carousel.wait().unwrap();
    ok(start(&["send", &second, "--to", &uri, "--mode", "repeat=1", "--rate", "1M"]));
    ok(receiver);
    assert_eq!(names(&folder.path("in")), ["first", "second"]);
}

#[test]
fn a_carousel_whose_receiver_has_it_all_ends_well() {
    let folder = Folder::new();
    let file = folder.write("f", &patterns::random(9, 200_000));
    let uri = format!("unix:{}", folder.text("link"));
    let receiver = start(&["recv", &folder.text("in"), "--from", &uri, "--give-up", "30"]);
    wait_for(&folder, "link");
    let sent = ok(start(&["send", &file, "--to", &uri, "--mode", "fountain"]));
    assert!(sent.stderr.contains("the receiving side left"), "{}", sent.stderr);
    let received = ok(receiver);
    assert!(!received.stderr.contains("misplaced"), "{}", received.stderr);
    assert_eq!(names(&folder.path("in")), ["f"]);
}

#[test]
fn files_arrive_over_a_serial_line() {
    let line = || {
        let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&far).unwrap();
        unlockpt(&far).unwrap();
        let path = ptsname(&far, Vec::new()).unwrap().into_string().unwrap();
        (std::fs::File::from(far), format!("serial:{path}?baud=230400"))
    };
    let ((mut far_a, a), (mut far_b, b)) = (line(), line());
    // A cable between the two; what is read of a line that nobody has open yet is an error, and tried again.
    let cable = thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let mut into = [0; 4096];
        let mut passed = 0;
        loop {
            match far_a.read(&mut into) {
                Ok(len) => {
                    far_b.write_all(&into[..len]).unwrap();
                    passed += len;
                }
                Err(_) if passed == 0 => thread::sleep(Duration::from_millis(2)),
                Err(_) => return far_b,
            }
        }
    });
    // This cable has one direction only.
    across(&b, &a, &["--mode", "repeat=1"]);
    drop(cable.join().unwrap());
}

#[test]
fn many_senders_at_once_have_one_inbox_and_none_waits_for_another() {
    let folder = Folder::new();
    let inbox = folder.text("in");
    let uri = format!("tcp://127.0.0.1:{}", port());
    let mut receiver = start(&["recv", &inbox, "--from", &uri, "--stay"]);
    let contents: Vec<Vec<u8>> = (0..8).map(|n| patterns::random(n, 300_000)).collect();
    let senders: Vec<Child> = contents
        .iter()
        .enumerate()
        .map(|(n, bytes)| {
            // All by the same name: none replaces another.
            let file = folder.write(&format!("{n}/f"), bytes);
            start(&["send", &file, "--to", &uri, "--rate", &format!("{}k", 400 + 100 * n)])
        })
        .collect();
    senders.into_iter().for_each(|sender| drop(ok(sender)));
    let all = (0..2000).any(|_| {
        thread::sleep(Duration::from_millis(5));
        names(&folder.path("in")).iter().filter(|name| !name.starts_with('.')).count() == 8
    });
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    assert!(all, "{:?}", names(&folder.path("in")));
    let mut arrived: Vec<Vec<u8>> =
        names(&folder.path("in")).iter().map(|name| folder.read(&format!("in/{name}"))).collect();
    let mut sent = contents;
    arrived.sort();
    sent.sort();
    assert!(arrived == sent);
}

#[test]
fn two_senders_of_datagrams_at_once_do_not_mix() {
    let folder = Folder::new();
    let inbox = folder.text("in");
    let uri = format!("udp://127.0.0.1:{}", port());
    let mut receiver = start(&["recv", &inbox, "--from", &uri, "--stay"]);
    wait_for(&folder, "in");
    thread::sleep(Duration::from_millis(300));
    let senders: Vec<_> = (0..4_u64)
        .map(|n| {
            let bytes = patterns::random(n, 150_000);
            let file = folder.write(&format!("{n}/f{n}"), &bytes);
            (start(&["send", &file, "--to", &uri, "--rate", "1M", "--mode", "repeat=1"]), bytes)
        })
        .collect();
    let sent: Vec<Vec<u8>> = senders.into_iter().map(|(child, bytes)| (ok(child), bytes).1).collect();
    let all = (0..2000).any(|_| {
        thread::sleep(Duration::from_millis(5));
        (0..4).all(|n| folder.path(&format!("in/f{n}")).exists())
    });
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    assert!(all, "{:?}", names(&folder.path("in")));
    for (n, bytes) in sent.iter().enumerate() {
        assert!(folder.read(&format!("in/f{n}")) == *bytes, "{n}");
    }
}

#[test]
fn nobody_there_is_told_with_what_to_do() {
    let folder = Folder::new();
    let file = folder.write("f", &[7; 100_000]);
    let port = port();
    for uri in [format!("tcp://127.0.0.1:{port}"), format!("unix:{}", folder.text("none"))] {
        let sender = ended(start(&["send", &file, "--to", &uri, "--give-up", "0.2"]));
        assert_says(&sender, 2, &format!("nobody listens at {uri}"));
    }
    let sender = ended(start(&[
        "send",
        &file,
        "--to",
        &format!("udp://127.0.0.1:{port}"),
        "--rate",
        "500k",
        "--mode",
        "once",
    ]));
    assert_says(&sender, 1, "nobody received at udp:");
    let receiver =
        ended(start(&["recv", &folder.text("in"), "--from", &format!("tcp://:{port}"), "--give-up", "0.2"]));
    assert_says(&receiver, 1, "nothing came");
    assert_says(&ended(start(&["recv", &folder.text("in"), "--from", "serial:/dev/null"])), 2, "serial line");
    let unknown = ended(start(&["send", &file, "--to", "tcp://no-such-host.invalid:1"]));
    assert_says(&unknown, 2, "no-such-host.invalid");
}

#[test]
fn a_question_whether_somebody_listens_ends_nothing() {
    let folder = Folder::new();
    let file = folder.write("f", b"bytes");
    let port = port();
    let receiver = start(&["recv", &folder.text("in"), "--from", &format!("tcp://127.0.0.1:{port}")]);
    let asked = (0..2000).any(|_| {
        thread::sleep(Duration::from_millis(5));
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(asked);
    ok(start(&["send", &file, "--to", &format!("tcp://127.0.0.1:{port}")]));
    ok(receiver);
    assert_eq!(folder.read("in/f"), b"bytes");
}

#[test]
fn connections_on_which_nothing_comes_keep_nobody_out() {
    let folder = Folder::new();
    let file = folder.write("f", b"bytes");
    let (path, uri) = (folder.text("link"), format!("unix:{}", folder.text("link")));
    let receiver = start(&["recv", &folder.text("in"), "--from", &uri]);
    wait_for(&folder, "link");
    // As many as are served at a time, and some more.
    let idle: Vec<_> = (0..70).map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap()).collect();
    ok(start(&["send", &file, "--to", &uri]));
    drop(idle);
    ok(receiver);
    assert_eq!(folder.read("in/f"), b"bytes");
}

#[test]
fn a_receiver_that_stays_gives_up_when_nobody_comes_any_more() {
    let folder = Folder::new();
    let file = folder.write("f", b"bytes");
    let uri = format!("unix:{}", folder.text("link"));
    let receiver = start(&["recv", &folder.text("in"), "--from", &uri, "--stay", "--give-up", "1"]);
    wait_for(&folder, "link");
    ok(start(&["send", &file, "--to", &uri]));
    ok(receiver);
    let nobody = ended(start(&["recv", &folder.text("in"), "--from", &uri, "--stay", "--give-up", "1"]));
    assert_says(&nobody, 1, "nothing");
}

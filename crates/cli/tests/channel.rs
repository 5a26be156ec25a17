//! `packhorse channel` through real processes: what goes in comes out, and endings have their exit codes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread;

mod support;
use support::{Ended, packhorse, run};

/// An address nobody else uses.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn name(of: &str) -> String {
    format!("ipc://test-{of}-{}", std::process::id())
}

fn start(args: &[&str]) -> Child {
    packhorse(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ended {
    child.wait_with_output().unwrap().into()
}

/// A receiver, and a sender with this input, over each carrier between processes.
fn carried(options: &[&str], sending: &[&str], receiving: &[&str], input: &[u8]) -> Vec<Ended> {
    let (tcp, udp) = (port(), port());
    let addresses = [
        (name(&format!("carried-{tcp}")), name(&format!("carried-{tcp}"))),
        (format!("tcp://:{tcp}"), format!("tcp://127.0.0.1:{tcp}")),
        (format!("udp://:{udp}"), format!("udp://127.0.0.1:{udp}")),
    ];
    let mut ended = Vec::new();
    for (at, to) in addresses {
        let receiver = start(&[&["channel", "recv", &at], options, receiving].concat());
        let sent = run(&[&["channel", "send", &to], options, sending].concat(), input);
        assert_eq!(sent.code, Some(0), "{to}: {}", sent.stderr);
        let received = end(receiver);
        assert_eq!(received.code, Some(0), "{at}: {}", received.stderr);
        ended.push(received);
    }
    ended
}

#[test]
fn lines_come_out_as_they_went_in_over_every_carrier() {
    let lines: String = (0..500).map(|n| format!("line {n}\n")).collect();
    for received in carried(&[], &[], &[], lines.as_bytes()) {
        assert_eq!(String::from_utf8_lossy(&received.stdout), lines);
    }
}

#[test]
fn records_with_any_bytes_come_out_as_they_went_in_coalesced_and_compressed() {
    let mut records = Vec::new();
    for len in [0_u32, 1, 10, 1000, 20_000] {
        records.extend_from_slice(&len.to_be_bytes());
        records.extend((0..len).map(|n| (n.to_le_bytes()[0] / 7).wrapping_mul(10)));
    }
    let received = carried(
        &["--records", "--coalesce"],
        &["--compress", "lz4", "--checksum"],
        &["--decompress"],
        &records,
    );
    for received in received {
        assert!(received.stdout == records);
    }
}

#[test]
fn a_receiver_that_has_enough_ends_both() {
    let port = port();
    let receiver = start(&["channel", "recv", &format!("tcp://:{port}"), "--count", "2"]);
    let mut sender = packhorse(&["channel", "send", &format!("tcp://127.0.0.1:{port}")])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = sender.stdin.take().unwrap();
    stdin.write_all(b"one\ntwo\n").unwrap();
    let received = end(receiver);
    assert_eq!((received.code, received.stdout), (Some(0), b"one\ntwo\n".to_vec()));
    while stdin.write_all(b"more\n").is_ok() {
        thread::sleep(core::time::Duration::from_millis(1));
    }
    let sent = end(sender);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert!(sent.stderr.contains("stopped the channel"), "{}", sent.stderr);
}

#[test]
fn what_cannot_be_is_told_with_2() {
    let cases: [(&[&str], &str); 6] = [
        (&["channel", "send", "tcp://127.0.0.1:1", "--wait", "0"], "refused"),
        (&["channel", "recv", "memory://x"], "ipc://"),
        (&["channel", "recv", "tcp://:0", "--mode", "broadcast"], "memory:// or ipc://"),
        (&["channel", "recv", "tcp://:0", "--timeout", "0.1"], "nothing came"),
        (&["channel", "send", "http://x"], "memory://, ipc://, tcp:// or udp://"),
        (&["channel", "bench", "--size", "8"], "at least 24 bytes"),
    ];
    for (args, expected) in cases {
        let ended = run(args, b"");
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn the_benchmark_checks_what_it_moves_and_reports_json() {
    let own = name("bench");
    let cases: [&[&str]; 7] = [
        &["tcp://127.0.0.1:0", "--ping-pong", "--messages", "2000"],
        &["memory://b", "--messages", "20000"],
        &["memory://b", "--mode", "mpmc", "--senders", "2", "--receivers", "2", "--messages", "20000"],
        &[&own, "--processes", "--messages", "20000"],
        &["tcp://127.0.0.1:0", "--messages", "20000", "--rate", "200k"],
        &["tcp://127.0.0.1:0", "--processes", "--messages", "20000", "--mode", "mpsc", "--senders", "2"],
        &["memory://p", "--ping-pong", "--messages", "2000"],
    ];
    for case in cases {
        let ended = run(&[&["channel", "bench", "--json"], case].concat(), b"");
        assert_eq!(ended.code, Some(0), "{case:?}: {}", ended.stderr);
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        let wanted = if case.contains(&"--ping-pong") { "\"messages\":2000," } else { "\"messages\":20000," };
        assert!(text.contains(wanted), "{case:?}: {text}");
        assert!(text.contains("\"lost\":0,") && text.contains("\"wrong\":0"), "{case:?}: {text}");
        let timed = case.contains(&"--rate") || case.contains(&"--ping-pong");
        assert_eq!(text.contains("\"p99.9\""), timed, "{case:?}: {text}");
    }
}

#[test]
fn watch_shows_what_two_programs_do_and_tells_what_is_out_of_bounds() {
    let address = name("watch");
    let receiver = start(&["channel", "recv", &address]);
    let mut sender = packhorse(&["channel", "send", &address])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = sender.stdin.take().unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let feeding = thread::spawn(move || {
        let mut lines = 0;
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            stdin.write_all(b"a line\n").unwrap();
            lines += 1;
            thread::sleep(core::time::Duration::from_millis(1));
        }
        lines
    });
    let watch = |bounds: &[&str]| {
        let args = ["channel", "watch", &address, "--wait", "20", "--interval", "0.3", "--count", "3"];
        run(&[&args, bounds].concat(), b"")
    };

    let seen = watch(&["--json", "--min-rate", "1", "--max-depth", "1M", "--max-latency", "100"]);
    assert_eq!(seen.code, Some(0), "{}", seen.stderr);
    let text = String::from_utf8(seen.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!((lines.len(), &last["senders"], &last["receivers"]), (3, &1.into(), &1.into()), "{last}");
    assert!(last["received_per_second"].as_u64() > Some(0), "{last}");
    assert!(last["total"]["messages_sent"].as_u64() > Some(0), "{last}");

    for (bound, value, complaint) in [
        ("--min-rate", "1G", "messages a second, fewer than 1"),
        ("--max-rate", "1", "messages a second, more than 1"),
        ("--max-latency", "0.000000001", "(p99), more than 1 ns"),
    ] {
        let alarmed = watch(&[bound, value]);
        assert_eq!(alarmed.code, Some(1), "{bound}: {}", alarmed.stderr);
        assert!(alarmed.stderr.contains(complaint), "{bound}: {}", alarmed.stderr);
    }

    stop.send(()).unwrap();
    let lines: usize = feeding.join().unwrap();
    assert_eq!(end(sender).code, Some(0));
    let received = end(receiver);
    assert_eq!((received.code, received.stdout.len()), (Some(0), 7 * lines));
    let gone = run(&["channel", "watch", &address, "--once"], b"");
    assert_eq!(gone.code, Some(2), "{}", gone.stderr);
}

#[test]
fn a_sender_waits_for_a_receiver_of_its_ring_and_loses_nothing_when_none_comes_in_silence() {
    let at = name("alone");
    let sent = run(&["channel", "send", &at, "--wait", "0.1"], b"lost\n");
    assert_eq!(sent.code, Some(2));
    assert!(sent.stderr.contains("no receiver came"), "{}", sent.stderr);
    let sending = thread::spawn({
        let at = at.clone();
        move || run(&["channel", "send", &at, "--wait", "20"], b"kept\n")
    });
    thread::sleep(core::time::Duration::from_millis(100));
    let received = end(start(&["channel", "recv", &at]));
    assert_eq!((received.code, &*received.stdout), (Some(0), &b"kept\n"[..]), "{}", received.stderr);
    assert_eq!(sending.join().unwrap().code, Some(0));
}

#[test]
fn a_sender_that_is_killed_is_told_once_and_ends_the_receiver_of_its_ring() {
    let at = name("killed");
    let receiver = start(&["channel", "recv", &at, "--count", "1000"]);
    let mut sender = packhorse(&["channel", "send", &at]).stdin(Stdio::piped()).spawn().unwrap();
    sender.stdin.as_mut().unwrap().write_all(b"one\ntwo\n").unwrap();
    thread::sleep(core::time::Duration::from_millis(500));
    sender.kill().unwrap();
    sender.wait().unwrap();
    let received = end(receiver);
    assert_eq!((received.code, &*received.stdout), (Some(1), &b"one\ntwo\n"[..]));
    assert_eq!(received.stderr.lines().count(), 1, "{}", received.stderr);
}

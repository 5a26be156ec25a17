//! `packhorse heaps send` to `packhorse heaps recv`: two processes, over UDP and TCP, with and without reuse.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

mod support;

use std::net::TcpListener;

use serde_json::Value;
use support::heaps::{Receiver, lines};
use support::{assert_says, run};

/// Starts a receiver, sends to it, and returns its lines.
fn received(transport: &[&str], send: &[&str]) -> Vec<Value> {
    let receiver = Receiver::start(transport);
    let send = [&["heaps", "send"], transport, send, &["127.0.0.1", &receiver.port]].concat();
    let sent = run(&send, b"");
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert!(String::from_utf8_lossy(&sent.stdout).contains(" MB/s"));
    let received = receiver.end();
    assert_eq!(received.code, Some(0), "{}", received.stderr);
    lines(&received)
}

#[test]
fn every_way_of_sending_arrives_alike() {
    let mut all = Vec::new();
    for reuse in ["off", "on", "batch"] {
        for packet in ["9000", "1472"] {
            let paced = ["-n", "40", "-H", "8192", "-p", packet, "--reuse", reuse, "--rate", "50M"];
            all.push(received(&[], &paced));
            all.push(received(&["--tcp"], &paced[..8]));
        }
    }
    let full = ["-n", "40", "-H", "8192", "-p", "1472", "--full-packets", "--rate", "50M"];
    all.push(received(&[], &full));
    let heaps = |lines: &[Value]| lines[..lines.len() - 1].to_vec();
    let first = heaps(&all[0]);
    assert_eq!(first.len(), 40);
    assert_eq!(first[39]["cnt"], 40);
    let items = first[39]["items"].as_array().unwrap();
    assert_eq!((&items[0]["name"], &items[1]["name"]), (&"timestamp".into(), &"adc_samples".into()));
    assert_eq!((&items[1]["shape"][0], &items[1]["len"]), (&8192.into(), &8192.into()));
    for lines in &all {
        assert_eq!(heaps(lines), first);
        assert!(lines.last().unwrap().get("statistics").is_some());
    }
}

#[test]
fn nobody_listening_is_fine_on_udp_and_told_on_tcp() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let udp = run(&["heaps", "send", "-n", "100", "-H", "8192", "-p", "9000", "127.0.0.1", &port], b"");
    assert_eq!(udp.code, Some(0), "{}", udp.stderr);
    let tcp = run(&["heaps", "send", "--tcp", "127.0.0.1", &port], b"");
    assert_says(&tcp, 2, "nobody listens");
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_reason() {
    let short = run(&["heaps", "send", "-p", "40", "127.0.0.1", "9"], b"");
    assert_eq!((short.code, short.stderr.contains("56 to 65507")), (Some(2), true), "{}", short.stderr);
    assert_says(&run(&["heaps", "send", "no.such.host.invalid", "9"], b""), 2, "no.such.host.invalid");
}

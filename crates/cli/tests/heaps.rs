//! `packhorse heaps`: the real sender and the real receiver, over sockets of this machine.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

mod support;

use serde_json::Value;
use support::heaps::{Receiver, lines};
use support::{packhorse, run};

#[test]
fn what_is_sent_is_told_heap_by_heap_and_then_counted() {
    for (how, packet) in [(&["--tcp"][..], "1472"), (&[][..], "9000")] {
        let receiver = Receiver::start(how);
        let send = ["heaps", "send", "-n", "20", "-H", "8192", "-p", packet, "--rate", "50M"];
        let sent = run(&[&send, how, &["127.0.0.1", &receiver.port]].concat(), b"");
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
        let received = receiver.end();
        assert_eq!(received.code, Some(0), "{}", received.stderr);
        let lines = lines(&received);
        assert_eq!(lines.len(), 21);
        // 8192 bytes of value 1, and 5 bytes of the number 8192: sha256sum of a file tells the same.
        let samples = "6ba042a6672c64272ce75901468fd210026cd674fe9f1e11b46c9302e47e2136";
        let timestamp = "df833485c85ffd094ed378bfa377df247fda07a29fa9af7dc59f14204ede9e60";
        let second = &lines[1];
        assert_eq!(second["cnt"], 2);
        assert_eq!(second["items"][0]["id"], 0x1600);
        assert_eq!(second["items"][0]["name"], "timestamp");
        assert_eq!(second["items"][0]["len"], 5);
        assert_eq!(second["items"][1]["name"], "adc_samples");
        assert_eq!(second["items"][1]["shape"], serde_json::json!([8192]));
        assert_eq!(second["items"][1]["len"], 8192);
        assert_eq!(second["items"][0]["sha256"], timestamp);
        assert_eq!(second["items"][1]["sha256"], samples);
        let statistics = &lines[20]["statistics"];
        assert_eq!((&statistics["heaps"], &statistics["stops"]), (&20.into(), &1.into()));
    }
}

#[test]
fn a_stream_without_its_end_is_told_by_the_exit_code() {
    let receiver = Receiver::start(&["--tcp"]);
    drop(std::net::TcpStream::connect(format!("127.0.0.1:{}", receiver.port)).unwrap());
    assert_eq!(receiver.end().code, Some(1));
}

#[test]
fn wrong_usage_says_what_to_do() {
    let without = packhorse(&["heaps", "recv"]).output().unwrap();
    assert_eq!(without.status.code(), Some(2));
    let mask = packhorse(&["heaps", "recv", "--bug-compat", "9", "127.0.0.1", "0"]).output().unwrap();
    assert_eq!(mask.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&mask.stderr).contains("a sum of 1, 2 and 4"));
    let foreign = packhorse(&["heaps", "recv", "192.0.2.1", "9"]).output().unwrap();
    assert_eq!(foreign.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&foreign.stderr).contains("is it this machine's"));
    let missing = packhorse(&["heaps", "recv", "--pcap", "no such file"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_rate_that_loses_nothing_is_found_out_between_two_processes() {
    let bench = ["heaps", "bench", "--rate", "20M", "--seconds", "0.2", "-H", "4096"];
    for how in ["ring", "direct", "chunk"] {
        let ended = packhorse(&[&bench, &["--receiver", how][..]].concat()).output().unwrap();
        let text = String::from_utf8(ended.stdout).unwrap();
        let result: Value = serde_json::from_str(text.trim()).unwrap();
        let count = |name: &str| result[name].as_u64().unwrap();
        let (sent, received, lost) = (count("heaps_sent"), count("heaps_received"), count("heaps_lost"));
        assert!(received > 0, "{how}: {result}");
        // On a machine that does something else some may be lost; then the exit code says so.
        assert_eq!(
            (sent, ended.status.code()),
            (received + lost, Some(i32::from(lost > 0))),
            "{how}: {result}"
        );
    }
}

//! `packhorse heaps` when not everything comes: exit codes, what is said, signals, captures that are cut.

#![allow(clippy::unwrap_used, clippy::std_instead_of_alloc, clippy::std_instead_of_core)] // all of it is tests

mod support;

use std::io::Read as _;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use packhorse::spead::send::writers::{Octets, Udp};
use packhorse::spead::send::{Sender, StreamConfig, Writer};
use packhorse::spead::{Descriptor, Flavour, Heap};
use packhorse_testkit::captures;
use support::heaps::{Receiver, lines};
use support::{assert_says, ended, run, signal, start};

/// Captures of IP without anything in front of it.
const RAW: u32 = 101;

/// Sends heaps of these numbers, then a stop heap of the last one.
fn send<W: Writer>(writer: W, numbers: &[u64], stop: Option<u64>) -> Sender<W> {
    let config = StreamConfig::default();
    let mut sender = Sender::new(writer, &config);
    let mut heap = Heap::new(Flavour::SPEAD_64_40);
    heap.addressed(0x3300, vec![1_u8; 100]);
    let mut heap = config.prebuild(&heap).unwrap();
    for number in numbers {
        heap.set_count(Some(*number));
        sender.send(&mut heap).unwrap();
    }
    if let Some(stop) = stop {
        let mut heap = config.prebuild(&Heap::stop(Flavour::SPEAD_64_40)).unwrap();
        heap.set_count(Some(stop));
        sender.send(&mut heap).unwrap();
    }
    sender
}

fn udp(receiver: &Receiver) -> Udp {
    Udp::new(format!("127.0.0.1:{}", receiver.port).parse().unwrap()).unwrap()
}

#[test]
fn what_a_limit_refuses_is_said_with_the_option_that_helps() {
    for (limit, option) in
        [(["--max-heap-length", "64Ki"], "--max-heap-length"), (["--max-memory", "64Ki"], "--max-memory")]
    {
        let receiver = Receiver::start(&[&["--tcp"], &limit[..]].concat());
        let sent = run(
            &["heaps", "send", "--tcp", "-n", "3", "-H", "1Mi", "127.0.0.1", receiver.port.as_str()],
            b"",
        );
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
        let received = receiver.end();
        assert_says(&received, 1, option);
        assert_says(&received, 1, "no heap came");
    }
}

#[test]
fn heaps_that_are_missing_are_counted_and_change_the_exit_code() {
    let receiver = Receiver::start(&[]);
    send(udp(&receiver), &[1, 2, 5, 6], Some(9));
    let received = receiver.end();
    assert_says(&received, 1, "4 heaps missing altogether");
    assert_says(&received, 1, "--buffer");
    assert_eq!(lines(&received).last().unwrap()["statistics"]["heaps_missing"], 4);

    let receiver = Receiver::start(&["--cnt-step", "0"]);
    send(udp(&receiver), &[1, 2, 5, 6], Some(9));
    assert_eq!(receiver.end().code, Some(0));
}

#[test]
fn a_stream_of_nothing_is_not_done() {
    let receiver = Receiver::start(&[]);
    send(udp(&receiver), &[], Some(1));
    assert_says(&receiver.end(), 1, "no heap came");
}

#[test]
fn receiving_ends_after_a_count_after_silence_and_on_a_signal_with_its_statistics() {
    let receiver = Receiver::start(&["--count", "3"]);
    send(udp(&receiver), &[1, 2, 3], None);
    let received = receiver.end();
    assert_eq!((received.code, lines(&received).len()), (Some(0), 4), "{}", received.stderr);

    let receiver = Receiver::start(&["--timeout", "0.5"]);
    send(udp(&receiver), &[1, 2], None);
    let received = receiver.end();
    assert_says(&received, 1, "--timeout");
    assert_eq!(lines(&received).last().unwrap()["statistics"]["heaps"], 2);

    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut receiver = Receiver::start(&[]);
        send(udp(&receiver), &[1], None);
        // It has said that it is ready; now it has a heap.
        let mut first = [0; 1];
        receiver.child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        signal(&receiver.child, name);
        let mut received = receiver.end();
        received.stdout.insert(0, first[0]);
        assert_eq!(lines(&received).last().unwrap()["statistics"]["heaps"], 1);
        assert_says(&received, code, "interrupted");
        assert!(!received.stderr.contains("journal"), "{}", received.stderr);
    }
}

#[test]
fn a_sender_tells_how_far_it_came() {
    let child = start(&["heaps", "send", "-n", "1000000", "-H", "8192", "--rate", "1M", "127.0.0.1", "9"]);
    thread::sleep(Duration::from_millis(500));
    signal(&child, "-TERM");
    let sent = ended(child);
    assert_says(&sent, 143, "not sent");
    assert!(sent.stdout.starts_with(b"Sent "), "{}", String::from_utf8_lossy(&sent.stdout));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let hangs_up = thread::spawn(move || {
        let mut connection = listener.accept().unwrap().0;
        connection.read_exact(&mut [0; 1 << 20]).unwrap();
    });
    let sent = run(&["heaps", "send", "--tcp", "-n", "1000000", "-H", "64Ki", "127.0.0.1", &port], b"");
    hangs_up.join().unwrap();
    assert_says(&sent, 1, "closed the connection after");
}

#[test]
fn a_bench_that_is_killed_leaves_no_receiver_behind() {
    let mut bench = start(&["heaps", "bench", "--rate", "1M", "--seconds", "60"]);
    let children = format!("/proc/{0}/task/{0}/children", bench.id());
    let end = Instant::now() + Duration::from_secs(20);
    let receiver = loop {
        // The threads of the bench, of which the first starts the receiver.
        let children = std::fs::read_to_string(&children).unwrap();
        if let Some(child) = children.split_whitespace().next() {
            break child.to_owned();
        }
        assert!(Instant::now() < end, "the bench starts no receiver");
        thread::sleep(Duration::from_millis(10));
    };
    thread::sleep(Duration::from_millis(100));
    bench.kill().unwrap();
    bench.wait().unwrap();
    let alive = || {
        let stat = std::fs::read_to_string(format!("/proc/{receiver}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    while alive() {
        assert!(Instant::now() < end, "the receiver is still there");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let refused = [
        (&["heaps", "send", "-p", "70000", "127.0.0.1", "9"][..], "65507"),
        (&["heaps", "bench", "-p", "70000"], "65507"),
        (&["heaps", "send", "127.0.0.1", "0"], "0"),
        (&["heaps", "bench", "--seconds", "0"], "seconds above 0"),
        (&["heaps", "bench", "--seconds=-1"], "seconds above 0"),
        (&["heaps", "bench", "-H", "1Gi"], "256Mi"),
        (&["heaps", "recv"], "--pcap FILE"),
    ];
    for (args, says) in refused {
        let refused = run(args, b"");
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    let nowhere = run(&["heaps", "recv", "--interface", "nosuch", "239.1.2.3", "0"], b"");
    assert_says(&nowhere, 2, "no network interface");
    assert!(!nowhere.stderr.contains("is it this machine's"), "{}", nowhere.stderr);
}

/// The packets of heaps of one packet, and of a stop heap.
fn packets(numbers: &[u64]) -> Vec<Vec<u8>> {
    let one = |numbers: &[u64], stop| send(Octets::new(Vec::new()), numbers, stop).writer().get_ref().clone();
    let mut packets: Vec<Vec<u8>> = numbers.iter().map(|number| one(&[*number], None)).collect();
    packets.push(one(&[], numbers.last().map(|last| last + 1)));
    packets
}

#[test]
fn captures_are_read_up_to_where_they_are_cut_from_files_and_pipes() {
    let frames: Vec<Vec<u8>> =
        packets(&[1, 2, 3]).iter().map(|packet| captures::ip_udp(8888, packet)).collect();
    let file = captures::pcap(RAW, &frames);
    let recv = ["heaps", "recv", "--pcap", "-", "--json"];
    let whole = run(&recv, &file);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    assert_eq!(String::from_utf8_lossy(&whole.stdout).lines().count(), 4);

    let cut = run(&recv, &file[..file.len() - 10]);
    assert_says(&cut, 1, "ends in the middle");
    assert_eq!(String::from_utf8_lossy(&cut.stdout).lines().count(), 4);

    let elsewhere = run(&[&recv[..], &["0.0.0.0", "9999"]].concat(), &file);
    assert_says(&elsewhere, 1, "10.0.0.2:8888");
}

#[test]
fn an_empty_array_is_told_as_one() {
    let mut heap = Heap::new(Flavour::SPEAD_64_40);
    heap.descriptor(&Descriptor::array::<i16>(0x3300, "samples", "", &[0])).unwrap();
    heap.item(0x3300, Vec::<i16>::new());
    let config = StreamConfig::default();
    let mut sender = Sender::new(Octets::new(Vec::new()), &config);
    sender.send(&mut config.prebuild(&heap).unwrap()).unwrap();
    let packet = sender.writer().get_ref();
    let told =
        run(&["heaps", "recv", "--pcap", "-"], &captures::pcap(RAW, &[captures::ip_udp(8888, packet)]));
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(text.contains("samples [0]"), "{text}");
}

//! Connected sockets, over TCP and in the file system: order, ends, limits of time, files left behind.
#![cfg(all(feature = "std", unix))]
#![allow(clippy::unwrap_used)]

use core::time::Duration;
use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::time::Instant;
use std::{fs, thread};

use packhorse_link::{Boundaries, Transport as _, TransportError};
use packhorse_testkit::patterns;
use packhorse_transport::tcp::{self, TcpOptions};
use packhorse_transport::{Connection, ConnectionReader, unix};

const SOON: Option<Duration> = Some(Duration::from_secs(20));

fn tcp_pair() -> (Connection, Connection) {
    let options =
        TcpOptions { send_buffer: Some(100_000), receive_buffer: Some(100_000), ..TcpOptions::default() };
    let listener = tcp::Listener::bind("127.0.0.1", 0, &options).unwrap();
    let port = listener.local_addr().unwrap().port();
    let here = tcp::connect("127.0.0.1", port, &options, Duration::ZERO).unwrap();
    (here, listener.accept(SOON).unwrap().unwrap().0)
}

fn pairs() -> [(&'static str, (Connection, Connection)); 2] {
    [("tcp", tcp_pair()), ("unix", Connection::pair().unwrap())]
}

fn drain(mut reader: ConnectionReader, size: usize) -> Vec<u8> {
    let mut into = vec![patterns::FRESH; size];
    let mut all = Vec::new();
    loop {
        match reader.receive(&mut into) {
            Ok(0) => return all,
            Ok(len) => all.extend_from_slice(&into[..len]),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn both_ways_at_once_arrive_whole_and_in_order() {
    for (name, (here, there)) in pairs() {
        let (bytes, answer) = (patterns::random(1, 3_000_000), patterns::random(2, 2_000_000));
        let ((here_in, mut here_out), (there_in, mut there_out)) = (here.split(), there.split());
        assert_eq!(here_out.boundaries(), Boundaries::Bytes);
        let threads =
            [thread::spawn(move || drain(there_in, 70_001)), thread::spawn(move || drain(here_in, 3333))];
        let (to_there, to_here) = (bytes.clone(), answer.clone());
        let answering =
            thread::spawn(move || to_here.chunks(99_999).for_each(|c| there_out.send(c).unwrap()));
        for chunk in to_there.chunks(1_234_567) {
            here_out.send_gather(&chunk.chunks(1001).collect::<Vec<_>>()).unwrap();
        }
        drop(here_out);
        answering.join().unwrap();
        let came = threads.map(|thread| thread.join().unwrap());
        assert!(came == [bytes, answer], "{name}");
    }
}

#[test]
fn a_writer_that_is_dropped_ends_its_stream_and_the_answers_still_come() {
    for (name, (here, mut there)) in pairs() {
        let (mut reader, mut writer) = here.split();
        writer.send(b"question").unwrap();
        drop(writer);
        let mut into = [0; 100];
        assert_eq!(there.receive(&mut into).unwrap(), 8, "{name}");
        assert_eq!(there.receive(&mut into).unwrap(), 0, "{name}");
        there.send(b"answer").unwrap();
        drop(there);
        assert_eq!(reader.receive(&mut into).unwrap(), 6, "{name}");
        assert_eq!(reader.receive(&mut into).unwrap(), 0, "{name}");
    }
}

#[test]
fn nothing_there_no_room_and_nobody_there_are_three_things() {
    for (name, (mut here, mut there)) in pairs() {
        here.set_blocking(false);
        let mut into = vec![0; 1 << 20];
        assert!(matches!(here.receive(&mut into), Err(TransportError::WouldBlock)), "{name}");
        // What was begun is sent whole, so that the last one may wait for the reader.
        let far = thread::spawn(move || {
            loop {
                match here.send(&[7; 1000]) {
                    Ok(()) => {}
                    Err(error) => return (here, error),
                }
            }
        });
        let mut came = 0;
        while !far.is_finished() {
            thread::sleep(Duration::from_millis(30));
            came += if far.is_finished() { 0 } else { there.receive(&mut into).unwrap() };
        }
        let (mut here, full) = far.join().unwrap();
        assert!(matches!(full, TransportError::WouldBlock), "{name}: {full}");
        assert!(!here.sender.wait(Some(Duration::ZERO)).unwrap());
        there.receiver.set_timeout(Some(Duration::from_millis(50)));
        while let Ok(len) = there.receive(&mut into) {
            came += len;
        }
        assert!(came > 0 && came % 1000 == 0, "{name}: {came}");
        drop(there);
        let closed = (0..100).find_map(|_| {
            thread::sleep(Duration::from_millis(1));
            here.send(b"x").err().filter(|error| !matches!(error, TransportError::WouldBlock))
        });
        assert!(matches!(closed, Some(TransportError::Closed)), "{name}: {closed:?}");
    }
}

#[test]
fn limits_of_time_are_kept() {
    for (name, (mut here, _there)) in pairs() {
        let started = Instant::now();
        here.receiver.set_timeout(Some(Duration::from_millis(20)));
        assert!(matches!(here.receive(&mut [0; 10]), Err(TransportError::WouldBlock)), "{name}");
        here.sender.set_timeout(Some(Duration::from_millis(20)));
        match here.send(&patterns::zeros(32 << 20)) {
            Err(TransportError::Io(error)) => assert_eq!(error.kind(), ErrorKind::TimedOut, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        assert!(started.elapsed() >= Duration::from_millis(40));
    }
}

#[test]
fn who_finishes_before_it_closes_loses_nothing_though_answers_lie_unread() {
    let (mut here, mut there) = tcp_pair();
    let far = thread::spawn(move || {
        there.send(b"an answer that nobody reads").unwrap();
        thread::sleep(Duration::from_millis(30));
        drain(there.split().0, 100)
    });
    here.send(&[1; 5000]).unwrap();
    thread::sleep(Duration::from_millis(10));
    assert!(!here.sender.finish(Duration::ZERO).unwrap());
    assert!(here.sender.finish(Duration::from_secs(20)).unwrap());
    drop(here);
    assert_eq!(far.join().unwrap().len(), 5000);
}

#[test]
fn a_listener_that_comes_late_is_reached_and_one_that_never_comes_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("link");
    let late = path.clone();
    let far = thread::spawn(move || {
        thread::sleep(Duration::from_millis(60));
        unix::Listener::bind(&late).unwrap().accept(SOON).unwrap().unwrap()
    });
    unix::connect(&path, Duration::from_secs(20)).unwrap().send(b"x").unwrap();
    assert_eq!(far.join().unwrap().receive(&mut [0; 10]).unwrap(), 1);
    let error = unix::connect(&path, Duration::from_millis(30)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let port =
        tcp::Listener::bind("127.0.0.1", 0, &TcpOptions::default()).unwrap().local_addr().unwrap().port();
    let error =
        tcp::connect("127.0.0.1", port, &TcpOptions::default(), Duration::from_millis(30)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let error = tcp::connect("no such host", 1, &TcpOptions::default(), Duration::from_secs(9)).unwrap_err();
    assert!(error.to_string().contains("no such host"), "{error}");
}

#[test]
fn a_socket_left_behind_is_replaced_and_a_live_one_and_a_file_are_not() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("link");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "as a killed program leaves it");
    let listener = unix::Listener::bind(&path).unwrap();
    assert_eq!(unix::Listener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert!(
        listener.accept(Some(Duration::from_millis(1))).is_ok(),
        "the question whether it lives is no session"
    );
    drop(listener);
    assert!(!path.exists());
    fs::write(&path, "precious").unwrap();
    assert_eq!(unix::Listener::bind(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_listener_takes_connection_after_connection_and_says_when_none_comes() {
    let listener = tcp::Listener::bind("", 0, &TcpOptions::default()).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(listener.accept(Some(Duration::from_millis(5))).unwrap().is_none());
    for number in 1..=3_u8 {
        let mut here =
            tcp::connect("localhost", port, &TcpOptions::default(), Duration::from_secs(9)).unwrap();
        here.send(&[number]).unwrap();
        let (mut there, address) = listener.accept(SOON).unwrap().unwrap();
        let mut into = [0];
        assert_eq!(there.receive(&mut into).unwrap(), 1);
        assert!(into == [number] && address.port() != port);
    }
    assert_eq!(
        tcp::Listener::bind("", port, &TcpOptions::default()).unwrap_err().kind(),
        ErrorKind::AddrInUse
    );
}

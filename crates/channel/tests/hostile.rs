//! Peers on tcp that are not ours, or gone mad: counted, cut off, and nobody else notices.

#![allow(clippy::unwrap_used)] // all of it is tests

extern crate alloc;

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Instant;

use packhorse_buffer::{Layer as _, Over, PacketBuf};
use packhorse_channel::net::{self, Options, Receiver, Sender};
use packhorse_channel::{Address, Mpsc, OpenError, ReceiveError, SendError, Spsc};
use packhorse_link::{Check, Crc32c, LengthPrefixed};
use packhorse_testkit::patterns;
use proptest::prelude::*;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);

fn listen<M: net::Remote>(options: &Options) -> (Receiver<M>, u16) {
    let receiver = net::receiver::<M>(&"tcp://:0".parse().unwrap(), options).unwrap();
    let port = receiver.local_addr().unwrap().port();
    (receiver, port)
}

/// Opens a sender to a receiver that has to receive for it.
fn join<M: net::Remote>(receiver: &mut Receiver<M>, options: &Options) -> Sender<M> {
    let port = receiver.local_addr().unwrap().port();
    let to: Address = format!("tcp://127.0.0.1:{port}").parse().unwrap();
    let options = options.clone();
    let opening = thread::spawn(move || net::sender::<M>(&to, &options).unwrap());
    while !opening.is_finished() {
        assert!(receiver.receive_timeout(Duration::from_millis(5)).is_err());
    }
    opening.join().unwrap()
}

/// A packet of the channel protocol in its frame, with any contents.
fn frame(kind: u8, session: u32, number: u64, body: &[u8], count: u32) -> Vec<u8> {
    let mut packet = vec![kind, 0, 0, 0];
    packet.extend_from_slice(&session.to_be_bytes());
    packet.extend_from_slice(&number.to_be_bytes());
    packet.extend_from_slice(body);
    packet.extend_from_slice(&count.to_be_bytes());
    let mut buf = PacketBuf::with_headroom(vec![0; packet.len() + 64], 32).unwrap();
    buf.put_slice(&packet).unwrap();
    let mut stack = Over::new(Check::<Crc32c>::new(), LengthPrefixed::new(1 << 20));
    stack.push(((), ()), &mut buf).unwrap();
    buf.as_slice().to_vec()
}

/// The greeting of a sender that fits default options.
fn greeting() -> Vec<u8> {
    let mut body = b"PHCH".to_vec();
    body.extend_from_slice(&[0, 1, 1, 1, 0, 0, 0, 0]);
    body.extend_from_slice(&(1_u32 << 20).to_be_bytes());
    body.extend_from_slice(&(1_u64 << 20).to_be_bytes());
    body.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    body
}

fn record(kind: u32, bytes: &[u8]) -> Vec<u8> {
    let mut record = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    record.extend_from_slice(&kind.to_be_bytes());
    record.extend_from_slice(bytes);
    record.resize(record.len().next_multiple_of(8), 0);
    record
}

/// A raw connection that has greeted as a sender of session 7.
fn greeted(receiver: &mut Receiver<Spsc>) -> TcpStream {
    let mut raw = TcpStream::connect(("127.0.0.1", receiver.local_addr().unwrap().port())).unwrap();
    raw.write_all(&frame(1, 7, 0, &greeting(), 0)).unwrap();
    assert_eq!(receiver.receive_timeout(SHORT).map(|_| ()), Err(ReceiveError::Timeout));
    assert_eq!(receiver.senders(), 1);
    raw
}

#[test]
fn a_raw_peer_that_speaks_the_protocol_is_understood() {
    let (mut receiver, _) = listen::<Spsc>(&Options::default());
    let mut raw = greeted(&mut receiver);
    let body = [record(3, b"one"), record(4, b"")].concat();
    raw.write_all(&frame(4, 7, 0, &body, 2)).unwrap();
    raw.write_all(&frame(5, 7, 5, &[0; 8], 0)).unwrap();
    let one = receiver.receive_timeout(LONG).unwrap();
    assert_eq!((one.kind(), &*one), (3, &b"one"[..]));
    assert_eq!(receiver.receive_timeout(LONG).unwrap().len(), 0);
    assert_eq!(receiver.receive_timeout(LONG).map(|_| ()), Err(ReceiveError::Stopped));
    assert_eq!(receiver.metrics().lost, 3, "5 there ever were, 2 came");
}

#[test]
fn strangers_do_not_keep_the_sender_out() {
    let (mut receiver, port) = listen::<Spsc>(&Options::default());
    let silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut browser = TcpStream::connect(("127.0.0.1", port)).unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut noise = TcpStream::connect(("127.0.0.1", port)).unwrap();
    noise.write_all(&patterns::random(1, 100_000)).unwrap();
    let gone = TcpStream::connect(("127.0.0.1", port)).unwrap();
    drop(gone);
    let end = Instant::now() + LONG;
    while receiver.metrics().garbage < 2 {
        assert!(Instant::now() < end, "{:?}", receiver.metrics());
        assert!(receiver.receive_timeout(Duration::from_millis(5)).is_err());
    }
    let mut sender = join(&mut receiver, &Options::default());
    sender.send(0, b"hello").unwrap();
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"hello");
    drop(silent);
}

#[test]
fn a_sender_that_goes_mad_is_cut_off_with_a_clear_error() {
    let sound = || frame(4, 7, 0, &record(0, b"fine"), 1);
    let mut flipped = sound();
    flipped[30] ^= 1;
    let mut long = record(0, b"12345678");
    long[0] = 0x7F;
    let cases = [
        ("noise", patterns::random(3, 1000)),
        ("a damaged packet", flipped),
        ("another session", frame(4, 8, 0, &record(0, b"x"), 1)),
        ("a record longer than its packet", frame(4, 7, 0, &long, 1)),
        ("fewer records than counted", frame(4, 7, 0, &record(0, b"x"), 2)),
        ("more records than counted", frame(4, 7, 0, &[record(0, b"x"), record(0, b"y")].concat(), 1)),
        ("a batch of nothing", frame(4, 7, 0, &[], 0)),
        ("a second greeting", frame(1, 7, 0, &greeting(), 0)),
        ("an unknown kind", frame(99, 7, 0, &[], 0)),
        ("numbers that overflow", frame(4, 7, u64::MAX, &[record(0, b"x"), record(0, b"y")].concat(), 1)),
    ];
    for (name, bytes) in cases {
        let (mut receiver, _) = listen::<Spsc>(&Options::default());
        let mut raw = greeted(&mut receiver);
        raw.write_all(&sound()).unwrap();
        assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"fine", "{name}");
        // It may be cut off while it still writes.
        let _ = raw.write_all(&bytes);
        let mut ends = Vec::new();
        while !ends.contains(&ReceiveError::Stopped) {
            if let Err(error) = receiver.receive_timeout(LONG).map(|_| ()) {
                ends.push(error);
            }
        }
        assert_eq!(ends, [ReceiveError::Garbage, ReceiveError::Stopped], "{name}");
        assert_eq!(receiver.metrics().garbage, 1, "{name}");
        raw.set_read_timeout(Some(LONG)).unwrap();
        let mut rest = Vec::new();
        let cut = raw.read_to_end(&mut rest);
        assert!(cut.is_ok() || cut.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset, "{name}");
    }
}

#[test]
fn one_mad_sender_among_many_leaves_the_others_alone() {
    let (mut receiver, port) = listen::<Mpsc>(&Options::default());
    let mut sender = join(&mut receiver, &Options::default());
    let mut mad = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut body = greeting();
    body[7] = 2;
    mad.write_all(&frame(1, 9, 0, &body, 0)).unwrap();
    assert_eq!(receiver.receive_timeout(SHORT).map(|_| ()), Err(ReceiveError::Timeout));
    assert_eq!(receiver.senders(), 2);
    mad.write_all(b"gibberish").unwrap();
    assert_eq!(receiver.receive_timeout(LONG).map(|_| ()), Err(ReceiveError::Garbage));
    sender.send(0, b"still here").unwrap();
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"still here");
    drop(sender);
    assert_eq!(receiver.receive_timeout(LONG).map(|_| ()), Err(ReceiveError::Stopped));
}

#[test]
fn many_senders_share_a_receiver_and_nothing_is_lost() {
    let (mut receiver, port) = listen::<Mpsc>(&Options::default());
    let to: Address = format!("tcp://127.0.0.1:{port}").parse().unwrap();
    let opened = alloc::sync::Arc::new(std::sync::Barrier::new(4));
    let threads: Vec<_> = (0..4_u32)
        .map(|own| {
            let (to, opened) = (to.clone(), opened.clone());
            thread::spawn(move || {
                let mut sender = net::sender::<Mpsc>(&to, &Options::default()).unwrap();
                // The receiver ends once all who came have left: on a busy machine that may be before the last one came.
                opened.wait();
                let mut second = sender.clone();
                for number in 0..5_000_u32 {
                    sender.send(own, &number.to_le_bytes()).unwrap();
                    second.send(own + 4, &number.to_le_bytes()).unwrap();
                }
            })
        })
        .collect();
    let mut next = [0_u32; 8];
    let end = loop {
        match receiver.receive_timeout(LONG) {
            Ok(message) => {
                let number = &mut next[message.kind() as usize];
                assert_eq!(*message, number.to_le_bytes());
                *number += 1;
            }
            Err(error) => break error,
        }
    };
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((end, next), (ReceiveError::Stopped, [5_000; 8]));
}

#[test]
fn a_second_sender_of_a_single_sender_channel_is_told() {
    let options = Options { keep_open: true, ..Options::default() };
    let (mut receiver, port) = listen::<Spsc>(&options);
    let _first = join(&mut receiver, &Options::default());
    let to: Address = format!("tcp://127.0.0.1:{port}").parse().unwrap();
    let opening = thread::spawn(move || net::sender::<Spsc>(&to, &Options::default()).map(|_| ()));
    while !opening.is_finished() {
        let _ = receiver.receive_timeout(Duration::from_millis(5));
    }
    let error = opening.join().unwrap().unwrap_err();
    assert!(matches!(error, OpenError::Refused(net::Refusal::Occupied)), "{error}");
}

#[test]
fn a_receiver_that_is_not_one_is_found_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to: Address = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let other = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"220 mail.example ESMTP ready\r\n").unwrap();
        thread::sleep(SHORT);
        drop(peer);
        // The next one says nothing at all.
        listener.accept().unwrap()
    });
    let error = net::sender::<Spsc>(&to, &Options::default()).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Refused(net::Refusal::Foreign)), "{error}");
    let begun = Instant::now();
    let options = Options { patience: Duration::from_millis(100), ..Options::default() };
    let error = net::sender::<Spsc>(&to, &options).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Io(_)), "{error}");
    assert!(begun.elapsed() < LONG);
    drop(other.join().unwrap());
}

#[test]
fn a_receiver_that_dies_is_told_to_the_sender() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to: Address = format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap();
    let dying = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut hello = [0; 64];
        peer.read_exact(&mut hello).unwrap();
        let mut welcome = greeting();
        welcome[6] = 2;
        peer.write_all(&frame(2, u32::from_be_bytes(hello[12..16].try_into().unwrap()), 0, &welcome, 0))
            .unwrap();
        thread::sleep(SHORT);
    });
    let mut sender = net::sender::<Spsc>(&to, &Options::default()).unwrap();
    let error = loop {
        match sender.send(0, b"anybody?") {
            Ok(()) => thread::sleep(Duration::from_millis(1)),
            Err(error) => break error,
        }
    };
    assert_eq!(error, SendError::PeerLost);
    dying.join().unwrap();
}

#[test]
fn a_sender_that_breaks_off_is_told_unless_it_may_come_again() {
    let (mut receiver, _) = listen::<Spsc>(&Options::default());
    let mut raw = greeted(&mut receiver);
    raw.write_all(&frame(4, 7, 0, &record(0, b"last words"), 1)).unwrap();
    drop(raw);
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"last words");
    assert_eq!(receiver.receive_timeout(LONG).map(|_| ()), Err(ReceiveError::PeerLost));
    assert_eq!(receiver.receive_timeout(LONG).map(|_| ()), Err(ReceiveError::Stopped));

    let options = Options { reconnect: Some(LONG), ..Options::default() };
    let (mut receiver, port) = listen::<Spsc>(&options);
    let mut raw = greeted(&mut receiver);
    raw.write_all(&frame(4, 7, 0, &record(0, b"0"), 1)).unwrap();
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"0");
    drop(raw);
    assert_eq!(receiver.receive_timeout(SHORT).map(|_| ()), Err(ReceiveError::Timeout));
    let mut raw = TcpStream::connect(("127.0.0.1", port)).unwrap();
    raw.write_all(&frame(1, 7, 0, &greeting(), 0)).unwrap();
    // What it sends again is passed over; what it has skipped is lost.
    let again = [record(0, b"0"), record(0, b"1")].concat();
    raw.write_all(&frame(4, 7, 0, &again, 2)).unwrap();
    raw.write_all(&frame(4, 7, 5, &record(0, b"5"), 1)).unwrap();
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"1");
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"5");
    let metrics = receiver.metrics();
    assert_eq!((metrics.reconnects, metrics.lost), (1, 3));
}

#[test]
fn a_sender_finds_its_receiver_again() {
    let options = Options { reconnect: Some(LONG), ..Options::default() };
    let (mut receiver, port) = listen::<Spsc>(&options);
    // A relay that breaks the first connection.
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let to: Address = format!("tcp://{}", relay.local_addr().unwrap()).parse().unwrap();
    let relaying = thread::spawn(move || {
        for round in 0..2 {
            let (near, _) = relay.accept().unwrap();
            let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut near_in, mut far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            let (mut far_in, mut near_out) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            let down = thread::spawn(move || _ = std::io::copy(&mut near_in, &mut far_out));
            let up = thread::spawn(move || _ = std::io::copy(&mut far_in, &mut near_out));
            if round == 0 {
                thread::sleep(Duration::from_millis(300));
                let _ = near.shutdown(std::net::Shutdown::Both);
                let _ = far.shutdown(std::net::Shutdown::Both);
            }
            down.join().unwrap();
            let _ = far.shutdown(std::net::Shutdown::Write);
            up.join().unwrap();
        }
    });
    let sending = thread::spawn(move || {
        let mut sender = net::sender::<Spsc>(&to, &options).unwrap();
        for number in 0..200_u32 {
            sender.send(0, &number.to_le_bytes()).unwrap();
            thread::sleep(Duration::from_millis(4));
        }
        sender.metrics()
    });
    let mut numbers = Vec::new();
    while let Ok(message) = receiver.receive_timeout(LONG) {
        numbers.push(u32::from_le_bytes((*message).try_into().unwrap()));
    }
    let sent = sending.join().unwrap();
    relaying.join().unwrap();
    assert!(numbers.is_sorted_by(|a, b| a < b), "nothing twice");
    assert_eq!(numbers.last(), Some(&199));
    let metrics = receiver.metrics();
    assert_eq!((sent.reconnects, metrics.reconnects), (1, 1));
    assert_eq!(numbers.len() as u64 + metrics.lost, 200);
}

#[test]
fn datagrams_of_strangers_are_counted_and_change_nothing() {
    let mut receiver = net::receiver::<Spsc>(&"udp://:0".parse().unwrap(), &Options::default()).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for bytes in [&b""[..], b"hello?", &patterns::random(5, 1400)] {
        stranger.send_to(bytes, ("127.0.0.1", port)).unwrap();
    }
    assert_eq!(receiver.receive_timeout(SHORT).map(|_| ()), Err(ReceiveError::Timeout));
    assert_eq!((receiver.metrics().garbage, receiver.senders()), (3, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_a_greeted_peer_says_the_receiver_ends(bytes in prop::collection::vec(any::<u8>(), 1..400), kind: u8, number: u64, count in 0_u32..4) {
        let (mut receiver, _) = listen::<Spsc>(&Options::default());
        let mut raw = greeted(&mut receiver);
        let _ = raw.write_all(&frame(kind, 7, number, &bytes, count));
        drop(raw);
        let mut said = 0;
        while receiver.receive_timeout(LONG).map(|_| ()) != Err(ReceiveError::Stopped) {
            said += 1;
            prop_assert!(said < 100);
        }
    }
}

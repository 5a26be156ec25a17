//! Receiving through sockets of this machine: UDP, multicast, TCP; and as a future.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)] // all of it is tests

mod wire;

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};

use packhorse_spead::receive::readers::{TcpReader, UdpOptions, UdpReader};
use packhorse_spead::receive::{NoHeap, Reason, RingOptions, RingStream, StreamConfig};
use packhorse_spead::wire::{Pointer, id};
use packhorse_testkit::tasks::block_on;
use wire::{Plan, payload_byte, split};

const LOOPBACK: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn stop() -> Plan {
    Plan::new(u64::from(u32::MAX), 1, 0, &[0]).with(Pointer::immediate(id::STREAM_CTRL, id::STOP))
}

fn udp() -> (RingStream, UdpSocket) {
    let reader = UdpReader::bind(LOOPBACK, &UdpOptions::default()).unwrap();
    let to = reader.local_address().unwrap();
    let socket = UdpSocket::bind(LOOPBACK).unwrap();
    socket.connect(to).unwrap();
    (RingStream::of(reader).unwrap(), socket)
}

fn check(heap: &packhorse_spead::receive::Heap, len: usize) {
    assert_eq!(heap.payload().len(), len);
    assert!(heap.payload().iter().enumerate().all(|(at, byte)| *byte == payload_byte(heap.cnt(), at)));
}

#[test]
fn datagrams_become_heaps_until_the_stop_heap() {
    let (mut stream, socket) = udp();
    for cnt in 1..50 {
        split(cnt, 3000, if cnt % 2 == 0 { 1000 } else { 3000 }).iter().for_each(|plan| {
            socket.send(&plan.bytes()).unwrap();
        });
        let heap = stream.next().unwrap();
        assert_eq!((heap.cnt(), heap.is_in_place()), (cnt, cnt % 2 == 1));
        check(&heap, 3000);
    }
    socket.send(&stop().bytes()).unwrap();
    assert!(stream.next().is_none());
    assert_eq!(stream.try_next().unwrap_err(), NoHeap::Ended);
    let stats = stream.statistics();
    assert_eq!((stats.heaps, stats.single_packet_heaps, stats.dropped.total()), (49, 25, 0));
}

#[test]
fn malformed_datagrams_are_counted_and_do_no_harm() {
    let (mut stream, socket) = udp();
    let good = split(1, 100, 100)[0].bytes();
    let spoil = |at: usize, value: u8| {
        let mut packet = good.clone();
        packet[at] = value;
        packet
    };
    let bad = [
        (Reason::Short, vec![0x53, 4]),
        (Reason::Short, Vec::new()),
        (Reason::Magic, spoil(0, 0)),
        (Reason::Version, spoil(1, 3)),
        (Reason::Widths, spoil(2, 4)),
        (Reason::Short, spoil(6, 0xff)),
        (Reason::NoHeapCnt, spoil(8 + 2, 0x70)),
        (Reason::NoPayloadOffset, spoil(8 + 18, 0x70)),
        (Reason::NoPayloadLength, spoil(8 + 26, 0x70)),
        (Reason::PayloadCut, good[..good.len() - 1].to_vec()),
        (Reason::BytesBehind, [&good[..], &[0]].concat()),
        (Reason::BeyondHeap, spoil(8 + 23, 1)),
    ];
    for (reason, packet) in &bad {
        let before = stream.statistics().dropped[*reason];
        socket.send(packet).unwrap();
        while stream.statistics().dropped[*reason] == before {
            std::thread::yield_now();
        }
    }
    socket.send(&good).unwrap();
    check(&stream.next_timeout(Duration::from_secs(5)).unwrap(), 100);
    assert_eq!(stream.statistics().dropped.total(), bad.len() as u64);
}

#[test]
fn heaps_that_are_kept_do_not_stop_the_reader() {
    let options = UdpOptions { slabs: 20, ..UdpOptions::default() };
    let reader = UdpReader::bind(LOOPBACK, &options).unwrap();
    let socket = UdpSocket::bind(LOOPBACK).unwrap();
    socket.connect(reader.local_address().unwrap()).unwrap();
    let mut stream = RingStream::of(reader).unwrap();
    let mut kept = Vec::new();
    for cnt in 0..100 {
        socket.send(&split(cnt, 500, 500)[0].bytes()).unwrap();
        kept.push(stream.next_timeout(Duration::from_secs(5)).unwrap());
    }
    assert!(stream.statistics().copied_heaps > 0);
    kept.iter().for_each(|heap| check(heap, 500));
}

#[test]
fn a_group_on_an_interface_is_received() {
    let mut options = UdpOptions::default();
    options.socket.interface = Some("127.0.0.1".to_owned());
    let group = SocketAddr::from((Ipv4Addr::new(239, 255, 77, 2), 0));
    let reader = UdpReader::bind(group, &options).unwrap();
    let to = reader.local_address().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    let mut stream = RingStream::of(reader).unwrap();
    socket.send_to(&split(5, 100, 100)[0].bytes(), &to.into()).unwrap();
    check(&stream.next_timeout(Duration::from_secs(5)).unwrap(), 100);
}

#[test]
fn a_tcp_connection_is_read_and_finds_its_place_again() {
    let reader = TcpReader::bind(LOOPBACK).unwrap();
    let to = reader.local_address();
    let mut stream = RingStream::of(reader).unwrap();
    let mut connection = TcpStream::connect(to).unwrap();
    for cnt in 1..40 {
        for plan in split(cnt, 3000, 700) {
            connection.write_all(&plan.bytes()).unwrap();
        }
        connection.write_all(&[0xAA; 16]).unwrap();
        check(&stream.next_timeout(Duration::from_secs(5)).unwrap(), 3000);
    }
    connection.write_all(&split(99, 100, 50)[0].bytes()).unwrap();
    drop(connection);
    assert!(stream.next().is_none());
    let stats = stream.statistics();
    assert_eq!((stats.heaps, stats.incomplete_heaps_flushed, stats.skipped_bytes), (39, 1, 39 * 16));
    assert_eq!(stats.dropped[Reason::Magic], 2 * 39);
}

#[test]
fn streams_that_wait_for_ever_can_be_dropped() {
    drop(udp());
    let reader = TcpReader::bind(LOOPBACK).unwrap();
    drop(RingStream::of(reader).unwrap());
    let reader = TcpReader::bind(LOOPBACK).unwrap();
    let to = reader.local_address();
    let stream = RingStream::of(reader).unwrap();
    let connection = TcpStream::connect(to).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    drop(stream);
    drop(connection);
}

#[test]
fn heaps_can_be_awaited() {
    let (mut stream, socket) = udp();
    let sender = std::thread::spawn(move || {
        for cnt in 0..20 {
            std::thread::sleep(Duration::from_millis(1));
            socket.send(&split(cnt, 100, 100)[0].bytes()).unwrap();
        }
        socket.send(&stop().bytes()).unwrap();
    });
    let seen = block_on(async {
        let mut seen = Vec::new();
        while let Some(heap) = stream.next_async().await {
            seen.push(heap.cnt());
        }
        seen
    });
    sender.join().unwrap();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_stream_that_needs_nothing_special_is_made_of_its_parts() {
    let reader = UdpReader::bind(LOOPBACK, &UdpOptions::default()).unwrap();
    assert!(reader.receiver().buffer_size().unwrap() > 100_000);
    let readers = [Box::new(reader) as Box<dyn packhorse_spead::receive::Reader>];
    let mut stream = RingStream::start(StreamConfig::default(), &RingOptions::default(), readers).unwrap();
    assert_eq!(stream.try_next().unwrap_err(), NoHeap::NotYet);
    assert_eq!(stream.next_timeout(Duration::from_millis(1)).unwrap_err(), NoHeap::NotYet);
}

//! Datagrams: whole or not at all, to one or to a group, and what the system says about those that nobody wants.
#![cfg(all(feature = "std", unix))]
#![allow(clippy::unwrap_used)]

use core::time::Duration;

use packhorse_link::{Boundaries, Transport as _, TransportError};
use packhorse_testkit::patterns;
use packhorse_transport::{Interface, Udp, UdpOptions};

const SOON: Option<Duration> = Some(Duration::from_secs(20));

fn pair(options: &UdpOptions) -> (Udp, Udp) {
    let mut there = Udp::bind("127.0.0.1", 0, options).unwrap();
    there.receiver.set_timeout(SOON);
    let mut here = Udp::connect("127.0.0.1", there.local_addr().unwrap().port(), options).unwrap();
    here.receiver.set_timeout(SOON);
    (here, there)
}

#[test]
fn a_datagram_arrives_whole_from_any_number_of_pieces_and_is_answered() {
    let (mut here, mut there) = pair(&UdpOptions::default());
    assert_eq!((here.mtu(), here.boundaries()), (1472, Boundaries::Packets));
    let mut into = [0; 2000];
    for pieces in [1, 2, 16, 17, 400] {
        let bytes = patterns::random(pieces, 1472);
        let size = bytes.len().div_ceil(usize::try_from(pieces).unwrap());
        here.send_gather(&bytes.chunks(size).collect::<Vec<_>>()).unwrap();
        let len = there.receive(&mut into).unwrap();
        assert!(into[..len] == bytes, "{pieces}");
        there.send(&bytes[..pieces.try_into().unwrap()]).unwrap();
        assert_eq!(here.receive(&mut into).unwrap(), usize::try_from(pieces).unwrap());
    }
    here.send(b"").unwrap();
    assert_eq!(there.receive(&mut into).unwrap(), 0, "an empty datagram is one");
}

#[test]
fn what_is_too_long_is_refused_here_and_lost_alone_there() {
    let options = UdpOptions { mtu: Some(100), ..UdpOptions::default() };
    let (mut here, mut there) = pair(&options);
    assert!(matches!(here.send(&[0; 101]), Err(TransportError::TooLong { len: 101, most: 100 })));
    let gathered = here.send_gather(&[&[0; 60], &[0; 60]]);
    assert!(matches!(gathered, Err(TransportError::TooLong { len: 120, most: 100 })));
    here.send(&[1; 100]).unwrap();
    here.send(&[2; 9]).unwrap();
    let short = there.receive(&mut [0; 10]);
    assert!(matches!(short, Err(TransportError::TooLong { len: 100, most: 10 })), "{short:?}");
    assert_eq!(there.receive(&mut [0; 10]).unwrap(), 9);
}

#[test]
fn nothing_there_would_block_and_waiting_ends_in_time() {
    let (mut here, mut there) = pair(&UdpOptions::default());
    there.set_blocking(false);
    let mut into = [0; 10];
    assert!(matches!(there.receive(&mut into), Err(TransportError::WouldBlock)));
    assert!(!there.receiver.wait(Some(Duration::from_millis(5))).unwrap());
    here.send(b"x").unwrap();
    assert!(there.receiver.wait(SOON).unwrap());
    assert_eq!(there.receive(&mut into).unwrap(), 1);
    there.set_blocking(true);
    there.receiver.set_timeout(Some(Duration::from_millis(5)));
    assert!(matches!(there.receive(&mut into), Err(TransportError::WouldBlock)));
}

#[test]
fn a_port_where_nobody_listens_is_counted_and_ends_nothing() {
    let (mut here, there) = pair(&UdpOptions::default());
    let port = there.local_addr().unwrap().port();
    drop(there);
    for _ in 0..20 {
        here.send(b"to nobody").unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(here.sender.refused() > 0);
    let mut there = Udp::bind("127.0.0.1", port, &UdpOptions::default()).unwrap();
    there.receiver.set_timeout(SOON);
    here.send(b"again").unwrap();
    assert_eq!(there.receive(&mut [0; 10]).unwrap(), 5);
}

#[test]
fn answers_go_to_whoever_sent_last_or_to_whom_one_says() {
    let (mut first, mut there) = pair(&UdpOptions::default());
    let port = there.local_addr().unwrap().port();
    let mut second = Udp::connect("127.0.0.1", port, &UdpOptions::default()).unwrap();
    second.receiver.set_timeout(SOON);
    let mut into = [0; 10];
    there.send(b"nobody yet").unwrap();
    first.send(b"1").unwrap();
    there.receive(&mut into).unwrap();
    let address = there.receiver.source().unwrap();
    assert_eq!(address, first.local_addr().unwrap());
    second.send(b"2").unwrap();
    there.receive(&mut into).unwrap();
    there.send(b"22").unwrap();
    there.sender.send_to(b"111", address).unwrap();
    let source = there.source();
    first.send(b"1").unwrap();
    there.receive(&mut into).unwrap();
    assert_ne!(there.source(), source, "two senders are two sources");
    there.answer_to(source);
    there.send(b"2222").unwrap();
    assert_eq!(second.receive(&mut into).unwrap(), 2);
    assert_eq!(first.receive(&mut into).unwrap(), 3);
    assert_eq!(second.receive(&mut into).unwrap(), 4);
}

#[test]
fn every_member_of_a_group_hears_the_sender_and_the_sender_hears_their_answers() {
    let groups = [("239.255.77.1", "127.0.0.1"), ("239.255.77.2", "lo"), ("ff15::77:3", "lo")];
    for (group, interface) in groups {
        let options = UdpOptions { interface: Some(Interface::from(interface)), ..UdpOptions::default() };
        let mut first = match Udp::bind(group, 0, &options) {
            Ok(first) => first,
            // A machine without IPv6 has no such groups.
            Err(_) if group.contains(':') => continue,
            Err(error) => panic!("{group}: {error}"),
        };
        let port = first.local_addr().unwrap().port();
        let mut second = Udp::bind(group, port, &options).unwrap();
        let mut here = Udp::connect(group, port, &UdpOptions { ttl: Some(1), ..options.clone() }).unwrap();
        [&mut first, &mut second, &mut here].into_iter().for_each(|end| end.receiver.set_timeout(SOON));
        match here.send(b"to all") {
            // A machine that has no route for them.
            Err(TransportError::Io(_)) if group.contains(':') => continue,
            result => result.unwrap(),
        }
        let mut into = [0; 10];
        for member in [&mut first, &mut second] {
            assert_eq!(member.receive(&mut into).unwrap(), 6, "{group}");
            member.send(b"heard").unwrap();
            assert_eq!(here.receive(&mut into).unwrap(), 5, "{group}");
        }
    }
    let nowhere = UdpOptions { interface: Some(Interface::from("no-such-0")), ..UdpOptions::default() };
    let error = Udp::bind("239.255.77.1", 0, &nowhere).unwrap_err();
    assert!(error.to_string().contains("no-such-0"), "{error}");
}

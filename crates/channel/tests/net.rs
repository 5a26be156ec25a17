//! Channels over tcp and udp, both ends in this process: nothing lost, nothing doubled, every ending clear.

#![allow(clippy::unwrap_used)] // all of it is tests

use core::time::Duration;
use std::thread;

use packhorse_channel::net::{self, Options, Receiver, Sender};
use packhorse_channel::{Address, BackPressure, ModeName, OpenError, ReceiveError, SendError, Spsc};

const LONG: Duration = Duration::from_secs(20);

fn listen(scheme: &str, options: &Options) -> Receiver<Spsc> {
    let address: Address = format!("{scheme}://:0").parse().unwrap();
    net::receiver(&address, options).unwrap()
}

fn address(scheme: &str, receiver: &Receiver<Spsc>) -> Address {
    let port = receiver.local_addr().unwrap().port();
    format!("{scheme}://127.0.0.1:{port}").parse().unwrap()
}

/// Opens both ends: on tcp the receiver must receive to let the sender in.
fn pair(scheme: &str, options: &Options) -> (Sender<Spsc>, Receiver<Spsc>) {
    let mut receiver = listen(scheme, options);
    let to = address(scheme, &receiver);
    let own = options.clone();
    let opening = thread::spawn(move || net::sender(&to, &own).unwrap());
    while !opening.is_finished() {
        assert!(matches!(
            receiver.receive_timeout(Duration::from_millis(5)).map(|message| message.len()),
            Err(ReceiveError::Timeout)
        ));
    }
    (opening.join().unwrap(), receiver)
}

/// A message that says its number, of a length of its own.
fn message(number: u64) -> Vec<u8> {
    let len = 8 + usize::try_from(number * 7 % 300).unwrap();
    let mut bytes = vec![number.to_le_bytes()[0]; len];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

#[test]
fn a_flood_over_tcp_comes_whole_and_in_order_and_the_end_behind_it() {
    let (mut sender, mut receiver) = pair("tcp", &Options::default());
    let sending = thread::spawn(move || {
        for number in 0..200_000 {
            sender.send(u32::try_from(number % 5).unwrap(), &message(number)).unwrap();
        }
        sender.metrics()
    });
    for number in 0..200_000 {
        let got = receiver.receive_timeout(LONG).unwrap();
        assert_eq!(got.kind(), u32::try_from(number % 5).unwrap());
        assert_eq!(*got, *message(number));
        assert_eq!(got.as_ptr().align_offset(8), 0);
    }
    assert_eq!(receiver.receive_timeout(LONG).unwrap_err(), ReceiveError::Stopped);
    let (sent, received) = (sending.join().unwrap(), receiver.metrics());
    assert_eq!((sent.messages_sent, received.messages_received), (200_000, 200_000));
    assert_eq!((sent.bytes_sent, received.lost), (received.bytes_received, 0));
    assert!(received.packets < 20_000, "batched by itself: {} packets", received.packets);
}

#[test]
fn a_single_message_is_not_held_back() {
    let options = Options { max_latency: Duration::from_secs(3600), ..Options::default() };
    let (mut sender, mut receiver) = pair("tcp", &options);
    for _ in 0..10 {
        sender.send(1, b"alone").unwrap();
        assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"alone");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_last_messages_of_a_flood_leave_although_nothing_follows() {
    let (mut sender, mut receiver) = pair("tcp", &Options::default());
    for number in 0..100_u64 {
        sender.send(0, &number.to_le_bytes()).unwrap();
    }
    for number in 0..100_u64 {
        assert_eq!(*receiver.receive_timeout(LONG).unwrap(), number.to_le_bytes());
    }
}

#[test]
fn messages_larger_than_a_batch_pass_alone_and_one_larger_than_the_channel_is_refused() {
    let options = Options { message_max: Some(1 << 20), ..Options::default() };
    let (mut sender, mut receiver) = pair("tcp", &options);
    let receiving = thread::spawn(move || {
        let mut lens = Vec::new();
        while let Ok(message) = receiver.receive_timeout(LONG) {
            assert!(message.iter().all(|byte| *byte == message.len().to_le_bytes()[0]));
            lens.push(message.len());
        }
        lens
    });
    let lens = [10_usize, 70_000, 65_528, 65_536, 0, 1 << 20, 3];
    for len in lens {
        sender.send(0, &vec![len.to_le_bytes()[0]; len]).unwrap();
    }
    let refused = sender.send(0, &vec![0; (1 << 20) + 1]).unwrap_err();
    assert_eq!(refused, SendError::TooLarge { len: (1 << 20) + 1, most: 1 << 20 });
    drop(sender);
    assert_eq!(receiving.join().unwrap(), lens);
}

#[test]
fn a_claim_that_is_dropped_or_cut_short_leaves_no_trace() {
    let (mut sender, mut receiver) = pair("tcp", &Options::default());
    sender.send(0, b"before").unwrap();
    drop(sender.claim(0, 100).unwrap());
    let mut claim = sender.claim(9, 100).unwrap();
    claim.truncate(5);
    claim.copy_from_slice(b"short");
    claim.publish();
    drop(sender);
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *b"before");
    let short = receiver.receive_timeout(LONG).unwrap();
    assert_eq!((short.kind(), &*short), (9, &b"short"[..]));
    assert_eq!(receiver.receive_timeout(LONG).unwrap_err(), ReceiveError::Stopped);
}

fn full(back_pressure: BackPressure) -> (Sender<Spsc>, Receiver<Spsc>) {
    let options = Options {
        back_pressure,
        capacity: 1 << 17,
        send_buffer: Some(1 << 14),
        receive_buffer: Some(1 << 14),
        linger: Duration::from_secs(20),
        ..Options::default()
    };
    pair("tcp", &options)
}

#[test]
fn a_full_channel_blocks_for_the_time_given() {
    let (mut sender, receiver) = full(BackPressure::BlockFor(Duration::from_millis(50)));
    let failed = (0..10_000).find_map(|_| sender.send(0, &[7; 1000]).err());
    assert_eq!(failed, Some(SendError::Timeout));
    assert!(sender.metrics().send_blocks > 0);
    assert_eq!(sender.try_claim(0, 1000).map(|_| ()).unwrap_err(), SendError::Full);
    drop(receiver);
}

#[test]
fn a_full_channel_says_so_when_errors_are_wanted() {
    let (mut sender, _receiver) = full(BackPressure::Error);
    let failed = (0..10_000).find_map(|_| sender.send(0, &[7; 1000]).err());
    assert_eq!(failed, Some(SendError::Full));
    assert!(sender.metrics().refused > 0);
    drop(_receiver);
}

fn dropping(back_pressure: BackPressure) -> (Vec<u64>, u64, u64, u64) {
    let (mut sender, mut receiver) = full(back_pressure);
    let mut last = 0;
    for number in 0..20_000_u64 {
        let mut bytes = [0; 1000];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        sender.send(0, &bytes).unwrap();
        last = number;
    }
    let reading = thread::spawn(move || {
        let mut numbers = Vec::new();
        while let Ok(message) = receiver.receive_timeout(LONG) {
            numbers.push(u64::from_le_bytes(message[..8].try_into().unwrap()));
        }
        (numbers, receiver.metrics().lost)
    });
    let metrics = sender.metrics();
    let dropped = metrics.dropped_newest + metrics.dropped_oldest;
    drop(sender);
    let (numbers, lost) = reading.join().unwrap();
    assert!(numbers.is_sorted());
    (numbers, dropped, lost, last)
}

#[test]
fn dropping_the_newest_keeps_the_oldest_and_both_ends_count_alike() {
    let (numbers, dropped, lost, _) = dropping(BackPressure::DropNewest);
    assert!(dropped > 0);
    assert_eq!((numbers[0], numbers[99]), (0, 99));
    assert_eq!((lost, numbers.len() as u64 + dropped), (dropped, 20_000));
}

#[test]
fn dropping_the_oldest_keeps_the_newest_and_both_ends_count_alike() {
    let (numbers, dropped, lost, last) = dropping(BackPressure::DropOldest);
    assert!(dropped > 0);
    assert_eq!(numbers.last(), Some(&last));
    assert_eq!((lost, numbers.len() as u64 + dropped), (dropped, 20_000));
}

#[test]
fn what_is_half_written_is_not_dropped_and_a_message_beside_it_is_refused() {
    let (mut sender, mut receiver) = full(BackPressure::DropOldest);
    let (done, sent) = std::sync::mpsc::channel();
    let sending = thread::spawn(move || {
        let large = vec![7; 1 << 18];
        done.send((0..20).filter(|_| sender.send(0, &large) == Err(SendError::Full)).count()).unwrap();
        sender.metrics()
    });
    assert!(sent.recv_timeout(LONG).unwrap() > 0);
    let mut received = 0;
    while let Ok(message) = receiver.receive_timeout(LONG) {
        assert!(message.len() == 1 << 18 && message.iter().all(|byte| *byte == 7));
        received += 1;
    }
    let metrics = sending.join().unwrap();
    assert_eq!(metrics.messages_sent, received + metrics.dropped_oldest);
    assert_eq!(metrics.messages_sent + metrics.refused, 20);
}

#[test]
fn an_empty_channel_waits_for_the_time_given() {
    let (sender, mut receiver) = pair("tcp", &Options::default());
    assert_eq!(receiver.try_receive().map(|_| ()).unwrap_err(), ReceiveError::Empty);
    let timeout = receiver.receive_timeout(Duration::from_millis(10)).map(|_| ()).unwrap_err();
    assert_eq!(timeout, ReceiveError::Timeout);
    assert!(receiver.metrics().receive_blocks > 0);
    drop(sender);
    assert_eq!(receiver.receive().map(|_| ()).unwrap_err(), ReceiveError::Stopped);
}

#[test]
fn stopping_a_sender_from_elsewhere_ends_its_wait_and_the_receiver_gets_what_was_sent() {
    let (mut sender, mut receiver) = full(BackPressure::Block);
    let stopper = sender.stopper();
    let sending = thread::spawn(move || {
        let mut sent = 0_u64;
        while sender.send(0, &[1; 1000]).is_ok() {
            sent += 1;
        }
        assert_eq!(sender.send(0, &[]).unwrap_err(), SendError::Stopped);
        assert!(sender.is_stopped());
        sent
    });
    thread::sleep(Duration::from_millis(100));
    stopper.stop();
    let mut received = 0;
    while receiver.receive_timeout(LONG).is_ok() {
        received += 1;
    }
    assert_eq!(sending.join().unwrap(), received);
}

#[test]
fn a_receiver_that_stops_is_heard_by_the_sender_and_drains() {
    let (mut sender, mut receiver) = pair("tcp", &Options::default());
    for _ in 0..10 {
        sender.send(0, b"x").unwrap();
    }
    let stopper = receiver.stopper();
    let stopping = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        stopper.stop();
    });
    let sending = thread::spawn(move || {
        let mut sent = 10;
        loop {
            match sender.send(0, b"y") {
                Ok(()) => sent += 1,
                Err(error) => break (sent, error),
            }
            thread::sleep(Duration::from_millis(1));
        }
    });
    let mut received = 0;
    let end = loop {
        match receiver.receive() {
            Ok(_) => received += 1,
            Err(error) => break error,
        }
    };
    stopping.join().unwrap();
    let (sent, error) = sending.join().unwrap();
    assert_eq!((end, error, received), (ReceiveError::Stopped, SendError::Stopped, sent));
}

#[test]
fn dropping_the_receiver_ends_the_sender() {
    let (mut sender, receiver) = pair("tcp", &Options::default());
    drop(receiver);
    let error = loop {
        match sender.send(0, b"anybody?") {
            Ok(()) => thread::sleep(Duration::from_millis(1)),
            Err(error) => break error,
        }
    };
    assert_eq!(error, SendError::Stopped);
}

#[test]
fn ends_that_differ_are_refused_with_the_reason() {
    let receiver_options = Options { message_max: Some(1000), ..Options::default() };
    for scheme in ["tcp", "udp"] {
        let differing = [
            Options { message_max: Some(1001), ..Options::default() },
            Options { message_max: Some(1000), only: Some(7), ..Options::default() },
            Options { message_max: Some(1000), back_pressure: BackPressure::Error, ..Options::default() },
        ];
        for options in differing {
            let mut receiver = listen(scheme, &receiver_options);
            let to = address(scheme, &receiver);
            let opening = thread::spawn(move || net::sender::<Spsc>(&to, &options).map(|_| ()));
            while !opening.is_finished() {
                let _ = receiver.receive_timeout(Duration::from_millis(5));
            }
            let error = opening.join().unwrap().unwrap_err();
            assert!(matches!(error, OpenError::Refused(_)), "{error}");
            assert_eq!(receiver.metrics().refused_peers, 1);
        }
    }
}

#[test]
fn carriers_say_what_they_cannot() {
    for text in ["tcp://localhost:1", "udp://localhost:1"] {
        let address: Address = text.parse().unwrap();
        for mode in [ModeName::Spmc, ModeName::Mpmc, ModeName::Broadcast] {
            let error = net::supports(&address, mode).unwrap_err();
            assert!(error.to_string().contains("memory:// or ipc://"), "{error}");
        }
    }
    let udp: Address = "udp://:0".parse().unwrap();
    assert!(matches!(net::sender::<Spsc>(&udp, &Options::default()), Err(OpenError::Unsupported(_))));
    let long = Options { message_max: Some(65_473), ..Options::default() };
    assert!(matches!(net::receiver::<Spsc>(&udp, &long), Err(OpenError::Capacity { most: 65_472, .. })));
}

#[test]
fn nobody_there_is_told_in_time() {
    let options = Options { patience: Duration::from_millis(100), ..Options::default() };
    for scheme in ["tcp", "udp"] {
        let receiver = listen(scheme, &options);
        let to = address(scheme, &receiver);
        drop(receiver);
        let error = net::sender::<Spsc>(&to, &options).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Io(_)), "{error}");
    }
}

#[test]
fn a_sender_can_listen_and_what_it_sends_before_anybody_comes_waits() {
    let at: Address = "tcp://:0".parse().unwrap();
    let mut sender = net::sender::<Spsc>(&at, &Options::default()).unwrap();
    for number in 0..1000 {
        sender.send(0, &message(number)).unwrap();
    }
    let port = sender.local_addr().unwrap().port();
    let to: Address = format!("tcp://localhost:{port}").parse().unwrap();
    let reading = thread::spawn(move || {
        let mut receiver = net::receiver::<Spsc>(&to, &Options::default()).unwrap();
        let mut count = 0;
        while let Ok(got) = receiver.receive_timeout(LONG) {
            assert_eq!(*got, *message(count));
            count += 1;
        }
        count
    });
    drop(sender);
    assert_eq!(reading.join().unwrap(), 1000);
}

#[test]
fn strangers_who_say_nothing_keep_no_receiver_out_and_no_sender_waiting() {
    let at: Address = "tcp://:0".parse().unwrap();
    let options = Options { back_pressure: BackPressure::DropNewest, ..Options::default() };
    let mut sender = net::sender::<Spsc>(&at, &options).unwrap();
    let port = sender.local_addr().unwrap().port();
    let silent: Vec<_> =
        (0..12).map(|_| std::net::TcpStream::connect(("localhost", port)).unwrap()).collect();
    sender.send(0, &message(0)).unwrap();
    let to: Address = format!("tcp://localhost:{port}").parse().unwrap();
    let mut receiver = net::receiver::<Spsc>(&to, &options).unwrap();
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), *message(0));
    drop(silent);
}

#[test]
fn udp_carries_in_order_and_counts_what_is_lost() {
    let (mut sender, mut receiver) = pair("udp", &Options::default());
    let reading = thread::spawn(move || {
        let mut last = None;
        let mut count = 0_u64;
        let end = loop {
            match receiver.receive_timeout(LONG) {
                Ok(got) => {
                    let number = u64::from_le_bytes(got[..8].try_into().unwrap());
                    assert_eq!(*got, *message(number));
                    assert!(last.is_none_or(|last| last < number));
                    last = Some(number);
                    count += 1;
                }
                Err(error) => break error,
            }
        };
        (count, end, receiver.metrics())
    });
    for number in 0..50_000 {
        sender.send(0, &message(number)).unwrap();
    }
    drop(sender);
    let (count, end, metrics) = reading.join().unwrap();
    assert_eq!(end, ReceiveError::Stopped);
    assert_eq!(count + metrics.lost, 50_000);
}

#[test]
fn a_receiver_that_stops_is_heard_over_udp() {
    let (mut sender, receiver) = pair("udp", &Options::default());
    sender.send(0, b"x").unwrap();
    receiver.stop();
    let error = loop {
        match sender.send(0, b"anybody?") {
            Ok(()) => thread::sleep(Duration::from_millis(1)),
            Err(error) => break error,
        }
    };
    assert_eq!(error, SendError::Stopped);
}

#[test]
fn strangers_who_flood_a_port_keep_nobody_beyond_his_time() {
    let mut receiver = listen("udp", &Options::default());
    let to = receiver.local_addr().unwrap().port();
    let over = core::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                while !over.load(core::sync::atomic::Ordering::Relaxed) {
                    let _ = socket.send_to(b"rubbish", ("127.0.0.1", to));
                }
            });
        }
        let begun = std::time::Instant::now();
        let waited = receiver.receive_timeout(Duration::from_millis(100)).map(|message| message.len());
        let tried = receiver.try_receive().map(|message| message.len());
        over.store(true, core::sync::atomic::Ordering::Relaxed);
        assert_eq!((waited, tried), (Err(ReceiveError::Timeout), Err(ReceiveError::Empty)));
        assert!(begun.elapsed() < LONG);
    });
    assert!(receiver.metrics().garbage > 0);
}

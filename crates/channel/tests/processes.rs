//! Real processes on one ipc channel: contents, what is checked on opening, and what kill -9 leaves behind.
//!
//! The other process is this test program again, told by its environment what to do.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // all of it is tests

use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use packhorse_channel::{
    BackPressure, Broadcast, Builder, Channel, Mode, Mpmc, Mpsc, OpenError, ReceiveError, SendError, Spmc,
    Spsc,
};

const TASK: &str = "PACKHORSE_CHANNEL_TEST_TASK";
const NAME: &str = "PACKHORSE_CHANNEL_TEST_NAME";
const COUNT: u64 = 200_000;
const LONG: Duration = Duration::from_secs(20);

fn unique(test: &str) -> String {
    format!("test-{test}-{}", std::process::id())
}

fn at(name: &str) -> Builder {
    Channel::at(&format!("ipc://{name}")).unwrap()
}

/// Starts this program as another process and waits until it says that it is ready.
fn start(task: &str, name: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture"])
        .env(TASK, task)
        .env(NAME, name)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("ready")), "{task} did not get ready");
    child
}

fn kill(mut child: Child) {
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_other_process() {
    let (Ok(task), Ok(name)) = (std::env::var(TASK), std::env::var(NAME)) else { return };
    let ready = || println!("ready");
    match task.as_str() {
        "send" => {
            let mut sender = at(&name).typed_sender::<[u64; 8], Spsc>().unwrap();
            ready();
            (0..COUNT).for_each(|number| sender.send([number; 8]).unwrap());
        }
        "records" => {
            let mut sender = at(&name).record_sender::<Spsc>().unwrap();
            ready();
            (0..COUNT).for_each(|number| sender.send(7, &number.to_le_bytes()).unwrap());
        }
        "claim-mpmc" => hold_claim::<Mpmc>(&name),
        "claim-mpsc" => hold_claim::<Mpsc>(&name),
        "claim-spsc" => hold_claim::<Spsc>(&name),
        "claim-spmc" => hold_claim::<Spmc>(&name),
        "read-mpmc" => hold_message::<Mpmc>(&name),
        "read-spmc" => hold_message::<Spmc>(&name),
        "read-spsc" => hold_message::<Spsc>(&name),
        "read-mpsc" => hold_message::<Mpsc>(&name),
        "read-broadcast" => hold_message::<Broadcast>(&name),
        "both" => {
            let _ends = at(&name).typed::<u64, Spsc>().unwrap();
            ready();
            std::thread::sleep(LONG);
        }
        "scribble" => {
            let _receiver = at(&name).record_receiver::<Mpmc>().unwrap();
            scribble(ready);
        }
        _ => panic!("no such task: {task}"),
    }
}

fn hold_claim<M: Mode>(name: &str) {
    let mut sender = at(name).typed_sender::<u64, M>().unwrap();
    sender.send(1).unwrap();
    let mut claim = sender.claim().unwrap();
    *claim = 666;
    println!("ready");
    std::thread::sleep(LONG);
}

fn hold_message<M: Mode>(name: &str) {
    let mut receiver = at(name).typed_receiver::<u64, M>().unwrap();
    println!("ready");
    let message = receiver.receive().unwrap();
    println!("holding {}", *message);
    std::thread::sleep(LONG);
}

/// Writes random words all over the memory of every channel that this process holds.
fn scribble(ready: impl Fn()) {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let ranges: Vec<(u64, u64)> = maps
        .lines()
        .filter(|line| line.contains("memfd:packhorse-"))
        .map(|line| {
            let (from, rest) = line.split_once('-').unwrap();
            let (to, _) = rest.split_once(' ').unwrap();
            (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap())
        })
        .collect();
    assert!(!ranges.is_empty());
    ready();
    // Through the kernel, so that this file needs no unsafe code.
    use std::os::unix::fs::FileExt as _;
    let memory = std::fs::OpenOptions::new().write(true).open("/proc/self/mem").unwrap();
    let mut state = 1_u64;
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        for (from, to) in &ranges {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The front, where everything stands that others believe, is hit most.
            let span = if state >> 62 == 0 { to - from } else { 4096.min(to - from) };
            let offset = (state >> 20) % (span - 8);
            let word = match state >> 17 & 7 {
                0 => 0,
                1 => u64::MAX,
                2 => 1,
                3 => state & 0xFF,
                _ => state.rotate_left(29),
            };
            memory.write_all_at(&word.to_le_bytes(), from + (offset & !7)).unwrap();
        }
    }
}

#[test]
fn two_processes_exchange_values_and_records() {
    let name = unique("values");
    let mut receiver = at(&name).capacity(8192).typed_receiver::<[u64; 8], Spsc>().unwrap();
    let mut child = start("send", &name);
    for number in 0..COUNT {
        assert_eq!(*receiver.receive_timeout(LONG).unwrap(), [number; 8]);
    }
    assert!(matches!(receiver.receive_timeout(LONG), Err(ReceiveError::Stopped)));
    child.wait().unwrap();
    assert_eq!(receiver.metrics().messages_sent, COUNT);

    let name = unique("records");
    let mut receiver = at(&name).capacity(8192).record_receiver::<Spsc>().unwrap();
    let mut child = start("records", &name);
    for number in 0..COUNT {
        let message = receiver.receive_timeout(LONG).unwrap();
        assert_eq!((message.kind(), &*message), (7, &number.to_le_bytes()[..]));
    }
    child.wait().unwrap();
}

#[test]
fn what_differs_is_told_on_opening() {
    let name = unique("differs");
    let _sender = at(&name).capacity(4096).typed_sender::<u64, Spsc>().unwrap();
    let open = || at(&name);
    assert!(matches!(open().typed_receiver::<u64, Mpmc>(), Err(OpenError::Mode { .. })));
    assert!(matches!(open().typed_receiver::<u32, Spsc>(), Err(OpenError::Mismatch { .. })));
    assert!(matches!(open().typed_receiver::<[u8; 8], Spsc>(), Err(OpenError::Mismatch { .. })));
    assert!(matches!(open().record_receiver::<Spsc>(), Err(OpenError::Mismatch { .. })));
    assert!(matches!(open().capacity(8192).typed_receiver::<u64, Spsc>(), Err(OpenError::Mismatch { .. })));
    assert!(matches!(open().typed_sender::<u64, Spsc>(), Err(OpenError::Occupied("sender"))));
    assert!(open().capacity(4096).typed_receiver::<u64, Spsc>().is_ok());
    assert!(matches!(at(&unique("nobody")).observe(), Err(OpenError::Missing)));
    assert_eq!(open().observe().unwrap().message_size(), Some(8));
}

fn receive_until_end<M: Mode>(
    receiver: &mut packhorse_channel::typed::Receiver<u64, M>,
) -> (Vec<u64>, ReceiveError) {
    let mut read = Vec::new();
    loop {
        match receiver.receive_timeout(LONG) {
            Ok(message) => read.push(*message),
            Err(error) => return (read, error),
        }
    }
}

#[test]
fn a_sender_killed_with_a_claim_blocks_nobody() {
    fn with<M: Mode>(task: &str) {
        let name = unique(task);
        let mut receiver = at(&name).capacity(64).typed_receiver::<u64, M>().unwrap();
        let child = start(task, &name);
        if M::NAME.many_senders() {
            let mut other = at(&name).typed_sender::<u64, M>().unwrap();
            other.send(2).unwrap();
            kill(child);
            for expected in [1, 2] {
                assert_eq!(*receiver.receive_timeout(LONG).unwrap(), expected, "{task}");
            }
            // Round the ring, over the cell that the dead one had.
            for number in 0..50 {
                other.send(number).unwrap();
                assert_eq!(*receiver.receive_timeout(LONG).unwrap(), number);
            }
            assert_eq!(receiver.metrics().dropped_lost, 1);
            assert_eq!(receiver.metrics().lost_peers, 1);
        } else {
            kill(child);
            let (read, end) = receive_until_end(&mut receiver);
            assert_eq!((read, end), (vec![1], ReceiveError::PeerLost), "{task}");
            // Another one may take its place.
            let mut other = at(&name).typed_sender::<u64, M>().unwrap();
            other.send(3).unwrap();
            drop(other);
            let (read, end) = receive_until_end(&mut receiver);
            assert_eq!((read, end), (vec![3], ReceiveError::Stopped), "{task}");
        }
    }
    with::<Mpmc>("claim-mpmc");
    with::<Mpsc>("claim-mpsc");
    with::<Spsc>("claim-spsc");
    with::<Spmc>("claim-spmc");
}

#[test]
fn a_receiver_killed_with_a_message_blocks_nobody() {
    fn with<M: Mode>(task: &str) {
        let name = unique(task);
        let mut sender = at(&name)
            .capacity(64)
            .back_pressure(BackPressure::BlockFor(LONG))
            .typed_sender::<u64, M>()
            .unwrap();
        let mut child = start(task, &name);
        sender.send(1).unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.contains("holding 1")));
        kill(child);
        if M::NAME == <Broadcast as Mode>::NAME {
            (0..20).for_each(|number| sender.send(number).unwrap());
            return;
        }
        let filled = (2..20).find_map(|number| sender.send(number).err());
        assert_eq!(filled, Some(SendError::PeerLost), "{task}");
        let mut receiver = at(&name).typed_receiver::<u64, M>().unwrap();
        // One reader alone never gave it back: the next one reads it again. Among many it is lost, and counted.
        let lost = u64::from(M::NAME.many_receivers());
        assert_eq!(*receiver.receive_timeout(LONG).unwrap(), 1 + lost, "{task}");
        assert_eq!(receiver.metrics().dropped_lost, lost);
        while receiver.try_receive().is_ok() {}
        for number in 0..50 {
            sender.send(number).unwrap();
            assert_eq!(*receiver.receive_timeout(LONG).unwrap(), number);
        }
    }
    with::<Mpmc>("read-mpmc");
    with::<Spmc>("read-spmc");
    with::<Spsc>("read-spsc");
    with::<Mpsc>("read-mpsc");
    with::<Broadcast>("read-broadcast");
}

#[test]
fn what_dead_processes_left_is_taken_away() {
    let name = unique("stale");
    kill(start("both", &name));
    // Another type and size: nothing of the old channel is there.
    let (mut sender, mut receiver) = at(&name).capacity(4096).typed::<u32, Spsc>().unwrap();
    sender.send(1).unwrap();
    assert_eq!(*receiver.receive_timeout(LONG).unwrap(), 1);
    drop((sender, receiver));
    assert!(matches!(at(&name).observe(), Err(OpenError::Missing)));
}

#[test]
fn a_channel_that_was_stopped_and_left_is_made_anew() {
    let name = unique("again");
    let (sender, receiver) = at(&name).typed::<u64, Spsc>().unwrap();
    let observer = at(&name).observe().unwrap();
    sender.stop();
    drop((sender, receiver));
    let (mut sender, mut receiver) = at(&name).typed::<u64, Spsc>().unwrap();
    sender.send(1).unwrap();
    assert_eq!(*receiver.try_receive().unwrap(), 1);
    assert!(observer.metrics().stopped);
}

#[test]
fn a_process_that_writes_rubbish_everywhere_does_not_end_ours() {
    let name = unique("rubbish");
    let builder =
        || at(&name).capacity(16_384).back_pressure(BackPressure::BlockFor(Duration::from_millis(20)));
    let (mut sender, mut receiver) = builder().records::<Mpmc>().unwrap();
    let child = start("scribble", &name);
    let end = Instant::now() + Duration::from_secs(2);
    let (mut read, mut failed) = (0_u64, 0_u64);
    while Instant::now() < end {
        failed += u64::from(sender.send(1, &[7; 100]).is_err());
        match receiver.receive_timeout(Duration::from_millis(20)) {
            Ok(message) => read += message.len() as u64,
            Err(_) => failed += 1,
        }
        let _ = receiver.metrics();
    }
    assert!(read + failed > 0);
    kill(child);
}

#[test]
fn a_sender_that_never_waits_long_learns_that_its_receiver_was_killed() {
    let policies = [
        BackPressure::DropNewest,
        BackPressure::DropOldest,
        BackPressure::Error,
        BackPressure::BlockFor(Duration::from_millis(10)),
    ];
    for (number, policy) in policies.into_iter().enumerate() {
        let name = unique(&format!("short-{number}"));
        let channel = at(&name).capacity(64).back_pressure(policy);
        let mut sender = channel.typed_sender::<u64, Spsc>().unwrap();
        let child = start("read-spsc", &name);
        kill(child);
        let end = Instant::now() + LONG;
        while sender.send(1) != Err(SendError::PeerLost) {
            assert!(Instant::now() < end, "{policy:?}");
        }
    }
}

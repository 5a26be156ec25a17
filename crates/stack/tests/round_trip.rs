//! Whole sessions between two threads, over a byte stream and over packets, in every profile and mode.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use packhorse::application::{Catalog, Event, Inbox, Target, Until};
use packhorse::link::Transport;
use packhorse::prelude::*;
use packhorse::transport::{Memory, PipeWriter};
use packhorse::{ReceiveOutcome, SendOutcome, receive_from, send_to};

fn bytes(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        })
        .collect()
}

fn session<S, R>(
    paths: &[PathBuf],
    inbox: &Path,
    options: &SendOptions,
    sender: S,
    receiver: R,
) -> (SendOutcome, ReceiveOutcome)
where
    S: Transport + Send,
    R: Transport + Send,
    S::Error: core::fmt::Display,
    R::Error: core::fmt::Display,
{
    thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let target = Target::Folder(Inbox::open(inbox, Existing::Replace).unwrap());
            let options = ReceiveOptions { profile: Some(options.profile), ..ReceiveOptions::default() };
            receive_from(target, receiver, Until::LinkEnds, &options, &mut |_: Event<'_>| ()).unwrap()
        });
        let catalog = Catalog::new(paths, None).unwrap();
        let sent = send_to(catalog, sender, options, |_| (), &mut |_: Event<'_>| ()).unwrap();
        (sent, receiving.join().unwrap())
    })
}

fn check(options: &SendOptions, sizes: &[usize], packets: bool) {
    let root = tempfile::tempdir().unwrap();
    let outbox = root.path().join("out");
    let inbox = root.path().join("in");
    fs::create_dir_all(&outbox).unwrap();
    let paths: Vec<PathBuf> = sizes
        .iter()
        .map(|&size| {
            let path = outbox.join(format!("{size}.bin"));
            fs::write(&path, bytes(size, u32::try_from(size).unwrap())).unwrap();
            path
        })
        .collect();
    let (sent, received) = if packets {
        let (a, b) = Memory::pair(2048, 64);
        session(&paths, &inbox, options, a, b)
    } else {
        let (reader, writer) = PipeWriter::pair().unwrap();
        session(&paths, &inbox, options, writer, reader)
    };
    assert!(sent.error.is_none(), "{options:?} {:?}", sent.error);
    assert_eq!(received.report.objects, sizes.len() as u64, "{options:?} {:#?}", received.report);
    assert_eq!(received.report.failed, 0, "{options:?} {:#?}", received.report);
    for path in &paths {
        let name = path.file_name().unwrap();
        assert!(fs::read(path).unwrap() == fs::read(inbox.join(name)).unwrap(), "{options:?} {name:?}");
    }
    assert_eq!(fs::read_dir(&inbox).unwrap().count(), sizes.len(), "nothing else is left in the inbox");
}

const SIZES: [usize; 12] = [0, 1, 49, 50, 51, 1023, 1024, 1025, 65_535, 65_536, 65_537, 300_000];

#[test]
fn files_of_every_size_arrive_in_every_profile_and_mode_over_a_byte_stream() {
    for profile in ProfileName::ALL {
        for mode in [Mode::Once, Mode::Repeat { copies: 1 }, Mode::Repeat { copies: 3 }] {
            check(&SendOptions { profile, mode, ..SendOptions::default() }, &SIZES, false);
        }
    }
}

#[test]
fn files_of_every_size_arrive_in_every_profile_and_mode_over_packets() {
    for profile in ProfileName::ALL {
        for mode in [Mode::Once, Mode::Repeat { copies: 2 }] {
            check(&SendOptions { profile, mode, ..SendOptions::default() }, &SIZES, true);
        }
    }
}

#[test]
fn files_longer_than_all_slabs_arrive_with_any_block_size() {
    for block in [1, 50, 1000, 16_384, 100_000, 262_144] {
        let size = if block < 1000 { 400_000 } else { 9_000_000 };
        for mode in [Mode::Once, Mode::Repeat { copies: 1 }] {
            check(&SendOptions { block: Some(block), mode, ..SendOptions::default() }, &[size], false);
        }
    }
}

#[test]
fn messages_and_blocks_share_a_paced_link() {
    use core::time::Duration;
    use packhorse::application::Messages;
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, bytes(20_000, 3)).unwrap();
    let (reader, writer) = PipeWriter::pair().unwrap();
    let options = SendOptions { block: Some(1000), packet_rate: Some(200), ..SendOptions::default() };
    let began = std::time::Instant::now();
    let (sent, received) = thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let target = Target::Folder(Inbox::open(&root.path().join("in"), Existing::Replace).unwrap());
            receive_from(target, reader, Until::LinkEnds, &ReceiveOptions::default(), &mut |_: Event<'_>| ())
        });
        let flood = |messages: Messages| {
            thread::spawn(move || while messages.send(Channel::TELEMETRY, b"7.9 V".to_vec()) {});
        };
        let catalog = Catalog::new(core::slice::from_ref(&path), None).unwrap();
        let sent = send_to(catalog, writer, &options, flood, &mut |_: Event<'_>| ()).unwrap();
        (sent, receiving.join().unwrap().unwrap())
    });
    assert_eq!((received.report.objects, received.report.failed), (1, 0), "a flood does not starve the file");
    let packets = sent.report.transfer.packets;
    assert!(sent.report.messages >= 10 && packets >= 30, "{:?}", sent.report);
    let least = Duration::from_millis(packets.saturating_sub(5) * 1000 / 200);
    assert!(began.elapsed() > least, "{packets} packets at 200 a second took {:?}", began.elapsed());
}

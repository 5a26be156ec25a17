//! Floods: whoever announces without end, from one address or from thousands, costs a bounded amount of memory and files, and
//! an honest sender's object arrives in the middle of it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use std::fs;

use packhorse::application::{Event, Inbox, Profile, Target, Until};
use packhorse::buffer::{Layer as _, PacketBuf};
use packhorse::link::{Boundaries, TransportError};
use packhorse::packet::{Channel, Fragment};
use packhorse::prelude::*;
use packhorse::transfer::native::Codec;
use packhorse::transfer::{
    BlockHeader, Control, ControlCodec as _, End, HashKind, Meta, ObjectKind, SessionEnd,
};
use packhorse::{NativeStack, receive_from};
use packhorse_testkit::patterns;

/// Datagrams of a script, each from a source.
struct Script<I>(I, u64);

impl<I: Iterator<Item = (u64, Vec<u8>)>> Transport for Script<I> {
    type Error = std::io::Error;

    fn mtu(&self) -> usize {
        1472
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }
    fn send(&mut self, _bytes: &[u8]) -> Result<(), TransportError<std::io::Error>> {
        Err(TransportError::Closed)
    }
    fn send_gather(&mut self, _pieces: &[&[u8]]) -> Result<(), TransportError<std::io::Error>> {
        Err(TransportError::Closed)
    }
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<std::io::Error>> {
        let (source, bytes) = self.0.next().ok_or(TransportError::Closed)?;
        self.1 = source;
        into[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
    fn source(&self) -> u64 {
        self.1
    }
}

struct Sender {
    stack: NativeStack,
}

impl Sender {
    fn new() -> Self {
        Self { stack: <packhorse::Native as Profile>::stack() }
    }

    fn packet(&mut self, tag: u16, number: u32, control: bool, body: &[u8]) -> Vec<u8> {
        let mut memory = vec![0; body.len() + 64];
        let mut buf = PacketBuf::with_headroom(&mut memory[..], 32).unwrap();
        buf.put_slice(body).unwrap();
        let address = if control { Channel::TRANSFER.control() } else { Channel::TRANSFER.data() };
        self.stack.push((BlockHeader { tag, number }, (address, ())), &mut buf).unwrap();
        buf.as_slice().to_vec()
    }

    fn control(&mut self, tag: u16, control: &Control<'_>) -> Vec<u8> {
        let mut memory = vec![0; 8192];
        let mut buf = PacketBuf::new(&mut memory[..]);
        Codec::encode(control, &mut buf).unwrap();
        let body = buf.as_slice().to_vec();
        self.packet(tag, Fragment::whole(1).to_word(), true, &body)
    }
}

fn meta(id: u64, size: u64, name: &str) -> Meta<'_> {
    Meta {
        object_id: id,
        session: id,
        kind: ObjectKind::File,
        block_size: 1000,
        size: Some(size),
        hash_kind: HashKind::Blake3,
        name: name.as_bytes(),
        mtime: Some((1, 1)),
        ..Meta::default()
    }
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// The honest sender's datagrams.
fn honest(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut sender = Sender::new();
    let mut hasher = packhorse::application::integrity::Hasher::new(HashKind::Blake3);
    hasher.update(bytes);
    let hash = Some(hasher.finish());
    let meta = Meta { hash, ..meta(5, bytes.len() as u64, "honest") };
    let mut packets = vec![sender.control(5, &Control::Meta(meta))];
    for (number, block) in bytes.chunks(1000).enumerate() {
        packets.push(sender.packet(5, u32::try_from(number).unwrap(), false, block));
    }
    packets.push(sender.control(5, &Control::End(End { object_id: 5, size: meta.size, hash })));
    packets
        .push(sender.control(5, &Control::SessionEnd(SessionEnd { session: 5, objects: 1, heard: false })));
    packets
}

/// The share of what is sent to it that a flood of `flood(n)` leaves: the honest object, whole, and how much was held.
fn flooded(least_told: u64, with_block: bool, flood: impl Fn(u64) -> (u64, u64)) {
    let bytes = patterns::random(1, 300_000);
    let honest = honest(&bytes);
    let mut sender = Sender::new();
    let script = honest.into_iter().flat_map(|packet| core::iter::once((7, packet)));
    // Twenty announcements between two packets of the honest one.
    let mut count = 0_u64;
    let script = script.flat_map(move |honest| {
        let mut packets: Vec<(u64, Vec<u8>)> = Vec::with_capacity(21);
        for _ in 0..20 {
            count += 1;
            let (source, id) = flood(count);
            let tag = u16::try_from(id & 0xFFFF).unwrap();
            let announced = meta(id, 1 << 40, "flood");
            packets.push((source, sender.control(tag, &Control::Meta(announced))));
            if with_block {
                packets.push((source, sender.packet(tag, 0, false, &[1; 1000])));
            }
        }
        packets.insert(10, honest);
        packets
    });
    let root = tempfile::tempdir().unwrap();
    let files = || fs::read_dir("/proc/self/fd").unwrap().count();
    let (before, files_before) = (resident(), files());
    let (mut most, mut most_files, mut told) = (0, 0, 0_u64);
    let mut watch = |_: Event<'_>| {
        told += 1;
        if told.is_multiple_of(10) {
            most = most.max(resident());
            most_files = most_files.max(files());
        }
    };
    let target = Target::Folder(Inbox::open(root.path(), Existing::Replace).unwrap());
    let options = ReceiveOptions { profile: Some(ProfileName::Native), ..ReceiveOptions::default() };
    receive_from(target, Script(script, 0), Until::LinkEnds, &options, &mut watch).unwrap();
    assert!(fs::read(root.path().join("honest")).unwrap() == bytes);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing is left of the flood");
    let grown = most.saturating_sub(before) >> 20;
    assert!(told > least_told && grown < 100, "{grown} MiB after {told} events");
    assert!(most_files < files_before + 2 * 256 + 200, "{most_files} files");
}

#[test]
fn one_sender_that_announces_without_end_costs_a_bound_and_stops_nobody() {
    // Refused without a word, once it has as many open as it may.
    flooded(250, false, |n| (9, n));
}

#[test]
fn thousands_of_senders_that_announce_without_end_cost_the_same() {
    flooded(5000, false, |n| (1000 + n % 20_000, n));
}

#[test]
fn thousands_of_senders_with_a_block_each_do_not_keep_a_newcomer_out() {
    flooded(5000, true, |n| (1000 + n % 20_000, n));
}

#[test]
fn equal_tags_of_two_senders_do_not_meet() {
    let bytes = [patterns::random(1, 50_000), patterns::random(2, 50_000)];
    let packets: Vec<Vec<Vec<u8>>> = bytes.iter().map(|bytes| honest(bytes)).collect();
    let script =
        (0..packets[0].len()).flat_map(|at| [(1, packets[0][at].clone()), (2, packets[1][at].clone())]);
    let root = tempfile::tempdir().unwrap();
    let target = Target::Folder(Inbox::open(root.path(), Existing::Replace).unwrap());
    let options = ReceiveOptions { profile: Some(ProfileName::Native), ..ReceiveOptions::default() };
    let script: Vec<_> = script.collect();
    let outcome =
        receive_from(target, Script(script.into_iter(), 0), Until::LinkEnds, &options, &mut |_: Event<
            '_,
        >| ())
        .unwrap();
    assert_eq!(outcome.report.objects, 2);
    let mut came: Vec<Vec<u8>> =
        ["honest", "honest (2)"].iter().map(|name| fs::read(root.path().join(name)).unwrap()).collect();
    let mut sent = bytes.to_vec();
    came.sort();
    sent.sort();
    assert!(came == sent);
}

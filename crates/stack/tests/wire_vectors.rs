//! The packets in the book's pages on the wire formats are what the layers push, and pull back to what was pushed.
//!
//! A vector stands in a block marked `hex NAME`; on each line, what follows two blanks is a comment. When a vector
//! differs, the test prints what the layers make. A wire format changes only with its version number.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::thread;

use packhorse::application::integrity::Hasher;
use packhorse::application::{Inbox, Profile, Target, Until};
use packhorse::buffer::{Layer as _, PacketBuf};
use packhorse::link::Framing as _;
use packhorse::packet::{Address, Channel, Fragment, Fragments};
use packhorse::prelude::*;
use packhorse::transfer::fountain::{Encoder, Geometry, Shape};
use packhorse::transfer::{
    Ack, AckState, AckWriter, BlockHeader, Compression, CompressionMethod, Control, ControlCodec as _, End,
    HashKind, Layout, Meta, ObjectKind, SessionEnd, tag_of,
};
use packhorse::transport::PipeWriter;
use packhorse::{ByteStream, Ftag, Native, Rugged, Wire, receive_from, recognise};

const SESSION: u64 = 0x0102_0304_0506_0000;
const FILE: u64 = 0x0102_0304_0506_0007;
const STREAM: u64 = 0x0102_0304_0506_0008;
const CODED: u64 = 0x0102_0304_0506_0009;
const HELLO: &[u8] = b"hello world";
const LOG: &[u8] = b"log\n";
const HOHO: &[u8] = b"hohohohohohohohohoho";
const READING: &[u8] = b"battery 7.9 V";

/// Every byte that the stuffing of `ftag` changes is in it.
const STUFFED: &[u8] = &[0x00, 0xFF, 0xFE, 0xFD, 0x01, 0x02];

/// A packet before the layers push.
#[derive(Clone, Debug, PartialEq)]
struct Sent {
    name: &'static str,
    address: Address,
    header: BlockHeader,
    body: Vec<u8>,
}

fn hash(kind: HashKind, bytes: &[u8]) -> Option<[u8; 32]> {
    let mut hasher = Hasher::new(kind);
    hasher.update(bytes);
    Some(hasher.finish())
}

fn control<P: Profile>(name: &'static str, tag: u16, message: u8, control: &Control<'_>) -> Sent {
    let mut buf = PacketBuf::new(vec![0; 1024]);
    P::Codec::encode(control, &mut buf).unwrap();
    let number = if P::Codec::FRAGMENTED { Fragment::whole(message).to_word() } else { 0 };
    let body = buf.as_slice().to_vec();
    Sent { name, address: P::TRANSFER.control(), header: BlockHeader { tag, number }, body }
}

fn block<P: Profile>(name: &'static str, tag: u16, number: u32, body: &[u8]) -> Sent {
    Sent { name, address: P::TRANSFER.data(), header: BlockHeader { tag, number }, body: body.to_vec() }
}

/// A file in two blocks, a message in two pieces between them, a stream of unknown length, the end of the session.
fn session<P: Profile>() -> Vec<Sent> {
    let file = Meta {
        object_id: FILE,
        session: SESSION,
        index: 0,
        objects: 2,
        kind: ObjectKind::File,
        block_size: 8,
        size: Some(11),
        hash_kind: HashKind::Blake3,
        hash: hash(HashKind::Blake3, HELLO),
        name: b"hello.txt",
        mode: Some(0o644),
        mtime: Some((1_000_000_000, 500)),
        ..Meta::default()
    };
    let stream = Meta {
        object_id: STREAM,
        index: 1,
        kind: ObjectKind::Stream,
        size: None,
        hash: None,
        name: b"log",
        mode: None,
        mtime: None,
        ..file
    };
    let file_end = End { object_id: FILE, size: Some(11), hash: file.hash };
    let stream_end = End { object_id: STREAM, size: Some(4), hash: hash(HashKind::Blake3, LOG) };
    let session_end = SessionEnd { session: SESSION, objects: 2, heard: false };
    let mut pieces =
        Fragments::new(1, READING, 8).unwrap().zip(["message-0", "message-1"]).map(|(cut, name)| {
            let (fragment, piece) = cut;
            let header = BlockHeader { tag: 0, number: fragment.to_word() };
            Sent { name, address: Channel::TELEMETRY.data(), header, body: piece.to_vec() }
        });
    vec![
        control::<P>("meta-file", 7, 1, &Control::Meta(file)),
        block::<P>("block-0", 7, 0, &HELLO[..8]),
        pieces.next().unwrap(),
        block::<P>("block-1", 7, 1, &HELLO[8..]),
        pieces.next().unwrap(),
        control::<P>("end-file", 7, 2, &Control::End(file_end)),
        control::<P>("meta-stream", 8, 3, &Control::Meta(stream)),
        block::<P>("stream-0", 8, 0, LOG),
        control::<P>("end-stream", 8, 4, &Control::End(stream_end)),
        control::<P>("session-end", tag_of(SESSION), 4, &Control::SessionEnd(session_end)),
    ]
}

/// An object with a fountain code, its first repair symbol, and an answer about three objects.
fn answered<P: Profile>() -> Vec<Sent> {
    let shape = Shape { symbols: 2, interleave: 1, index_bits: 8 };
    let meta = Meta {
        object_id: CODED,
        session: SESSION,
        objects: 1,
        block_size: 8,
        size: Some(11),
        hash: hash(HashKind::Blake3, HELLO),
        name: b"hello.txt",
        fountain: Some(shape),
        answers: true,
        ..Meta::default()
    };
    let layout = Layout::new(11, 8).unwrap();
    let geometry = Geometry::of(shape, layout).unwrap();
    let mut symbol = [0; 8];
    Encoder::new(geometry)
        .repair(geometry.source_block(0).unwrap(), 0, &mut symbol, |block, memory| {
            let place = layout.place(block).unwrap();
            let from = usize::try_from(place.offset).unwrap();
            let bytes = &HELLO[from..from + usize::try_from(place.len).unwrap()];
            memory[..bytes.len()].copy_from_slice(bytes);
            Ok::<(), ()>(())
        })
        .unwrap();
    let mut list = [0; 100];
    let mut writer = AckWriter::new(&mut list);
    assert!(writer.entry((0, AckState::Receiving), true, 2, [(0, 1)].into_iter()));
    assert!(writer.entry((1, AckState::Receiving), false, 9, [(3, 2)].into_iter()));
    assert!(writer.entry((2, AckState::Verified), false, 1, core::iter::empty()));
    let ack = Ack {
        session_ended: true,
        session: SESSION,
        receiver: 0x0A0B_0C0D,
        sequence: 5,
        held_us: 1500,
        clock_us: 2_000_000,
        bytes: 300,
        packets: 6,
        damaged: 1,
        list: writer.finish(),
    };
    vec![
        control::<P>("meta-fountain", 9, 1, &Control::Meta(meta)),
        block::<P>("repair", 9, 1 << 31, &symbol),
        control::<P>("ack", tag_of(SESSION), 1, &Control::Ack(ack)),
    ]
}

fn native() -> Vec<Sent> {
    session::<Native>()
}

/// A compressed file, as a session of its own behind that one.
fn compressed() -> Vec<Sent> {
    // A frame with one block: "ho", a match of 13 bytes at distance 2, "ohoho".
    let coded = [0x29, b'h', b'o', 2, 0, 0x50, b'o', b'h', b'o', b'h', b'o'];
    let frame = [&[4, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82, 11, 0, 0, 0][..], &coded, &[0; 4]].concat();
    let (session, id) = (SESSION + 0x1_0000, FILE + 0x1_0002);
    let meta = Meta {
        object_id: id,
        session,
        objects: 1,
        block_size: 64,
        name: b"ho.txt",
        compression: Some(Compression { method: CompressionMethod::Lz4, content: Some(20), growing: true }),
        ..Meta::default()
    };
    let end = End { object_id: id, size: Some(26), hash: hash(HashKind::Blake3, HOHO) };
    let session_end = SessionEnd { session, objects: 1, heard: false };
    vec![
        control::<Native>("meta-compressed", 9, 6, &Control::Meta(meta)),
        block::<Native>("compressed-0", 9, 0, &frame),
        control::<Native>("end-compressed", 9, 7, &Control::End(end)),
        control::<Native>("session-end-compressed", tag_of(session), 8, &Control::SessionEnd(session_end)),
    ]
}

fn rugged() -> Vec<Sent> {
    session::<Rugged>()
}

/// A file of one full block and a shorter one.
fn ftag() -> Vec<Sent> {
    let meta = Meta {
        objects: 1,
        block_size: 4,
        size: Some(6),
        hash_kind: HashKind::Sha256,
        hash: hash(HashKind::Sha256, STUFFED),
        name: b"a.bin",
        ..Meta::default()
    };
    vec![
        control::<Ftag>("ftag-meta", 0, 0, &Control::Meta(meta)),
        block::<Ftag>("ftag-block-0", 0, 0, &STUFFED[..4]),
        block::<Ftag>("ftag-block-1", 0, 1, &STUFFED[4..]),
        control::<Ftag>("ftag-end", 0, 0, &Control::End(End::default())),
    ]
}

/// The frames on a byte stream, one after another through one stack.
fn push<P: ByteStream>(packets: &[Sent]) -> Vec<Vec<u8>> {
    let mut stack = P::stack();
    let mut framing = P::framing();
    packets
        .iter()
        .map(|sent| {
            let mut buf = PacketBuf::with_headroom(vec![0xA5; 1024], P::Stack::HEADROOM).unwrap();
            buf.put_slice(&sent.body).unwrap();
            stack.push((sent.header, (sent.address, ())), &mut buf).unwrap();
            let mut frame = vec![0; framing.frame_len_max(buf.len())];
            let len = framing.enframe(buf.as_slice(), &mut frame).unwrap();
            frame.truncate(len);
            frame
        })
        .collect()
}

/// What the layers pull from the frames; the names are those of `packets`.
fn pull<P: ByteStream>(packets: &[Sent], frames: &[Vec<u8>]) -> Vec<Sent> {
    let mut stack = P::stack();
    let mut framing = P::framing();
    packets
        .iter()
        .zip(frames)
        .map(|(Sent { name, .. }, frame)| {
            let mut frame = frame.clone();
            let packhorse::link::Step::Frame { packet, consumed } = framing.deframe(&mut frame) else {
                panic!("{name} is no frame");
            };
            assert_eq!(consumed, frame.len(), "{name}");
            let mut buf = PacketBuf::filled(&mut frame[packet]);
            let (header, (arrival, ())) =
                stack.pull(&mut buf).unwrap_or_else(|error| panic!("{name}: {error}"));
            Sent { name, address: arrival.address, header, body: buf.as_slice().to_vec() }
        })
        .collect()
}

/// The vectors of a page of the book, by name.
fn book(page: &str) -> HashMap<String, Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src").join(page);
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let mut vectors = HashMap::new();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("```hex ") else { continue };
        let digits: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .filter_map(|line| line.split("  ").next())
            .flat_map(|digits| digits.chars().filter(|digit| *digit != ' '))
            .collect();
        let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
        let bytes = bytes.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{page}, {name}: {error}"));
        assert!(vectors.insert(name.to_owned(), bytes).is_none(), "{name} stands twice in {page}");
    }
    vectors
}

/// The frames of `packets` as the book shows them.
fn shown(page: &str, packets: &[Sent]) -> Vec<Vec<u8>> {
    let vectors = book(page);
    packets.iter().map(|sent| vectors.get(sent.name).cloned().unwrap_or_default()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The packets that a page shows: sequences, each of which begins with a fresh stack.
fn compare<P: ByteStream>(page: &str, sequences: &[Vec<Sent>]) {
    let packets = sequences.concat();
    let frames: Vec<Vec<u8>> = sequences.iter().flat_map(|packets| push::<P>(packets)).collect();
    let wrong: Vec<String> = packets
        .iter()
        .zip(frames.iter().zip(shown(page, &packets)))
        .filter(|(_, (made, shown))| *made != shown)
        .map(|(sent, (made, _))| format!("{} {}", sent.name, hex(made)))
        .collect();
    assert!(wrong.is_empty(), "{page} shows something else than the layers make:\n{}", wrong.join("\n"));
    let (names, tested) = (book(page), packets.iter().map(|sent| sent.name));
    assert_eq!(names.len(), tested.count(), "every vector in {page} is tested");
}

/// Receives a byte stream into a folder; what the messages said.
fn receive(stream: Vec<u8>, folder: &Path) -> (packhorse::ReceiveOutcome, Vec<Vec<u8>>) {
    let (reader, mut writer) = PipeWriter::pair().unwrap();
    let writing = thread::spawn(move || writer.send(&stream).unwrap());
    let target = Target::Folder(Inbox::open(folder, Existing::Replace).unwrap());
    let mut messages = Vec::new();
    let mut watch = |event: Event<'_>| {
        if let Event::Message { bytes, .. } = event {
            messages.push(bytes.to_vec());
        }
    };
    let outcome =
        receive_from(target, reader, Until::LinkEnds, &ReceiveOptions::default(), &mut watch).unwrap();
    writing.join().unwrap();
    (outcome, messages)
}

#[test]
fn the_native_packets_of_the_book_are_what_the_layers_push() {
    let session = [native(), compressed()].concat();
    compare::<Native>("wire-format.md", &[session, answered::<Native>()]);
}

#[test]
fn the_rugged_packets_of_the_book_are_what_the_layers_push() {
    compare::<Rugged>("rugged-wire.md", &[rugged(), answered::<Rugged>()]);
}

#[test]
fn the_ftag_packets_of_the_book_are_what_the_layers_push() {
    compare::<Ftag>("profiles.md", &[ftag()]);
}

#[test]
fn the_packets_of_the_book_pull_back_to_what_was_pushed() {
    assert_eq!(pull::<Native>(&native(), &shown("wire-format.md", &native())), native());
    let coded = answered::<Native>();
    assert_eq!(pull::<Native>(&coded, &shown("wire-format.md", &coded)), coded);
    let coded = answered::<Rugged>();
    assert_eq!(pull::<Rugged>(&coded, &shown("rugged-wire.md", &coded)), coded);
    assert_eq!(pull::<Rugged>(&rugged(), &shown("rugged-wire.md", &rugged())), rugged());
    // The tag is not on the wire of ftag, and 0 here.
    assert_eq!(pull::<Ftag>(&ftag(), &shown("profiles.md", &ftag())), ftag());
}

#[test]
fn the_native_packets_of_the_book_are_a_session() {
    is_the_session(ProfileName::Native, shown("wire-format.md", &native()).concat());
}

#[test]
fn the_compressed_object_of_the_book_becomes_its_content() {
    let all = [native(), compressed()].concat();
    assert_eq!(pull::<Native>(&all, &shown("wire-format.md", &all)), all);
    let folder = tempfile::tempdir().unwrap();
    let (outcome, _) = receive(shown("wire-format.md", &compressed()).concat(), folder.path());
    assert_eq!((outcome.report.objects, outcome.report.failed, outcome.report.unheard), (1, 0, 0));
    assert_eq!(fs::read(folder.path().join("ho.txt")).unwrap(), HOHO);
}

#[test]
fn the_rugged_packets_of_the_book_are_a_session_also_with_wrong_bytes_in_each() {
    let mut frames = shown("rugged-wire.md", &rugged());
    is_the_session(ProfileName::Rugged, frames.concat());
    for frame in &mut frames {
        for at in [0, 3, 5, 7, 11, 13, 20, frame.len() - 1] {
            frame[at] = !frame[at];
        }
    }
    is_the_session(ProfileName::Rugged, frames.concat());
}

fn is_the_session(profile: ProfileName, stream: Vec<u8>) {
    assert_eq!(recognise(&stream), Some(Wire::stream(profile)));
    let folder = tempfile::tempdir().unwrap();
    let (outcome, messages) = receive(stream, folder.path());
    assert_eq!((outcome.report.objects, outcome.report.failed, outcome.report.unheard), (2, 0, 0));
    assert_eq!(messages, [READING]);
    assert_eq!(fs::read(folder.path().join("hello.txt")).unwrap(), HELLO);
    assert_eq!(fs::read(folder.path().join("log")).unwrap(), LOG);
}

#[test]
fn the_ftag_packets_of_the_book_are_a_file() {
    let stream = shown("profiles.md", &ftag()).concat();
    assert_eq!(recognise(&stream), Some(Wire::stream(ProfileName::Ftag)));
    let folder = tempfile::tempdir().unwrap();
    let (outcome, _) = receive(stream, folder.path());
    assert_eq!((outcome.report.objects, outcome.report.failed), (1, 0));
    assert_eq!(fs::read(folder.path().join("a.bin")).unwrap(), STUFFED);
}

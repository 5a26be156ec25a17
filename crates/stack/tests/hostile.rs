//! Streams that no honest sender makes: nothing panics, nothing lands outside the folder or unverified, and what
//! was whole still arrives.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use std::fs;
use std::path::Path;

use packhorse::application::{Event, Inbox, ReceiveReport, Target, Until};
use packhorse::buffer::{Layer as _, PacketBuf};
use packhorse::link::{Framing as _, LengthPrefixed};
use packhorse::packet::{Channel, Fragment};
use packhorse::prelude::*;
use packhorse::transfer::native::Codec;
use packhorse::transfer::{
    BlockHeader, Compression, CompressionMethod, Control, ControlCodec as _, End, HashKind, Meta, ObjectKind,
    SessionEnd,
};
use packhorse::transport::StreamReader;
use packhorse::{NativeStack, receive_from};
use packhorse_testkit::patterns;

/// Makes a native stream packet by packet, true or false.
struct Forge {
    stack: NativeStack,
    framing: LengthPrefixed,
    stream: Vec<u8>,
}

impl Forge {
    fn new() -> Self {
        let stack = <packhorse::Native as packhorse::application::Profile>::stack();
        Self { stack, framing: LengthPrefixed::new(1 << 20), stream: Vec::new() }
    }

    fn packet(&mut self, tag: u16, number: u32, control: bool, body: &[u8]) -> &mut Self {
        let mut memory = vec![0xA5; body.len() + 64];
        let mut buf = PacketBuf::with_headroom(&mut memory[..], 32).unwrap();
        buf.put_slice(body).unwrap();
        let address = if control { Channel::TRANSFER.control() } else { Channel::TRANSFER.data() };
        self.stack.push((BlockHeader { tag, number }, (address, ())), &mut buf).unwrap();
        self.framing.frame_in_place(&mut buf).unwrap();
        self.stream.extend_from_slice(buf.as_slice());
        self
    }

    fn control(&mut self, tag: u16, control: &Control<'_>) -> &mut Self {
        let mut memory = vec![0; 8192];
        let mut buf = PacketBuf::new(&mut memory[..]);
        Codec::encode(control, &mut buf).unwrap();
        let body = buf.as_slice().to_vec();
        self.packet(tag, Fragment::whole(1).to_word(), true, &body)
    }

    /// An announcement with a size that the codec would refuse to write.
    fn impossible_meta(&mut self, meta: Meta<'_>, size: u64) -> &mut Self {
        const SIZE: usize = 36;
        let mut memory = vec![0; 8192];
        let mut buf = PacketBuf::new(&mut memory[..]);
        Codec::encode(&Control::Meta(Meta { size: Some(1), ..meta }), &mut buf).unwrap();
        let mut body = buf.as_slice().to_vec();
        assert_eq!(body[SIZE..SIZE + 8], 1_u64.to_be_bytes());
        body[SIZE..SIZE + 8].copy_from_slice(&size.to_be_bytes());
        self.packet(meta.tag(), Fragment::whole(1).to_word(), true, &body)
    }

    fn meta(&mut self, meta: Meta<'_>) -> &mut Self {
        self.control(meta.tag(), &Control::Meta(meta))
    }

    /// A whole, honest object of one block.
    fn object(&mut self, id: u64, name: &str, bytes: &[u8]) -> &mut Self {
        let size = Some(bytes.len() as u64);
        self.meta(Meta { hash: Some(hash(bytes)), size, ..meta(id, name) });
        let tag = meta(id, name).tag();
        self.packet(tag, 0, false, bytes)
    }
}

fn meta(id: u64, name: &str) -> Meta<'_> {
    Meta {
        object_id: id,
        session: 1,
        kind: ObjectKind::File,
        block_size: 1024,
        hash_kind: HashKind::Blake3,
        name: name.as_bytes(),
        ..Meta::default()
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = packhorse::application::integrity::Hasher::new(HashKind::Blake3);
    hasher.update(bytes);
    hasher.finish()
}

/// Receives the stream into a folder inside a folder, which must stay as it is.
fn receive(stream: &[u8], check: impl FnOnce(&Path)) -> (ReceiveReport, Vec<String>) {
    let root = tempfile::tempdir().unwrap();
    let inbox = root.path().join("a/in");
    let mut told = Vec::new();
    let report = {
        let target = Target::Folder(Inbox::open(&inbox, Existing::Replace).unwrap());
        let options = ReceiveOptions { profile: Some(ProfileName::Native), ..ReceiveOptions::default() };
        let mut watch = |event: Event<'_>| match event {
            Event::Failed { name, reason } => told.push(format!("{name}: {reason}")),
            Event::Warning { text } => told.push(text.to_owned()),
            _ => {}
        };
        receive_from(target, StreamReader(stream), Until::LinkEnds, &options, &mut watch).unwrap().report
    };
    check(&inbox);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing stands beside the folder");
    assert_eq!(fs::read_dir(root.path().join("a")).unwrap().count(), 1, "nothing stands beside the folder");
    assert!(list(&inbox).iter().all(|name| !name.ends_with(".part")), "no partial file is left");
    (report, told)
}

fn list(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn names_cannot_leave_the_folder_or_carry_control_characters() {
    let mut forge = Forge::new();
    for (id, name) in [(1, "../../escape"), (2, "/etc/absolute"), (3, "a\u{1b}[2Jb"), (4, "..")] {
        forge.object(id, name, name.as_bytes());
    }
    let (report, _) = receive(&forge.stream, |inbox| {
        assert_eq!(list(inbox), ["a_[2Jb", "escape", "etc", "unnamed"]);
        assert_eq!(list(&inbox.join("etc")), ["absolute"]);
    });
    assert_eq!(report.objects, 4);
}

#[test]
fn two_objects_of_one_name_both_arrive() {
    let mut forge = Forge::new();
    forge.object(1, "x.txt", b"first").object(2, "x.txt", b"second");
    receive(&forge.stream, |inbox| {
        assert_eq!(list(inbox), ["x (2).txt", "x.txt"]);
        assert_eq!(fs::read(inbox.join("x.txt")).unwrap(), b"first");
    });
}

#[test]
fn a_wrong_hash_keeps_the_file_from_appearing() {
    let mut forge = Forge::new();
    forge.meta(Meta { hash: Some([7; 32]), size: Some(3), ..meta(1, "lie") }).packet(1, 0, false, b"abc");
    let (report, told) = receive(&forge.stream, |inbox| assert!(list(inbox).is_empty()));
    assert_eq!((report.objects, report.failed), (0, 1));
    assert!(told[0].contains("hash"), "{told:?}");
}

#[test]
fn absurd_sizes_take_neither_memory_nor_disk() {
    let mut forge = Forge::new();
    forge.impossible_meta(
        Meta { hash: Some([0; 32]), ..meta(1, "more blocks than can be counted") },
        u64::MAX,
    );
    let absurd = [
        Meta { size: Some(1 << 41), hash: Some([0; 32]), ..meta(2, "two terabytes") },
        Meta {
            block_size: u32::MAX,
            size: Some(u64::from(u32::MAX) * 1000),
            hash: Some([0; 32]),
            ..meta(3, "huge blocks")
        },
    ];
    for meta in absurd {
        forge.meta(meta);
    }
    // Blocks far out, of the right length and of wrong ones.
    forge
        .packet(2, (1 << 31) - 1, false, &[1; 1024])
        .packet(2, u32::MAX, false, &[1; 1024])
        .packet(2, 5, false, &[1; 3]);
    forge.object(9, "honest", b"arrives all the same");
    let (report, told) = receive(&forge.stream, |inbox| assert_eq!(list(inbox), ["honest"]));
    assert_eq!(
        (report.objects, report.failed, report.dropped.refused + report.dropped.bad_control),
        (1, 2, 1),
        "{told:?}"
    );
    // Two that cannot be, and one so far out that remembering it would take more than its share of memory.
    assert_eq!((report.dropped.misplaced, report.dropped.crowded), (2, 1));
}

#[test]
fn a_second_announcement_that_differs_is_a_warning_and_the_first_counts() {
    let mut forge = Forge::new();
    let bytes = b"true";
    forge.meta(Meta { hash: Some(hash(bytes)), size: Some(4), ..meta(1, "name") });
    forge.meta(Meta { hash: Some([9; 32]), size: Some(4), ..meta(1, "name") });
    forge.meta(Meta { hash: Some(hash(bytes)), size: Some(4), ..meta(1, "other name") });
    forge.control(1, &Control::End(End { object_id: 1, size: Some(77), hash: Some([1; 32]) }));
    forge.packet(1, 0, false, bytes);
    let (report, told) = receive(&forge.stream, |inbox| assert_eq!(list(inbox), ["name"]));
    assert_eq!((report.objects, report.failed), (1, 0));
    assert_eq!(told.len(), 1, "told once: {told:?}");
}

#[test]
fn a_flood_of_announcements_is_bounded_and_what_is_open_goes_on() {
    let mut forge = Forge::new();
    forge.meta(Meta { hash: Some(hash(b"early bird")), size: Some(10), ..meta(1, "early") });
    for id in 2..3000_u64 {
        forge.meta(Meta { hash: Some([0; 32]), size: Some(1 << 30), ..meta(id, "flood") });
    }
    forge.packet(1, 0, false, b"early bird");
    let (report, _) = receive(&forge.stream, |inbox| assert_eq!(list(inbox), ["early"]));
    assert_eq!(report.objects, 1);
    assert!(report.dropped.refused > 2000, "{}", report.dropped.refused);
}

#[test]
fn garbage_between_packets_costs_nothing_but_itself() {
    let mut forge = Forge::new();
    for id in 1..50_u64 {
        let garbage = patterns::specials(id, 1000);
        forge.stream.extend_from_slice(&garbage);
        forge.stream.extend_from_slice(b"PH\x01PH");
        forge.object(id, &format!("{id}"), &garbage[..500]);
    }
    let (report, _) = receive(&forge.stream, |inbox| assert_eq!(list(inbox).len(), 49));
    assert_eq!((report.objects, report.failed), (49, 0));
    assert!(report.frames.junk_bytes >= 49_000);
}

#[test]
fn a_stream_cut_anywhere_leaves_nothing_half() {
    let mut forge = Forge::new();
    let bytes = patterns::random(3, 2500);
    forge.meta(Meta { size: Some(2500), ..meta(1, "cut") });
    for (number, block) in (0..).zip(bytes.chunks(1024)) {
        forge.packet(1, number, false, block);
    }
    forge.control(1, &Control::End(End { object_id: 1, size: Some(2500), hash: Some(hash(&bytes)) }));
    forge.control(1, &Control::SessionEnd(SessionEnd { session: 1, objects: 1, heard: false }));
    let whole = forge.stream.len();
    let end_of_object = whole - 100;
    for cut in (1..whole).step_by(37).filter(|cut| *cut < end_of_object) {
        let (report, _) =
            receive(&forge.stream[..cut], |inbox| assert!(list(inbox).is_empty(), "cut at {cut}"));
        assert_eq!(report.objects, 0);
    }
    let (report, _) = receive(&forge.stream, |inbox| assert!(fs::read(inbox.join("cut")).unwrap() == bytes));
    assert_eq!((report.objects, report.failed, report.unheard), (1, 0, 0));
}

#[test]
fn objects_that_were_sent_and_never_heard_of_are_counted() {
    let mut forge = Forge::new();
    forge
        .object(1, "one", b"1")
        .control(1, &Control::SessionEnd(SessionEnd { session: 1, objects: 3, heard: false }));
    let (report, _) = receive(&forge.stream, |_| ());
    assert_eq!((report.objects, report.unheard), (1, 2));
}

/// Files in a folder that this process has open: other tests run beside this one.
fn open_below(folder: &Path) -> usize {
    let below = |entry: &fs::DirEntry| fs::read_link(entry.path()).is_ok_and(|to| to.starts_with(folder));
    fs::read_dir("/proc/self/fd").unwrap().flatten().filter(below).count()
}

#[test]
fn objects_that_replace_one_another_stay_within_the_bound() {
    let mut forge = Forge::new();
    for round in 0..20_u64 {
        for tag in 0..200_u64 {
            let id = round << 16 | tag;
            forge.meta(Meta { hash: Some([0; 32]), size: Some(1 << 20), ..meta(id, "replaced") });
            forge.control(
                u16::try_from(tag).unwrap(),
                &Control::End(End { object_id: id, size: Some(1 << 20), hash: Some([0; 32]) }),
            );
        }
    }
    let mut most = 0;
    let root = tempfile::tempdir().unwrap();
    let target = Target::Folder(Inbox::open(root.path(), Existing::Replace).unwrap());
    let options = ReceiveOptions { profile: Some(ProfileName::Native), ..ReceiveOptions::default() };
    let mut watch = |_: Event<'_>| most = most.max(open_below(root.path()));
    receive_from(target, StreamReader(&forge.stream[..]), Until::LinkEnds, &options, &mut watch).unwrap();
    assert!(most < 2 * 256 + 200, "{most} files open at a time");
}

#[test]
fn whole_objects_arrive_behind_hundreds_of_incomplete_ones() {
    let mut forge = Forge::new();
    for id in 0..400_u64 {
        forge.meta(Meta { hash: Some([0; 32]), size: Some(3), ..meta(id, "incomplete") });
        let tag = u16::try_from(id).unwrap();
        forge.control(tag, &Control::End(End { object_id: id, size: Some(3), hash: Some([0; 32]) }));
    }
    for id in 1000..1100_u64 {
        forge.object(id, &format!("{id}"), b"whole");
    }
    let (report, _) = receive(&forge.stream, |inbox| assert_eq!(list(inbox).len(), 100));
    assert_eq!((report.objects, report.failed), (100, 400));
}

#[test]
fn a_session_on_a_link_that_never_ends_is_over_when_its_sender_says_so() {
    let mut forge = Forge::new();
    forge.object(1, "whole", b"whole");
    forge.meta(Meta { hash: Some([0; 32]), size: Some(3), ..meta(2, "incomplete") });
    forge.control(1, &Control::SessionEnd(SessionEnd { session: 1, objects: 2, heard: false }));
    // The writing end stays open: without an end of its own the session would wait for ever.
    let (reader, mut writer) = packhorse::transport::PipeWriter::pair().unwrap();
    Transport::send(&mut writer, &forge.stream).unwrap();
    let root = tempfile::tempdir().unwrap();
    let target = Target::Folder(Inbox::open(root.path(), Existing::Replace).unwrap());
    let options = ReceiveOptions::default();
    let outcome =
        receive_from(target, reader, Until::SessionComplete, &options, &mut |_: Event<'_>| ()).unwrap();
    assert_eq!((outcome.report.objects, outcome.report.failed), (1, 1));
    assert_eq!(list(root.path()), ["whole"]);
    drop(writer);
}

/// An object whose bytes are said to be a frame of so much content.
fn packed(forge: &mut Forge, id: u64, name: &str, frame: &[u8], content: Option<u64>, hash: [u8; 32]) {
    let compression = Some(Compression { method: CompressionMethod::Lz4, content, growing: false });
    let size = Some(frame.len() as u64);
    let block_size = 60_000;
    let meta = Meta { hash: Some(hash), size, compression, block_size, ..meta(id, name) };
    forge.meta(meta);
    for (number, block) in (0..).zip(frame.chunks(60_000)) {
        forge.packet(meta.tag(), number, false, block);
    }
}

#[test]
fn a_compressed_object_that_lies_fails_alone_and_leaves_nothing() {
    use packhorse::compress::{CompressOptions, compress_to_vec};
    let frame = |content: &[u8]| compress_to_vec(content, &CompressOptions::default());
    let honest = b"honest words, honest words, honest words".repeat(50);
    let zeros = vec![0; 160 << 20];
    let bomb = frame(&zeros);
    let (honest_frame, honest_hash) = (frame(&honest), hash(&honest));
    let honest_len = Some(honest.len() as u64);
    let legacy = [&[2, 0x21, 0x4C, 0x18, 5, 0, 0, 0, 0x40][..], b"abcd"].concat();
    let mut forge = Forge::new();
    packed(&mut forge, 1, "an announced bomb", &bomb, Some(zeros.len() as u64), hash(&zeros));
    packed(&mut forge, 2, "a silent bomb", &bomb, None, hash(&zeros));
    packed(&mut forge, 3, "more than announced", &bomb, Some(1 << 20), hash(&zeros));
    packed(&mut forge, 4, "less than announced", &honest_frame, Some(1 << 20), honest_hash);
    packed(&mut forge, 5, "no frame", b"just some bytes", None, hash(b"just some bytes"));
    packed(&mut forge, 6, "cut short", &honest_frame[..honest_frame.len() - 3], honest_len, honest_hash);
    packed(&mut forge, 7, "another hash", &honest_frame, honest_len, hash(&honest_frame));
    packed(&mut forge, 8, "legacy", &legacy, None, hash(b"abcd"));
    packed(&mut forge, 9, "an absurd announcement", &honest_frame, Some(u64::MAX), honest_hash);
    packed(&mut forge, 10, "empty", b"", Some(0), hash(b""));
    packed(&mut forge, 11, "honest", &honest_frame, honest_len, honest_hash);
    forge.object(12, "plain", b"plain");
    let (report, told) = receive(&forge.stream, |inbox| {
        assert_eq!(list(inbox), ["honest", "plain"]);
        assert_eq!(fs::read(inbox.join("honest")).unwrap(), honest);
    });
    assert_eq!((report.objects, report.failed), (2, 10), "{told:#?}");
    for (name, reason) in [
        ("an announced bomb", "--ratio-limit"),
        ("a silent bomb", "--ratio-limit"),
        ("more than announced", "were announced"),
        ("less than announced", "were announced"),
        ("no frame", "cannot be decompressed"),
        ("cut short", "cannot be decompressed"),
        ("empty", "cannot be decompressed"),
        ("another hash", "hash"),
        ("legacy", "legacy"),
        ("an absurd announcement", "--ratio-limit"),
    ] {
        let said = told.iter().any(|text| text.starts_with(name) && text.contains(reason));
        assert!(said, "{name}: {told:#?}");
    }
}

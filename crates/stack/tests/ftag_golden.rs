//! Profile `ftag` against recordings of the original toolkit: the same bytes out, the same files in.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use std::fs;
use std::path::Path;

use packhorse::application::{Catalog, Event, Inbox, Target, Until};
use packhorse::prelude::*;
use packhorse::transport::{Noise, StreamReader, StreamWriter};
use packhorse::{ReceiveOutcome, receive_from, send_to};
use packhorse_testkit::golden::{self, Golden};
use packhorse_testkit::patterns;

fn as_the_original() -> SendOptions {
    SendOptions {
        profile: ProfileName::Ftag,
        mode: Mode::Repeat { copies: 3 },
        block: Some(50),
        ..SendOptions::default()
    }
}

fn stream_of(path: &Path, options: &SendOptions) -> Vec<u8> {
    let mut stream = Vec::new();
    let catalog = Catalog::new(&[path.to_owned()], None).unwrap();
    let outcome =
        send_to(catalog, StreamWriter(&mut stream), options, |_| (), &mut |_: Event<'_>| ()).unwrap();
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    stream
}

fn receive(stream: &[u8], inbox: &Path) -> ReceiveOutcome {
    let target = Target::Folder(Inbox::open(inbox, Existing::Replace).unwrap());
    let options = ReceiveOptions::default();
    receive_from(target, StreamReader(stream), Until::LinkEnds, &options, &mut |_: Event<'_>| ()).unwrap()
}

#[test]
fn the_bytes_on_the_wire_are_those_of_the_original() {
    let root = tempfile::tempdir().unwrap();
    for golden in golden::ftag() {
        let path = root.path().join(golden.file_name());
        fs::write(&path, golden.file).unwrap();
        assert!(stream_of(&path, &as_the_original()) == golden.stream, "{}", golden.name);
    }
}

#[test]
fn what_the_original_sends_is_recognised_and_arrives() {
    for Golden { name, file, stream, .. } in golden::ftag() {
        let root = tempfile::tempdir().unwrap();
        let outcome = receive(stream, root.path());
        assert_eq!(outcome.profile, ProfileName::Ftag);
        assert_eq!((outcome.report.objects, outcome.report.failed), (1, 0), "{name}: {:#?}", outcome.report);
        assert!(fs::read(root.path().join(format!("{name}.bin"))).unwrap() == *file, "{name}");
    }
}

#[test]
fn several_files_follow_one_another_in_one_stream() {
    let root = tempfile::tempdir().unwrap();
    let stream: Vec<u8> = golden::ftag().iter().flat_map(|golden| golden.stream).copied().collect();
    let report = receive(&stream, root.path()).report;
    assert_eq!((report.objects, report.failed), (golden::ftag().len() as u64, 0), "{report:#?}");
}

#[test]
fn an_empty_file_and_a_long_name_go_where_the_original_fails() {
    let root = tempfile::tempdir().unwrap();
    let name = format!("{}.jpeg", "n".repeat(200));
    for (name, bytes) in [("empty", Vec::new()), (name.as_str(), patterns::random(1, 777))] {
        let path = root.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let inbox = root.path().join("in");
        let report = receive(&stream_of(&path, &as_the_original()), &inbox).report;
        assert_eq!((report.objects, report.failed), (1, 0));
        let arrived = fs::read_dir(&inbox).unwrap().next().unwrap().unwrap().path();
        assert!(fs::read(&arrived).unwrap() == bytes);
        assert_eq!(arrived.extension(), path.extension(), "a shortened name keeps its extension");
        fs::remove_dir_all(&inbox).unwrap();
    }
}

#[test]
fn what_is_too_large_for_the_profile_is_refused_before_anything_is_sent() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("large");
    fs::File::create(&path).unwrap().set_len(50 * 65_536 + 50).unwrap();
    let mut stream = Vec::new();
    let mut told = Vec::new();
    let mut watch = |event: Event<'_>| {
        if let Event::Warning { text } = event {
            told.push(text.to_owned());
        }
    };
    let catalog = Catalog::new(&[path], None).unwrap();
    let outcome =
        send_to(catalog, StreamWriter(&mut stream), &as_the_original(), |_| (), &mut watch).unwrap();
    assert_eq!((outcome.report.objects, outcome.report.failed), (0, 1));
    assert!(stream.is_empty());
    assert!(told[0].contains("3276"), "the limit is named: {told:?}");
}

#[test]
fn repeats_carry_a_file_over_a_link_that_damages_one_byte_in_two_thousand() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("photo");
    let bytes = patterns::random(5, 34_710);
    fs::write(&path, &bytes).unwrap();
    let stream = stream_of(&path, &as_the_original());
    let faults =
        packhorse::transport::Faults { byte_error: 1.0 / 2000.0, ..packhorse::transport::Faults::NONE };
    let mut noise = Noise::new(11, &faults).unwrap();
    let mut damaged = Vec::new();
    let mut copy = stream;
    noise.apply(&mut copy, |bytes| damaged.extend_from_slice(bytes));
    noise.finish(|bytes: &[u8]| damaged.extend_from_slice(bytes));
    let report = receive(&damaged, &root.path().join("in")).report;
    assert_eq!((report.objects, report.failed), (1, 0), "{report:#?}");
    assert!(report.checks.bad_check > 10, "the link was bad: {report:#?}");
    assert!(fs::read(root.path().join("in/photo")).unwrap() == bytes);
}

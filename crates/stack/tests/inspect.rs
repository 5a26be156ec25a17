//! Inspecting recordings: every packet of a golden stream is told, and nothing that can be read breaks it.

use packhorse::{Body, ProfileName, Record, Summary, inspect};
use packhorse_testkit::{golden, patterns};
use proptest::prelude::*;

/// What each packet is, by first letter: M(eta), b(lock), E(nd), X for refused.
fn letters(profile: ProfileName, bytes: &[u8]) -> (String, Summary) {
    let mut letters = String::new();
    let mut last = 0;
    let summary = inspect(profile, bytes, &mut |record: &Record<'_>| {
        assert!(record.offset < bytes.len() as u64);
        last = record.offset;
        letters.push(match &record.content {
            Ok(seen) => match seen.body {
                Body::Meta(_) => 'M',
                Body::Block { .. } => 'b',
                Body::End(_) => 'E',
                _ => '?',
            },
            Err(_) => 'X',
        });
        Ok(())
    });
    (letters, summary.expect("a slice can be read"))
}

#[test]
fn a_golden_stream_is_told_packet_by_packet() {
    let (told, summary) = letters(ProfileName::Ftag, golden::ftag_named("hundred").stream);
    assert_eq!(told, format!("{}{}E", "M".repeat(8), "b".repeat(8)));
    assert_eq!((summary.metas, summary.blocks, summary.ends, summary.check.good), (8, 8, 1, 17));
    for golden in golden::ftag() {
        let (told, summary) = letters(ProfileName::Ftag, golden.stream);
        assert!(!told.contains(['X', '?']), "{}", golden.name);
        assert_eq!(summary.bytes, golden.stream.len() as u64);
        assert_eq!(summary.frames.junk_bytes, 0);
    }
}

#[test]
fn a_damaged_packet_is_told_and_the_others_still_found() {
    let mut stream = golden::ftag_named("hundred").stream.to_vec();
    let at = stream.len() / 2;
    stream[at] ^= 1;
    let (told, summary) = letters(ProfileName::Ftag, &stream);
    assert_eq!(told.matches('X').count(), 1, "{told}");
    assert_eq!((summary.check.good, summary.packets.missed), (16, 1));
}

#[test]
fn an_error_of_the_reader_of_records_ends_it() {
    let stream = golden::ftag_named("one").stream;
    let mut seen = 0;
    let result = inspect(ProfileName::Ftag, stream, &mut |_| {
        seen += 1;
        Err(std::io::ErrorKind::BrokenPipe.into())
    });
    assert_eq!((result.map_err(|error| error.kind()), seen), (Err(std::io::ErrorKind::BrokenPipe), 1));
}

#[test]
fn noise_is_no_packet() {
    for (name, bytes) in patterns::all(3, 20_000) {
        for profile in ProfileName::ALL {
            let (told, summary) = letters(profile, &bytes);
            assert!(told.chars().all(|letter| letter == 'X'), "{name} {profile}");
            assert_eq!((summary.check.good, summary.bytes), (0, bytes.len() as u64), "{name} {profile}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_damage_is_survived(at in 0_usize..900, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut stream = golden::ftag_named("hundred").stream.to_vec();
        let at = at.min(stream.len());
        let end = (at + bytes.len() / 2).min(stream.len());
        stream.splice(at..end, bytes);
        for profile in ProfileName::ALL {
            letters(profile, &stream);
        }
    }
}

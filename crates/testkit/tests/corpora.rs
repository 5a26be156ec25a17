//! Every input in `fuzz/corpus`, through the body of its target: what the fuzzer once found stays fixed, on any
//! toolchain.

extern crate alloc;

use alloc::collections::BTreeSet;
use std::path::{Path, PathBuf};

use packhorse_testkit::fuzz::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let stem = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        Some(path.file_stem()?.to_string_lossy().into_owned())
    };
    entries.filter_map(stem).collect()
}

#[test]
fn every_target_holds_for_its_corpus() {
    for (name, body) in TARGETS {
        let folder = fuzz().join("corpus").join(name);
        let mut inputs: Vec<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(inputs.len() >= 4, "{name} has {} seeds", inputs.len());
        for input in inputs {
            // Shown when the body panics.
            println!("{}", input.display());
            body(&std::fs::read(&input).unwrap());
        }
    }
}

#[test]
fn every_target_holds_for_truncated_and_flipped_seeds() {
    for (name, body) in TARGETS {
        for input in std::fs::read_dir(fuzz().join("corpus").join(name)).unwrap() {
            let path = input.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            println!("{}", path.display());
            // A long seed is a whole stream, and has the same shapes again and again.
            let step = bytes.len() / 64 + 1;
            for at in (0..bytes.len()).step_by(step) {
                body(&bytes[..at]);
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (at % 8);
                body(&flipped);
            }
        }
    }
}

#[test]
fn targets_corpora_and_bodies_have_the_same_names() {
    let bodies: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), bodies);
    assert_eq!(names(&fuzz().join("corpus")), bodies);
}

//! The book names a test for each promise of channels: each of them exists.

#![allow(clippy::unwrap_used)] // all of it is tests

use std::fs;
use std::path::Path;

/// All sources below a folder, and the names of its files.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap().to_string_lossy();
            text.push_str(&format!("{}\nfn {name}(\n", fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_promise_of_the_book_names_tests_that_exist() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().unwrap().parent().unwrap();
    let book = fs::read_to_string(root.join("docs/src/channels.md")).unwrap();
    let mut text = String::new();
    let folders = ["crates/channel", "crates/transport/src", "crates/cli/tests", "fuzz/fuzz_targets"];
    folders.iter().for_each(|folder| sources(&root.join(folder), &mut text));
    let (_, promises) = book.split_once("## Promises and their tests").unwrap();
    let mut rows = 0;
    for row in promises.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let named = row.rsplit(" | ").next().unwrap();
        let names: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            let exists = match name.strip_suffix(".rs") {
                Some(_) => here.join(name).exists(),
                None => text.contains(&format!("fn {name}(")),
            };
            assert!(exists, "there is no {name}: {row}");
        }
        rows += 1;
    }
    assert!(rows > 15, "{rows} promises are left");
}

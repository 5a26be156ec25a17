//! The project's own rules, which no compiler knows: the arrows between crates, the length of files, where
//! `unsafe` may stand, what must be there and what must not.

use std::path::Path;

use anyhow::bail;

use super::Context;
use crate::tree;
use crate::workspace::{Member, Workspace};

/// No source file is longer.
const MOST_LINES: usize = 500;

/// The word. Split, so that this file does not find itself.
const UNSAFE: &str = concat!("un", "safe");

/// Files in which it may stand, and what for. Crates that own none of them forbid it.
const UNSAFE_FILES: &[(&str, &str)] = &[
    ("crates/buffer/src/pool/fixed.rs", "slots of a pool in a static"),
    ("crates/buffer/src/pool/heap.rs", "slots of a pool on the heap"),
    ("crates/buffer/tests/loom.rs", "a model of both"),
    ("crates/transport/src/datagrams/sendmmsg.rs", "a system call that no safe crate offers"),
    ("crates/channel/tests/loom.rs", "a model of the rings"),
    ("crates/channel/src/ipc/mapping.rs", "mapping shared memory"),
    ("crates/channel/src/segment.rs", "from positions to bytes of a channel's memory"),
    ("crates/channel/src/typed/claim.rs", "a claimed slot as a value"),
    ("crates/channel/src/typed/message.rs", "a received slot as a value"),
    ("crates/channel/src/record/claim.rs", "a claimed record as bytes"),
    ("crates/channel/src/record/message.rs", "a received record as bytes"),
    ("crates/channel/src/segment/snapshot.rs", "a copy of what its writer may write over"),
    ("crates/channel/src/record/sender.rs", "a record's header"),
    ("crates/compress/src/codec/liblz4.rs", "calls of the C library that encodes LZ4 blocks"),
    ("examples/firmware/src/asynchronous.rs", "registers of a UART and of the interrupt controller"),
    ("examples/firmware/src/board.rs", "the table of interrupts"),
    ("examples/firmware/src/lib.rs", "where the picture lies in the program"),
    ("examples/firmware/src/report.rs", "the stack, as memory"),
    ("examples/firmware/src/uart.rs", "registers of a UART"),
    ("crates/testkit/src/allocator.rs", "an allocator that counts"),
];

/// Words that mean unfinished work. Split, so that this file does not find itself.
const UNFINISHED: [&str; 4] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("XX", "X")];

/// Folders of somebody's machine.
const MACHINE: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Files that a visitor looks for.
const EXPECTED: [&str; 6] =
    ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE-MIT", "LICENSE-APACHE", "docs/src/SUMMARY.md"];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let workspace = &context.workspace;
    let mut findings = Vec::new();
    let missing = EXPECTED.iter().filter(|name| !workspace.root.join(name).is_file());
    findings.extend(missing.map(|name| format!("{name} is missing")));
    let gone = UNSAFE_FILES.iter().filter(|(file, _)| !workspace.root.join(file).is_file());
    findings.extend(gone.map(|(file, _)| format!("{file} may hold {UNSAFE} code and does not exist")));
    findings.extend(arrows(&workspace.members));
    for member in &workspace.members {
        findings.extend(crate_rules(workspace, member)?);
    }
    let files = tree::files(&workspace.root)?;
    for file in &files {
        findings.extend(file_rules(workspace.relative(file), file)?);
    }
    println!("  {} crates, {} files", workspace.members.len(), files.len());
    if findings.is_empty() {
        return Ok(());
    }
    findings.iter().for_each(|finding| println!("    {finding}"));
    bail!("{} of the project's rules are broken", findings.len())
}

/// A crate may use crates listed above it in Cargo.toml, never those below; in tests also the unpublished testkit.
fn arrows(members: &[Member]) -> Vec<String> {
    let place = |name: &str| members.iter().position(|member| member.name == name);
    let mut findings = Vec::new();
    for (own, member) in members.iter().enumerate() {
        for (used, in_tests) in &member.uses {
            let upward = place(used).is_none_or(|place| place >= own);
            let testkit = *in_tests && used == "packhorse-testkit";
            if upward && !testkit {
                findings
                    .push(format!("{} may not use {used}, which is not above it in Cargo.toml", member.name));
            }
            if place(used).is_some_and(|place| members.get(place).is_some_and(|m| !m.published))
                && member.published
                && !in_tests
            {
                findings.push(format!("{} is published and uses {used}, which is not", member.name));
            }
        }
    }
    findings
}

/// A README that is also the crate's documentation, with an example; `unsafe` forbidden but where it is allowed.
fn crate_rules(workspace: &Workspace, member: &Member) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let source = member.folder.join("src");
    let roots = ["lib.rs", "main.rs"].map(|name| source.join(name));
    let Some(root) = roots.iter().find(|file| file.is_file()) else {
        return Ok(findings);
    };
    let text = tree::read(root)?;
    let shown = workspace.relative(root).display();
    let sources = format!("{}/", workspace.relative(&source).display());
    let may_be_unsafe = UNSAFE_FILES.iter().any(|(file, _)| file.starts_with(&sources));
    if !may_be_unsafe && !text.contains("#![forbid(unsafe_code)]") {
        findings.push(format!("{shown} does not say #![forbid(unsafe_code)]"));
    }
    if !member.published {
        return Ok(findings);
    }
    let readme = member.folder.join("README.md");
    match std::fs::read_to_string(&readme) {
        Err(_) => findings.push(format!("{} has no README.md", member.name)),
        Ok(readme) if member.library => {
            if !readme.contains("```rust") && !readme.contains("```\n") {
                findings.push(format!("the README of {} has no example", member.name));
            }
            if !text.contains("include_str!(\"../README.md\")") {
                findings.push(format!("{shown} does not include its README as documentation"));
            }
        }
        Ok(_) => {}
    }
    Ok(findings)
}

/// What holds for every file, and more for Rust.
fn file_rules(shown: &Path, file: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let bytes = std::fs::read(file)?;
    // Binary files have no rules; golden vectors may hold anything.
    let Ok(text) = core::str::from_utf8(&bytes) else {
        return Ok(findings);
    };
    let shown = shown.display().to_string();
    for (number, line) in text.lines().enumerate() {
        let at = number + 1;
        if let Some(word) = MACHINE.iter().find(|word| line.contains(**word)) {
            findings.push(format!("{shown}:{at}: {word} is a folder of somebody's machine"));
        }
        if !shown.ends_with(".rs") {
            continue;
        }
        if says_unsafe(line) && UNSAFE_FILES.iter().all(|(file, _)| *file != shown) {
            findings.push(format!("{shown}:{at}: {UNSAFE} may not stand here"));
        }
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
            findings.push(format!("{shown}:{at}: {word} means unfinished work"));
        }
        if line.trim() == "#[ignore]" {
            findings.push(format!("{shown}:{at}: a test is ignored without a reason"));
        }
    }
    if shown.ends_with(".rs") {
        let lines = text.lines().count();
        if lines > MOST_LINES {
            findings.push(format!("{shown} has {lines} lines; {MOST_LINES} are the most"));
        }
        // Cases of trybuild are cut down to what has to fail.
        let case = shown.contains("/tests/ui/");
        let speaks = case || text.starts_with("//!") || text.starts_with("#![") || text.starts_with("//");
        if !speaks {
            findings.push(format!("{shown} does not begin by saying what it is for"));
        }
    }
    Ok(findings)
}

/// Whether the keyword stands in the line, comments and longer names aside.
fn says_unsafe(line: &str) -> bool {
    let code = line.split_once("//").map_or(line, |(code, _)| code);
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == UNSAFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, published: bool, uses: &[(&str, bool)]) -> Member {
        Member {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            folder: name.into(),
            published,
            library: true,
            features: Vec::new(),
            examples: alloc::collections::BTreeMap::new(),
            benches: Vec::new(),
            uses: uses.iter().map(|(name, in_tests)| ((*name).to_owned(), *in_tests)).collect(),
        }
    }

    #[test]
    fn arrows_run_down_only() {
        let testkit = ("packhorse-testkit", true);
        let good = [
            member("a", true, &[testkit]),
            member("b", true, &[("a", false)]),
            member("packhorse-testkit", false, &[("a", false)]),
        ];
        assert!(arrows(&good).is_empty(), "{:?}", arrows(&good));
        let upward = [member("a", true, &[("b", false)]), member("b", true, &[])];
        assert_eq!(arrows(&upward).len(), 1);
        let unpublished = [member("a", false, &[]), member("b", true, &[("a", false)])];
        assert_eq!(arrows(&unpublished).len(), 1);
    }

    #[test]
    fn the_keyword_is_found_and_names_and_comments_with_it_are_not() {
        assert!(says_unsafe(&format!("    let x = {UNSAFE}{{ f() }};")));
        assert!(says_unsafe(&format!("#[{UNSAFE}(no_mangle)]")));
        assert!(!says_unsafe(&format!("#![forbid({UNSAFE}_code)]")));
        assert!(!says_unsafe(&format!("let x = 1; // nothing {UNSAFE}")));
    }

    #[test]
    fn a_file_that_breaks_the_rules_is_found_out() {
        let file = std::env::temp_dir().join(format!("xtask-house-{}.rs", std::process::id()));
        let broken = format!("fn f() {{ {}) }}\n#[ignore]\n// {}x\n", UNFINISHED[0], MACHINE[0]);
        std::fs::write(&file, broken).unwrap();
        let findings = file_rules(Path::new("src/f.rs"), &file).unwrap();
        assert_eq!(findings.len(), 4, "{findings:#?}");
        std::fs::write(&file, format!("//! Long.\n{}", "//\n".repeat(MOST_LINES))).unwrap();
        assert_eq!(file_rules(Path::new("src/f.rs"), &file).unwrap().len(), 1);
        std::fs::remove_file(&file).unwrap();
    }
}

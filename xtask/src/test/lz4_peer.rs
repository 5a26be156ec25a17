//! LZ4 frames beside other people's: Debian's `lz4` and python's `lz4.frame` read what `packhorse lz4` writes with every
//! option, and it reads what they write.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use super::Context;
use crate::run::Run;

/// Python's side.
const PEER: &str = "xtask/peers/lz4_frames.py";

/// Options that both programs know. `D` stands for a dictionary.
const OPTIONS: [&[&str]; 9] = [
    &["-1"],
    &["-9", "-B4"],
    &["-12", "-B5", "-BD"],
    &["--fast=5", "-B6", "-BX"],
    &["-3", "-B7", "-BD", "-BX"],
    &["-B4", "--content-size"],
    &["-B4", "--no-frame-crc"],
    &["-B4", "D"],
    &["-B5", "-BD", "-9", "D"],
];

pub(super) fn run(
    context: &mut Context,
    packhorse: &Path,
    python: &Path,
    scratch: &Path,
) -> anyhow::Result<()> {
    let folder = scratch.join("lz4");
    fs::create_dir_all(&folder)?;
    let dictionary = folder.join("dictionary");
    fs::write(&dictionary, mixed(5, 100_000))?;
    let sides = (packhorse, Path::new("lz4"));
    let mut compared = 0;
    for (name, content) in contents() {
        let plain = folder.join(name);
        fs::write(&plain, &content)?;
        for options in OPTIONS {
            for (writer, reader) in [sides, (sides.1, sides.0)] {
                let frame = pass(writer, options, &dictionary, &content)?;
                let dictionaries: Vec<&str> = options.iter().copied().filter(|word| *word == "D").collect();
                let reading = [&["-d"][..], &dictionaries].concat();
                let back = pass(reader, &reading, &dictionary, &frame)?;
                ensure!(back == content, "{name} {options:?}: {} has other bytes", reader.display());
                compared += 1;
                if writer == packhorse && dictionaries.is_empty() && name == "mixed" {
                    let file = folder.join("frame.lz4");
                    fs::write(&file, &frame)?;
                    python_reads(python, &file, &plain, context)?;
                }
            }
        }
        let legacy = pass(sides.1, &["-l"], &dictionary, &content)?;
        ensure!(pass(packhorse, &["-d"], &dictionary, &legacy)? == content, "{name}: legacy frame");
        let written = folder.join(format!("{name}-frames"));
        fs::create_dir_all(&written)?;
        Run::new(python).args([PEER, "write"]).arg(&plain).arg(&written).run(&mut context.tally)?;
        for frame in fs::read_dir(&written)? {
            let frame = frame?.path();
            let back = pass(packhorse, &["-d"], &dictionary, &fs::read(&frame)?)?;
            ensure!(back == content, "{}: other bytes", frame.display());
            compared += 1;
        }
    }
    println!("    {compared} frames compared both ways, byte for byte");
    Ok(())
}

fn python_reads(python: &Path, frame: &Path, content: &Path, context: &mut Context) -> anyhow::Result<()> {
    Run::new(python).args([PEER, "read"]).arg(frame).arg(content).run(&mut context.tally)
}

/// Contents that end before, at and behind a border, repeat and do not.
fn contents() -> [(&'static str, Vec<u8>); 5] {
    [
        ("empty", Vec::new()),
        ("one", vec![7]),
        ("block", mixed(1, 65_536)),
        ("zeros", vec![0; 600_001]),
        ("mixed", mixed(2, 2_500_000)),
    ]
}

/// Bytes of which some repeat (SplitMix64; public domain by S. Vigna).
fn mixed(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes: Vec<u8> = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        let back = usize::try_from(word >> 50).unwrap_or(0) + 1;
        if word & 3 == 0 || bytes.len() < back + 40 {
            bytes.extend_from_slice(&word.to_le_bytes());
        } else {
            let from = bytes.len() - back - 40;
            bytes.extend_from_within(from..from + 40);
        }
    }
    bytes.truncate(len);
    bytes
}

/// What `program` makes of `input`, as a filter.
fn pass(program: &Path, options: &[&str], dictionary: &Path, input: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut command = Command::new(program);
    // Ours is a subcommand, and theirs adds a checksum by itself, which is one thing more to verify.
    if program.file_name().is_some_and(|name| name == "packhorse") {
        command.arg("lz4");
        if !options.contains(&"-d") && !options.contains(&"--no-frame-crc") {
            command.arg("--checksum");
        }
    }
    for option in options {
        if *option == "D" {
            command.arg("-D").arg(dictionary);
        } else {
            command.arg(option);
        }
    }
    // The length of the content is known of a file only.
    if options.contains(&"--content-size") {
        let file = dictionary.with_file_name("content");
        fs::write(&file, input)?;
        command.arg("-c").arg(&file);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let output = std::thread::scope(|scope| {
        // It may end before it has read everything; its exit code tells.
        scope.spawn(move || _ = std::io::Write::write_all(&mut stdin, input));
        child.wait_with_output()
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{} {options:?} ended with {}: {}", program.display(), output.status, said.trim());
    }
    Ok(output.stdout)
}

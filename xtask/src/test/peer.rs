//! The native and the rugged wire format beside second implementations of them, in Python (`xtask/peers`), which were
//! written from the tables alone: what `packhorse send` writes they read, and what they write `packhorse recv` reads. The
//! rugged one's frames come with as many wrong bytes as must be corrected.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use super::{Context, lz4_peer, spead_peer, spead_send};
use crate::need::{LZ4, Need, PYTHON};
use crate::peers;
use crate::run::Run;

pub(super) const NEEDS: &[Need] = &[LZ4, PYTHON];

/// The second implementations, by profile.
const PEERS: [(&str, &str); 2] = [("native", "xtask/peers/native.py"), ("rugged", "xtask/peers/rugged.py")];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    peers::prepare(&context.workspace, &mut context.tally)?;
    let python = peers::folder(&context.workspace).join("bin").join("python");
    Run::cargo("build").packages(["packhorse-cli"]).run(&mut context.tally)?;
    let packhorse = context.workspace.target.join("debug").join("packhorse");
    let scratch = context.workspace.target.join("peers");
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch)?;
    }
    let files = files(&scratch.join("files"))?;
    for (profile, peer) in PEERS {
        Run::new(&python).args([peer, "check"]).run(&mut context.tally)?;
        both_ways(&packhorse, &python, profile, peer, &files, &scratch.join(profile))?;
    }
    lz4_peer::run(context, &packhorse, &python, &scratch)?;
    spead_peer::receive(&python, &packhorse)?;
    spead_send::send(&python, &packhorse, &mut context.tally)
}

/// Files from the program to the peer, once and repeated, and from the peer to the program.
fn both_ways(
    packhorse: &Path,
    python: &Path,
    profile: &str,
    peer: &str,
    files: &[PathBuf],
    scratch: &Path,
) -> anyhow::Result<()> {
    let words = |words: &[&str]| words.iter().map(PathBuf::from).collect::<Vec<_>>();
    let with_files = |verb: &[&str]| [words(verb), files.to_vec()].concat();
    let into = |verb: &[&str], inbox: &Path| [words(verb), vec![inbox.to_owned()]].concat();

    let inbox = scratch.join("read");
    let send = with_files(&["send", "--profile", profile, "--mode", "once"]);
    pass(&[(packhorse, &send), (python, &into(&[peer, "read"], &inbox))])?;
    compare(files, &inbox)?;
    let repeated = scratch.join("read-repeated");
    let send = with_files(&["send", "--profile", profile, "--mode", "repeat=2", "--block", "333"]);
    pass(&[(packhorse, &send), (python, &into(&[peer, "read"], &repeated))])?;
    compare(files, &repeated)?;
    // META with its option, and repair symbols where the tables have them.
    let coded = scratch.join("read-coded");
    let send = with_files(&["send", "--profile", profile, "--mode", "fountain=20", "--block", "50"]);
    pass(&[(packhorse, &send), (python, &into(&[peer, "read"], &coded))])?;
    compare(files, &coded)?;
    let written = scratch.join("written");
    pass(&[(python, &with_files(&[peer, "write"])), (packhorse, &into(&["recv"], &written))])?;
    compare(files, &written)?;
    let answered = scratch.join("written-and-answered");
    let receive = into(&["recv", "--duplex"], &answered);
    let (ask, read) = (with_files(&[peer, "ask"]), with_files(&[peer, "answers"]));
    pass(&[(python, &ask), (packhorse, &receive), (python, &read)])?;
    compare(files, &answered)
}

/// Files with the lengths at which blocks and fragments end early, late and not at all.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let contents: [(&str, usize); 5] =
        [("empty", 0), ("one", 1), ("block", 1000), ("block and one", 1001), ("many m\u{e4}rz", 300_000)];
    contents
        .iter()
        .map(|(name, len)| {
            let path = folder.join(name);
            // No byte follows from the one before, and the length of the pattern has no factor of a block's.
            let bytes: Vec<u8> = (0_u8..251).map(|byte| byte.wrapping_mul(byte)).cycle().take(*len).collect();
            std::fs::write(&path, bytes)?;
            Ok(path)
        })
        .collect()
}

/// `PROGRAM ARGS | PROGRAM ARGS | ...`, all of which must succeed.
fn pass(stages: &[(&Path, &[PathBuf])]) -> anyhow::Result<()> {
    let show = |(program, args): &(&Path, &[PathBuf])| {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let options = args.iter().filter(|arg| arg.is_relative()).map(|arg| arg.display().to_string());
        core::iter::once(name).chain(options).collect::<Vec<_>>().join(" ")
    };
    let line = stages.iter().map(|stage| format!("{} ...", show(stage))).collect::<Vec<_>>().join(" | ");
    println!("  $ {line}");
    let (mut input, mut running) = (Stdio::null(), Vec::new());
    for (place, (program, args)) in stages.iter().enumerate() {
        let output = if place + 1 < stages.len() { Stdio::piped() } else { Stdio::inherit() };
        let mut child = Command::new(program)
            .args(*args)
            .stdin(input)
            .stdout(output)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        input = child.stdout.take().map_or_else(Stdio::null, Stdio::from);
        running.push(child);
    }
    let ended = running.iter_mut().map(std::process::Child::wait).collect::<Result<Vec<_>, _>>()?;
    if let Some(failed) = ended.iter().position(|status| !status.success()) {
        bail!("{line}: program {} of it ended with {}", failed + 1, ended[failed]);
    }
    Ok(())
}

/// Every file is in `inbox`, byte for byte.
fn compare(files: &[PathBuf], inbox: &Path) -> anyhow::Result<()> {
    for file in files {
        let arrived = inbox.join(file.file_name().unwrap_or_default());
        let bytes = std::fs::read(&arrived).with_context(|| format!("{} is missing", arrived.display()))?;
        ensure!(bytes == std::fs::read(file)?, "{} differs", arrived.display());
    }
    println!("    {} files arrived, byte for byte", files.len());
    Ok(())
}

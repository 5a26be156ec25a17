//! The ftag profile: a 3 MB file through `send | recv`, beside the original's rate, and the wire bytes of the
//! golden files beside the original's.

use anyhow::{Context as _, ensure};

use super::process::{Program, Scratch, piped, random_file, same};
use super::{Context, median, pipe};
use crate::report;

/// Bytes of the file: near the largest that the original really moves (3,276,799).
const SIZE: u32 = 3_000_000;

/// File bytes a second that the original receives at best, on a server core.
const ORIGINAL: f64 = 42_000.0;

/// How many times faster it has to be.
const LEAST_RATIO: f64 = 1000.0;

/// The original's settings.
const SETTINGS: [&str; 6] = ["--profile", "ftag", "--block", "50", "--mode", "repeat=3"];

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let rounds = context.rounds.unwrap_or(9).max(1);
    let packhorse = pipe::build(context)?;
    let scratch = Scratch::new("ftag")?;
    let (file, inbox, stream) = (scratch.path("file.bin"), scratch.path("inbox"), scratch.path("stream"));
    random_file(&file, u64::from(SIZE))?;
    let send = Program::new(&packhorse).arg("send").arg(&file).args(&SETTINGS);
    let recv = Program::new(&packhorse).arg("recv").arg(&inbox).args(&["--profile", "ftag"]);
    let mut rates = Vec::new();
    for round in 1..=rounds {
        std::fs::create_dir_all(&inbox)?;
        let measured = piped(&send, &recv, None)?;
        if round == 1 {
            ensure!(same(&file, &inbox.join("file.bin"))?, "the received file differs");
        }
        std::fs::remove_dir_all(&inbox)?;
        rates.push(f64::from(SIZE) / measured.time.as_secs_f64());
    }
    piped(&send, &Program::new("cat"), Some(&stream))?;
    let wire = stream.metadata()?.len();
    let ratio = median(&rates) / ORIGINAL;
    let rows = [
        ["3 MB, block 50, 3 repeats", "file MB/s, median", "to the original's 42 kB/s"]
            .map(str::to_owned)
            .into(),
        vec!["send | recv".to_owned(), format!("{:.1}", median(&rates) / 1e6), format!("{ratio:.0} times")],
    ];
    println!("{}", report::table(&rows));
    println!("  {wire} bytes on the wire for {SIZE} of the file");
    golden(context, &packhorse, &scratch)?;
    ensure!(ratio >= LEAST_RATIO, "{ratio:.0} times the original; at least {LEAST_RATIO} is wanted");
    Ok(())
}

/// Sends every golden file and compares the wire.
fn golden(context: &Context, packhorse: &std::path::Path, scratch: &Scratch) -> anyhow::Result<()> {
    let folder = context.workspace.root.join("crates").join("testkit").join("golden").join("ftag");
    let mut compared = 0;
    for entry in std::fs::read_dir(&folder).context("no golden files")? {
        let file = entry?.path();
        if file.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        let stream = scratch.path("golden.stream");
        let send = Program::new(packhorse).arg("send").arg(&file).args(&SETTINGS);
        piped(&send, &Program::new("cat"), Some(&stream))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(same(&stream, &file.with_extension("stream"))?, "{name}: the wire bytes differ");
        compared += 1;
    }
    println!("  {compared} golden files: the wire is the original's, byte for byte");
    Ok(())
}

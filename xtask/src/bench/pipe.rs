//! How fast a big file goes through `send | recv`, beside `cat | cat`, which only copies.
//!
//! ```text
//!   cat FILE | cat > COPY                  two copies through one pipe, nothing checked
//!   packhorse send FILE | packhorse recv DIR     framed, CRC-32C and BLAKE3 checked, written aside, renamed
//! ```

use anyhow::{Context as _, ensure};

use super::process::{Measured, Program, Scratch, piped, random_file, same};
use super::{Context, median};
use crate::counts::Counts;
use crate::report;
use crate::run::Run;

/// Bytes of the file: 1 GiB.
const SIZE: u64 = 1 << 30;

/// At least this share of what `cat | cat` moves.
const LEAST_RATIO: f64 = 0.9;

/// Most memory of each process.
const MOST_MEMORY: u64 = 64 << 20;

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let rounds = context.rounds.unwrap_or(7).max(1);
    let packhorse = build(context)?;
    let scratch = Scratch::new("pipe")?;
    let (file, copy, inbox) = (scratch.path("file"), scratch.path("copy"), scratch.path("inbox"));
    random_file(&file, SIZE)?;
    let cat = Program::new("cat").arg(&file);
    let send = Program::new(&packhorse).arg("send").arg(&file);
    let recv = Program::new(&packhorse).arg("recv").arg(&inbox);

    let (mut copied, mut moved, mut peaks) = (Vec::new(), Vec::new(), [0; 2]);
    for round in 1..=rounds {
        let cats = piped(&cat, &Program::new("cat"), Some(&copy))?;
        std::fs::remove_file(&copy)?;
        std::fs::create_dir_all(&inbox)?;
        let ours = piped(&send, &recv, None)?;
        if round == 1 {
            ensure!(same(&file, &inbox.join("file"))?, "the received file differs");
        }
        ensure!(inbox.join("file").metadata().context("nothing arrived")?.len() == SIZE, "not all arrived");
        std::fs::remove_dir_all(&inbox)?;
        for (most, peak) in peaks.iter_mut().zip(ours.peak) {
            *most = peak.max(*most);
        }
        copied.push(rate(&cats));
        moved.push(rate(&ours));
    }
    // Each round's ratio compares neighbours in time: the machine may slow down between rounds.
    let ratios: Vec<f64> = moved.iter().zip(&copied).map(|(ours, cats)| ours / cats).collect();
    let ratio = median(&ratios);
    let row = |name: &str, rates: &[f64], memory: String| {
        let range = rates.iter().copied().fold((f64::MAX, f64::MIN), |(lo, hi), r| (lo.min(r), hi.max(r)));
        let spread = format!("{:.2} to {:.2}", range.0, range.1);
        vec![name.to_owned(), format!("{:.2}", median(rates)), spread, memory]
    };
    #[expect(clippy::cast_precision_loss, reason = "a table for people")]
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let memory = format!("send {:.1} MiB, recv {:.1} MiB", mib(peaks[0]), mib(peaks[1]));
    let rows = [
        ["1 GiB in tmpfs", "GB/s, median", "range", "peak memory"].map(str::to_owned).into(),
        row("cat | cat", &copied, String::new()),
        row("send | recv", &moved, memory),
        row("ratio", &ratios, String::new()),
    ];
    println!("{}", report::table(&rows));
    println!("  {rounds} rounds, alternately; the file arrived whole");
    ensure!(ratio >= LEAST_RATIO, "the ratio is {ratio:.2}; at least {LEAST_RATIO} is wanted");
    ensure!(peaks.iter().all(|peak| *peak < MOST_MEMORY), "a process took more than 64 MiB");
    Ok(())
}

/// GB/s.
fn rate(measured: &Measured) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let bytes = SIZE as f64;
    bytes / measured.time.as_secs_f64() / 1e9
}

/// The program as users build it.
pub(super) fn build(context: &Context) -> anyhow::Result<std::path::PathBuf> {
    let build = Run::cargo("build").args(["--release", "-p", "packhorse-cli"]);
    build.run(&mut Counts::default())?;
    Ok(context.workspace.target.join("release").join("packhorse"))
}

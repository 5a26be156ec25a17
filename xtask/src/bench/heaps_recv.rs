//! Receiving SPEAD heaps of 8 KiB: what the library costs without a socket, and how fast a sender may be before a
//! receiver on the same machine loses one.
//!
//! ```text
//!   receive_speed                 a slab read again and again: nanoseconds a heap; through a queue: GB/s
//!   packhorse heaps bench         two processes, UDP, samples written anew for every heap
//! ```

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::{Context, median};
use crate::counts::Counts;
use crate::report;
use crate::run::Run;

/// Most nanoseconds for a heap of one packet, a copy aside.
const MOST_NS: f64 = 100.0;
/// What spead2 in C++ moves within a process on the machine for which this bar was set.
const SPEAD2_IN_PROCESS: f64 = 1.2;
/// At least so many times that.
const TIMES: f64 = 8.0;
/// Receivers, with the rate in bytes a second at which each must lose nothing.
const RATES: [(&str, &str); 2] = [("chunk", "2G"), ("ring", "1G")];

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let mut tally = Counts::default();
    let speed = Run::cargo("build").args([
        "--release",
        "--quiet",
        "-p",
        "packhorse-spead",
        "--example",
        "receive_speed",
    ]);
    speed.run(&mut tally)?;
    Run::cargo("build").args(["--release", "--quiet", "-p", "packhorse-cli"]).run(&mut tally)?;
    let release = context.workspace.target.join("release");
    let printed = Run::new(release.join("examples").join("receive_speed")).output()?;
    let value = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = line.and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
        number.with_context(|| format!("receive_speed does not say {name:?}"))
    };
    let copy = value("copy")?;
    let (one, six, chunk) = (value("one-packet")?, value("six-packets")?, value("chunk")?);
    let direct = value("in-process-direct")?;
    let nanoseconds = |name: &str, all: f64, copies: f64| {
        vec![name.to_owned(), format!("{all:.0} ns"), format!("{:.0} ns", all - copies * copy)]
    };
    let rows = [
        ["a heap of 8 KiB", "median", "without the copy"].map(str::to_owned).into(),
        nanoseconds("one packet, left where it is", one, 0.0),
        nanoseconds("one packet, into a chunk", chunk, 1.0),
        nanoseconds("six packets, put together", six, 1.0),
    ];
    println!("{}", report::table(&rows));
    println!(
        "  in this process, filled anew: {direct:.1} GB/s, {:.0} times spead2's",
        direct / SPEAD2_IN_PROCESS
    );
    let rounds = context.rounds.unwrap_or(5).max(1);
    let packhorse = release.join("packhorse");
    let bench = |receiver: &str, rate: &str| -> anyhow::Result<(f64, u64)> {
        let rate = ["--receiver", receiver, "--rate", rate, "--seconds", "1"];
        // It ends with 1 when heaps are lost, which here is a figure.
        let output = std::process::Command::new(&packhorse).args(["heaps", "bench"]).args(rate).output()?;
        let result: Value = serde_json::from_slice(&output.stdout).context("heaps bench prints no JSON")?;
        let number = |name: &str| result.get(name).with_context(|| format!("{name} is missing"));
        Ok((
            number("bytes_per_second")?.as_f64().context("no number")?,
            number("heaps_lost")?.as_u64().context("no number")?,
        ))
    };
    let mut lost_any = 0;
    for (receiver, rate) in RATES {
        let trials: Vec<(f64, u64)> = (0..rounds).map(|_| bench(receiver, rate)).collect::<Result<_, _>>()?;
        let rates: Vec<f64> = trials.iter().map(|(rate, _)| rate / 1e9).collect();
        let lost: u64 = trials.iter().map(|(_, lost)| lost).sum();
        lost_any += lost;
        println!(
            "  {receiver} receiver, asked for {rate}: {:.2} GB/s, {lost} heaps lost in {rounds} s",
            median(&rates)
        );
    }
    ensure!(one <= MOST_NS, "a heap of one packet takes {one:.0} ns; {MOST_NS:.0} are the most");
    ensure!(chunk - copy <= MOST_NS, "a heap in a chunk takes {:.0} ns beside its copy", chunk - copy);
    ensure!(direct >= TIMES * SPEAD2_IN_PROCESS, "{direct:.1} GB/s in the process; 9.6 are wanted");
    ensure!(lost_any == 0, "{lost_any} heaps were lost");
    Ok(())
}

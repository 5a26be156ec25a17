//! Sending SPEAD heaps of several sizes to a port where nobody listens: built anew, reused, batched; beside the same
//! steps of spead2's tutorial with spead2 from the Python package index (`xtask/peers/spead_tutorial.py`).
//!
//! The payload is filled for every heap on both sides. Writes the figure of the book.

mod figure;

use std::net::UdpSocket;
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::{Context, median};
use crate::counts::Counts;
use crate::need::{self, PYTHON};
use crate::peers;
use crate::run::Run;

/// Bytes of samples in a heap.
const SIZES: [u64; 5] = [8 << 10, 32 << 10, 128 << 10, 512 << 10, 2 << 20];
/// Bytes of samples that a program sends.
const TOTAL: u64 = 512 << 20;
/// Rounds, unless others are asked for.
const ROUNDS: usize = 5;
/// Ways of sending, as both programs call them, and as people do.
const MODES: [(&str, &str); 3] = [("off", "built anew"), ("on", "reused"), ("batch", "batched")];
const TUTORIAL: &str = "xtask/peers/spead_tutorial.py";
const FIGURE: &str = "docs/src/heaps-throughput.svg";

/// What one kind of sending reached: GB/s by size.
struct Series {
    name: String,
    ours: bool,
    points: Vec<(u64, f64)>,
}

struct Programs {
    packhorse: std::path::PathBuf,
    python: std::path::PathBuf,
    port: String,
}

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    need::install(&[&PYTHON]);
    let tally = &mut Counts::default();
    peers::prepare(&context.workspace, tally)?;
    Run::cargo("build")
        .packages(["packhorse-cli", "packhorse-spead"])
        .args(["--release", "--bins", "--examples"])
        .run(tally)?;
    let release = context.workspace.target.join("release");
    let python = peers::folder(&context.workspace).join("bin").join("python");
    // A port that was free a moment ago.
    let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let programs = Programs { packhorse: release.join("packhorse"), python, port };
    let rounds = context.rounds.unwrap_or(ROUNDS);

    cost(&release)?;
    small_packets(&programs, rounds)?;
    let series = sizes(&programs, rounds)?;
    table(&series);
    figure::draw(&context.workspace.root.join(FIGURE), &series)?;
    println!("  drawn: {FIGURE}");
    Ok(())
}

/// What the library costs without a system: printed as the example measures it.
fn cost(release: &Path) -> anyhow::Result<()> {
    let text = Run::new(release.join("examples").join("send_speed")).output()?;
    text.lines().for_each(|line| println!("  {line}"));
    Ok(())
}

/// Heaps of 8 KiB in packets as Ethernet carries them.
fn small_packets(programs: &Programs, rounds: usize) -> anyhow::Result<()> {
    for packet in [1472, 1456] {
        for (mode, name) in &MODES[1..] {
            let rates: Vec<f64> =
                (0..rounds).map(|_| programs.ours(mode, SIZES[0], packet)).collect::<anyhow::Result<_>>()?;
            println!("  8 KiB heaps in packets of {packet} bytes, {name}: {:.2} GB/s", median(&rates));
        }
    }
    Ok(())
}

/// All sizes, ways and sides, alternately.
fn sizes(programs: &Programs, rounds: usize) -> anyhow::Result<Vec<Series>> {
    let mut rates = vec![vec![Vec::new(); SIZES.len()]; 2 * MODES.len()];
    for _ in 0..rounds {
        for (place, size) in SIZES.into_iter().enumerate() {
            for (row, (mode, _)) in MODES.into_iter().enumerate() {
                rates[2 * row][place].push(programs.ours(mode, size, 9000)?);
                rates[2 * row + 1][place].push(programs.theirs(mode, size, 9000)?);
            }
        }
    }
    let series = rates.into_iter().enumerate().map(|(row, sizes)| {
        let (ours, (_, mode)) = (row % 2 == 0, MODES[row / 2]);
        let name = format!("{} {mode}", if ours { "packhorse" } else { "spead2" });
        let points = SIZES.into_iter().zip(&sizes).map(|(size, rates)| (size, median(rates))).collect();
        Series { name, ours, points }
    });
    Ok(series.collect())
}

fn table(series: &[Series]) {
    println!("  {:<22} {}", "GB/s, KiB a heap:", SIZES.map(|size| format!("{:>7}", size >> 10)).join(""));
    for line in series {
        let rates: String = line.points.iter().map(|(_, rate)| format!("{rate:>7.2}")).collect();
        println!("  {:<22} {rates}", line.name);
    }
    for pair in series.chunks_exact(2) {
        let ratios: String = pair[0]
            .points
            .iter()
            .zip(&pair[1].points)
            .map(|(ours, theirs)| format!("{:>7.1}", ours.1 / theirs.1))
            .collect();
        println!("  {:<22} {ratios}", format!("{} ratio", pair[0].name.trim_start_matches("packhorse ")));
    }
}

impl Programs {
    fn ours(&self, mode: &str, size: u64, packet: u32) -> anyhow::Result<f64> {
        let (heaps, size, packet) = ((TOTAL / size).to_string(), size.to_string(), packet.to_string());
        let args = [
            "heaps",
            "send",
            "-n",
            &heaps,
            "-H",
            &size,
            "-p",
            &packet,
            "--reuse",
            mode,
            "127.0.0.1",
            &self.port,
        ];
        rate(&Run::new(&self.packhorse).args(args).output()?)
    }

    fn theirs(&self, mode: &str, size: u64, packet: u32) -> anyhow::Result<f64> {
        let (heaps, size, packet) = ((TOTAL / size).to_string(), size.to_string(), packet.to_string());
        rate(
            &Run::new(&self.python)
                .args([TUTORIAL, mode, &heaps, &size, &packet, "127.0.0.1", &self.port])
                .output()?,
        )
    }
}

/// GB/s, from a line that ends in `N MB/s`.
fn rate(text: &str) -> anyhow::Result<f64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let place =
        words.iter().position(|word| *word == "MB/s").with_context(|| format!("no rate in {text:?}"))?;
    let megabytes: f64 = words.get(place.wrapping_sub(1)).context("no number before MB/s")?.parse()?;
    ensure!(megabytes > 0.0, "a rate of 0");
    Ok(megabytes / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_from_what_the_programs_print() {
        assert!((rate("Sent 9 bytes in 1.0 s, 8173.11 MB/s\n").unwrap() - 8.17311).abs() < 1e-9);
        assert!(rate("Sent nothing").is_err());
    }
}

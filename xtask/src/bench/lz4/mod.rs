//! LZ4 beside the tools that people use: from file to file, from pipe to pipe, and back; and what overlapping gains.
//!
//! ```text
//!   file to file     IN in tmpfs, OUT in tmpfs, OUT removed before each run
//!   pipe to pipe     cat IN | program | cat > /dev/null
//! ```
//! Every side runs once a round, alternately. Wanted ratios stand beside what was measured; one that is missed fails.

mod corpus;
mod rivals;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use wait4::Wait4 as _;

use super::process::{Program, Scratch, same};
use super::{Context, median, pipe};
use crate::report;
use crate::run::Run;
use rivals::Rivals;

/// The settings of every side: independent blocks of 1 MiB, fast, no checksums.
const SETTINGS: [&str; 4] = ["-1", "-B6", "-f", "-q"];

/// One side of a comparison.
struct Side {
    name: &'static str,
    run: Box<dyn Fn() -> anyhow::Result<f64>>,
    /// At least so many times faster has ours to be.
    wanted: f64,
}

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    let rounds = context.rounds.unwrap_or(11).max(1);
    let packhorse = pipe::build(context)?;
    let rivals = Rivals::prepare(&context.workspace)?;
    let scratch = Scratch::new("lz4")?;
    let (plain, ours, theirs) =
        (scratch.path("corpus"), scratch.path("ours.lz4"), scratch.path("theirs.lz4"));
    let size = corpus::write(&plain)?;
    let lz4 = || Program::new(&packhorse).arg("lz4");
    let mut missed = Vec::new();

    let debian = Program::new("lz4").args(&SETTINGS).args(&["--no-frame-crc"]).arg(&plain).arg(&theirs);
    let newer = Program::new(&rivals.newer).args(&SETTINGS).args(&["--no-frame-crc", "-T2"]);
    let newer = newer.arg(&plain).arg(&theirs);
    let own = lz4().args(&SETTINGS).args(&["-T2"]).arg(&plain).arg(&ours);
    let python = (rivals.python.clone(), plain.clone(), theirs.clone());
    let out = theirs.clone();
    let sides = [
        side("packhorse lz4", 0.0, own, &ours),
        side("lz4 of Debian, -1 -B6", 1.8, debian, &theirs),
        side("lz4 1.10, -1 -B6 -T2", 1.0, newer, &theirs),
        Side {
            name: "lz4.frame.compress",
            wanted: 2.2,
            run: Box::new(move || {
                remove(&out)?;
                rivals::python_seconds(&python.0, &python.1, &python.2)
            }),
        },
    ];
    missed.extend(compare("compress, file to file", size, rounds, &sides)?);
    let (our_len, their_len) = (ours.metadata()?.len(), {
        (sides[1].run)()?;
        theirs.metadata()?.len()
    });
    let fits = our_len <= their_len + their_len / 100;
    println!("  {our_len} bytes, and {their_len} of Debian's, wanted at most 1 % more: {}", verdict(fits));
    if !fits {
        missed.push(format!("{our_len} bytes beside {their_len}"));
    }

    let (input, filter) = (plain.clone(), lz4().args(&["-1", "-B6", "-T2", "-c"]));
    let (input2, filter2) = (plain.clone(), Program::new("lz4").args(&["-1", "-B6", "--no-frame-crc", "-c"]));
    let sides = [
        Side { name: "packhorse lz4", wanted: 0.0, run: Box::new(move || through_pipes(&input, &filter)) },
        Side { name: "lz4 of Debian", wanted: 1.6, run: Box::new(move || through_pipes(&input2, &filter2)) },
    ];
    missed.extend(compare("compress, pipe to pipe", size, rounds, &sides)?);

    let (back, back2, back3) = (scratch.path("back"), scratch.path("back2"), scratch.path("back3"));
    let own = lz4().args(&["-d", "-f", "-q", "-T2"]).arg(&ours).arg(&back);
    let debian = Program::new("lz4").args(&["-d", "-f", "-q"]).arg(&ours).arg(&back2);
    let newer = Program::new(&rivals.newer).args(&["-d", "-f", "-q"]).arg(&ours).arg(&back3);
    let sides = [
        side("packhorse lz4 -d", 0.0, own, &back),
        side("lz4 of Debian, -d", 1.4, debian, &back2),
        side("lz4 1.10, -d", 1.0, newer, &back3),
    ];
    missed.extend(compare("decompress, file to file", size, rounds, &sides)?);
    (sides[0].run)()?;
    ensure!(same(&plain, &back)?, "the content differs");
    remove(&back)?;

    missed.extend(memory(&lz4, &plain, &ours)?);
    missed.extend(device()?);
    if missed.is_empty() { Ok(()) } else { bail!("missed: {}", missed.join("; ")) }
}

/// A program that writes the file `out`, which is removed before.
fn side(name: &'static str, wanted: f64, program: Program, out: &Path) -> Side {
    let out = out.to_owned();
    Side {
        name,
        wanted,
        run: Box::new(move || {
            remove(&out)?;
            seconds(program.command())
        }),
    }
}

/// Runs all sides alternately, prints a table, and returns what was missed.
fn compare(what: &str, size: u64, rounds: usize, sides: &[Side]) -> anyhow::Result<Vec<String>> {
    let mut times = vec![Vec::new(); sides.len()];
    for _ in 0..rounds {
        for (side, times) in sides.iter().zip(&mut times) {
            times.push((side.run)().with_context(|| side.name.to_owned())?);
        }
    }
    let medians: Vec<f64> = times.iter().map(|times| median(times)).collect();
    let ours = medians.first().copied().context("nobody to compare")?;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let bytes = size as f64;
    let mut rows =
        vec![[what, "MB/s, median", "ours is faster by", "wanted", ""].map(str::to_owned).to_vec()];
    let mut missed = Vec::new();
    for (side, time) in sides.iter().zip(&medians) {
        let ratio = time / ours;
        let [shown, wanted, met] = if side.wanted > 0.0 {
            [format!("{ratio:.2}"), format!("{:.1}", side.wanted), verdict(ratio >= side.wanted)]
        } else {
            [const { String::new() }; 3]
        };
        if ratio < side.wanted {
            missed.push(format!("{what}: {ratio:.2} times {}, wanted {}", side.name, side.wanted));
        }
        rows.push(vec![side.name.to_owned(), format!("{:.0}", bytes / time / 1e6), shown, wanted, met]);
    }
    println!("{}", report::table(&rows));
    Ok(missed)
}

/// Peak memory of both ways, below (2 * buffer sets + 2) bricks.
fn memory(lz4: &dyn Fn() -> Program, plain: &Path, coded: &Path) -> anyhow::Result<Vec<String>> {
    const SETS: u64 = 3;
    const BRICK: u64 = 8 << 20;
    let bound = (2 * SETS + 2) * BRICK;
    let mut missed = Vec::new();
    for (name, args, input) in [("compress", &["-c", "-B6"][..], plain), ("decompress", &["-dc"], coded)] {
        let program = lz4().args(args).args(&["--brick", "8", "--sets", "3"]).arg(input);
        let peak = program.command().stdout(Stdio::null()).spawn()?.wait4()?.rusage.maxrss;
        let (needs, most, met) = (peak >> 20, bound >> 20, verdict(peak < bound));
        println!("  {name}, 3 sets of bricks of 8 MiB: {needs} MiB of memory, wanted below {most}: {met}");
        if peak >= bound {
            missed.push(format!("{name} takes {peak} bytes"));
        }
    }
    Ok(missed)
}

/// What overlapping gains on a device whose transfers take as long as its computation, as an example of the book shows it.
fn device() -> anyhow::Result<Vec<String>> {
    const WANTED: f64 = 1.8;
    let mut gains = Vec::new();
    for _ in 0..5 {
        let example =
            Run::cargo("run").args(["-q", "--release", "-p", "packhorse-examples", "--example", "overlap"]);
        let said = example.output()?;
        let gain = said.lines().find_map(|line| line.strip_prefix("overlapping gains ")?.split(' ').next());
        gains.push(gain.context("the example does not say what overlapping gains")?.parse()?);
    }
    let gain = median(&gains);
    println!(
        "  a simulated device: overlapping gains {gain:.2} times, wanted {WANTED}: {}",
        verdict(gain >= WANTED)
    );
    Ok((gain < WANTED)
        .then(|| format!("overlapping gains {gain:.2} times, wanted {WANTED}"))
        .into_iter()
        .collect())
}

fn verdict(met: bool) -> String {
    report::verdict(Some(met), if met { "met" } else { "MISSED" })
}

/// How long a program takes, as its user sees it.
fn seconds(mut command: Command) -> anyhow::Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let ended = command.spawn()?.wait4()?;
    let took = start.elapsed().as_secs_f64();
    ensure!(ended.status.success(), "it ended with {}", ended.status);
    Ok(took)
}

/// How long `cat INPUT | program | cat > /dev/null` takes.
fn through_pipes(input: &Path, program: &Program) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut first = Command::new("cat").arg(input).stdout(Stdio::piped()).spawn()?;
    let pipe = first.stdout.take().context("cat has no output")?;
    let mut second = program.command().stdin(Stdio::from(pipe)).stdout(Stdio::piped()).spawn()?;
    let pipe = second.stdout.take().context("the program has no output")?;
    let mut third = Command::new("cat").stdin(Stdio::from(pipe)).stdout(Stdio::null()).spawn()?;
    for child in [&mut first, &mut second, &mut third] {
        let ended = child.wait()?;
        ensure!(ended.success(), "one of three ended with {ended}");
    }
    Ok(start.elapsed().as_secs_f64())
}

fn remove(file: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

//! A full-duplex serial line of 92,160 bytes a second with byte errors: ZMODEM (lrzsz) beside ours, each over a cable of its own.
//!
//! Cells are seconds and bytes on the wire (forward) over bytes of the file. All cables of a run are used at once: a line is
//! slow, and the machine waits for it.

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use packhorse_transport::Faults;

use super::cable::Cable;
use super::process::{Scratch, random_file, same};
use super::{Context, median, pipe};
use crate::need::{self, LRZSZ};
use crate::report;

/// Bytes of the file.
const SIZE: u32 = 1_000_000;
/// Bytes a second each way: 921,600 baud, 8N1.
const RATE: u32 = 92_160;
/// Whoever is not done by then has failed.
const LIMIT: Duration = Duration::from_secs(52);
const ERRORS: [f64; 4] = [0.0, 1e-5, 1e-4, 1e-3];

/// Who carries the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Zmodem,
    Native,
    Rugged,
}

const PEERS: [(Peer, &str); 3] = [
    (Peer::Zmodem, "ZMODEM (lrzsz)"),
    (Peer::Native, "packhorse arq, native"),
    (Peer::Rugged, "packhorse arq, rugged"),
];

/// What is wanted: seconds and wire bytes over file bytes, at most.
const WANTED: [(Peer, f64, f64, f64); 2] =
    [(Peer::Native, 1e-4, 12.6, 1.10), (Peer::Rugged, 1e-3, 13.4, 1.13)];

pub(super) fn run(context: &Context) -> anyhow::Result<()> {
    need::install(&[&LRZSZ]);
    if let Some(missing) = need::missing(&[LRZSZ]) {
        bail!("{missing}");
    }
    let rounds = context.rounds.unwrap_or(1).max(1);
    let packhorse = pipe::build(context)?;
    let scratch = Scratch::new("line")?;
    let file = scratch.path("file");
    random_file(&file, SIZE.into())?;
    let mut rows = vec![vec![format!("1 MB at {RATE} B/s, byte errors")]];
    rows[0].extend(ERRORS.map(|errors| format!("{errors:e}")));
    let mut misses = Vec::new();
    for (peer, name) in PEERS {
        let mut row = vec![name.to_owned()];
        let cells: Vec<_> = std::thread::scope(|scope| {
            let run = |(column, errors): (usize, f64)| {
                let (packhorse, file, scratch) = (&packhorse, &file, &scratch);
                scope.spawn(move || {
                    let once = |round: usize| {
                        let inbox = scratch.path(&format!("{peer:?}-{column}-{round}"));
                        transfer(peer, packhorse, file, &inbox, errors, round as u64 + 1)
                    };
                    (0..rounds).map(once).collect::<anyhow::Result<Vec<_>>>()
                })
            };
            let threads: Vec<_> = ERRORS.into_iter().enumerate().map(run).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
                .collect()
        });
        for (errors, cell) in ERRORS.into_iter().zip(cells) {
            let Some(done) = cell?.into_iter().collect::<Option<Vec<_>>>() else {
                row.push("FAIL".to_owned());
                misses.extend(
                    WANTED
                        .iter()
                        .filter(|w| w.0 == peer && w.1 == errors)
                        .map(|_| format!("{name} fails at {errors:e}")),
                );
                continue;
            };
            let seconds = median(&done.iter().map(|one| one.0).collect::<Vec<_>>());
            let cost = median(&done.iter().map(|one| one.1).collect::<Vec<_>>());
            row.push(format!("{seconds:.1} / {cost:.3}"));
            for (_, _, most, most_cost) in WANTED.iter().filter(|w| w.0 == peer && w.1 == errors) {
                if seconds > *most || cost > *most_cost {
                    misses.push(format!(
                        "{name} at {errors:e}: {seconds:.1} s / {cost:.3}, wanted {most} s / {most_cost}"
                    ));
                }
            }
        }
        rows.push(row);
    }
    println!("{}", report::table(&rows));
    println!(
        "  seconds / wire bytes over file bytes, forward; medians of {rounds}; FAIL: not whole in {} s",
        LIMIT.as_secs()
    );
    ensure!(misses.is_empty(), "{}", misses.join("; "));
    Ok(())
}

/// Seconds and wire bytes over file bytes; none when the file did not arrive.
fn transfer(
    peer: Peer,
    packhorse: &Path,
    file: &Path,
    inbox: &Path,
    errors: f64,
    seed: u64,
) -> anyhow::Result<Option<(f64, f64)>> {
    std::fs::create_dir_all(inbox)?;
    let cable = Cable::new(RATE, &Faults { byte_error: errors, ..Faults::NONE }, seed)?;
    let log = |name: &str| std::fs::File::create(inbox.with_extension(name));
    let [near, far] = cable.files()?;
    let [a, b] = cable.ends.each_ref().map(|end| format!("serial:{}?baud=921600", end.display()));
    let started = Instant::now();
    let (mut receiver, mut sender) = match peer {
        Peer::Zmodem => {
            let mut rz = Command::new("rz");
            rz.args(["--binary", "--overwrite", "--quiet"]).current_dir(inbox);
            rz.stdin(far.try_clone()?).stdout(far).stderr(Stdio::null());
            let mut sz = Command::new("sz");
            sz.args(["--binary", "--quiet"]).arg(file);
            sz.stdin(near.try_clone()?).stdout(near).stderr(Stdio::null());
            (start(rz)?, start(sz)?)
        }
        Peer::Native | Peer::Rugged => {
            drop((near, far));
            let profile = if peer == Peer::Rugged { "rugged" } else { "native" };
            let mut recv = Command::new(packhorse);
            recv.arg("recv").arg(inbox).args(["--from", &b, "--progress", "none"]);
            recv.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log("recv")?);
            let mut send = Command::new(packhorse);
            send.arg("send").arg(file).args(["--to", &a, "--mode", "arq", "--profile", profile]);
            send.args(["--expect-errors", &format!("{errors:e}"), "--progress", "none"]);
            send.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log("send")?);
            (start(recv)?, start(send)?)
        }
    };
    let well = wait(&mut sender, started)? & wait(&mut receiver, started)?;
    let seconds = started.elapsed().as_secs_f64();
    let arrived: PathBuf = inbox.join("file");
    let whole = well && arrived.is_file() && same(file, &arrived)?;
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let cost = cable.sent()[0] as f64 / f64::from(SIZE);
    Ok(whole.then_some((seconds, cost)))
}

fn start(mut command: Command) -> anyhow::Result<Child> {
    command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// Whether it ended well within the limit; it is ended otherwise.
fn wait(child: &mut Child, started: Instant) -> anyhow::Result<bool> {
    while started.elapsed() < LIMIT {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // It may have ended by itself just now.
    let _ = child.kill();
    child.wait()?;
    Ok(false)
}

//! `packhorse demo`: one file over three links on this machine, and what happened on each.

mod links;
mod pipe;

use core::fmt::Write as _;
use core::hash::BuildHasher as _;
use core::time::Duration;
use std::fs;
use std::hash::RandomState;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;

use crate::exit::{Exit, is_broken_pipe};
use crate::stdio::Output;
use crate::{human, screen, signals};

/// Bytes of the file.
const SIZE: usize = 3_000_000;
const NAME: &str = "photo.jpg";

/// What happened on one link.
struct Leg {
    link: &'static str,
    mode: &'static str,
    /// Bytes of the file.
    bytes: u64,
    packets: u64,
    wire_bytes: u64,
    took: Duration,
    /// What was lost or thrown away, by cause.
    losses: Vec<(String, u64)>,
    /// Telemetry messages: sent and received.
    messages: Option<(u64, u64)>,
    /// The hash of what arrived, if it is the file's and the bytes are the same.
    verified: Option<String>,
}

/// Sends a file over a link into a folder.
type Step = fn(&Path, &Path) -> anyhow::Result<Leg>;

pub(crate) fn run() -> anyhow::Result<Exit> {
    match tour() {
        Err(error) if is_broken_pipe(&error) => Ok(Exit::Done),
        other => other,
    }
}

fn tour() -> anyhow::Result<Exit> {
    let began = Instant::now();
    let mut output = Output::stdout()?;
    let mut say = |text: &str| output.write_all(text.as_bytes()).context("cannot write to standard output");
    let folder = tempfile::Builder::new()
        .prefix("packhorse-demo-")
        .tempdir()
        .context("cannot make a folder for the demo; set TMPDIR to where there is room")?;
    signals::delete_when_interrupted(folder.path());
    let file = folder.path().join(NAME);
    let bytes = random_bytes();
    fs::write(&file, &bytes).context("cannot write the demo's file; set TMPDIR to where there is room")?;
    say(&format!(
        "A file of {} goes over three links on this machine. Its bytes are random; nothing can be compressed.\n",
        human::bytes(SIZE as u64)
    ))?;

    let steps: [(&str, Step); 3] = [
        ("1  Loopback: packets of at most 250 bytes in memory, as a radio has them.", links::loopback),
        (
            "2  Pipe: packhorse send photo.jpg | packhorse recv inbox, with telemetry beside the file.",
            pipe::run,
        ),
        (
            "3  Lossy link: packets are dropped, damaged, doubled, cut and late; every block is sent 5 times.",
            links::lossy,
        ),
    ];
    let mut legs = Vec::new();
    for (number, (title, step)) in steps.into_iter().enumerate() {
        say(&format!("\n{title}\n"))?;
        let inbox = folder.path().join(format!("inbox{}", number + 1));
        let mut leg = step(&file, &inbox)?;
        let arrived = fs::read(inbox.join(NAME)).is_ok_and(|arrived| arrived == bytes);
        if !arrived {
            leg.verified = None;
        }
        say(&story(&leg))?;
        legs.push(leg);
    }
    say(&table(&legs))?;
    say(&format!("\nDone in {}. Nothing was left behind. {NEXT}", human::time(began.elapsed())))?;
    let good =
        |leg: &Leg| leg.verified.is_some() && leg.messages.is_none_or(|(sent, received)| sent == received);
    if legs.iter().all(good) {
        return Ok(Exit::Done);
    }
    screen::error("not everything arrived as it was sent; please report this with the lines above");
    Ok(Exit::Damaged)
}

const NEXT: &str = "Try next:

  packhorse send FILE | packhorse recv inbox
  packhorse send FILE --mode repeat=3 | packhorse noise --drop 1/1000 | packhorse recv inbox
  packhorse send FILE > recording; packhorse inspect recording
  packhorse send --help
";

/// Causes that cost no packet, or count bytes.
const HARMLESS: [&str; 5] = ["duplicates", "late", "gaps", "restarts", "junk bytes"];

fn story(leg: &Leg) -> String {
    let mut text = format!(
        "   {} in {} ({}), {} packets, {} on the wire\n",
        human::bytes(leg.bytes),
        human::time(leg.took),
        human::rate(leg.bytes, leg.took),
        leg.packets,
        human::bytes(leg.wire_bytes),
    );
    let losses: Vec<String> = leg
        .losses
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| format!("{cause} {count}"))
        .collect();
    let losses = if losses.is_empty() { "nothing".to_owned() } else { losses.join(", ") };
    // Writing to a string does not fail.
    let _ = writeln!(text, "   lost, refused or out of order: {losses}");
    if let Some((sent, received)) = leg.messages {
        let _ = writeln!(text, "   telemetry: {received} of {sent} messages");
    }
    let _ = match &leg.verified {
        Some(hash) => writeln!(text, "   verified: BLAKE3 {hash}"),
        None => writeln!(text, "   NOT VERIFIED: the file did not arrive whole"),
    };
    text
}

fn table(legs: &[Leg]) -> String {
    let mut text = format!(
        "\n{:<10} {:<9} {:>9} {:>10} {:>9} {:>10} {:>9}  {}\n",
        "link", "mode", "packets", "on wire", "time", "rate", "dropped", "verified"
    );
    for leg in legs {
        let lost = leg.losses.iter().filter(|(cause, _)| !HARMLESS.contains(&cause.as_str()));
        let dropped: u64 = lost.map(|(_, count)| count).sum();
        let verified = if leg.verified.is_some() { "yes" } else { "NO" };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<10} {:<9} {:>9} {:>10} {:>9} {:>10} {:>9}  {verified}",
            leg.link,
            leg.mode,
            leg.packets,
            human::bytes(leg.wire_bytes),
            human::time(leg.took),
            human::rate(leg.bytes, leg.took),
            dropped,
        );
    }
    text
}

/// Another file every time, so that no link can cheat.
fn random_bytes() -> Vec<u8> {
    let random = RandomState::new();
    let mut bytes: Vec<u8> = (0..SIZE as u64 / 8).flat_map(|i| random.hash_one(i).to_le_bytes()).collect();
    bytes.resize(SIZE, 0);
    bytes
}

//! `packhorse recv`: from the command line to the library, and what it reports back to the person.

use core::time::Duration;

use anyhow::bail;
use packhorse::application::{Existing, ReceiveError, ReceiveReport, Resume};
use packhorse::{Destination, Error, ReceiveOptions, ReceiveOutcome, Uri};
use serde_json::{Value, json};

use crate::args::{ExistingKind, RecvArgs};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::telemetry::Log;
use crate::{human, screen};

/// How long the partial files of an earlier receiver are kept.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);

pub(crate) fn run(args: &RecvArgs) -> anyhow::Result<Exit> {
    if args.from == Uri::Pipe && packhorse::is_interactive(std::io::stdin()) {
        bail!(
            "standard input is a terminal; connect a sender: packhorse send FILE | packhorse recv DIR, or < FILE; a \
             serial line has to be raw: stty -F DEVICE raw -echo"
        );
    }
    if args.from == Uri::Pipe && args.duplex {
        if args.into.as_os_str() == "-" {
            bail!(
                "standard output carries the answers (--duplex), so what arrives needs a folder: recv DIR --duplex"
            );
        }
        if packhorse::is_interactive(std::io::stdout()) {
            bail!(
                "standard output is a terminal, which answers (--duplex) would garble; connect it to the sender"
            );
        }
    }
    let into = if args.into.as_os_str() == "-" {
        Destination::Stdout
    } else {
        Destination::Folder(args.into.clone())
    };
    let options = ReceiveOptions {
        profile: args.profile,
        existing: match args.existing {
            ExistingKind::Replace => Existing::Replace,
            ExistingKind::Number => Existing::Number,
        },
        resume: match (args.no_resume, args.fresh) {
            (true, _) => Resume::Never,
            // Nothing is too young to be deleted.
            (false, true) => Resume::Within(Duration::ZERO),
            (false, false) => Resume::Within(KEEP),
        },
        duplex: args.duplex,
        give_up: args.give_up,
        ratio_limit: args.ratio_limit,
        stay: args.stay,
        timing: args.report.timing,
    };
    let log = args.telemetry.as_ref().map(|path| Log::open(path)).transpose()?;
    let mut progress = Progress::new(args.report.progress, "received and verified", false, log);
    let outcome = packhorse::receive(&into, &args.from, &options, &mut progress);
    progress.finish();
    match outcome {
        Ok(outcome) => Ok(report(&outcome)),
        // Nothing is wrong here, but nothing was received either.
        Err(error @ (Error::Silence | Error::Unrecognised { .. })) => {
            screen::error(&error.to_string());
            Ok(Exit::Damaged)
        }
        Err(Error::Receive(ReceiveError::OutputClosed)) => {
            screen::error("whoever reads the output closed it before the end; nothing more was received");
            Ok(Exit::Damaged)
        }
        Err(error) => Err(error.into()),
    }
}

fn report(outcome: &ReceiveOutcome) -> Exit {
    let ReceiveOutcome { report, profile, timing, other } = outcome;
    let transfer = &report.transfer;
    let took = transfer.elapsed();
    let mut lost = lost(report);
    if let Some(other) = other {
        lost.push(format!(
            "a session in profile {other}, or framed otherwise, came behind the first one and was not received"
        ));
    }
    let complete = lost.is_empty();
    let mut summary = json!({
        "event": "summary", "profile": profile.to_string(), "complete": complete,
        "objects": report.objects, "failed": report.failed, "unplaced": report.unplaced, "unheard": report.unheard, "unended": report.unended,
        "messages": report.messages, "bytes": transfer.bytes, "wire_bytes": transfer.wire_bytes,
        "packets": transfer.packets, "blocks": transfer.blocks, "repeats": transfer.repeats,
        "seconds": took.as_secs_f64(), "bytes_per_second": human::per_second(transfer.bytes, took),
        "timing": timing,
    });
    if let Some(summary) = summary.as_object_mut() {
        let damage =
            damage(report).into_iter().map(|(name, count)| (name.replace(' ', "_"), Value::from(count)));
        summary.insert("damage".into(), Value::Object(damage.collect()));
    }
    screen::object(&summary);
    let verified = if complete { ", all verified" } else { "" };
    screen::line(&format!(
        "packhorse: received {} ({}) in {}, {}{verified}{}",
        human::count(report.objects, "object"),
        human::bytes(transfer.bytes),
        human::time(took),
        human::rate(transfer.bytes, took),
        if report.messages > 0 {
            format!("; {}", human::count(report.messages, "message"))
        } else {
            String::new()
        },
    ));
    let found: Vec<String> = damage(report)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if !found.is_empty() {
        screen::line(&format!("packhorse: the link: {}", found.join(", ")));
    }
    if let Some(timing) = timing {
        screen::line(timing);
    }
    if complete {
        return Exit::Done;
    }
    screen::error(&format!(
        "{}; send it again: what has come of files is kept. Modes for links that lose packets: packhorse send --help",
        lost.join(", ")
    ));
    Exit::Damaged
}

/// What did not arrive, in words; empty when everything did.
fn lost(report: &ReceiveReport) -> Vec<String> {
    let counts = [(report.failed, "incomplete or damaged"), (report.unheard, "of the session never seen")];
    let mut lost: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, how)| format!("{} {how}", human::count(count, "object")))
        .collect();
    if report.unended > 0 {
        lost.push("the end of the session is missing, so there may be more".to_owned());
    }
    if lost.is_empty() && report.objects == 0 && report.messages == 0 {
        lost.push("no whole object was received".to_owned());
    }
    lost
}

/// Packets that were lost or thrown away, by cause; each is in one count.
pub(crate) fn losses(report: &ReceiveReport) -> Vec<(String, u64)> {
    let ReceiveReport { frames, checks, packets, dropped, .. } = report;
    let refused = checks.bad_check + checks.bad_length + checks.short;
    [
        ("bad check", checks.bad_check),
        ("beyond correction", frames.uncorrectable),
        ("bad length", checks.bad_length + frames.bad_length),
        ("too short", checks.short + frames.short + packets.short),
        ("too long", frames.long + frames.overflow),
        // Packets that fail the check leave a gap in the sequence numbers too.
        ("never arrived", packets.missed.saturating_sub(refused)),
        ("duplicates", packets.duplicates),
        ("late", packets.old),
        ("blocks before announcement", dropped.unannounced),
    ]
    .map(|(cause, count)| (cause.to_owned(), count))
    .into()
}

/// What was thrown away, by cause.
fn damage(report: &ReceiveReport) -> [(&'static str, u64); 19] {
    let ReceiveReport { frames, checks, packets, dropped, .. } = report;
    [
        ("bad check", checks.bad_check),
        ("bad length", checks.bad_length + frames.bad_length),
        ("too short", checks.short + frames.short + packets.short),
        ("too long", frames.long),
        ("overflow", frames.overflow),
        ("corrected bytes", frames.corrected),
        ("beyond correction", frames.uncorrectable),
        ("junk bytes", frames.junk_bytes),
        ("gaps", packets.gaps),
        ("missed", packets.missed),
        ("duplicates", packets.duplicates),
        ("late", packets.old),
        ("restarts", packets.restarts),
        ("blocks before announcement", dropped.unannounced),
        ("bad control messages", dropped.bad_control),
        ("misplaced blocks", dropped.misplaced),
        ("blocks beyond memory", dropped.crowded),
        ("refused announcements", dropped.refused),
        ("unplaced objects", report.unplaced),
    ]
}

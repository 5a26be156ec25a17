//! `packhorse send`: from the command line to the library, and what it reports back to the person.

use anyhow::bail;
use packhorse::application::{LinkError, SendError};
use packhorse::packet::Channel;
use packhorse::transfer::Mode;
use packhorse::{Error, Expect, ProfileName, SendOptions, SendOutcome, Uri};
use serde_json::json;

use crate::args::SendArgs;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::quantity::ModeArg;
use crate::{human, screen, stdio, telemetry};

pub(crate) fn run(args: &SendArgs) -> anyhow::Result<Exit> {
    let reads_stdin = args.paths.iter().filter(|path| path.as_os_str() == "-").count();
    let telemetry_stdin = args.telemetry.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if reads_stdin + usize::from(telemetry_stdin) > 1 {
        bail!("standard input (-) is named twice; it can be read once");
    }
    if args.to == Uri::Pipe && packhorse::is_interactive(std::io::stdout()) {
        bail!(
            "standard output is a terminal, which packets would garble; connect it: packhorse send ... | packhorse \
             recv DIR, or > FILE; a serial line has to be raw: stty -F DEVICE raw -echo"
        );
    }
    if args.to == Uri::Pipe && args.duplex && reads_stdin + usize::from(telemetry_stdin) > 0 {
        bail!("standard input carries the answers (--duplex); send a file, or over another link");
    }
    if args.compress && args.profile == ProfileName::Ftag {
        bail!("profile ftag has no compressed objects; send with --profile native, or without --compress");
    }
    if args.profile == ProfileName::Ftag
        && let Some(ModeArg::Fountain(_) | ModeArg::Arq) = args.mode
    {
        bail!(
            "profile ftag has no such mode: its receivers know neither repair symbols nor answers; send with --profile native, or with --mode repeat=N"
        );
    }
    let mut lines =
        args.telemetry.as_ref().map(|path| telemetry::Lines::open(path, line_max(args))).transpose()?;
    if let Some(why) = why(args) {
        screen::line(&format!("packhorse: {why}"));
    }
    // At the other end of a pipe is a receiver, with a bar of its own on the same terminal.
    let mut progress = Progress::new(args.report.progress, "sent", stdio::stdout_is_pipe(), None);
    let outcome = packhorse::send(
        &args.paths,
        &args.to,
        &options(args),
        |messages| {
            if let Some(lines) = lines.take() {
                lines.start(move |line| messages.send(Channel::TELEMETRY, line));
            }
        },
        &mut progress,
    );
    progress.finish();
    report(args, outcome?)
}

fn options(args: &SendArgs) -> SendOptions {
    SendOptions {
        profile: args.profile,
        mode: mode(args),
        expect: Expect { errors: args.expect_errors, loss: args.expect_loss },
        block: args.block,
        rate: args.rate,
        packet_rate: args.packet_rate,
        meta_first: args.meta_first,
        meta_every: args.meta_every,
        name: args.name.clone(),
        give_up: args.give_up,
        duplex: args.duplex,
        compress: args.compress,
        timing: args.report.timing,
    }
}

/// What was said, or what suits what was said of the link.
fn mode(args: &SendArgs) -> Mode {
    let expected = args.expect_errors.is_some() || args.expect_loss.is_some();
    match (args.mode, args.profile) {
        (Some(ModeArg::Once), _) => Mode::Once,
        (Some(ModeArg::Repeat(copies)), _) => Mode::Repeat { copies: copies.unwrap_or(0) },
        (Some(ModeArg::Fountain(None)), _) if !expected => Mode::Fountain { repair_percent: None },
        (Some(ModeArg::Fountain(percent)), _) => {
            Mode::Fountain { repair_percent: Some(percent.unwrap_or(0)) }
        }
        (Some(ModeArg::Arq), _) => Mode::Arq,
        // What one receiver lacks is sent to all of them: symbols help each.
        (None, ProfileName::Native | ProfileName::Rugged) if args.duplex && is_group(&args.to) => {
            Mode::Fountain { repair_percent: Some(0) }
        }
        // Where answers come, nothing has to be guessed.
        (None, ProfileName::Native | ProfileName::Rugged) if args.duplex || answers_by_itself(&args.to) => {
            Mode::Arq
        }
        (None, ProfileName::Native | ProfileName::Rugged) if !expected && is_group(&args.to) => {
            Mode::Fountain { repair_percent: Some(GROUP_REPAIR) }
        }
        (None, ProfileName::Ftag) if expected => Mode::Repeat { copies: 0 },
        (None, ProfileName::Native) if expected => Mode::Fountain { repair_percent: Some(0) },
        (None, ProfileName::Rugged) => Mode::Fountain { repair_percent: Some(0) },
        (None, ProfileName::Native | ProfileName::Ftag) => Mode::Once,
    }
}

/// Whether it goes on until it is stopped.
fn is_carousel(args: &SendArgs) -> bool {
    mode(args) == Mode::Fountain { repair_percent: None }
}

/// Why the mode is another one than answers make usual.
fn why(args: &SendArgs) -> Option<&'static str> {
    let fountain = args.mode.is_none() && matches!(mode(args), Mode::Fountain { .. });
    (fountain && args.duplex && is_group(&args.to))
        .then_some("many may receive: repair symbols stand in for what each of them lacks (--mode fountain)")
}

/// Repair symbols for a hundred blocks to a group that nobody said anything about.
const GROUP_REPAIR: u32 = 20;

/// Whether the link has a way back and may lose something.
fn answers_by_itself(to: &Uri) -> bool {
    matches!(to, Uri::Serial { .. }) || (matches!(to, Uri::Udp { .. }) && !is_group(to))
}

/// Whether many may receive.
fn is_group(to: &Uri) -> bool {
    let Uri::Udp { host, .. } = to else { return false };
    host.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_multicast())
}

/// Bytes of a telemetry line that surely fit a message: `native` cuts a message into up to 256 packets of a block each,
/// of 32 bytes at least; an `ftag` message is one packet.
fn line_max(args: &SendArgs) -> u64 {
    match args.profile {
        ProfileName::Native | ProfileName::Rugged => 8 * 1024,
        ProfileName::Ftag => 240,
    }
}

fn report(args: &SendArgs, outcome: SendOutcome) -> anyhow::Result<Exit> {
    let SendOutcome { report, error, refused, timing } = outcome;
    let transfer = &report.transfer;
    let took = transfer.elapsed();
    screen::object(&json!({
        "event": "summary", "profile": args.profile.to_string(),
        "complete": error.is_none() && report.failed == 0,
        "objects": report.objects, "failed": report.failed, "passed_over": report.passed_over,
        "messages": report.messages, "bytes": transfer.bytes, "wire_bytes": transfer.wire_bytes,
        "packets": transfer.packets, "blocks": transfer.blocks, "repeats": transfer.repeats, "refused": refused,
        "seconds": took.as_secs_f64(), "bytes_per_second": human::per_second(transfer.bytes, took),
        "timing": timing,
    }));
    screen::line(&format!(
        "packhorse: sent {} ({}) in {}, {}; on the wire {} in {}{}{}",
        human::count(report.objects, "object"),
        human::bytes(transfer.bytes),
        human::time(took),
        human::rate(transfer.bytes, took),
        human::bytes(transfer.wire_bytes),
        human::count(transfer.packets, "packet"),
        if report.messages > 0 {
            format!(", {}", human::count(report.messages, "message"))
        } else {
            String::new()
        },
        if report.passed_over > 0 {
            format!("; passed over {}", human::count(report.passed_over, "special file or link"))
        } else {
            String::new()
        },
    ));
    if let Some(timing) = timing {
        screen::line(&timing);
    }
    match error {
        // Nothing ends a carousel but its receivers, who leave when they have it all.
        Some(Error::Send(SendError::Link(LinkError::Closed))) if is_carousel(args) && transfer.bytes > 0 => {
            screen::line("packhorse: the receiving side left; it says whether it had everything");
            Ok(Exit::Done)
        }
        Some(Error::Send(SendError::Link(LinkError::Closed))) => {
            screen::error(
                "the receiving side closed the link before everything was sent; see what it says, then send again",
            );
            Ok(Exit::Damaged)
        }
        // The other side may well have it all, but nobody knows.
        Some(error @ Error::Send(SendError::NoAnswer { .. })) => {
            screen::error(&error.to_string());
            Ok(Exit::Damaged)
        }
        Some(error) => Err(error.into()),
        // Where receivers answered, they have told that they have it all.
        None if refused > 0 && report.measure.arrived == 0 => {
            screen::error(&format!(
                "nobody received at {} for some of the time: the other machine refused {}; start there: packhorse recv \
                 DIR --from {}, then send again",
                args.to,
                human::count(refused, "packet"),
                args.to,
            ));
            Ok(Exit::Damaged)
        }
        None if report.failed == 0 => Ok(Exit::Done),
        None if report.objects == 0 => bail!("nothing could be sent; see above"),
        None => {
            screen::error(&format!("{} could not be sent; see above", human::count(report.failed, "object")));
            Ok(Exit::Damaged)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    /// The mode of a command line, and whether it is told why.
    fn chosen(line: &str) -> (Mode, bool) {
        let words = ["packhorse", "send", "f"].into_iter().chain(line.split_whitespace());
        let Ok(Cli { command: Command::Send(args) }) = Cli::try_parse_from(words) else {
            panic!("{line} is not understood");
        };
        (mode(&args), why(&args).is_some())
    }

    #[test]
    fn a_group_that_answers_gets_repair_symbols_and_one_receiver_gets_blocks_again() {
        let symbols = Mode::Fountain { repair_percent: Some(0) };
        assert_eq!(chosen("--duplex --to udp://239.1.2.3:9000"), (symbols, true));
        assert_eq!(chosen("--duplex --to udp://239.1.2.3:9000 --profile rugged"), (symbols, true));
        assert_eq!(chosen("--duplex --to udp://10.1.2.3:9000"), (Mode::Arq, false));
        assert_eq!(chosen("--duplex"), (Mode::Arq, false));
        // What was said stays.
        assert_eq!(chosen("--duplex --to udp://239.1.2.3:9000 --mode arq"), (Mode::Arq, false));
    }
}

//! What can be written on the command line, and the help that people read.
//!
//! Not for what the options mean on the wire: that is the library's. Quantities are parsed in `quantity`.

use core::time::Duration;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use packhorse::ProfileName;
use packhorse::uri::Uri;

use crate::heaps::args::HeapsArgs;
use crate::lz4::args::Lz4Args;
use crate::quantity::{self, ModeArg};

const AFTER: &str = "\
Examples:
  packhorse demo                                          see it work on this machine
  packhorse send photo.jpg | packhorse recv inbox         the shortest link there is
  packhorse send photos | ssh ground packhorse recv in    a folder, to another machine
  tar c docs | packhorse send - --name docs.tar > s       a stream, recorded
  packhorse inspect s                                     what is in the recording

Exit codes:
  0  done, and everything verified
  1  incomplete or damaged; nothing stands under a final name that is not whole
  2  wrong usage, or the system refused to read or write
  130  interrupted (Ctrl-C); what has arrived is kept for the next recv

RUST_LOG=debug shows what the layers do, on standard error.";

/// Moves files, streams and messages over any byte link: pipes, radio, serial lines.
#[derive(Debug, Parser)]
#[command(name = "packhorse", version, about, after_help = AFTER, max_term_width = 100)]
#[command(arg_required_else_help = true, subcommand_required = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A tour on this machine: loopback, pipe, lossy link; prints what happened
    Demo(DemoArgs),
    /// Send files, folders or standard input
    Send(SendArgs),
    /// Receive into a folder, or to standard output
    Recv(RecvArgs),
    /// Damage a stream on its way from standard input to standard output
    Noise(NoiseArgs),
    /// Carry a stream as lines of hex digits, from standard input to standard output
    Hex(HexArgs),
    /// Print a line for every packet of a recorded stream
    Inspect(InspectArgs),
    /// Send streams of samples as SPEAD heaps
    Heaps(HeapsArgs),
    /// Compress or decompress LZ4 frames, reading, computing and writing at once
    Lz4(Lz4Args),
    /// Messages between threads, processes and hosts: send, receive, measure
    Channel(crate::channel::args::ChannelArgs),
    /// Print man pages or shell completions
    Generate(GenerateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The tour takes less than 5 seconds, needs no network and leaves nothing behind. It exits with 0
only if every file arrived and was verified.")]
pub(crate) struct DemoArgs {}

/// What `send` and `recv` share.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reporting")]
pub(crate) struct ReportArgs {
    /// Progress on standard error: auto, bar, json or none; auto is a bar on a terminal, unless send
    /// writes into a pipe
    #[arg(long, value_name = "HOW", default_value = "auto", hide_possible_values = true)]
    pub(crate) progress: ProgressKind,
    /// Print how long every layer took: calls, minimum, percentiles, maximum, total
    #[arg(long)]
    pub(crate) timing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressKind {
    /// A bar when standard error is a terminal, otherwise nothing until the end
    Auto,
    /// A bar
    Bar,
    /// A JSON object a line, for programs
    Json,
    /// Nothing until the end
    None,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packhorse send photo.jpg | packhorse recv inbox
  packhorse send a.txt b.txt folder | ssh ground packhorse recv inbox
  pg_dump db | packhorse send - --name db.sql > recording
  packhorse send photos --to tcp://ground:9000
  packhorse send photo.jpg --profile ftag --block 50 --mode repeat=3 --rate 2k > /dev/ttyUSB0")]
pub(crate) struct SendArgs {
    /// Files and folders to send; - is standard input
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where the link leads: pipe: (standard output), serial:/dev/ttyUSB0?baud=115200, udp://host:port,
    /// tcp://host:port, unix:PATH
    #[arg(long, value_name = "URI", default_value = "pipe:", value_parser = uri)]
    pub(crate) to: Uri,
    /// Answers come: on a pipe by standard input; the mode is then arq unless told
    #[arg(long)]
    pub(crate) duplex: bool,
    /// Wait so many seconds for somebody to listen [default: 10] or to answer [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = quantity::seconds)]
    pub(crate) give_up: Option<Duration>,
    /// Name on the other side, instead of the path's own; for a single PATH
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Send every line of this file or FIFO (- is standard input) as a message beside the files
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) telemetry: Option<PathBuf>,
    /// Wire format: native, ftag (a public radio toolkit), or rugged (for links that damage bytes)
    #[arg(long, default_value = "native", value_parser = profile())]
    #[arg(help_heading = "Wire")]
    pub(crate) profile: ProfileName,
    /// once: for links that lose nothing; repeat=N: every block N more times; fountain=PERCENT: so much
    /// repair beside the blocks; fountain: repair without end; arq: sends again what is lost (needs
    /// answers). What repeat and fountain leave open follows what is expected [default: once; fountain
    /// with --expect-errors or --expect-loss, and in rugged]
    #[arg(long, value_parser = quantity::mode)]
    #[arg(help_heading = "Wire")]
    pub(crate) mode: Option<ModeArg>,
    /// Chance of a byte to arrive wrong, as 1e-3, 0.1% or 1/1000: frames, codes and repair are chosen for
    /// it so that 999 of 1000 files arrive [default in rugged: 1/1000]
    #[arg(long, value_name = "RATE", value_parser = quantity::expected)]
    #[arg(help_heading = "Wire")]
    pub(crate) expect_errors: Option<f64>,
    /// Chance of a packet to be lost, as 0.05, 5% or 1/20 [default: 5%; 0.5% beside wrong bytes]
    #[arg(long, value_name = "P", value_parser = quantity::expected)]
    #[arg(help_heading = "Wire")]
    pub(crate) expect_loss: Option<f64>,
    /// Bytes of a file in one packet [default: what suits profile and link]
    #[arg(long, value_name = "BYTES", value_parser = quantity::small)]
    #[arg(help_heading = "Wire")]
    pub(crate) block: Option<u32>,
    /// Send what shrinks compressed, as LZ4; not in ftag
    #[arg(long, help_heading = "Wire")]
    pub(crate) compress: bool,
    /// Announcements of a file before its first block [default: 8; native with once: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(help_heading = "Wire")]
    pub(crate) meta_first: Option<u32>,
    /// Announce a file again every N packets [default: 50; native with once: never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[arg(help_heading = "Wire")]
    pub(crate) meta_every: Option<u32>,
    /// At most so many bytes a second on the wire: 2400, 11.5k, 3M
    #[arg(long, value_name = "BYTES/S", value_parser = quantity::large)]
    #[arg(help_heading = "Pace")]
    pub(crate) rate: Option<u64>,
    /// At most so many packets a second
    #[arg(long, value_name = "N", value_parser = quantity::small)]
    #[arg(help_heading = "Pace")]
    pub(crate) packet_rate: Option<u32>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A file appears in DIR under its name only when it is whole and verified, and never outside DIR,
whatever its name says. Until then it is .packhorse-*.part beside it; a receiver that was killed
goes on from there when the same file is sent again.

Examples:
  packhorse recv inbox < recording
  packhorse recv inbox --from tcp://:9000 --stay
  ssh station packhorse send log.csv | packhorse recv - | less
  packhorse recv inbox --telemetry values.log < /dev/ttyUSB0")]
pub(crate) struct RecvArgs {
    /// Folder to receive into, created when missing; - writes the contents to standard output
    #[arg(value_name = "DIR|-", value_hint = ValueHint::DirPath)]
    pub(crate) into: PathBuf,
    /// Where the link comes from: pipe: (standard input), serial:/dev/ttyUSB0?baud=115200,
    /// udp://:port, udp://GROUP:port?interface=NAME, tcp://:port, unix:PATH
    #[arg(long, value_name = "URI", default_value = "pipe:", value_parser = uri)]
    pub(crate) from: Uri,
    /// Wire format: native, ftag or rugged [default: recognised from the first packet]
    #[arg(long, value_parser = profile())]
    pub(crate) profile: Option<ProfileName>,
    /// When a file of the same name is there already: replace it, or give the new one a number
    #[arg(long, value_name = "HOW", default_value = "replace")]
    pub(crate) existing: ExistingKind,
    /// Answer the sender: on a pipe by standard output; on other links that is always so
    #[arg(long)]
    pub(crate) duplex: bool,
    /// End when nothing has come for so many seconds [default: wait as long as it takes]
    #[arg(long, value_name = "SECONDS", value_parser = quantity::seconds)]
    pub(crate) give_up: Option<Duration>,
    /// Go on after the first session, until interrupted, on links that do not end: udp, tcp, unix, serial
    #[arg(long)]
    pub(crate) stay: bool,
    /// Start every file anew: delete what earlier receivers left in DIR
    #[arg(long, conflicts_with = "no_resume")]
    pub(crate) fresh: bool,
    /// Keep nothing of files that do not arrive whole [default: a later recv goes on with them, for
    /// a week]
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// Refuse compressed files of more than 64 MiB that become more than N times what was sent
    /// [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ratio_limit: Option<u32>,
    /// Append received messages to this file, one a line; - is standard error
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) telemetry: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExistingKind {
    /// The new file takes the old one's place, at once and whole
    Replace,
    /// The old file stays; the new one becomes 'name (2).ext'
    Number,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Chances P are from 0 to 1, also written 1% or 1/1000. The same seed and options do the same
damage to the same bytes. What was done is printed to standard error at the end.

Examples:
  packhorse send f --mode repeat=3 | packhorse noise --drop 1/1000 --seed 7 | packhorse recv inbox
  packhorse noise --byte-error 1/1000 --burst 16 < recording > damaged
  packhorse send f | packhorse noise --rate 11520 --delay 0.3 --lose 1e-5 | packhorse recv inbox")]
pub(crate) struct NoiseArgs {
    /// Start of the random numbers [default: a random one, printed at the end]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Chance of each byte to become another one
    #[arg(long, value_name = "P", default_value = "0", value_parser = quantity::chance)]
    #[arg(help_heading = "Damage", hide_default_value = true)]
    pub(crate) byte_error: f64,
    /// Chance of each bit to flip
    #[arg(long, value_name = "P", default_value = "0", value_parser = quantity::chance)]
    #[arg(help_heading = "Damage", hide_default_value = true)]
    pub(crate) bit_error: f64,
    /// Chance of each piece to be lost
    #[arg(long, value_name = "P", default_value = "0", value_parser = quantity::chance)]
    #[arg(help_heading = "Damage", hide_default_value = true)]
    pub(crate) drop: f64,
    /// Chance of each piece to come twice
    #[arg(long, value_name = "P", default_value = "0", value_parser = quantity::chance)]
    #[arg(help_heading = "Damage", hide_default_value = true)]
    pub(crate) dup: f64,
    /// Chance of each piece to lose some bytes at its end
    #[arg(long, value_name = "P", default_value = "0", value_parser = quantity::chance)]
    #[arg(help_heading = "Damage", hide_default_value = true)]
    pub(crate) truncate: f64,
    /// Chance of each piece to get some random bytes behind it
    #[arg(long, value_name = "P", default_value = "0", value_parser = quantity::chance)]
    #[arg(help_heading = "Damage", hide_default_value = true)]
    pub(crate) extend: f64,
    /// Chance of each byte to vanish
    #[arg(long, value_name = "P", default_value = "0", value_parser = quantity::chance)]
    #[arg(help_heading = "Damage", hide_default_value = true)]
    pub(crate) lose: f64,
    /// Chance of each byte to have a random one in front of it
    #[arg(long, value_name = "P", default_value = "0", value_parser = quantity::chance)]
    #[arg(help_heading = "Damage", hide_default_value = true)]
    pub(crate) insert: f64,
    /// Bytes that one byte error hits in a row; the share of bytes hit stays the same
    #[arg(long, value_name = "BYTES", default_value = "1", value_parser = quantity::small)]
    #[arg(help_heading = "Damage")]
    pub(crate) burst: u32,
    /// Bytes in a piece, which is what is lost or doubled at once: 1 to 1024
    #[arg(long, value_name = "BYTES", default_value = "32", value_parser = clap::value_parser!(u16).range(1..=1024))]
    #[arg(help_heading = "Damage")]
    pub(crate) len: u16,
    /// Bytes that the line takes a second: 2400, 11.5k, 3M [default: as fast as it goes]
    #[arg(long, value_name = "BYTES/S", value_parser = quantity::large)]
    #[arg(help_heading = "Line")]
    pub(crate) rate: Option<u64>,
    /// Seconds that every byte is under way
    #[arg(long, value_name = "SECONDS", value_parser = quantity::seconds)]
    #[arg(help_heading = "Line")]
    pub(crate) delay: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
For links that pass only text: a console, a chat, a log. Lines have 64 digits (32 bytes). Decoding
takes any case and skips blanks and line ends.

Example:
  packhorse send f | packhorse hex encode | packhorse hex decode | packhorse recv inbox")]
pub(crate) struct HexArgs {
    /// Which way
    pub(crate) way: HexWay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HexWay {
    /// Bytes to hex digits
    Encode,
    /// Hex digits to bytes
    Decode,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A line is: offset in the recording, channel, d(ata) or c(ontrol), sequence number, length, what it is.
Packets that fail a check are printed too; the summary counts what was wrong, by cause.

Example:
  packhorse send photo.jpg | tee recording | packhorse recv inbox; packhorse inspect recording")]
pub(crate) struct InspectArgs {
    /// The recording; - is standard input
    #[arg(default_value = "-", hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Wire format: native, ftag or rugged [default: recognised from the first packet]
    #[arg(long, value_parser = profile())]
    pub(crate) profile: Option<ProfileName>,
    /// A JSON object a line instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Examples:
  packhorse generate man --dir ~/.local/share/man/man1
  packhorse generate completion bash > ~/.local/share/bash-completion/completions/packhorse")]
pub(crate) struct GenerateArgs {
    #[command(subcommand)]
    pub(crate) what: Generate,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Generate {
    /// Man pages: to standard output one behind the other, or each into a file of its own
    Man {
        /// Folder to write packhorse.1, packhorse-send.1 and so on into; created when missing
        #[arg(long, value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Completions for a shell, to standard output
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn uri(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error: packhorse::uri::UriError| error.to_string())?;
    uri.available().map_err(|error| error.to_string())?;
    Ok(uri)
}

fn profile() -> impl clap::builder::TypedValueParser<Value = ProfileName> {
    PossibleValuesParser::new(ProfileName::ALL.map(ProfileName::as_str))
        .try_map(|name| name.parse::<ProfileName>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mode_that_there_is_not_is_refused_with_those_that_exist() {
        let error = parse("packhorse send x --mode zmodem").unwrap_err();
        assert!(
            error.contains("once") && error.contains("repeat=N") && error.contains("fountain"),
            "{error}"
        );
    }

    #[test]
    fn a_link_that_carries_no_files_is_refused_with_those_that_do() {
        let error = parse("packhorse send x --to memory://m").unwrap_err();
        assert!(error.contains("carry no files: available are pipe:"), "{error}");
    }

    #[test]
    fn send_takes_everything_that_the_page_shows() {
        let cli = parse(
            "packhorse send a - --to pipe: --profile ftag --mode repeat=3 --rate 11.5k --packet-rate 40 \
             --block 50 --meta-first 8 --meta-every 50 --timing --progress json",
        );
        let Ok(Cli { command: Command::Send(send) }) = cli else { panic!("{cli:?}") };
        assert_eq!(send.rate, Some(11_500));
        assert_eq!(send.mode, Some(ModeArg::Repeat(Some(3))));
        assert_eq!(send.block, Some(50));
    }
}

//! What can be written behind `packhorse lz4`, in the words of those who know `lz4`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};
use packhorse::compress::Level;
use packhorse::compress::frame::BlockSize;

use crate::quantity;

#[derive(Debug, Args)]
#[command(after_help = "\
Without OUT the result goes to standard output, or, when that is a terminal, to IN.lz4 (or to IN
without .lz4). What IN is called says what to do unless -d or -z does: *.lz4 is decompressed.
OUT appears under its name only when it is whole. -1 to -12 choose the level, as does --level.

Examples:
  packhorse lz4 data.bin data.bin.lz4
  tar c docs | packhorse lz4 -9 > docs.tar.lz4
  packhorse lz4 -dc docs.tar.lz4 | tar x
  packhorse lz4 -t docs.tar.lz4                           is it whole?
  packhorse lz4 --timeline run.svg data.bin /dev/null     what overlaps, as a picture

Exit codes: 0 done; 1 the input is damaged or incomplete; 2 wrong usage, or reading or writing failed.")]
pub(crate) struct Lz4Args {
    /// What to read; - or nothing is standard input
    #[arg(value_name = "IN", value_hint = ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,
    /// Where to write; - is standard output
    #[arg(value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Decompress
    #[arg(short, long, visible_alias = "uncompress")]
    pub(crate) decompress: bool,
    /// Compress, whatever IN is called
    #[arg(short = 'z', long, conflicts_with = "decompress")]
    pub(crate) compress: bool,
    /// Decompress and verify, and write nothing
    #[arg(short, long, conflicts_with_all = ["compress", "output", "stdout", "rm"])]
    pub(crate) test: bool,
    /// Write to standard output, even when that is a terminal
    #[arg(short = 'c', long, visible_alias = "to-stdout", conflicts_with = "output")]
    pub(crate) stdout: bool,
    /// Replace OUT when it exists
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Keep IN, which is the default
    #[arg(short, long, conflicts_with = "rm")]
    pub(crate) keep: bool,
    /// Delete IN when OUT is written whole; OUT has to be a file
    #[arg(long)]
    pub(crate) rm: bool,
    /// Bytes that both sides know before the first block: the last 64 KiB of this file
    #[arg(short = 'D', value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) dictionary: Option<PathBuf>,

    /// 1 fast (default) to 12 smallest; negative is faster than fast
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true, value_parser = level)]
    #[arg(help_heading = "Frame", overrides_with_all = ["fast", "best"])]
    pub(crate) level: Level,
    /// Faster than fast, by N
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    #[arg(help_heading = "Frame", overrides_with_all = ["level", "best"])]
    pub(crate) fast: Option<u16>,
    /// As small as possible: level 12
    #[arg(long, help_heading = "Frame", overrides_with_all = ["level", "fast"])]
    pub(crate) best: bool,
    /// Block size: 4 to 7, or 64K, 256K, 1M (default), 4M; D: linked blocks, I: independent (default);
    /// X: a checksum behind every block
    #[arg(short = 'B', value_name = "SIZE", action = ArgAction::Append, value_parser = block)]
    #[arg(help_heading = "Frame")]
    pub(crate) blocks: Vec<BlockArg>,
    /// A checksum of the content at the end
    #[arg(long, visible_alias = "frame-crc", overrides_with = "no_frame_crc", help_heading = "Frame")]
    pub(crate) checksum: bool,
    /// No checksum at the end, which is the default
    #[arg(long, help_heading = "Frame", hide = true)]
    pub(crate) no_frame_crc: bool,
    /// The length of the content in the header; IN has to be a file
    #[arg(long, help_heading = "Frame")]
    pub(crate) content_size: bool,
    /// Refuse to write more than so many bytes when decompressing: 10M, 4Gi
    #[arg(long, value_name = "BYTES", value_parser = quantity::large, help_heading = "Frame")]
    pub(crate) limit: Option<u64>,

    /// Threads that compute [default: one for each core]
    #[arg(short = 'T', long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    #[arg(help_heading = "Schedule")]
    pub(crate) threads: Option<u16>,
    /// overlapped: read, compute and write at once; serial: one after the other
    #[arg(long, value_name = "HOW", default_value = "overlapped", help_heading = "Schedule")]
    pub(crate) schedule: ScheduleArg,
    /// Bricks in flight [default: two more than threads, at least 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=64))]
    #[arg(help_heading = "Schedule")]
    pub(crate) sets: Option<u16>,
    /// Blocks that travel together: a brick [default: 1; with serial one for each thread]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    #[arg(help_heading = "Schedule")]
    pub(crate) brick: Option<u8>,
    /// Draw who did what when, as an SVG picture
    #[arg(long, value_name = "OUT.svg", value_hint = ValueHint::FilePath, help_heading = "Schedule")]
    pub(crate) timeline: Option<PathBuf>,

    /// Say less; twice: not even errors
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose", help_heading = "Reporting")]
    pub(crate) quiet: u8,
    /// Say what was done, also in a pipeline
    #[arg(short, long, action = ArgAction::Count, help_heading = "Reporting")]
    pub(crate) verbose: u8,
}

/// One `-B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockArg {
    /// Most bytes in a block.
    Size(BlockSize),
    /// `-BD` and `-BI`.
    Linked(bool),
    /// `-BX`.
    Checksum,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleArg {
    /// One after the other
    Serial,
    /// Read, compute and write at once
    Overlapped,
}

impl Lz4Args {
    /// The level, however it was said.
    pub(crate) fn effort(&self) -> Level {
        match self.fast {
            // Every u16 is a level.
            Some(skip) => Level::new(-i32::from(skip.max(1))).unwrap_or_default(),
            None if self.best => Level::BEST,
            None => self.level,
        }
    }
}

/// `packhorse lz4 -12` is `--level=12`: digits are no flags to clap. Other commands are left as they are.
pub(crate) fn familiar(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    if args.get(1).is_none_or(|command| command != "lz4") {
        return args;
    }
    let mut out: Vec<OsString> = args.drain(..2).collect();
    let mut rest = args.into_iter();
    for arg in rest.by_ref() {
        let digits = arg.to_str().and_then(|text| text.strip_prefix('-')).and_then(|text| {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (digits, flags) = text.split_at(end);
            let plain = !digits.is_empty() && flags.bytes().all(|byte| byte.is_ascii_alphabetic());
            plain.then(|| (digits.to_owned(), flags.to_owned()))
        });
        let literal = arg == "--";
        match digits {
            Some((digits, flags)) => {
                out.push(format!("--level={digits}").into());
                if !flags.is_empty() {
                    out.push(format!("-{flags}").into());
                }
            }
            None => out.push(arg),
        }
        if literal {
            break;
        }
    }
    out.extend(rest);
    out
}

fn level(text: &str) -> Result<Level, String> {
    let number = text.parse().map_err(|_| "a level is a number".to_owned())?;
    Level::new(number).map_err(|error| error.to_string())
}

fn block(text: &str) -> Result<BlockArg, String> {
    Ok(match text {
        "4" | "64K" | "64Ki" | "64KB" => BlockArg::Size(BlockSize::Kib64),
        "5" | "256K" | "256Ki" | "256KB" => BlockArg::Size(BlockSize::Kib256),
        "6" | "1M" | "1Mi" | "1MB" => BlockArg::Size(BlockSize::Mib1),
        "7" | "4M" | "4Mi" | "4MB" => BlockArg::Size(BlockSize::Mib4),
        "D" => BlockArg::Linked(true),
        "I" => BlockArg::Linked(false),
        "X" => BlockArg::Checksum,
        _ => return Err("-B takes 4 (64K), 5 (256K), 6 (1M), 7 (4M), D, I or X".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;

    fn parse(line: &str) -> Result<Lz4Args, String> {
        let words = line.split(' ').map(OsString::from);
        match Cli::try_parse_from(familiar(words)) {
            Ok(Cli { command: Command::Lz4(args) }) => Ok(args),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn what_users_of_lz4_type_is_understood() {
        let args = parse("packhorse lz4 -9f -B6 -BD -BX -T4 --content-size in out").unwrap();
        assert_eq!(args.effort().number(), 9);
        assert!(args.force && args.content_size);
        assert_eq!(
            args.blocks,
            [BlockArg::Size(BlockSize::Mib1), BlockArg::Linked(true), BlockArg::Checksum]
        );
        assert_eq!(parse("packhorse lz4 -12").unwrap().effort(), Level::BEST);
        assert_eq!(parse("packhorse lz4 --best").unwrap().effort(), Level::BEST);
        assert_eq!(parse("packhorse lz4 --fast").unwrap().effort().number(), -1);
        assert_eq!(parse("packhorse lz4 --fast=7 -").unwrap().effort().number(), -7);
        assert_eq!(parse("packhorse lz4 -1 --no-frame-crc -q -dc x").unwrap().effort(), Level::FAST);
        assert!(parse("packhorse lz4 -- -9").unwrap().input.is_some_and(|input| input.as_os_str() == "-9"));
    }

    #[test]
    fn contradictions_and_nonsense_are_refused() {
        for line in [
            "-d -z",
            "-t -c",
            "-13",
            "-B8",
            "-B",
            "--schedule never",
            "a b c",
            "--sets 1",
            "-k --rm",
            "-t --rm",
        ] {
            assert!(parse(&format!("packhorse lz4 {line}")).is_err(), "{line}");
        }
    }
}

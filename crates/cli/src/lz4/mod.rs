//! `packhorse lz4`: LZ4 frames, in the manner of the program `lz4`, with reading, computing and writing at once.

pub(crate) mod args;
mod source;
mod target;

use alloc::sync::Arc;
use core::ops::ControlFlow;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail};
use packhorse::compress::frame::Dictionary;
use packhorse::compress::{
    BLOCKS, CompressOptions, DecompressOptions, Error, Input, Plan, Progress, Schedule, Timeline,
    compress_input, decompress_input,
};

use args::{BlockArg, Lz4Args, ScheduleArg};
use source::Source;
use target::Target;

use crate::exit::{self, Exit};
use crate::{human, screen};

pub(crate) fn run(args: &Lz4Args) -> anyhow::Result<Exit> {
    if args.quiet > 1 {
        screen::be_silent();
    }
    let mut source = Source::open(args.input.as_deref())?;
    let decompress = args.decompress || args.test || (source.is_named_lz4() && !args.compress);
    let plan = plan(args);
    let options = Options::new(args, &source, decompress)?;
    let mut target = Target::open(args, &source, decompress)?;
    if args.rm && !target.is_lasting() {
        bail!("--rm deletes IN only when the result is a file: name OUT");
    }
    // Found out before anything is done that a picture would be of.
    let picture = args.timeline.as_deref();
    let picture = picture.map(|path| Picture::create(path, args.force, &source, &target)).transpose()?;
    let input = source.input(matches!(target, Target::Stdout(_)))?;
    let start = Instant::now();
    let shown = source.len().filter(|_| bar_is_wanted(args, &target));
    let result = pass(&options, input, &mut target, &plan, shown);
    let took = start.elapsed();
    // The picture of a run that failed shows where.
    let drawn = picture
        .zip(plan.timeline.as_deref())
        .map_or(Ok(()), |(picture, timeline)| picture.draw(timeline, &title(&plan, decompress)));
    if let (Err(_), Err(error)) = (&result, &drawn) {
        // Why the run failed is what counts.
        screen::line(&format!("packhorse: {error:#}"));
    }
    let done = match result {
        Ok(done) => done,
        Err(error) if error.is_damage() => {
            screen::error(&format!("{}: {error}", source.name()));
            return Ok(Exit::Damaged);
        }
        Err(error) => return exit::filter(Err(error.into())),
    };
    let told = args.verbose > 0 || (target.is_file() && args.quiet == 0);
    target.finish(&source, args.rm)?;
    drawn?;
    if args.rm {
        source.delete()?;
    }
    if told {
        screen::line(&summary(args, decompress, done));
        if args.verbose > 0 {
            screen::line(&format!("in {}: {}", human::time(took), human::rate(done.content, took)));
        }
    }
    Ok(Exit::Done)
}

/// What is to be done, and how.
enum Options {
    Compress(CompressOptions),
    Decompress(DecompressOptions),
}

impl Options {
    fn new(args: &Lz4Args, source: &Source, decompress: bool) -> anyhow::Result<Self> {
        let dictionary = args.dictionary.as_deref().map(read_dictionary).transpose()?;
        if decompress {
            return Ok(Self::Decompress(DecompressOptions {
                dictionary,
                limit: args.limit,
                ..DecompressOptions::default()
            }));
        }
        let mut options = CompressOptions {
            level: args.effort(),
            content_checksum: args.checksum,
            dictionary,
            ..CompressOptions::default()
        };
        if args.content_size {
            options.content_size = source.len();
            if options.content_size.is_none() {
                bail!("--content-size needs a file: the length of a stream is known only at its end");
            }
        }
        for block in &args.blocks {
            match *block {
                BlockArg::Size(size) => options.block_size = size,
                BlockArg::Linked(linked) => options.linked = linked,
                BlockArg::Checksum => options.block_checksum = true,
            }
        }
        Ok(Self::Compress(options))
    }
}

fn plan(args: &Lz4Args) -> Plan {
    // 0 is every core, as it is for lz4.
    let threads = args.threads.filter(|threads| *threads > 0);
    let fitting = threads.map_or_else(Plan::default, |threads| Plan::on(usize::from(threads)));
    let (schedule, blocks) = match args.schedule {
        // One brick at a time: what is in it is all that threads can share.
        ScheduleArg::Serial => (Schedule::Serial, fitting.threads.min(BLOCKS)),
        ScheduleArg::Overlapped => (fitting.schedule, fitting.blocks),
    };
    Plan {
        schedule: match args.sets {
            Some(sets) if schedule != Schedule::Serial => Schedule::Overlapped { sets: usize::from(sets) },
            _ => schedule,
        },
        blocks: args.brick.map_or(blocks, usize::from),
        timeline: args.timeline.is_some().then(|| Arc::new(Timeline::new())),
        ..fitting
    }
}

fn pass(
    options: &Options,
    input: Input<'_>,
    target: &mut Target,
    plan: &Plan,
    size: Option<u64>,
) -> Result<Progress, Error> {
    let compressing = matches!(options, Options::Compress(_));
    let bar = size.map(|size| screen::add(indicatif::ProgressBar::new(size)));
    let mut watch = |progress: Progress| {
        if let Some(bar) = &bar {
            bar.set_position(if compressing { progress.content } else { progress.coded });
        }
        ControlFlow::Continue(())
    };
    let result = match options {
        Options::Compress(options) => compress_input(input, target, options, plan, &mut watch),
        Options::Decompress(options) => decompress_input(input, target, options, plan, &mut watch),
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}

fn bar_is_wanted(args: &Lz4Args, target: &Target) -> bool {
    args.quiet == 0 && target.is_file() && std::io::stderr().is_terminal()
}

fn read_dictionary(path: &Path) -> anyhow::Result<Dictionary> {
    let bytes =
        std::fs::read(path).with_context(|| format!("cannot read the dictionary {}", path.display()))?;
    if bytes.is_empty() {
        bail!("the dictionary {} is empty", path.display());
    }
    Ok(Dictionary::new(&bytes))
}

/// The file that a timeline is drawn into.
struct Picture<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Picture<'a> {
    /// Makes the file; one that is there is replaced only when `force` says so.
    fn create(path: &'a Path, force: bool, source: &Source, target: &Target) -> anyhow::Result<Self> {
        let there = path.metadata();
        // What is no file, as /dev/null, can be written as it is.
        let new = !force && !there.as_ref().is_ok_and(|there| !there.is_file());
        let mut options = OpenOptions::new();
        // Emptied only when it is known to be nobody else's.
        let options = options.write(true).create(true).create_new(new).truncate(false);
        let file = match options.open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("{} exists; -f replaces it", path.display())
            }
            file => file.with_context(|| cannot_draw(path))?,
        };
        let opened = file.metadata().with_context(|| cannot_draw(path))?;
        if opened.is_file() {
            if source.is(&opened) || target.is(&opened) {
                if there.is_err() {
                    // The result was to have this name: it is not to find a file there.
                    let _ = std::fs::remove_file(path);
                }
                bail!("{} is what is read or written; name another file for the timeline", path.display());
            }
            file.set_len(0).with_context(|| cannot_draw(path))?;
        }
        Ok(Self { path, file })
    }

    fn draw(mut self, timeline: &Timeline, title: &str) -> anyhow::Result<()> {
        self.file.write_all(timeline.to_svg(title).as_bytes()).with_context(|| cannot_draw(self.path))
    }
}

fn cannot_draw(path: &Path) -> String {
    format!("cannot draw the timeline into {}", path.display())
}

fn title(plan: &Plan, decompress: bool) -> String {
    let what = if decompress { "decompress" } else { "compress" };
    let how = match plan.schedule {
        Schedule::Serial => "serial".to_owned(),
        Schedule::Overlapped { sets } => format!("overlapped, {sets} buffer sets"),
    };
    format!("packhorse lz4: {what}, {how}, {}", human::count(plan.threads as u64, "thread"))
}

/// As `lz4` says it.
fn summary(args: &Lz4Args, decompress: bool, done: Progress) -> String {
    if args.test {
        return format!("whole: {} bytes of content in {} bytes", done.content, done.coded);
    }
    if decompress {
        return format!("Decompressed {} bytes into {} bytes", done.coded, done.content);
    }
    // Hundredths of a percent, rounded; an empty content has none.
    let share =
        (u128::from(done.coded) * 10_000 + u128::from(done.content) / 2).checked_div(done.content.into());
    let share = share.map_or_else(String::new, |share| format!(" ==> {}.{:02}%", share / 100, share % 100));
    format!("Compressed {} bytes into {} bytes{share}", done.content, done.coded)
}

//! `packhorse noise`: a bad link as a filter, the same for the same seed.

mod pace;

use core::hash::BuildHasher as _;
use std::hash::RandomState;
use std::io::Read as _;

use anyhow::Context as _;
use packhorse::transport::damage::Slips;
use packhorse::transport::{Faults, Noise};

use self::pace::Pace;
use crate::args::NoiseArgs;
use crate::exit::{self, Exit};
use crate::human::count;
use crate::screen;
use crate::stdio::{CHUNK, Input, Output};

pub(crate) fn run(args: &NoiseArgs) -> anyhow::Result<Exit> {
    let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one("noise"));
    let faults = Faults {
        byte_error: args.byte_error,
        burst: args.burst,
        bit_error: args.bit_error,
        drop: args.drop,
        dup: args.dup,
        truncate: args.truncate,
        extend: args.extend,
        piece: usize::from(args.len),
        ..Faults::NONE
    };
    let mut noise = Noise::new(seed, &faults)?;
    let mut slips = Slips::new(seed, args.lose, args.insert)?;
    let output = Output::stdout()?;
    let result = match Pace::wanted(args.rate, args.delay) {
        None => pass(&mut noise, &mut slips, output, CHUNK),
        Some(pace) => {
            let most = pace.most().min(CHUNK);
            pace.run(output, |output| pass(&mut noise, &mut slips, output, most))
        }
    };
    tell(seed, &noise, &slips);
    exit::filter(result)
}

fn pass(
    noise: &mut Noise,
    slips: &mut Slips,
    mut output: impl std::io::Write,
    most: usize,
) -> anyhow::Result<()> {
    let mut input = Input::stdin()?;
    let mut bytes = vec![0; most];
    // With much damage the runs are short: they are written together.
    let mut out = Vec::with_capacity(2 * most);
    loop {
        let len = input.read(&mut bytes).context("cannot read standard input")?;
        out.clear();
        let mut slip = |run: &[u8]| slips.apply(run, |run| out.extend_from_slice(run));
        if len == 0 {
            noise.finish(&mut slip);
        } else {
            noise.apply(&mut bytes[..len], &mut slip);
        }
        output.write_all(&out).context("cannot write to standard output")?;
        if len == 0 {
            return Ok(());
        }
    }
}

fn tell(seed: u64, noise: &Noise, slips: &Slips) {
    let done = noise.damage();
    let out = done.bytes_out - slips.lost() + slips.inserted();
    screen::line(&format!(
        "packhorse noise: seed {seed}; {} in, {} out; {} ({} changed), {} flipped; {} lost, {} inserted; of {}: {} dropped, \
         {} twice, {} truncated, {} extended",
        count(done.bytes_in, "byte"),
        count(out, "byte"),
        count(done.errors, "error"),
        count(done.bytes_changed, "byte"),
        count(done.bits_flipped, "bit"),
        count(slips.lost(), "byte"),
        slips.inserted(),
        count(done.units, "piece"),
        done.dropped,
        done.duplicated,
        done.truncated,
        done.extended,
    ));
}

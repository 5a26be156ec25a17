//! `packhorse noise`: a bad link as a filter, the same for the same seed.

use core::hash::BuildHasher as _;
use std::hash::RandomState;
use std::io::{Read as _, Write as _};

use anyhow::Context as _;
use packhorse::transport::{Faults, Noise};

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
    let result = pass(&mut noise);
    tell(seed, &noise);
    exit::filter(result)
}

fn pass(noise: &mut Noise) -> anyhow::Result<()> {
    let (mut input, mut output) = (Input::stdin()?, Output::stdout()?);
    let mut bytes = vec![0; CHUNK];
    // With much damage the runs are short: they are written together.
    let mut out = Vec::with_capacity(2 * CHUNK);
    loop {
        let len = input.read(&mut bytes).context("cannot read standard input")?;
        out.clear();
        if len == 0 {
            noise.finish(|run| out.extend_from_slice(run));
        } else {
            noise.apply(&mut bytes[..len], |run| out.extend_from_slice(run));
        }
        output.write_all(&out).context("cannot write to standard output")?;
        if len == 0 {
            return Ok(());
        }
    }
}

fn tell(seed: u64, noise: &Noise) {
    let done = noise.damage();
    screen::line(&format!(
        "packhorse noise: seed {seed}; {} in, {} out; {} ({} changed), {} flipped; of {}: {} dropped, {} twice, \
         {} truncated, {} extended",
        count(done.bytes_in, "byte"),
        count(done.bytes_out, "byte"),
        count(done.errors, "error"),
        count(done.bytes_changed, "byte"),
        count(done.bits_flipped, "bit"),
        count(done.units, "piece"),
        done.dropped,
        done.duplicated,
        done.truncated,
        done.extended,
    ));
}

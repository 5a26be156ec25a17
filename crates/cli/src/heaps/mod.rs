//! `packhorse heaps`: streams of samples as SPEAD heaps.

pub(crate) mod args;
mod bench;
mod capture;
mod recv;
mod send;
mod verdict;

use args::{HeapsArgs, HeapsCommand};

use crate::exit::Exit;

/// What part of a rate has to be reached. Below, the sender is what is slow.
const REACHED: f64 = 0.95;

pub(crate) fn run(args: &HeapsArgs) -> anyhow::Result<Exit> {
    match &args.command {
        HeapsCommand::Send(args) => send::run(args),
        HeapsCommand::Bench(args) => bench::run(args),
        HeapsCommand::Recv(args) => recv::run(args),
    }
}

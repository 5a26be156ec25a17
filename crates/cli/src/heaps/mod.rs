//! `packhorse heaps`: streams of samples as SPEAD heaps.

pub(crate) mod args;
mod bench;
mod recv;
mod send;

use args::{HeapsArgs, HeapsCommand};

use crate::exit::Exit;

pub(crate) fn run(args: &HeapsArgs) -> anyhow::Result<Exit> {
    match &args.command {
        HeapsCommand::Send(args) => send::run(args),
        HeapsCommand::Bench(args) => bench::run(args),
        HeapsCommand::Recv(args) => recv::run(args),
    }
}

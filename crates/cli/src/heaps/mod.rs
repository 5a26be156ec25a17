//! `packhorse heaps`: streams of samples as SPEAD heaps.

pub(crate) mod args;
mod send;

use args::{HeapsArgs, HeapsCommand};

use crate::exit::Exit;

pub(crate) fn run(args: &HeapsArgs) -> anyhow::Result<Exit> {
    match &args.command {
        HeapsCommand::Send(args) => send::run(args),
    }
}

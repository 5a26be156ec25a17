//! `packhorse channel`: messages between threads, processes and hosts, from the command line.
//!
//! Not a second implementation of anything: every carrier and mode is the library's.

pub(crate) mod args;
mod bench;
mod open;
mod recv;
mod send;
mod watch;

use args::{ChannelArgs, ChannelCommand};

use crate::exit::Exit;

pub(crate) fn run(args: &ChannelArgs) -> anyhow::Result<Exit> {
    match &args.command {
        ChannelCommand::Send(args) => send::run(args),
        ChannelCommand::Recv(args) => recv::run(args),
        ChannelCommand::Bench(args) => bench::run(args),
        ChannelCommand::Watch(args) => watch::run(args),
    }
}

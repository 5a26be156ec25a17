#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

extern crate alloc;

mod args;
mod channel;
mod demo;
mod exit;
mod generate;
mod heaps;
mod hex;
mod human;
mod inspect;
mod interrupt;
mod logging;
mod lz4;
mod noise;
mod progress;
mod quantity;
mod recv;
mod screen;
mod send;
mod signals;
mod stdio;
mod telemetry;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;
use exit::Exit;

fn main() -> ExitCode {
    exit::report_panics();
    match Cli::try_parse_from(lz4::args::familiar(std::env::args_os())) {
        Ok(cli) => run(&cli.command).map_or_else(|error| exit::failed(&error), ExitCode::from),
        Err(error) => exit::usage(&error),
    }
}

fn run(command: &Command) -> anyhow::Result<Exit> {
    logging::start()?;
    signals::watch()?;
    match command {
        Command::Demo(_) => demo::run(),
        Command::Send(args) => send::run(args),
        Command::Recv(args) => recv::run(args),
        Command::Noise(args) => noise::run(args),
        Command::Hex(args) => hex::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Heaps(args) => heaps::run(args),
        Command::Lz4(args) => lz4::run(args),
        Command::Channel(args) => channel::run(args),
        Command::Generate(args) => generate::run(args),
    }
}

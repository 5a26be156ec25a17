//! Simulates the transfers of many seeds on all cores: `cargo xtask simulate`.

use core::time::Duration;
use std::process::ExitCode;
use std::time::Instant;

use packhorse_testkit::simulation::run_seeds;

/// Seeds between two signs of life.
const STRETCH: u64 = 50_000;
/// No more failures than this are told of.
const FAILURES_MAX: u64 = 20;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let &[from, count] = numbers.as_slice() else {
        eprintln!("usage: simulate FROM COUNT (or: cargo xtask simulate --help)");
        return ExitCode::from(2);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (began, end) = (Instant::now(), from.saturating_add(count));
    let (mut at, mut broken) = (from, 0);
    while at < end && broken < FAILURES_MAX {
        let upto = end.min(at + STRETCH);
        broken += run_seeds(at..upto, threads, |seed, what| {
            println!("{what}\nagain: cargo xtask simulate --from {seed} --seeds 1\n");
        });
        at = upto;
        let took = Duration::from_secs(began.elapsed().as_secs());
        println!("seeds {from} to {}: {broken} broke something, after {took:?} on {threads} threads", at - 1);
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

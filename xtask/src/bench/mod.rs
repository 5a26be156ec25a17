//! `cargo xtask bench`: numbers that the documents quote, as ratios measured side by side in one run.
//!
//! A benchmark is one entry in [`BENCHES`] and a file of its own. Rates of one machine say little; each
//! benchmark therefore runs what it compares with in the same run, alternately, and prints medians.

mod cable;
mod channel_peers;
mod criterion;
mod ftag;
mod heaps;
mod heaps_recv;
mod line;
mod links;
mod lz4;
mod pipe;
mod process;

use crate::workspace::Workspace;
use crate::{Usage, parse_number, report, take_flag, take_option};

/// What a benchmark gets.
pub(crate) struct Context {
    /// The project.
    workspace: Workspace,
    /// How often each side runs; `None` leaves it to the benchmark.
    rounds: Option<usize>,
}

struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&Context) -> anyhow::Result<()>,
}

const BENCHES: &[Bench] = &[
    Bench { name: "pipe", about: "1 GiB through send | recv beside cat | cat", run: pipe::run },
    Bench {
        name: "ftag",
        about: "a 3 MB file in the ftag profile beside the original's rate",
        run: ftag::run,
    },
    Bench { name: "lz4", about: "LZ4 frames beside lz4 and python, files and pipes", run: lz4::run },
    Bench {
        name: "heaps",
        about: "sending SPEAD heaps of several sizes beside spead2: draws the book's figure",
        run: heaps::run,
    },
    Bench { name: "line", about: "1 MB over a serial line with byte errors, beside ZMODEM", run: line::run },
    Bench {
        name: "links",
        about: "bad links, one way: wire bytes a byte, and how many arrive",
        run: links::run,
    },
    Bench {
        name: "fountain",
        about: "coding and decoding lost packets beside the raptorq crate",
        run: criterion::fountain,
    },
    Bench { name: "layers", about: "pushing four headers beside copying per layer", run: criterion::layers },
    Bench {
        name: "channel",
        about: "message channels beside rtrb, crossbeam-channel and disruptor",
        run: criterion::channel,
    },
    Bench {
        name: "channel-peers",
        about: "channels between two processes beside iceoryx2",
        run: channel_peers::run,
    },
    Bench { name: "stuffing", about: "framing and checks, GB/s", run: criterion::stuffing },
    Bench {
        name: "heaps-recv",
        about: "SPEAD heaps received: cost without a socket, rates without loss",
        run: heaps_recv::run,
    },
];

/// `cargo xtask bench`.
pub(crate) fn main(args: &[String]) -> anyhow::Result<bool> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--list") {
        BENCHES.iter().for_each(|bench| println!("{:<13} {}", bench.name, bench.about));
        return Ok(true);
    }
    let plot = take_flag(&mut args, "--plot");
    let rounds = take_option(&mut args, "--rounds")?;
    let rounds = rounds.map(|text| parse_number("--rounds", &text)).transpose()?;
    if let Some(unknown) = args.iter().find(|arg| BENCHES.iter().all(|bench| bench.name != arg.as_str())) {
        return Err(Usage(format!("no bench is called {unknown:?}")).into());
    }
    let context = Context { workspace: Workspace::load()?, rounds };
    std::env::set_current_dir(&context.workspace.root)?;
    if plot {
        links::plot(&context)?;
        return Ok(true);
    }
    let mut well = true;
    for bench in BENCHES.iter().filter(|bench| args.is_empty() || args.iter().any(|arg| arg == bench.name)) {
        println!("{}", report::bold(&format!("{}: {}", bench.name, bench.about)));
        if let Err(error) = (bench.run)(&context) {
            well = false;
            println!("  {}", report::verdict(Some(false), &format!("{error:#}")));
        }
        println!();
    }
    Ok(well)
}

/// The middle of `values`; of an even number the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.get(half), half.checked_sub(1).and_then(|below| sorted.get(below))) {
        (Some(upper), Some(lower)) if sorted.len().is_multiple_of(2) => f64::midpoint(*upper, *lower),
        (Some(middle), _) => *middle,
        (None, _) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }
}

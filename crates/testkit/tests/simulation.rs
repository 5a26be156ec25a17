//! Transfers in virtual time: thousands of seeds in every build, and each that ever broke something.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use core::ops::Range;

use packhorse_testkit::simulation::run_seeds;

#[track_caller]
fn all(seeds: Range<u64>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(2);
    let broken = run_seeds(seeds, threads, |seed, what| {
        println!("{what}\nagain: cargo xtask simulate --from {seed} --seeds 1");
    });
    assert_eq!(broken, 0, "transfers that broke something, see above");
}

#[test]
fn every_transfer_ends_and_what_arrives_is_what_was_sent() {
    all(0..8000);
}

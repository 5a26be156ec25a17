//! Transfers in virtual time: thousands of seeds in every build, and each that ever broke something.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use core::ops::Range;
use core::time::Duration;

use packhorse_testkit::simulation::{Object, Quality, Scenario, run_cobs, run_seeds};
use packhorse_transfer::SenderConfig;

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

/// Twelve files over a line with one wrong byte in a thousand; their sender expected a clean one.
fn over_a_bad_line(config: SenderConfig, fits: bool) -> (u64, Duration) {
    let line = Quality {
        byte_errors_ppm: 1000,
        error_burst: 1,
        delay: Duration::from_millis(5),
        rate: 92_160,
        queue: 4000,
        ..Quality::default()
    };
    let object = |index: u64| Object { name: format!("{index}"), size: 40_000, stream: false, seed: index };
    let scenario = Scenario {
        seed: 1,
        config,
        block: 1000,
        answers: true,
        endless: true,
        hash_first: true,
        fits,
        patience: Duration::from_secs(120),
        objects: (0..12).map(object).collect(),
        there: line,
        back: line,
        crashes: Vec::new(),
        clock_jumps_ppm: 0,
        must_arrive: true,
        must_know: true,
    };
    let outcome = run_cobs(&scenario).unwrap();
    assert_eq!(outcome.arrived, 12);
    (outcome.wire.0, outcome.took)
}

#[test]
fn files_after_the_first_are_cut_for_the_link_that_the_answers_tell_of() {
    for config in [SenderConfig::arq(), SenderConfig::fountain(Some(0))] {
        let (as_expected, as_measured) = (over_a_bad_line(config, false), over_a_bad_line(config, true));
        println!("{:?}: {as_expected:?} as expected, {as_measured:?} as measured", config.mode);
        assert!(as_measured.0 * 10 < as_expected.0 * 8, "{as_expected:?} {as_measured:?}");
        assert!(as_measured.1 < as_expected.1, "{as_expected:?} {as_measured:?}");
    }
}

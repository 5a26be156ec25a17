//! Transfers in virtual time: a thousand seeds, and each that ever broke something.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use packhorse_testkit::simulation::run_seed;

fn all(seeds: impl Iterator<Item = u64>) {
    let broken: Vec<String> = seeds.filter_map(|seed| run_seed(seed).err()).take(3).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_transfer_ends_and_what_arrives_is_what_was_sent() {
    let seeds = std::env::var("SIMULATE").ok().and_then(|range| {
        let (from, to) = range.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    all(seeds.unwrap_or(20..60));
}

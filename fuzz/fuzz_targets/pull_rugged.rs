//! See `packhorse_testkit::fuzz::pull_rugged`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::pull_rugged(data));

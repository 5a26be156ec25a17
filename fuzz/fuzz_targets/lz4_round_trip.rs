//! See `packhorse_testkit::fuzz::lz4_round_trip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::lz4_round_trip(data));

//! See `packhorse_testkit::fuzz::control_ftag`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::control_ftag(data));

//! See `packhorse_testkit::fuzz::deframe_length_prefixed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::deframe_length_prefixed(data));

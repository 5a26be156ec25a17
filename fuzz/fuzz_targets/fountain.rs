//! See `packhorse_testkit::fuzz::fountain`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::fountain(data));

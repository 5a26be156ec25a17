//! See `packhorse_testkit::fuzz::lz4_block`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::lz4_block(data));

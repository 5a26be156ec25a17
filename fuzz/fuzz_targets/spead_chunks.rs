//! See `packhorse_testkit::fuzz::spead_chunks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::spead_chunks(data));

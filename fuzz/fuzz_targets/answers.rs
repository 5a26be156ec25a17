//! See `packhorse_testkit::fuzz::answers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::answers(data));

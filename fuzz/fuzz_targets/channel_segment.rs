//! See `packhorse_testkit::fuzz::channel_segment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::channel_segment(data));

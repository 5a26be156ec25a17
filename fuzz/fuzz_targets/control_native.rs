//! See `packhorse_testkit::fuzz::control_native`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::control_native(data));

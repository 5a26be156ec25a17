//! See `packhorse_testkit::fuzz::spead_pcap`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| packhorse_testkit::fuzz::spead_pcap(data));

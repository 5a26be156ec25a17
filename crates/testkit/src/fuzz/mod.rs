//! Bodies of the fuzz targets, callable from anywhere: each takes any bytes and panics when a promise is broken.
//!
//! ```text
//!   fuzz/fuzz_targets/NAME.rs      five lines that call NAME(data): coverage-guided, nightly
//!   tests/corpora.rs               calls NAME on every file of fuzz/corpus/NAME: plain `cargo test`
//! ```
//!
//! A body checks more than the absence of panics: what deframes also reframes, what decodes also encodes. Bytes
//! that a body refuses are no finding.

mod answers;
mod capture;
mod channel;
mod chunks;
mod control;
mod deframe;
mod fountain;
mod lz4;
mod pull;
mod receiver;
mod session;
mod spead;
mod uri;

pub use answers::answers;
pub use capture::spead_pcap;
pub use channel::{channel_compressed, channel_records, channel_segment};
pub use chunks::spead_chunks;
pub use control::{control_ftag, control_native};
pub use deframe::{deframe_cobs, deframe_ff, deframe_length_prefixed, deframe_rugged};
pub use fountain::fountain;
pub use lz4::{lz4_block, lz4_decode, lz4_round_trip};
pub use pull::{pull_ftag, pull_native, pull_rugged};
pub use receiver::receiver;
pub use session::session;
pub use spead::{spead_descriptor, spead_heaps, spead_packet};
pub use uri::uri;

/// What a target does with an input.
pub type Body = fn(&[u8]);

/// Every target by name: the name of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Body)] = &[
    ("answers", answers),
    ("channel_compressed", channel_compressed),
    ("channel_records", channel_records),
    ("channel_segment", channel_segment),
    ("control_ftag", control_ftag),
    ("control_native", control_native),
    ("deframe_cobs", deframe_cobs),
    ("deframe_ff", deframe_ff),
    ("deframe_length_prefixed", deframe_length_prefixed),
    ("deframe_rugged", deframe_rugged),
    ("fountain", fountain),
    ("lz4_block", lz4_block),
    ("lz4_decode", lz4_decode),
    ("lz4_round_trip", lz4_round_trip),
    ("pull_ftag", pull_ftag),
    ("pull_native", pull_native),
    ("pull_rugged", pull_rugged),
    ("receiver", receiver),
    ("session", session),
    ("spead_chunks", spead_chunks),
    ("spead_descriptor", spead_descriptor),
    ("spead_heaps", spead_heaps),
    ("spead_packet", spead_packet),
    ("spead_pcap", spead_pcap),
    ("uri", uri),
];

//! How fast the rings are, beside rings that others know: `cargo xtask bench channel`.
//!
//! Every figure is a ratio of medians of one run: contenders take turns, round by round, with the same threads on the
//! same cores, the same number of slots, the same messages, all contents checked. Not a test: nothing here fails
//! because it is slow.

#![allow(clippy::cast_possible_truncation)] // counts of messages

mod contest;
mod one_to_one;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--bench")).collect();
    let options = contest::Options::parse(&args);
    one_to_one::run(&options);
}

//! How fast the rings are, beside rings that others know: `cargo xtask bench channel`.
//!
//! Every figure is a ratio of medians of one run: contenders take turns, round by round, with the same threads on the
//! same cores, the same number of slots, the same messages, all contents checked. Not a test: nothing here fails
//! because it is slow. `--only PART` chooses contests, `--rounds N` and `--thousands N` how long they take.

#![allow(clippy::cast_possible_truncation)] // counts of messages
#![allow(clippy::expect_used)] // a benchmark that cannot run ends

mod contest;
mod many;
mod one_to_one;
mod processes;
mod round_trip;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.first().is_some_and(|first| first == processes::OTHER) {
        return processes::other(&args[1..]);
    }
    let options = contest::Options::parse(&args);
    one_to_one::run(&options);
    processes::run(&options);
    many::run(&options);
    round_trip::run(&options);
}

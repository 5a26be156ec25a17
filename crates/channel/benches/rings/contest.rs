//! Contenders that take turns, and the medians of what they did.

use core::time::Duration;
use std::sync::Barrier;
use std::time::Instant;

/// What was asked for.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// Messages of a round, in thousands.
    pub(crate) thousands: u64,
    /// Only contests whose name contains it.
    pub(crate) only: Option<String>,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Self {
        let value = |name: &str| {
            let at = args.iter().position(|arg| arg == name)?;
            args.get(at + 1)
        };
        let number = |name: &str| value(name).and_then(|text| text.parse::<u64>().ok());
        Self {
            rounds: number("--rounds").unwrap_or(9) as usize,
            thousands: number("--thousands").unwrap_or(1000),
            only: value("--only").cloned(),
        }
    }

    pub(crate) fn wants(&self, contest: &str) -> bool {
        self.only.as_ref().is_none_or(|only| contest.contains(only.as_str()))
    }
}

/// One ring in a contest: its name, and one round of so many messages.
pub(crate) type Contender<'a> = (&'a str, &'a dyn Fn(u64) -> Duration);

/// Lets the contenders take turns and prints the median of each, and its ratio to those it is measured by.
pub(crate) fn rates(options: &Options, title: &str, messages: u64, contenders: &[Contender<'_>]) {
    if !options.wants(title) {
        return;
    }
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..options.rounds {
        for (times, (_, round)) in times.iter_mut().zip(contenders) {
            times.push(round(messages).as_secs_f64());
        }
    }
    let rate = |times: &mut Vec<f64>| messages as f64 / median(times) / 1e6;
    let rates: Vec<f64> = times.iter_mut().map(rate).collect();
    println!("{title}");
    for ((name, _), rate) in contenders.iter().zip(&rates) {
        println!("  {name:<28} {rate:8.2} M/s   {:5.2} of the first", rate / rates[0]);
    }
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs two halves on the first two cores and times them from the moment when both are ready to the end of both.
pub(crate) fn pair(one: impl FnOnce() + Send, two: impl FnOnce() + Send) -> Duration {
    let ready = Barrier::new(2);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            pin(0);
            ready.wait();
            one();
        });
        let second = scope.spawn(|| {
            pin(1);
            ready.wait();
            let start = Instant::now();
            two();
            start.elapsed()
        });
        first.join().expect("the first half panicked");
        second.join().expect("the second half panicked")
    })
}

/// Keeps this thread on one of the cores that this process may use.
pub(crate) fn pin(core: usize) {
    if let Some(cores) = core_affinity::get_core_ids()
        && let Some(core) = cores.get(core % cores.len().max(1))
    {
        core_affinity::set_for_current(*core);
    }
}

//! `packhorse channel watch`: what programs do on a channel, seen from outside, live; and an alarm for scripts.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::Write as _;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use packhorse::channel::{Channel, Metrics, Observer};

use crate::exit::Exit;
use crate::quantity;

/// What can be written behind `packhorse channel watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
A line is: messages a second sent and received, bytes a second, depth, how often senders and receivers had to wait,
messages dropped, and how long messages took from sending to reading (of a sample of them), since the line before.
Takes no part in the channel. Ends when the channel does.

Exit codes: 0 nothing was out of bounds; 1 a bound was broken; 2 there is no such channel.

Examples:
  packhorse channel watch ipc://quotes
  packhorse channel watch ipc://quotes --once --json | jq .depth
  packhorse channel watch ipc://quotes --count 60 --min-rate 1000 --max-depth 500 --max-latency 0.01 || alarm")]
pub(crate) struct WatchArgs {
    /// The channel: ipc://NAME
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Seconds between lines
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// End after so many lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// One line and the end: the same as --count 1
    #[arg(long, conflicts_with = "count")]
    once: bool,
    /// Wait so many seconds for the channel to be there
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds_or_none)]
    wait: Duration,
    /// A JSON object a line
    #[arg(long)]
    json: bool,
    /// Fail when fewer messages a second are received
    #[arg(long, value_name = "N", value_parser = quantity::large, help_heading = "Bounds")]
    min_rate: Option<u64>,
    /// Fail when more messages a second are received
    #[arg(long, value_name = "N", value_parser = quantity::large, help_heading = "Bounds")]
    max_rate: Option<u64>,
    /// Fail when more of the channel's slots are unread (records: slots of 64 bytes)
    #[arg(long, value_name = "N", value_parser = quantity::large, help_heading = "Bounds")]
    max_depth: Option<u64>,
    /// Fail when the slowest hundredth of the messages takes longer
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Bounds")]
    max_latency: Option<Duration>,
    /// Go on after a bound was broken, and fail at the end
    #[arg(long, help_heading = "Bounds")]
    keep_going: bool,
}

pub(crate) fn run(args: &WatchArgs) -> anyhow::Result<Exit> {
    let observer = find(args)?;
    let lines = if args.once { Some(1) } else { args.count };
    let mut out = std::io::stdout().lock();
    let mut before = (Instant::now(), observer.metrics());
    let mut broken = false;
    let mut printed = 0;
    while lines.is_none_or(|lines| printed < lines) {
        std::thread::sleep(args.interval);
        let now = (Instant::now(), observer.metrics());
        let span = Span::new(&before.1, &now.1, now.0 - before.0);
        let line = if args.json { span.json(&observer) } else { span.line(printed, observer.is_over()) };
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            // Nobody reads any more: the end of a filter.
            break;
        }
        printed += 1;
        for complaint in span.complaints(args) {
            broken = true;
            eprintln!("packhorse: {}: {complaint}", args.address);
        }
        if (broken && !args.keep_going) || ended(&observer, &now.1) {
            break;
        }
        before = now;
    }
    Ok(if broken { Exit::Damaged } else { Exit::Done })
}

fn find(args: &WatchArgs) -> anyhow::Result<Observer> {
    let end = Instant::now() + args.wait;
    loop {
        match Channel::at(&args.address).and_then(packhorse::channel::Builder::observe) {
            Ok(observer) => return Ok(observer),
            Err(packhorse::channel::OpenError::Missing) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error).with_context(|| format!("cannot watch {}", args.address)),
        }
    }
}

/// Whether everybody has left for good: nobody is there, and somebody was.
fn ended(observer: &Observer, metrics: &Metrics) -> bool {
    observer.is_over() || (metrics.senders + metrics.receivers == 0 && metrics.messages_sent > 0)
}

/// What happened between two looks.
struct Span<'a> {
    now: &'a Metrics,
    sent: u64,
    received: u64,
    bytes: u64,
    send_blocks: u64,
    receive_blocks: u64,
    dropped: u64,
    p50: Option<u64>,
    p99: Option<u64>,
    p999: Option<u64>,
}

impl<'a> Span<'a> {
    fn new(before: &Metrics, now: &'a Metrics, time: Duration) -> Self {
        let rate = |now: u64, before: u64| crate::human::per_second(now.saturating_sub(before), time);
        let latency = now.latency.since(&before.latency);
        Self {
            now,
            sent: rate(now.messages_sent, before.messages_sent),
            received: rate(now.messages_received, before.messages_received),
            bytes: rate(now.bytes_received, before.bytes_received),
            send_blocks: now.send_blocks.saturating_sub(before.send_blocks),
            receive_blocks: now.receive_blocks.saturating_sub(before.receive_blocks),
            dropped: dropped(now).saturating_sub(dropped(before)),
            p50: latency.at(0.5),
            p99: latency.at(0.99),
            p999: latency.at(0.999),
        }
    }

    fn line(&self, number: u64, over: bool) -> String {
        let mut line = String::new();
        if number.is_multiple_of(20) {
            line.push_str(
                "    sent/s  received/s      bytes/s      depth  waits s/r      dropped   p50      p99    p99.9\n",
            );
        }
        let waits = format!("{}/{}", self.send_blocks, self.receive_blocks);
        let [p50, p99, p999] = [self.p50, self.p99, self.p999].map(nanos);
        let Self { sent, received, dropped, .. } = self;
        let bytes = crate::human::bytes(self.bytes);
        let depth = self.now.depth;
        // Writing to a String does not fail.
        let _ = write!(
            line,
            "{sent:>10} {received:>11} {bytes:>12} {depth:>10} {waits:>13} {dropped:>8} {p50:>8} {p99:>8} {p999:>8}"
        );
        if self.now.lost_peers > 0 {
            let _ = write!(line, "  {} died", crate::human::count(u64::from(self.now.lost_peers), "process"));
        }
        if over || self.now.stopped {
            line.push_str("  stopped");
        }
        line
    }

    fn json(&self, observer: &Observer) -> String {
        let now = self.now;
        serde_json::json!({
            "mode": observer.mode().as_str(),
            "capacity": observer.capacity(),
            "sent_per_second": self.sent,
            "received_per_second": self.received,
            "bytes_per_second": self.bytes,
            "send_blocks": self.send_blocks,
            "receive_blocks": self.receive_blocks,
            "dropped": self.dropped,
            "latency_nanoseconds": { "p50": self.p50, "p99": self.p99, "p99.9": self.p999 },
            "depth": now.depth,
            "cells": now.cells,
            "senders": now.senders,
            "receivers": now.receivers,
            "lost_peers": now.lost_peers,
            "stopped": now.stopped,
            "total": {
                "messages_sent": now.messages_sent,
                "bytes_sent": now.bytes_sent,
                "messages_received": now.messages_received,
                "bytes_received": now.bytes_received,
                "send_blocks": now.send_blocks,
                "receive_blocks": now.receive_blocks,
                "dropped_newest": now.dropped_newest,
                "dropped_oldest": now.dropped_oldest,
                "dropped_lagged": now.dropped_lagged,
                "dropped_lost": now.dropped_lost,
                "refused": now.refused,
            },
        })
        .to_string()
    }

    /// Every bound that is broken, in words.
    fn complaints(&self, args: &WatchArgs) -> Vec<String> {
        let mut complaints = Vec::new();
        if let Some(least) = args.min_rate.filter(|least| self.received < *least) {
            complaints.push(format!("{} messages a second, fewer than {least}", self.received));
        }
        if let Some(most) = args.max_rate.filter(|most| self.received > *most) {
            complaints.push(format!("{} messages a second, more than {most}", self.received));
        }
        if let Some(most) = args.max_depth.filter(|most| self.now.depth > *most) {
            complaints.push(format!("a depth of {}, more than {most}", self.now.depth));
        }
        if let (Some(most), Some(p99)) = (args.max_latency, self.p99)
            && Duration::from_nanos(p99) > most
        {
            let most = u64::try_from(most.as_nanos()).ok();
            complaints.push(format!("a latency of {} (p99), more than {}", nanos(Some(p99)), nanos(most)));
        }
        complaints
    }
}

/// Messages that did not arrive, whatever the cause.
fn dropped(metrics: &Metrics) -> u64 {
    let causes =
        [metrics.dropped_newest, metrics.dropped_oldest, metrics.dropped_lagged, metrics.dropped_lost];
    causes.into_iter().fold(0, u64::saturating_add)
}

fn nanos(nanos: Option<u64>) -> String {
    match nanos {
        None => String::from("-"),
        Some(nanos @ ..1_000) => format!("{nanos} ns"),
        Some(nanos @ ..1_000_000) => format!("{}.{} us", nanos / 1000, nanos / 100 % 10),
        Some(nanos) => format!("{}.{} ms", nanos / 1_000_000, nanos / 100_000 % 10),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let time = seconds_or_none(text)?;
    if time.is_zero() { Err(String::from("a time above 0")) } else { Ok(time) }
}

fn seconds_or_none(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| String::from("seconds, such as 0.5"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let shown = [None, Some(999), Some(1_234), Some(45_678_901)].map(nanos);
        assert_eq!(shown, ["-", "999 ns", "1.2 us", "45.6 ms"]);
    }

    #[test]
    fn seconds_are_above_zero() {
        assert!(seconds("0").is_err() && seconds("-1").is_err() && seconds("x").is_err());
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds_or_none("0"), Ok(Duration::ZERO));
    }
}

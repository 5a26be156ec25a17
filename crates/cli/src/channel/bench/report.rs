//! What the benchmark prints: a table for people, an object for programs.

use hdrhistogram::Histogram;
use serde_json::json;

use super::parts::{Plan, Sent, Took};
use crate::channel::args::BenchArgs;

/// Shares of all messages whose latency is told.
const SHARES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// The result.
pub(super) struct Report<'a> {
    pub(super) args: &'a BenchArgs,
    pub(super) messages: u64,
    pub(super) lost: u64,
    pub(super) wrong: u64,
    pub(super) blocks: u64,
    pub(super) seconds: f64,
    pub(super) latency: &'a Histogram<u64>,
}

impl<'a> Report<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a time for people")]
    pub(super) fn of(args: &'a BenchArgs, plan: &Plan, sent: &Sent, took: &'a Took) -> Self {
        let begin = sent.begin.unwrap_or(took.end);
        Self {
            args,
            messages: took.messages,
            lost: (sent.messages * plan.copies).saturating_sub(took.messages),
            wrong: took.wrong,
            blocks: sent.blocks,
            seconds: took.end.saturating_sub(begin).max(1) as f64 / 1e9,
            latency: &took.latency,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    pub(super) fn print(&self, as_json: bool) {
        let rate = self.messages as f64 / self.seconds;
        let bytes = rate * f64::from(self.args.size);
        let what = if self.args.ping_pong { "round_trip_ns" } else { "latency_ns" };
        if as_json {
            let mut value = json!({
                "address": self.args.address.to_string(), "mode": self.args.mode.as_str(),
                "size": self.args.size, "senders": self.args.senders, "receivers": self.args.receivers,
                "processes": self.args.processes, "messages": self.messages, "lost": self.lost, "wrong": self.wrong,
                "send_blocks": self.blocks, "seconds": self.seconds, "messages_per_second": rate,
                "bytes_per_second": bytes,
            });
            if !self.latency.is_empty() {
                let mut times = serde_json::Map::new();
                times.insert("min".to_owned(), self.latency.min().into());
                for (name, share) in SHARES {
                    times.insert(name.to_owned(), self.latency.value_at_quantile(share).into());
                }
                times.insert("max".to_owned(), self.latency.max().into());
                value[what] = times.into();
            }
            println!("{value}");
            return;
        }
        println!(
            "{} {}, {} bytes, {} to {}",
            self.args.address, self.args.mode, self.args.size, self.args.senders, self.args.receivers
        );
        println!(
            "  {} messages in {:.3} s: {:.3} million a second, {:.1} MB/s",
            self.messages,
            self.seconds,
            rate / 1e6,
            bytes / 1e6
        );
        println!("  lost {}, wrong {}, senders waited {} times", self.lost, self.wrong, self.blocks);
        if !self.latency.is_empty() {
            let name = if self.args.ping_pong { "round trip" } else { "latency" };
            let times =
                SHARES.map(|(share, at)| format!("{share} {}", micros(self.latency.value_at_quantile(at))));
            println!(
                "  {name} min {}, {}, max {}",
                micros(self.latency.min()),
                times.join(", "),
                micros(self.latency.max())
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time for people")]
fn micros(nanos: u64) -> String {
    format!("{:.2} us", nanos as f64 / 1e3)
}

//! The two ends of the benchmark, each in a thread of its own, generic over the carrier.

use core::hint::spin_loop;
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use packhorse::channel::placement::pin;
use packhorse::channel::{ClaimedRecord as _, ReceiveError, ReceiveRecords, SendRecords};
use serde_json::{Value, json};

use super::stamp::{Stamp, now};
use crate::channel::args::BenchArgs;
use crate::channel::open::{WithReceiver, WithSender};

/// Messages without `--messages`.
const MESSAGES: u64 = 2_000_000;
/// The highest latency that is told apart: a minute.
const LATENCY_MAX: u64 = 60_000_000_000;

/// What each end does.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) messages: u64,
    pub(super) size: usize,
    pub(super) senders: u32,
    /// Nanoseconds between two messages of one sender.
    pub(super) every: Option<u64>,
    pub(super) copies: u64,
    pin: Vec<usize>,
}

impl Plan {
    pub(super) fn of(args: &BenchArgs) -> Self {
        let usual = match args.rate {
            Some(rate) => rate.saturating_mul(2).saturating_mul(u64::from(args.senders)),
            None if args.ping_pong => 20_000,
            None => MESSAGES,
        };
        Self {
            messages: args.messages.unwrap_or(usual).max(1),
            size: args.size as usize,
            senders: args.senders,
            every: args.rate.map(|rate| 1_000_000_000 / rate.max(1)),
            copies: super::copies(args),
            pin: args.pin.clone(),
        }
    }

    /// The processor of thread `number`, senders first.
    pub(super) fn cpu(&self, number: u32) -> Option<usize> {
        self.pin.get(number as usize % self.pin.len().max(1)).copied()
    }

    /// Messages of one sender.
    pub(super) fn share(&self, number: u32) -> u64 {
        let senders = u64::from(self.senders);
        self.messages / senders + u64::from(u64::from(number) < self.messages % senders)
    }
}

/// What senders did.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) blocks: u64,
    pub(super) begin: Option<u64>,
}

impl Sent {
    pub(super) fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.blocks += other.blocks;
        self.begin = self.begin.into_iter().chain(other.begin).min();
    }
}

/// A sender in a thread.
pub(super) struct Writing {
    pub(super) plan: Plan,
    pub(super) number: u32,
}

impl WithSender for Writing {
    type Out = JoinHandle<anyhow::Result<Sent>>;

    fn with<S: SendRecords + Send + 'static>(self, sender: S) -> anyhow::Result<Self::Out> {
        let thread = thread::Builder::new().name(format!("sender {}", self.number));
        thread.spawn(move || self.write(sender)).context("cannot start a thread")
    }
}

impl Writing {
    fn write<S: SendRecords>(self, mut sender: S) -> anyhow::Result<Sent> {
        let Self { plan, number: own } = self;
        if let Some(cpu) = plan.cpu(own) {
            pin(cpu).with_context(|| format!("cannot run on processor {cpu}"))?;
        }
        let share = plan.share(own);
        let begin = now();
        for number in 0..share {
            // The time in the table counts, not when the sender got round to it.
            let time = match plan.every {
                Some(every) => {
                    let time = begin + number * every;
                    while now() < time {
                        spin_loop();
                    }
                    time
                }
                None => 0,
            };
            let mut claim = sender.claim(1, plan.size).context("cannot send")?;
            Stamp { number, time, sender: own }.write(&mut claim);
            claim.publish().context("cannot send")?;
        }
        sender.flush().context("cannot send what waits")?;
        let metrics = sender.metrics();
        Ok(Sent { messages: share, blocks: metrics.send_blocks, begin: Some(begin) })
    }
}

/// What receivers took.
#[derive(Clone, Debug)]
pub(super) struct Took {
    pub(super) messages: u64,
    /// The sum of all numbers: with the count it shows what is lost or doubled.
    pub(super) sum: u64,
    /// Messages that are damaged, or behind a later one of their sender.
    pub(super) wrong: u64,
    /// What the carrier says was lost.
    pub(super) lost: u64,
    /// When the last one came.
    pub(super) end: u64,
    pub(super) latency: Histogram<u64>,
}

impl Default for Took {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants")]
        let latency = Histogram::new_with_bounds(1, LATENCY_MAX, 3).expect("the bounds are in order");
        Self { messages: 0, sum: 0, wrong: 0, lost: 0, end: 0, latency }
    }
}

impl Took {
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.sum = self.sum.wrapping_add(other.sum);
        self.wrong += other.wrong;
        self.lost += other.lost;
        self.end = self.end.max(other.end);
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
    }

    /// Whether everything came, once and sound.
    pub(super) fn is_whole(&self, plan: &Plan, sent: &Sent) -> bool {
        let one = |share: u64| share.wrapping_mul(share.saturating_sub(1)) / 2;
        let sum = (0..plan.senders).map(|number| one(plan.share(number))).fold(0, u64::wrapping_add);
        self.wrong == 0
            && self.messages == sent.messages * plan.copies
            && self.sum == sum.wrapping_mul(plan.copies)
    }

    /// For the process that started this one.
    pub(super) fn to_json(&self) -> Value {
        let times: Vec<[u64; 2]> =
            self.latency.iter_recorded().map(|at| [at.value_iterated_to(), at.count_at_value()]).collect();
        json!({ "messages": self.messages, "sum": self.sum, "wrong": self.wrong, "lost": self.lost, "end": self.end, "times": times })
    }

    pub(super) fn from_json(text: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(text).context("the receiving process did not report")?;
        let number = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
        let mut took = Self {
            messages: number("messages"),
            sum: number("sum"),
            wrong: number("wrong"),
            lost: number("lost"),
            end: number("end"),
            ..Self::default()
        };
        for time in value.get("times").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(time), Some(count)) = (time[0].as_u64(), time[1].as_u64()) {
                took.latency.saturating_record_n(time, count);
            }
        }
        Ok(took)
    }
}

/// A receiver in a thread.
pub(super) struct Reading {
    pub(super) plan: Plan,
    pub(super) cpu: Option<usize>,
}

impl WithReceiver for Reading {
    type Out = JoinHandle<anyhow::Result<Took>>;

    fn with<R: ReceiveRecords + Send + 'static>(self, receiver: R) -> anyhow::Result<Self::Out> {
        thread::Builder::new()
            .name("receiver".to_owned())
            .spawn(move || self.read(receiver))
            .context("cannot start a thread")
    }
}

impl Reading {
    fn read<R: ReceiveRecords>(self, mut receiver: R) -> anyhow::Result<Took> {
        if let Some(cpu) = self.cpu {
            pin(cpu).with_context(|| format!("cannot run on processor {cpu}"))?;
        }
        let mut took = Took::default();
        let mut next = vec![0_u64; self.plan.senders as usize];
        loop {
            let message = match receiver.receive() {
                Ok(message) => message,
                Err(ReceiveError::Stopped) => break,
                Err(error) => return Err(error).context("cannot receive"),
            };
            let known = Stamp::read(&message).filter(|_| message.len() == self.plan.size);
            let Some((stamp, next)) = known.and_then(|s| Some((s, next.get_mut(s.sender as usize)?))) else {
                took.wrong += 1;
                continue;
            };
            if stamp.time > 0 {
                took.latency.saturating_record(now().saturating_sub(stamp.time).max(1));
            }
            took.messages += 1;
            took.sum = took.sum.wrapping_add(stamp.number);
            took.wrong += u64::from(stamp.number < *next);
            *next = stamp.number + 1;
        }
        took.end = now();
        took.lost = receiver.metrics().lost;
        Ok(took)
    }
}

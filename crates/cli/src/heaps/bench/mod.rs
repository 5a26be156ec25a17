//! `packhorse heaps bench`: the highest rate without loss between two processes.
//!
//! ```text
//!   this process                        the same program again
//!   sender, paced  ----- UDP ----->     receiver: ring or chunks     prints what it received as JSON
//!   lost? lower the rate : raise it
//! ```
//! Every sample is written anew for every heap, and the receiver looks into each.

mod receiver;

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};
use packhorse::spead::send::writers::Udp;
use packhorse::spead::send::{Order, Rate, Sender, StreamConfig};
use packhorse::spead::{Flavour, Heap, PrebuiltHeap};
use packhorse::transport::datagrams::DatagramReceiver;
use serde_json::Value;

use super::REACHED;
use super::args::HeapsBenchArgs;
use crate::exit::Exit;
use crate::{human, screen};

/// Items of the stream, those of the tutorial.
const TIMESTAMP: u64 = 0x1600;
const SAMPLES: u64 = 0x3300;
const FLAVOUR: Flavour = Flavour::SPEAD_64_40;
/// Bytes of samples in a batch: more would leave the processor's cache before they are sent.
const BATCH: usize = 1 << 18;
/// How close the search comes to the highest rate.
const CLOSE: f64 = 1.02;
/// Bytes that leave at once: small, since bursts are what overruns a receiver.
const BURST: usize = 65_536;

pub(crate) fn run(args: &HeapsBenchArgs) -> anyhow::Result<Exit> {
    if args.listen {
        return receiver::run(args);
    }
    let bench = Bench { args, heap_size: usize::try_from(args.heap_size)? };
    if let Some(rate) = args.rate {
        #[expect(clippy::cast_precision_loss)]
        let trial = bench.trial(Some(rate as f64))?;
        bench.tell(&trial);
        println!("{}", trial.json());
        return Ok(if trial.lost() == 0 { Exit::Done } else { Exit::Damaged });
    }
    let best = bench.search()?;
    println!("{}", best.json());
    Ok(Exit::Done)
}

struct Bench<'a> {
    args: &'a HeapsBenchArgs,
    heap_size: usize,
}

/// The receiving process. It ends when this does: by being dropped, or since its standard input then ends, which nobody takes
/// from `child` before.
struct Receiver {
    child: Child,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One run at one rate.
#[derive(Clone, Debug)]
struct Trial {
    asked: Option<f64>,
    sent: u64,
    received: u64,
    bytes_per_second: f64,
    statistics: Value,
}

impl Trial {
    fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// Whether the sender was as fast as it was asked to be.
    fn is_reached(&self) -> bool {
        self.asked.is_none_or(|asked| self.bytes_per_second >= asked * REACHED)
    }

    fn json(&self) -> Value {
        serde_json::json!({
            "asked_bytes_per_second": self.asked,
            "bytes_per_second": self.bytes_per_second,
            "heaps_sent": self.sent,
            "heaps_received": self.received,
            "heaps_lost": self.lost(),
            "receiver": self.statistics,
        })
    }
}

impl Bench<'_> {
    /// As fast as it goes first; when heaps are lost, between what lost some and what lost none.
    fn search(&self) -> anyhow::Result<Trial> {
        let mut trial = self.trial(None)?;
        self.tell(&trial);
        if trial.lost() == 0 {
            return Ok(trial);
        }
        let (mut high, mut low) = (trial.bytes_per_second, 0.0);
        let mut best: Option<Trial> = None;
        while high > low * CLOSE {
            let rate = if low == 0.0 { high / 2.0 } else { f64::midpoint(low, high) };
            if rate < 1e6 {
                bail!("heaps are lost even at 1 MB/s: is the machine very busy?");
            }
            trial = self.trial(Some(rate))?;
            self.tell(&trial);
            if trial.lost() > 0 {
                high = rate;
                continue;
            }
            low = rate;
            let reached = trial.is_reached();
            if best.as_ref().is_none_or(|best| best.bytes_per_second < trial.bytes_per_second) {
                best = Some(trial);
            }
            if !reached {
                screen::note("the sender is no faster when it is paced: a higher rate would say nothing");
                break;
            }
        }
        best.ok_or_else(|| anyhow!("no rate without loss was found"))
    }

    fn tell(&self, trial: &Trial) {
        let rate = |rate: f64| format!("{:.0} MB/s", rate / 1e6);
        let asked = trial.asked.map_or_else(|| "no limit".to_owned(), rate);
        let lost = human::count(trial.lost(), "heap");
        let reached = if trial.is_reached() { "" } else { ", less than asked for" };
        let sent = rate(trial.bytes_per_second);
        screen::line(&format!("{asked}: sent {sent} of samples{reached}, {lost} lost"));
    }

    fn trial(&self, rate: Option<f64>) -> anyhow::Result<Trial> {
        let mut receiver = self.receiver()?;
        let (sent, took) = self.send(rate, &mut receiver)?;
        let mut answer = String::new();
        receiver.answers.read_line(&mut answer)?;
        let statistics: Value =
            serde_json::from_str(&answer).with_context(|| format!("the receiver says {answer:?}"))?;
        let received = statistics.pointer("/whole").and_then(Value::as_u64).unwrap_or(0);
        #[expect(clippy::cast_precision_loss)]
        let bytes = (sent * self.heap_size as u64) as f64;
        let bytes_per_second = bytes / took.as_secs_f64().max(1e-9);
        Ok(Trial { asked: rate, sent, received, bytes_per_second, statistics })
    }

    /// The same program, receiving.
    fn receiver(&self) -> anyhow::Result<Receiver> {
        let HeapsBenchArgs { heap_size, receiver, ring, buffer, .. } = self.args;
        let program = std::env::current_exe().context("cannot find this program to start it again")?;
        let mut child = Command::new(program)
            .args(["heaps", "bench", "--listen", "--receiver", receiver.name()])
            .args([
                "-H",
                &heap_size.to_string(),
                "--ring",
                &ring.to_string(),
                "--buffer",
                &buffer.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the receiver")?;
        let stdout = child.stdout.take();
        let mut receiver = Receiver {
            child,
            answers: BufReader::new(stdout.context("the receiver has no output")?),
            address: SocketAddr::from(([0; 4], 0)),
        };
        let mut line = String::new();
        receiver.answers.read_line(&mut line)?;
        receiver.address = line.trim().parse().with_context(|| format!("the receiver says {line:?}"))?;
        Ok(receiver)
    }

    /// Sends for the time that was asked for, then stop heaps until the receiver has ended.
    fn send(&self, rate: Option<f64>, receiver: &mut Receiver) -> anyhow::Result<(u64, Duration)> {
        let config = StreamConfig {
            packet_size: usize::try_from(self.args.packet)?,
            rate: rate.map(|rate| Rate::new(rate * self.wire_overhead())).transpose()?,
            burst: BURST,
            ..StreamConfig::default()
        };
        let mut sender = Sender::new(Udp::new(receiver.address)?, &config);
        let mut batch = (0..(BATCH / self.heap_size).max(1))
            .map(|_| {
                let mut heap = Heap::new(FLAVOUR);
                heap.immediate(TIMESTAMP, 0).addressed(SAMPLES, vec![0_u8; self.heap_size]);
                config.prebuild(&heap)
            })
            .collect::<Result<Vec<PrebuiltHeap>, _>>()?;
        let (start, time) = (Instant::now(), self.args.seconds);
        let mut sent = 0_u64;
        while start.elapsed() < time {
            for heap in &mut batch {
                heap.set(TIMESTAMP, sent)?;
                let samples = heap.samples_mut::<u8>(SAMPLES).context("the heap lost its samples")?;
                samples.fill(sent.to_le_bytes()[0]);
                sent += 1;
            }
            sender.send_all(&mut batch, Order::Serial)?;
        }
        let took = start.elapsed();
        let mut stop = config.prebuild(&Heap::stop(FLAVOUR))?;
        let end = Instant::now() + Duration::from_secs(10);
        while receiver.child.try_wait()?.is_none() {
            if Instant::now() > end {
                bail!("the receiver does not end");
            }
            // The receiver is gone as soon as one of them has come.
            let _ = sender.send(&mut stop);
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok((sent, took))
    }

    /// Bytes of packets for a byte of samples.
    fn wire_overhead(&self) -> f64 {
        let (packet, heap) = (f64::from(self.args.packet), f64::from(self.args.heap_size));
        let packets = (heap / (packet - 56.0).max(8.0)).ceil().max(1.0);
        (heap + packets * 40.0 + 16.0) / heap
    }
}

/// What both sides share: receive buffers for one call of the system.
const CALL: usize = DatagramReceiver::BATCH;

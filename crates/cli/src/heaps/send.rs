//! `packhorse heaps send`: the sender of the tutorial, with and without reuse.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::ErrorKind;
use std::net::ToSocketAddrs as _;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use packhorse::spead::send::writers::{Octets, Udp, UdpOptions};
use packhorse::spead::send::{Order, Rate, Sender, StreamConfig, Writer};
use packhorse::spead::{Descriptor, Flavour, Format, Heap, PrebuiltHeap, Split};
use packhorse::transport::datagrams::SendOptions;

use super::REACHED;
use super::args::{HeapsSendArgs, Reuse};
use crate::exit::{Exit, io_kinds};
use crate::{human, screen, signals};

/// Items of the stream.
const TIMESTAMP: u64 = 0x1600;
const SAMPLES: u64 = 0x3300;
const FLAVOUR: Flavour = Flavour::SPEAD_64_40;
/// Bytes of samples that are on their way at once.
const PIPELINE: usize = 1 << 20;
/// Bytes of samples in a batch: more would leave the processor's cache before they are sent.
const BATCH: usize = 1 << 18;

pub(crate) fn run(args: &HeapsSendArgs) -> anyhow::Result<Exit> {
    let heap_size = usize::try_from(args.heap_size)?;
    let config = StreamConfig {
        max_heaps: (PIPELINE / heap_size).max(2),
        packet_size: usize::try_from(args.packet)?,
        #[expect(clippy::cast_precision_loss)]
        rate: args.rate.map(|rate| Rate::new(rate as f64)).transpose()?,
        burst: usize::try_from(args.burst)?,
        split: if args.full_packets { Split::Full } else { Split::Even },
        ..StreamConfig::default()
    };
    let mut stream = Stream { sender: Sender::new(writer(args)?, &config), config, heap_size, sent: 0 };
    signals::end_by_itself();
    let start = Instant::now();
    let ended = match args.reuse {
        Reuse::Off => stream.anew(args.heaps),
        Reuse::On => stream.reused(args.heaps),
        Reuse::Batch => stream.batched(args.heaps),
    };
    let asked = signals::asked();
    let ended = match asked {
        None => ended.and_then(|()| stream.stop()),
        Some(_) => ended,
    };
    report(&stream, args, start.elapsed());
    match (ended, asked) {
        (Err(error), _) if is_hung_up(&error) => {
            let sent = human::count(stream.sent, "heap");
            screen::error(&format!("the receiver closed the connection after {sent} of {}", args.heaps));
            Ok(Exit::Damaged)
        }
        (Err(error), _) if io_kinds(&error).next() == Some(ErrorKind::PermissionDenied) => Err(error.context(format!(
            "the system refuses to send to {}: a broadcast address? Name a receiver, or a multicast group",
            args.host
        ))),
        (Err(error), _) => Err(error.context("the heaps could not all be sent")),
        (Ok(()), Some(signal)) => {
            screen::error("interrupted: the rest and the stop heap were not sent");
            Ok(Exit::Asked(signal))
        }
        (Ok(()), None) => Ok(Exit::Done),
    }
}

fn writer(args: &HeapsSendArgs) -> anyhow::Result<Box<dyn Writer>> {
    let to = (args.host.as_str(), args.port);
    let addresses: Vec<SocketAddr> =
        to.to_socket_addrs().with_context(|| format!("{} has no address", args.host))?.collect();
    if args.tcp {
        let connected = Octets::connect(&addresses[..]);
        let connected =
            connected.with_context(|| format!("nobody listens on {} port {}", args.host, args.port))?;
        return Ok(Box::new(connected));
    }
    let first = *addresses.first().ok_or_else(|| anyhow!("{} has no address", args.host))?;
    let ttl = args.ttl.map(u32::from);
    let socket = SendOptions { ttl, interface: args.interface.clone(), ..SendOptions::default() };
    let options = UdpOptions { socket, ..UdpOptions::default() };
    Ok(Box::new(Udp::with_options(&[first], &options).context("cannot open a UDP socket")?))
}

/// Says what was sent, and whether it was as fast as asked for.
fn report(stream: &Stream, args: &HeapsSendArgs, took: Duration) {
    let statistics = stream.sender.statistics();
    screen::line(&format!(
        "packhorse: sent {} in {}, {} in {}",
        human::count(stream.sent, "heap"),
        human::count(statistics.packets, "packet"),
        human::bytes(statistics.bytes),
        human::time(took),
    ));
    let seconds = took.as_secs_f64().max(1e-9);
    let bytes = stream.sent * u64::from(args.heap_size);
    #[expect(clippy::cast_precision_loss)]
    let (rate, reached) = (bytes as f64 / seconds / 1e6, statistics.bytes as f64 / seconds / 1e6);
    #[expect(clippy::cast_precision_loss)]
    if let Some(asked) = args.rate.map(|asked| asked as f64 / 1e6).filter(|asked| reached < asked * REACHED) {
        screen::warning(&format!(
            "asked for {asked:.0} MB/s on the wire, reached {reached:.0}: raise --burst, or give it a processor that is free"
        ));
    }
    println!("Sent {bytes} bytes in {:.6} s, {rate:.2} MB/s", took.as_secs_f64());
}

/// Whether the other side of a connection is gone.
fn is_hung_up(error: &anyhow::Error) -> bool {
    let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
    io_kinds(error).next().is_some_and(|kind| gone.contains(&kind))
}

struct Stream {
    sender: Sender<Box<dyn Writer>>,
    config: StreamConfig,
    heap_size: usize,
    /// Heaps that have left.
    sent: u64,
}

impl Stream {
    /// Every heap is made, cut into packets, sent and thrown away.
    fn anew(&mut self, heaps: u64) -> anyhow::Result<()> {
        for index in (0..heaps).take_while(|_| signals::asked().is_none()) {
            let mut heap = self.heap(index == 0, vec![0_i8; self.heap_size])?;
            self.fill(&mut heap, index)?;
            while let Some(sent) = self.sender.try_reclaim() {
                sent.result?;
                self.sent += 1;
            }
            self.sender.submit(heap).map_err(|rejected| rejected.reason)?;
        }
        while self.reclaim()?.is_some() {}
        Ok(())
    }

    /// Heaps are made once, filled, sent, and taken back to be filled again.
    fn reused(&mut self, heaps: u64) -> anyhow::Result<()> {
        self.first(heaps)?;
        let mut spare = self.spare(self.config.max_heaps)?;
        for index in (1..heaps).take_while(|_| signals::asked().is_none()) {
            let mut heap = match spare.pop() {
                Some(heap) => heap,
                None => self.reclaim()?.ok_or_else(|| anyhow!("no heap came back"))?,
            };
            self.fill(&mut heap, index)?;
            self.sender.submit(heap).map_err(|rejected| rejected.reason)?;
        }
        while self.reclaim()?.is_some() {}
        Ok(())
    }

    /// As many heaps as are worth a call are filled, and sent together.
    fn batched(&mut self, heaps: u64) -> anyhow::Result<()> {
        self.first(heaps)?;
        let mut batch = self.spare((BATCH / self.heap_size).max(1))?;
        let mut index = 1;
        while index < heaps && signals::asked().is_none() {
            let count = batch.len().min(usize::try_from(heaps - index).unwrap_or(usize::MAX));
            for heap in &mut batch[..count] {
                self.fill(heap, index)?;
                index += 1;
            }
            self.sender.send_all(&mut batch[..count], Order::Serial)?;
            self.sent += count as u64;
        }
        Ok(())
    }

    fn reclaim(&mut self) -> anyhow::Result<Option<PrebuiltHeap>> {
        let Some(sent) = self.sender.reclaim() else {
            return Ok(None);
        };
        sent.result?;
        self.sent += 1;
        Ok(Some(sent.heap))
    }

    /// The first heap, which carries the descriptors.
    fn first(&mut self, heaps: u64) -> anyhow::Result<()> {
        if heaps > 0 {
            let mut heap = self.heap(true, vec![0_i8; self.heap_size])?;
            self.fill(&mut heap, 0)?;
            self.sender.send(&mut heap)?;
            self.sent += 1;
        }
        Ok(())
    }

    fn spare(&self, count: usize) -> anyhow::Result<Vec<PrebuiltHeap>> {
        (0..count).map(|_| self.heap(false, vec![0_i8; self.heap_size])).collect()
    }

    fn heap(&self, descriptors: bool, samples: Vec<i8>) -> anyhow::Result<PrebuiltHeap> {
        let mut heap = Heap::new(FLAVOUR);
        if descriptors {
            let format = [Format::unsigned(40)];
            heap.descriptor(&Descriptor::with_format(
                TIMESTAMP,
                "timestamp",
                "Index of the first sample",
                format,
            ))?;
            let shape = [samples.len() as u64];
            heap.descriptor(&Descriptor::array::<i8>(
                SAMPLES,
                "adc_samples",
                "ADC converter output",
                &shape,
            ))?;
        }
        heap.immediate(TIMESTAMP, 0).addressed(SAMPLES, samples);
        Ok(self.config.prebuild(&heap)?)
    }

    fn fill(&self, heap: &mut PrebuiltHeap, index: u64) -> anyhow::Result<()> {
        heap.set(TIMESTAMP, index.wrapping_mul(self.heap_size as u64))?;
        let samples = heap.samples_mut::<u8>(SAMPLES).ok_or_else(|| anyhow!("the heap lost its samples"))?;
        // The low byte, as the tutorial's int8 takes it.
        samples.fill(index.to_le_bytes()[0]);
        Ok(())
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        let mut heap = self.config.prebuild(&Heap::stop(FLAVOUR))?;
        self.sender.send(&mut heap)?;
        Ok(())
    }
}

//! `packhorse heaps recv`: a line for every heap until the stop heap, then the statistics.

use core::fmt::Write as _;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::net::ToSocketAddrs as _;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use packhorse::spead::BugCompat;
use packhorse::spead::receive::readers::{TcpReader, UdpOptions, UdpReader};
use packhorse::spead::receive::{
    Descriptions, Heap, NoHeap, Reader, RingOptions, RingStream, Statistics, StreamConfig,
};
use packhorse::spead::wire::id;
use packhorse::transport::datagrams::ReceiveOptions;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::args::HeapsRecvArgs;
use super::capture::{self, Ports};
use super::verdict::{End, verdict};
use crate::exit::{self, Exit};
use crate::{human, screen, signals};

/// How often a receiver without heaps looks whether it should go on.
const LOOK: Duration = Duration::from_millis(100);
/// After how long without anything it says so.
const QUIET: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &HeapsRecvArgs) -> anyhow::Result<Exit> {
    let bug_compat = BugCompat::from_bits(args.bug_compat)
        .ok_or_else(|| anyhow!("--bug-compat is a sum of 1, 2 and 4, not {}", args.bug_compat))?;
    let config = StreamConfig {
        max_heaps: usize::try_from(args.max_heaps)?,
        substreams: usize::try_from(args.substreams)?,
        cnt_step: u64::from(args.cnt_step),
        out_of_order: args.out_of_order,
        max_heap_length: usize::try_from(args.max_heap_length)?,
        max_memory: usize::try_from(args.max_memory)?,
        bug_compat,
        ..StreamConfig::default()
    };
    let options = RingOptions { capacity: usize::try_from(args.ring)?, ..RingOptions::default() };
    let ports = Ports::default();
    let mut stream = RingStream::start(config, &options, [reader(args, &ports)?])?;
    signals::end_by_itself();
    let mut out = BufWriter::new(io::stdout().lock());
    let written = report(&mut stream, args, &mut out);
    if written.as_ref().is_err_and(exit::is_broken_pipe) {
        return Ok(Exit::Done);
    }
    let end = written?;
    let exit = verdict(&stream.statistics(), end, args, &ports);
    match stream.take_error() {
        // A capture that is damaged or cut: what is in front of that was told.
        Some(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
            screen::error(&error.to_string());
            Ok(Exit::Damaged)
        }
        Some(error) => Err(error).context("cannot receive"),
        None => Ok(exit),
    }
}

fn reader(args: &HeapsRecvArgs, ports: &Ports) -> anyhow::Result<Box<dyn Reader>> {
    if let Some(file) = &args.pcap {
        let host = args.host.as_deref().map(str::parse::<IpAddr>).transpose();
        let host = host.context("with --pcap, HOST is the address to which datagrams were sent")?;
        let host = host.filter(|host| !host.is_unspecified());
        return Ok(Box::new(capture::open(file, host, args.port.filter(|port| *port > 0), ports)?));
    }
    let (Some(host), Some(port)) = (&args.host, args.port) else {
        return Err(anyhow!("receiving needs HOST and PORT"));
    };
    let addresses: Vec<SocketAddr> =
        (host.as_str(), port).to_socket_addrs().with_context(|| format!("{host} has no address"))?.collect();
    let address = *addresses.first().ok_or_else(|| anyhow!("{host} has no address"))?;
    let failed = |error: io::Error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => ": is it this machine's, and free?",
            _ => "",
        };
        anyhow::Error::new(error).context(format!("cannot receive on {host} port {port}{hint}"))
    };
    if args.tcp {
        let reader = TcpReader::bind(address).map_err(failed)?;
        screen::line(&format!("packhorse: receiving on tcp {}", reader.local_address()));
        return Ok(Box::new(reader));
    }
    let buffer = usize::try_from(args.buffer)?;
    let socket = ReceiveOptions { buffer, interface: args.interface.clone(), ..ReceiveOptions::default() };
    let options = UdpOptions { socket, ..UdpOptions::default() };
    let reader = UdpReader::bind(address, &options).map_err(failed)?;
    if reader.receiver().buffer_size()? < buffer {
        screen::note(
            "the system allows a smaller receive buffer than asked for: net.core.rmem_max, or run as root",
        );
    }
    screen::line(&format!("packhorse: receiving on udp {}", reader.local_address()?));
    Ok(Box::new(reader))
}

/// Writes a line for every heap, and the statistics behind them.
fn report(stream: &mut RingStream, args: &HeapsRecvArgs, out: &mut impl Write) -> anyhow::Result<End> {
    let mut known = Descriptions::default();
    let mut wait = Wait::new(args);
    let mut left = args.count.unwrap_or(u64::MAX);
    let end = loop {
        let heap = match wait.next(stream, out) {
            Ok(heap) => heap,
            Err(end) => break end,
        };
        let unreadable = known.learn(&heap);
        if unreadable > 0 {
            screen::warning(&format!("heap {}: {unreadable} descriptors cannot be read", heap.cnt()));
        }
        if args.json && !args.quiet {
            writeln!(out, "{}", object(&heap, &known))?;
        } else if !args.quiet {
            writeln!(out, "{}", line(&heap, &known))?;
        }
        left -= 1;
        if left == 0 {
            break End::Count;
        }
    };
    // Whatever ended it: nothing more is received.
    stream.stop();
    if args.json {
        let counters: Map<String, Value> =
            stream.statistics().counters().map(|(name, count)| (name, count.into())).collect();
        writeln!(out, "{}", json!({ "statistics": counters }))?;
    }
    out.flush()?;
    if !args.json {
        summary(&stream.statistics());
    }
    Ok(end)
}

/// Waits for heaps, and says when there are none.
struct Wait {
    timeout: Option<Duration>,
    /// When the last packet came, as far as this looked.
    last: Instant,
    packets: u64,
    /// Whether it should still say that nothing comes. Of a capture that goes without saying.
    says: bool,
}

impl Wait {
    fn new(args: &HeapsRecvArgs) -> Self {
        Self { timeout: args.timeout, last: Instant::now(), packets: 0, says: args.pcap.is_none() }
    }

    fn next(&mut self, stream: &mut RingStream, out: &mut impl Write) -> Result<Heap, End> {
        // Lines of a slow stream are wanted at once; those of a fast one in large pieces.
        let mut next = stream.try_next();
        if matches!(next, Err(NoHeap::NotYet)) {
            let _ = out.flush();
        }
        loop {
            if let Some(signal) = signals::asked() {
                return Err(End::Asked(signal));
            }
            match next {
                Ok(heap) => return Ok(heap),
                Err(NoHeap::Ended) => return Err(End::Stream),
                Err(NoHeap::NotYet) => self.look(stream)?,
            }
            next = stream.next_timeout(LOOK);
        }
    }

    fn look(&mut self, stream: &RingStream) -> Result<(), End> {
        let stats = stream.statistics();
        if stats.packets != self.packets {
            (self.packets, self.last) = (stats.packets, Instant::now());
        }
        let silent = self.last.elapsed();
        if self.timeout.is_some_and(|timeout| silent >= timeout) {
            return Err(End::Silence);
        }
        if self.says && silent >= QUIET {
            self.says = false;
            screen::note(&match (stats.heaps, stats.packets) {
                (0, 0) => "nothing has come yet: is the sender's address and port this one, and no firewall between?".to_owned(),
                (0, packets) => format!("{} came, and no whole heap yet", human::count(packets, "packet")),
                _ => return Ok(()),
            });
        }
        Ok(())
    }
}

fn object(heap: &Heap, known: &Descriptions) -> Value {
    let items = heap.items().filter(|item| item.id > id::STREAM_CTRL).map(|item| {
        let described = known.describe(&item);
        json!({
            "id": item.id,
            "name": described.descriptor.map(|descriptor| &descriptor.name),
            "shape": described.shape,
            "len": described.bytes.len(),
            "sha256": hex(&Sha256::digest(described.bytes)),
        })
    });
    json!({ "cnt": heap.cnt(), "items": items.collect::<Vec<_>>() })
}

fn line(heap: &Heap, known: &Descriptions) -> String {
    let mut text = format!("heap {}", heap.cnt());
    for item in heap.items().filter(|item| item.id > id::STREAM_CTRL) {
        let described = known.describe(&item);
        let name = described.descriptor.map_or("", |descriptor| descriptor.name.as_str());
        let _ = match item.immediate.filter(|_| !described.bytes.is_empty()) {
            Some(value) => write!(text, "  {:#x} {} = {value}", item.id, screen::printable(name)),
            None => {
                let (len, shape) = (described.bytes.len() as u64, described.shape.unwrap_or_default());
                write!(text, "  {:#x} {} {shape:?} {}", item.id, screen::printable(name), human::bytes(len))
            }
        };
    }
    text
}

fn summary(stats: &Statistics) {
    screen::line(&format!(
        "packhorse: {} in {}, {}",
        human::count(stats.heaps, "heap"),
        human::count(stats.packets, "packet"),
        human::bytes(stats.bytes),
    ));
    let zero = ["heaps", "packets", "bytes"];
    for (name, count) in stats.counters().filter(|(name, count)| *count > 0 && !zero.contains(&name.as_str()))
    {
        screen::line(&format!("  {count:>12} {name}"));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

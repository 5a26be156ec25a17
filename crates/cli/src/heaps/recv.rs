//! `packhorse heaps recv`: a line for every heap until the stop heap, then the statistics.

use core::fmt::Write as _;
use core::net::SocketAddr;
use std::io::{self, BufWriter, Write};
use std::net::ToSocketAddrs as _;

use anyhow::{Context as _, anyhow};
use packhorse::spead::BugCompat;
use packhorse::spead::receive::readers::{PcapReader, TcpReader, UdpOptions, UdpReader};
use packhorse::spead::receive::{
    Descriptions, Heap, Reader, RingOptions, RingStream, Statistics, StreamConfig,
};
use packhorse::spead::wire::id;
use packhorse::transport::datagrams::ReceiveOptions;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::args::HeapsRecvArgs;
use crate::exit::{self, Exit};
use crate::{human, screen};

pub(crate) fn run(args: &HeapsRecvArgs) -> anyhow::Result<Exit> {
    let bug_compat = BugCompat::from_bits(args.bug_compat)
        .ok_or_else(|| anyhow!("--bug-compat is a sum of 1, 2 and 4, not {}", args.bug_compat))?;
    let config = StreamConfig {
        max_heaps: usize::try_from(args.max_heaps)?,
        substreams: usize::try_from(args.substreams)?,
        out_of_order: args.out_of_order,
        max_heap_length: usize::try_from(args.max_heap_length)?,
        max_memory: usize::try_from(args.max_memory)?,
        bug_compat,
        ..StreamConfig::default()
    };
    let options = RingOptions { capacity: usize::try_from(args.ring)?, ..RingOptions::default() };
    let mut stream = RingStream::start(config, &options, [reader(args)?])?;
    let mut out = BufWriter::new(io::stdout().lock());
    let written = report(&mut stream, args, &mut out);
    if let Some(error) = stream.take_error() {
        return Err(error).context("cannot receive");
    }
    if written.as_ref().is_err_and(exit::is_broken_pipe) {
        return Ok(Exit::Done);
    }
    written?;
    Ok(verdict(&stream.statistics()))
}

fn reader(args: &HeapsRecvArgs) -> anyhow::Result<Box<dyn Reader>> {
    if let Some(file) = &args.pcap {
        let reader = PcapReader::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        let port = args.port;
        return Ok(Box::new(reader.filter(move |to| port.is_none_or(|port| to.port() == port))));
    }
    let (Some(host), Some(port)) = (&args.host, args.port) else {
        return Err(anyhow!("receiving needs HOST and PORT"));
    };
    let addresses: Vec<SocketAddr> =
        (host.as_str(), port).to_socket_addrs().with_context(|| format!("{host} has no address"))?.collect();
    let address = *addresses.first().ok_or_else(|| anyhow!("{host} has no address"))?;
    let failed = || format!("cannot receive on {host} port {port}: is it this machine's, and free?");
    if args.tcp {
        let reader = TcpReader::bind(address).with_context(failed)?;
        screen::line(&format!("packhorse: receiving on tcp {}", reader.local_address()));
        return Ok(Box::new(reader));
    }
    let buffer = usize::try_from(args.buffer)?;
    let socket = ReceiveOptions { buffer, interface: args.interface.clone(), ..ReceiveOptions::default() };
    let options = UdpOptions { socket, ..UdpOptions::default() };
    let reader = UdpReader::bind(address, &options).with_context(failed)?;
    if reader.receiver().buffer_size()? < buffer {
        screen::note(
            "the system allows a smaller receive buffer than asked for: net.core.rmem_max, or run as root",
        );
    }
    screen::line(&format!("packhorse: receiving on udp {}", reader.local_address()?));
    Ok(Box::new(reader))
}

/// Writes a line for every heap, and the statistics behind them.
fn report(stream: &mut RingStream, args: &HeapsRecvArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let mut known = Descriptions::default();
    // Lines of a slow stream are wanted at once; those of a fast one in large pieces.
    while let Some(heap) = stream.try_next().ok().or_else(|| {
        let _ = out.flush();
        stream.next()
    }) {
        let unreadable = known.learn(&heap);
        if unreadable > 0 {
            screen::warning(&format!("heap {}: {unreadable} descriptors cannot be read", heap.cnt()));
        }
        if args.quiet {
            continue;
        }
        if args.json {
            writeln!(out, "{}", object(&heap, &known))?;
        } else {
            writeln!(out, "{}", line(&heap, &known))?;
        }
    }
    if args.json {
        let counters: Map<String, Value> =
            stream.statistics().counters().map(|(name, count)| (name, count.into())).collect();
        writeln!(out, "{}", json!({ "statistics": counters }))?;
    }
    out.flush()?;
    if !args.json {
        summary(&stream.statistics());
    }
    Ok(())
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
        let _ = match item.immediate {
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

/// Whether everything came, as far as a receiver can know.
fn verdict(stats: &Statistics) -> Exit {
    let lost = stats.incomplete_heaps_evicted + stats.incomplete_heaps_flushed;
    if stats.stops == 0 {
        screen::error("the stream ended without a stop heap; the sender may have more");
    }
    if lost > 0 {
        screen::error(&format!("{} incomplete", human::count(lost, "heap")));
    }
    if lost > 0 || stats.stops == 0 { Exit::Damaged } else { Exit::Done }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

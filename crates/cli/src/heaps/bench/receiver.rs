//! The receiving process of `packhorse heaps bench`: says where it listens, and at the end what came.

use core::net::{Ipv4Addr, SocketAddr};
use std::io::{self, Write as _};
use std::{process, thread};

use anyhow::Context as _;
use packhorse::spead::receive::chunk::{Chunk, ChunkOptions, ChunkRing, ChunkStream, Place, PlaceRequest};
use packhorse::spead::receive::readers::{UdpOptions, UdpReader};
use packhorse::spead::receive::{
    DirectStream, Heap, Reader, RingOptions, RingStream, Statistics, StreamConfig,
};
use packhorse::transport::datagrams::ReceiveOptions;
use serde_json::{Map, Value};

use super::super::args::{HeapsBenchArgs, ReceiverKind};
use super::{CALL, SAMPLES, TIMESTAMP};
use crate::exit::Exit;

/// Bytes of a chunk: a few system calls fill it, and a processor's cache holds it.
const CHUNK: usize = 1 << 20;
/// Chunks that go round.
const CHUNKS: usize = 16;

pub(super) fn run(args: &HeapsBenchArgs) -> anyhow::Result<Exit> {
    end_with_the_sender()?;
    let buffer = usize::try_from(args.buffer)?;
    let socket = ReceiveOptions { buffer, ..ReceiveOptions::default() };
    let ring = usize::try_from(args.ring)?;
    let options = UdpOptions { socket, slabs: ring.max(16) + 2 * CALL };
    let reader = UdpReader::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &options)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", reader.local_address()?)?;
    out.flush()?;
    let config = StreamConfig::default();
    let (whole, statistics) = match args.receiver {
        ReceiverKind::Ring => {
            let options = RingOptions { capacity: ring, ..RingOptions::default() };
            let mut stream = RingStream::start(config, &options, [Box::new(reader) as Box<dyn Reader>])?;
            let whole = (&mut stream).map(|heap| u64::from(is_as_sent(&heap))).sum();
            (whole, stream.statistics())
        }
        ReceiverKind::Direct => {
            let mut stream = DirectStream::new(reader, config, &RingOptions::default());
            let mut whole = 0;
            while let Some(heap) = stream.next_heap()? {
                whole += u64::from(is_as_sent(&heap));
            }
            (whole, stream.statistics())
        }
        ReceiverKind::Chunk => chunks(reader, config, usize::try_from(args.heap_size)?)?,
    };
    let mut counters: Map<String, Value> =
        statistics.counters().map(|(name, count)| (name, count.into())).collect();
    counters.insert("whole".to_owned(), whole.into());
    writeln!(out, "{}", Value::Object(counters))?;
    Ok(Exit::Done)
}

/// Ends this process as soon as the other one has, however that was: its end of standard input closes then.
fn end_with_the_sender() -> anyhow::Result<()> {
    let watch = || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(1)
    };
    thread::Builder::new().name("bench-parent".into()).spawn(watch).context("cannot start a thread")?;
    Ok(())
}

/// Heaps that are present in chunks, each of them looked into.
fn chunks(reader: UdpReader, config: StreamConfig, heap_size: usize) -> anyhow::Result<(u64, Statistics)> {
    let heaps = (CHUNK / heap_size).max(1);
    let ring = ChunkRing::new(CHUNKS, (0..CHUNKS).map(|_| Chunk::new(heaps * heap_size, heaps)));
    let place = move |request: &mut PlaceRequest<'_>| {
        let time = request.immediate(TIMESTAMP)?;
        let heap = usize::try_from(time % heaps as u64).ok()?;
        Some(Place { chunk: time / heaps as u64, heap, offset: heap * heap_size, len: heap_size })
    };
    let readers = [Box::new(reader) as Box<dyn Reader>];
    let stream = ChunkStream::start(config, ChunkOptions::new(place), &ring, readers)?;
    let mut whole = 0;
    while let Some(chunk) = ring.next() {
        let first = chunk.id() * heaps as u64;
        for (number, samples) in (first..).zip(chunk.data().chunks_exact(heap_size)) {
            let index = usize::try_from(number - first)?;
            let present = chunk.present().get(index) == Some(&1);
            whole += u64::from(present && holds(samples, number));
        }
        ring.give(chunk);
    }
    Ok((whole, stream.statistics()))
}

fn is_as_sent(heap: &Heap) -> bool {
    let time = heap.immediate(TIMESTAMP);
    time.is_some_and(|time| heap.item(SAMPLES).is_some_and(|samples| holds(samples, time)))
}

/// Whether samples are those of heap `number`, as far as both ends tell.
fn holds(samples: &[u8], number: u64) -> bool {
    let byte = Some(&number.to_le_bytes()[0]);
    samples.first() == byte && samples.last() == byte
}

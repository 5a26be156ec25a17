//! What can be written behind `packhorse heaps`.

use core::time::Duration;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use crate::quantity;

#[derive(Debug, Args)]
#[command(after_help = "\
The wire is SPEAD-64-40, as spead2 speaks it: either side may be a program that uses spead2.

Examples:
  packhorse heaps recv 0.0.0.0 8888
  packhorse heaps send -n 524288 -H 8192 -p 9000 192.168.31.2 8888")]
pub(crate) struct HeapsArgs {
    #[command(subcommand)]
    pub(crate) command: HeapsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HeapsCommand {
    /// Send heaps of samples, and print how many MB/s that were
    Send(HeapsSendArgs),
    /// Receive heaps until the stop heap, and print what they hold
    Recv(HeapsRecvArgs),
    /// Find the highest rate without loss between two processes of this machine
    Bench(HeapsBenchArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Every heap has two items: timestamp (id 0x1600, 40 bits), the index of its first sample, and
adc_samples (id 0x3300, int8), filled anew for every heap. The first heap also carries their
descriptors. A stop heap ends the stream.

Examples:
  packhorse heaps send -n 524288 -H 8192 -p 9000 192.168.31.2 8888
  packhorse heaps send -n 100000 --rate 500M --reuse batch 239.102.1.1 7148 --ttl 4
  packhorse heaps send --tcp -H 1Mi localhost 8888")]
pub(crate) struct HeapsSendArgs {
    /// How many heaps to send, the stop heap aside
    #[arg(short = 'n', long, value_name = "N", default_value = "1000", value_parser = quantity::large)]
    pub(crate) heaps: u64,
    /// Bytes of samples in a heap
    #[arg(short = 'H', long, value_name = "BYTES", default_value = "1Mi", value_parser = quantity::small)]
    pub(crate) heap_size: u32,
    /// Bytes of the longest packet
    #[arg(short = 'p', long, value_name = "BYTES", default_value = "1472", value_parser = quantity::packet)]
    pub(crate) packet: u32,
    /// Receiver: a name or an address; of multicast also a group
    pub(crate) host: String,
    /// Port of the receiver
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// off: build every heap anew; on: fill and send built heaps again; batch: many of them in one call
    #[arg(long, value_name = "HOW", default_value = "on")]
    pub(crate) reuse: Reuse,
    /// At most so many bytes a second on the wire: 500M, 2G
    #[arg(long, value_name = "B/s", value_parser = quantity::large)]
    #[arg(help_heading = "Pace")]
    pub(crate) rate: Option<u64>,
    /// Bytes that may leave at once, before waiting until they are due
    #[arg(long, value_name = "BYTES", default_value = "64Ki", value_parser = quantity::small)]
    #[arg(help_heading = "Pace")]
    pub(crate) burst: u32,
    /// Send over TCP instead of UDP
    #[arg(long, conflicts_with_all = ["ttl", "interface"])]
    #[arg(help_heading = "Network")]
    pub(crate) tcp: bool,
    /// Multicast: how many networks a packet may pass
    #[arg(long, value_name = "N")]
    #[arg(help_heading = "Network")]
    pub(crate) ttl: Option<u8>,
    /// Multicast: interface to send on, by name, number or IPv4 address
    #[arg(long, value_name = "NAME")]
    #[arg(help_heading = "Network")]
    pub(crate) interface: Option<String>,
    /// Cut heaps into packets exactly as spead2 does, not into equally long ones
    #[arg(long)]
    #[arg(help_heading = "Wire")]
    pub(crate) full_packets: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reuse {
    /// Build every heap anew
    Off,
    /// Fill heaps that are built already
    On,
    /// Fill many heaps, and send them in one call
    Batch,
}

#[derive(Debug, Args)]
#[command(after_help = "\
HOST is an address of this machine to receive on: 0.0.0.0 or :: for all, or a multicast group to
join. With --json a line for every heap:
  {\"cnt\": N, \"items\": [{\"id\": N, \"name\": S, \"shape\": [..], \"len\": BYTES, \"sha256\": HEX}]}
where len and sha256 are those of the value as received; name and shape are null until a descriptor
has come. The last line is {\"statistics\": {..}}.

Exits with 1, and says what is missing and what helps, when no heap came, heaps are missing (by the
gaps between heap counts) or incomplete, a limit made it drop packets, nothing came for as long as
--timeout says, or the stream ended without a stop heap; with 130 after Ctrl-C and 143 after SIGTERM,
also then with the statistics.

Examples:
  packhorse heaps recv 0.0.0.0 8888
  packhorse heaps recv --tcp --json :: 8888 | jq .cnt
  packhorse heaps recv --interface 10.0.0.5 239.102.1.1 7148
  packhorse heaps recv --pcap capture.pcap 0.0.0.0 8888")]
#[command(override_usage = "\
packhorse heaps recv [OPTIONS] HOST PORT
       packhorse heaps recv [OPTIONS] --pcap FILE [HOST PORT]")]
pub(crate) struct HeapsRecvArgs {
    /// Address to receive on, or a multicast group
    #[arg(required_unless_present = "pcap")]
    pub(crate) host: Option<String>,
    /// Port to receive on
    #[arg(required_unless_present = "pcap")]
    pub(crate) port: Option<u16>,
    /// Read the datagrams of a capture instead, pcap or pcapng, - for standard input; those to HOST and PORT if given
    ///
    /// Links: Ethernet, Linux cooked (any interface), raw IP, BSD loopback.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "tcp")]
    pub(crate) pcap: Option<PathBuf>,
    /// A JSON object a line instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// No line for heaps, only the statistics
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// End after so many heaps, without waiting for the stop heap
    #[arg(long, value_name = "N", value_parser = quantity::large)]
    pub(crate) count: Option<u64>,
    /// End when nothing has come for so long
    #[arg(long, value_name = "SECONDS", value_parser = quantity::seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Receive over TCP instead of UDP, from the first sender that connects
    #[arg(long, conflicts_with = "interface")]
    #[arg(help_heading = "Network")]
    pub(crate) tcp: bool,
    /// Multicast: interface to join on, by name, number or IPv4 address
    #[arg(long, value_name = "NAME")]
    #[arg(help_heading = "Network")]
    pub(crate) interface: Option<String>,
    /// Bytes of the kernel's receive buffer for UDP
    #[arg(long, value_name = "BYTES", default_value = "8Mi", value_parser = quantity::large)]
    #[arg(help_heading = "Network")]
    pub(crate) buffer: u64,
    /// Take packets of a heap in any order
    #[arg(long)]
    #[arg(help_heading = "Heaps")]
    pub(crate) out_of_order: bool,
    /// Heaps of a substream that may be under way at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    #[arg(help_heading = "Heaps")]
    pub(crate) max_heaps: u32,
    /// Senders that share the stream, told apart by heap count modulo N
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    #[arg(help_heading = "Heaps")]
    pub(crate) substreams: u32,
    /// Heap counts rise by this times the substreams, and gaps are missing heaps; 0: they mean nothing
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(help_heading = "Heaps")]
    pub(crate) cnt_step: u32,
    /// Heaps that wait to be printed
    #[arg(long, value_name = "N", default_value = "256", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    #[arg(help_heading = "Heaps")]
    pub(crate) ring: u32,
    /// Longest heap; packets of longer ones are dropped
    #[arg(long, value_name = "BYTES", default_value = "256Mi", value_parser = quantity::large)]
    #[arg(help_heading = "Heaps")]
    pub(crate) max_heap_length: u64,
    /// Memory for all heaps under way
    #[arg(long, value_name = "BYTES", default_value = "1Gi", value_parser = quantity::large)]
    #[arg(help_heading = "Heaps")]
    pub(crate) max_memory: u64,
    /// Mistakes of old senders to make allowance for: the sum of 1, 2 and 4; PySPEAD needs 7
    #[arg(long, value_name = "MASK", default_value = "0")]
    #[arg(help_heading = "Heaps")]
    pub(crate) bug_compat: u8,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Sends heaps over UDP to another process of this program, filled anew for every heap, and lowers and
raises the rate until it knows the highest at which none is lost, to 2 %: of the tries without loss
the one that reached most. Rates are bytes of samples a second. With --rate only that rate is tried;
exits with 1 when heaps are lost. The last line is a JSON object; with it come the receiver's
statistics.

Examples:
  packhorse heaps bench
  packhorse heaps bench -H 8192 -p 9000 --receiver chunk --rate 2G")]
pub(crate) struct HeapsBenchArgs {
    /// Bytes of samples in a heap
    #[arg(short = 'H', long, value_name = "BYTES", default_value = "8192", value_parser = quantity::bench_heap)]
    pub(crate) heap_size: u32,
    /// Bytes of the longest packet
    #[arg(short = 'p', long, value_name = "BYTES", default_value = "9000", value_parser = quantity::packet)]
    pub(crate) packet: u32,
    /// How heaps are received
    #[arg(long, value_name = "HOW", default_value = "ring")]
    pub(crate) receiver: ReceiverKind,
    /// Try this rate only
    #[arg(long, value_name = "B/s", value_parser = quantity::large)]
    pub(crate) rate: Option<u64>,
    /// How long a try takes
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = quantity::seconds)]
    pub(crate) seconds: Duration,
    /// Heaps that wait in the receiver's ring
    #[arg(long, value_name = "N", default_value = "512", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) ring: u32,
    /// Bytes of the kernel's receive buffer
    #[arg(long, value_name = "BYTES", default_value = "32Mi", value_parser = quantity::large)]
    pub(crate) buffer: u64,
    /// Be the receiving process
    #[arg(long, hide = true)]
    pub(crate) listen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReceiverKind {
    /// Heaps through a ring, to another thread
    Ring,
    /// Heaps on the thread that receives
    Direct,
    /// Heaps placed in chunks
    Chunk,
}

impl ReceiverKind {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Direct => "direct",
            Self::Chunk => "chunk",
        }
    }
}

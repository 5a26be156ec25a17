//! What can be written behind `packhorse heaps`.

use clap::{Args, Subcommand, ValueEnum};

use crate::quantity;

#[derive(Debug, Args)]
#[command(after_help = "\
The wire is SPEAD-64-40, as spead2 speaks it: either side may be a program that uses spead2.

Examples:
  packhorse heaps send -n 524288 -H 8192 -p 9000 192.168.31.2 8888")]
pub(crate) struct HeapsArgs {
    #[command(subcommand)]
    pub(crate) command: HeapsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HeapsCommand {
    /// Send heaps of samples, and print how many MB/s that were
    Send(HeapsSendArgs),
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
    #[arg(short = 'p', long, value_name = "BYTES", default_value = "1472", value_parser = quantity::small)]
    pub(crate) packet: u32,
    /// Receiver: a name or an address; of multicast also a group
    pub(crate) host: String,
    /// Port of the receiver
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

//! What can be written behind `packhorse channel`.

use core::time::Duration;

use clap::{Args, Subcommand};
use packhorse::channel::compress::{Method, Shuffle};
use packhorse::channel::{Address, BackPressure, ModeName};

use crate::quantity;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "\
Addresses:
  memory://NAME     inside one process (bench only)
  ipc://NAME        shared memory, between processes of this machine
  tcp://HOST:PORT   connects; tcp://:PORT listens
  udp://HOST:PORT   sends there; udp://:PORT receives; what is lost is counted")]
pub(crate) struct ChannelArgs {
    #[command(subcommand)]
    pub(crate) command: ChannelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    /// Turn lines or records of standard input into messages
    Send(ChannelSendArgs),
    /// Turn messages into lines or records on standard output
    Recv(ChannelRecvArgs),
    /// Measure rate and latency of a carrier on this machine
    Bench(BenchArgs),
    /// Show what programs do on a channel, live; fail when it is out of bounds
    Watch(super::watch::WatchArgs),
}

/// What both ends have to agree on.
#[derive(Clone, Debug, Args)]
pub(crate) struct EndArgs {
    /// Where the channel is: ipc://NAME, tcp://HOST:PORT, udp://HOST:PORT
    #[arg(value_name = "ADDRESS", value_parser = address)]
    pub(crate) address: Address,
    /// Who sends and who receives: spsc, mpsc, spmc, mpmc, broadcast; tcp and udp have spsc and mpsc
    #[arg(long, value_name = "MODE", default_value = "spsc", value_parser = mode)]
    pub(crate) mode: ModeName,
    /// Bytes that wait in the channel at most [default: 1 MiB]
    #[arg(long, value_name = "BYTES", value_parser = quantity::small)]
    pub(crate) capacity: Option<u32>,
    /// Bytes of the longest message on tcp and udp [default: tcp 1 MiB, udp what a datagram holds]
    #[arg(long, value_name = "BYTES", value_parser = quantity::small)]
    pub(crate) message_max: Option<u32>,
    /// When the channel is full: block, block=SECONDS, drop-newest, drop-oldest, error
    #[arg(long, value_name = "HOW", default_value = "block", value_parser = back_pressure)]
    pub(crate) back_pressure: BackPressure,
    /// Messages are records, each with its length in front as u32 big-endian, instead of lines
    #[arg(long)]
    pub(crate) records: bool,
    /// Small messages travel together in one of up to 64 KiB (both ends)
    #[arg(long)]
    pub(crate) coalesce: bool,
    /// When a connection breaks, try again for so many seconds [default: it is an error at once]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) reconnect: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packhorse channel recv ipc://log &  tail -f app.log | packhorse channel send ipc://log
  packhorse channel recv tcp://:9000 > lines        and elsewhere   packhorse channel send tcp://host:9000 < lines
  packhorse channel send udp://:9000 --records --compress zstd-1 < records")]
pub(crate) struct ChannelSendArgs {
    #[command(flatten)]
    pub(crate) end: EndArgs,
    /// The type word of the messages
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) kind: u32,
    /// Compress messages from 128 bytes on: none, lz4-fast, lz4, zstd-1, zstd-3, snappy (recv needs --decompress)
    #[arg(long, value_name = "METHOD", value_parser = method)]
    pub(crate) compress: Option<Method>,
    /// Messages are numbers of so many bytes: shuffle them before compressing; 2, 4 or 8
    #[arg(long, value_name = "BYTES", value_parser = shuffle, requires = "compress")]
    pub(crate) shuffle: Option<Shuffle>,
    /// Put a CRC-32C behind each message
    #[arg(long, requires = "compress")]
    pub(crate) checksum: bool,
    /// Wait so many seconds for the receiver
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) wait: Duration,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Ends when all senders have left. Exit codes: 0 the channel ended; 1 messages were lost, or a sender broke off;
2 wrong usage, the system refused, or --timeout.

Examples:
  packhorse channel recv ipc://log
  packhorse channel recv tcp://:9000 --mode mpsc --keep-open --records > records")]
pub(crate) struct ChannelRecvArgs {
    #[command(flatten)]
    pub(crate) end: EndArgs,
    /// Only messages of this type; others are counted
    #[arg(long, value_name = "N")]
    pub(crate) kind: Option<u32>,
    /// Messages were sent with --compress
    #[arg(long)]
    pub(crate) decompress: bool,
    /// End after so many messages
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Fail when nothing comes for so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Stay when all senders have left (tcp, udp)
    #[arg(long)]
    pub(crate) keep_open: bool,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The rate is measured as fast as it goes. With --rate messages are sent at the times of a timetable, and the latency is
from the time in the table to the reading: a sender that is held up does not hide it. With --ping-pong one message goes
there and back at a time. Contents are checked: nothing lost, nothing doubled, everything in order.

Examples:
  packhorse channel bench                                 two threads, 64-byte messages, in memory
  packhorse channel bench ipc://b --processes             two processes
  packhorse channel bench --mode mpsc --senders 4
  packhorse channel bench tcp://127.0.0.1:0 --rate 100k
  packhorse channel bench --ping-pong --pin 0,1 --json")]
pub(crate) struct BenchArgs {
    /// memory://NAME, ipc://NAME, tcp://127.0.0.1:PORT, udp://127.0.0.1:PORT; port 0 is any that is free
    #[arg(value_name = "ADDRESS", default_value = "memory://bench", value_parser = address)]
    pub(crate) address: Address,
    /// spsc, mpsc, spmc, mpmc, broadcast
    #[arg(long, value_name = "MODE", default_value = "spsc", value_parser = mode)]
    pub(crate) mode: ModeName,
    /// Bytes of a message, at least 24
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = quantity::small)]
    pub(crate) size: u32,
    /// Messages in all [default: 2M; 20k with --ping-pong; two seconds' worth with --rate]
    #[arg(long, value_name = "N", value_parser = quantity::large)]
    pub(crate) messages: Option<u64>,
    /// Bytes of the channel
    #[arg(long, value_name = "BYTES", default_value = "1M", value_parser = quantity::small)]
    pub(crate) capacity: u32,
    /// Sending threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) senders: u32,
    /// Receiving threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) receivers: u32,
    /// Messages a second and sender; measures latency instead of the highest rate
    #[arg(long, value_name = "N", value_parser = quantity::large, conflicts_with = "ping_pong")]
    pub(crate) rate: Option<u64>,
    /// One message there and back at a time
    #[arg(long)]
    pub(crate) ping_pong: bool,
    /// The receivers are a process of their own (ipc, tcp, udp)
    #[arg(long)]
    pub(crate) processes: bool,
    /// Processors for the threads, senders first, in turn: 0,1
    #[arg(long, value_name = "CPU,...", value_delimiter = ',')]
    pub(crate) pin: Vec<usize>,
    /// The result as a JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// What this process is when --processes has started it
    #[arg(long, hide = true)]
    pub(crate) part: bool,
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: packhorse::channel::AddressError| error.to_string())
}

fn mode(text: &str) -> Result<ModeName, String> {
    text.parse().map_err(|error: packhorse::channel::UnknownMode| error.to_string())
}

fn method(text: &str) -> Result<Method, String> {
    text.parse().map_err(|error: packhorse::channel::compress::UnknownMethod| error.to_string())
}

fn shuffle(text: &str) -> Result<Shuffle, String> {
    match text {
        "2" => Ok(Shuffle::Two),
        "4" => Ok(Shuffle::Four),
        "8" => Ok(Shuffle::Eight),
        _ => Err("numbers have 2, 4 or 8 bytes".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number of seconds, such as 5 or 0.2".to_owned();
    text.parse::<f64>().ok().and_then(|time| Duration::try_from_secs_f64(time).ok()).ok_or_else(wrong)
}

fn back_pressure(text: &str) -> Result<BackPressure, String> {
    match text {
        "block" => Ok(BackPressure::Block),
        "drop-newest" => Ok(BackPressure::DropNewest),
        "drop-oldest" => Ok(BackPressure::DropOldest),
        "error" => Ok(BackPressure::Error),
        _ => match text.strip_prefix("block=") {
            Some(time) => seconds(time).map(BackPressure::BlockFor),
            None => Err("block, block=SECONDS, drop-newest, drop-oldest or error".to_owned()),
        },
    }
}

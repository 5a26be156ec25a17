//! What lies where in the memory of a channel. Offsets only, no pointers: two processes map it at two addresses.
//!
//! ```text
//!   Front     | geometry | state | tail | head | bells | registry | totals | stamps | latency |
//!   peers     | one Place (256 bytes) for every sender and receiver                           |
//!   turns     | the writers' word of every cell, in modes with many senders or receivers      |
//!   backs     | the readers' word of every cell, where they take messages from one another    |
//!   cells     | cell 0 | cell 1 | ...    each `stride` bytes                                  |
//!
//!   a cell of a record channel, the first of a run:
//!             | RecordHeader 32 | headroom | payload | tailroom | up to a whole number of cells
//! ```
//! Words that different ends write stand 128 bytes apart, since processors fetch lines of 64 bytes in pairs. All
//! words are native-endian: memory is not carried to other machines.

use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::wait::bell::Bell;

/// `phchan` and a version; the byte order shows in it.
pub(crate) const MAGIC: u64 = u64::from_be_bytes(*b"phchan\0\x02");

/// Buckets of the latency histogram.
pub(crate) const BUCKETS: usize = 320;

/// Positions whose send times are kept for the histogram.
pub(crate) const STAMPS: usize = 16;

/// A value that has two lines of the cache for itself.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// What every segment begins with.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Front {
    pub(crate) geometry: [AtomicU64; 16],
    /// Bits of [`state`](super::state).
    pub(crate) state: Padded<AtomicU32>,
    pub(crate) tail: Padded<AtomicU64>,
    pub(crate) head: Padded<AtomicU64>,
    /// Rings when there is something to read.
    pub(crate) readable: Padded<Bell>,
    /// Rings when there is room to write.
    pub(crate) writable: Padded<Bell>,
    /// The processors that a sender and a receiver were last seen on; 0: not yet, otherwise one more.
    pub(crate) cpus: [Padded<AtomicU32>; 2],
    pub(crate) registry: Padded<Registry>,
    /// What ends that have left had counted.
    pub(crate) totals: Padded<Totals>,
    /// The turn of cells that have none.
    pub(crate) spare: Padded<AtomicU64>,
    /// Every how many messages one is timed.
    pub(crate) interval: Padded<AtomicU64>,
    pub(crate) stamps: [Stamp; STAMPS],
    pub(crate) latency: [AtomicU64; BUCKETS],
}

/// Who comes and goes.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Registry {
    /// Zero, or the process that changes the places.
    pub(crate) lock: AtomicU64,
    /// Senders there now, and ever.
    pub(crate) senders: AtomicU32,
    pub(crate) senders_ever: AtomicU32,
    /// Receivers there now, and ever.
    pub(crate) receivers: AtomicU32,
    pub(crate) receivers_ever: AtomicU32,
    /// Ends whose process died.
    pub(crate) lost: AtomicU32,
}

/// When a message was sent.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Stamp {
    pub(crate) position: AtomicU64,
    pub(crate) nanos: AtomicU64,
}

/// What an end counts. One writer each, so that counting is a plain store.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Totals {
    pub(crate) messages_sent: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) messages_received: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
    pub(crate) send_blocks: AtomicU64,
    pub(crate) receive_blocks: AtomicU64,
    pub(crate) dropped_newest: AtomicU64,
    pub(crate) dropped_oldest: AtomicU64,
    pub(crate) dropped_lagged: AtomicU64,
    pub(crate) dropped_lost: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// The place of one sender or receiver.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Place {
    /// [`FREE`](super::peers::FREE), a sender, a receiver.
    pub(crate) role: AtomicU32,
    pub(crate) reserved: AtomicU32,
    pub(crate) pid: AtomicU64,
    /// When that process started, in clock ticks since the machine did: a number is given to a new process again.
    pub(crate) started: AtomicU64,
    /// What it is about to take from the ring.
    pub(crate) intent: AtomicU64,
    /// Where it reads, in broadcast.
    pub(crate) cursor: AtomicU64,
    pub(crate) counts: Padded<Totals>,
}

/// What stands before every record. Written by its sender alone, before it is published.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(C)]
pub(crate) struct RecordHeader {
    /// Cells of the whole record.
    pub(crate) cells: u32,
    /// Bytes from the end of this header to the payload.
    pub(crate) start: u32,
    /// Bytes of payload.
    pub(crate) len: u32,
    /// The type word.
    pub(crate) kind: u32,
    /// When it was sent, in nanoseconds of the monotonic clock; zero when it is not timed.
    pub(crate) nanos: u64,
    /// [`PAD`] and what carriers need.
    pub(crate) flags: u32,
    pub(crate) reserved: u32,
}

/// Nothing but the rest of the ring's end.
pub(crate) const PAD: u32 = 1;

/// Bytes of a [`RecordHeader`].
pub(crate) const RECORD_HEADER: usize = size_of::<RecordHeader>();

/// Bytes of a cell in a record channel.
pub(crate) const RECORD_CELL: usize = 64;

const _: () =
    assert!(RECORD_HEADER == 32 && size_of::<Place>() == 256 && size_of::<Front>().is_multiple_of(128));

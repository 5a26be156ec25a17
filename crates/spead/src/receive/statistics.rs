//! [`Statistics`] of a receiving stream, and [`Reason`]: why a packet was dropped, each with a counter of its own.
//!
//! Not for what the kernel dropped before a packet reached this process: the system counts that.

use core::fmt;
use core::ops::{Index, IndexMut};

use super::PacketError;
use crate::wire::HeaderError;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])* $name,)*
        }

        impl Reason {
            /// All of them, in the order in which statistics list them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in statistics: lower case, underscores.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// The packet is shorter than its header.
    Short = "short",
    /// It does not begin with the magic byte.
    Magic = "bad_magic",
    /// Another version of SPEAD.
    Version = "bad_version",
    /// Widths of identifier and address that are no flavour.
    Widths = "bad_widths",
    /// HEAP_CNT is missing.
    NoHeapCnt = "no_heap_cnt",
    /// PAYLOAD_OFFSET is missing.
    NoPayloadOffset = "no_payload_offset",
    /// PAYLOAD_LENGTH is missing.
    NoPayloadLength = "no_payload_length",
    /// The packet ends before its payload.
    PayloadCut = "payload_cut",
    /// The datagram goes on behind the packet.
    BytesBehind = "bytes_behind",
    /// The payload reaches beyond HEAP_LENGTH.
    BeyondHeap = "beyond_heap",
    /// Another packet of the heap said another HEAP_LENGTH, or the heap is longer already.
    LengthConflict = "heap_length_conflict",
    /// Another packet of the heap had another flavour.
    FlavourConflict = "flavour_conflict",
    /// All or part of its payload is there already.
    Duplicate = "duplicate",
    /// It is not the next of its heap, and the stream takes them in order only.
    OutOfOrder = "out_of_order",
    /// It has no HEAP_LENGTH, and the stream wants one.
    Unsized = "unsized",
    /// Its heap is longer than the stream allows.
    HeapTooLong = "heap_too_long",
    /// Its heap has more item pointers than the stream allows.
    TooManyItems = "too_many_items",
    /// Its heap has more gaps than are kept account of.
    TooManyGaps = "too_many_gaps",
    /// There is no memory for its heap within the stream's limit.
    MemoryLimit = "memory_limit",
    /// The stream has stopped.
    AfterStop = "after_stop",
    /// In a stream of bytes: longer than the reader allows. Skipped.
    Oversize = "oversize",
    /// In a capture file: not UDP.
    NotADatagram = "not_a_datagram",
    /// In a capture file: of an interface whose frames this does not read.
    UnsupportedLink = "unsupported_link",
    /// In a capture file: a datagram that the capture did not keep whole.
    CutByCapture = "cut_by_capture",
    /// In a capture file: a datagram in fragments.
    Fragment = "fragment",
}

/// How often packets were dropped, by reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Dropped([u64; Reason::ALL.len()]);

impl Dropped {
    /// Each reason with its count, those that never happened included.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.iter().copied().zip(self.0)
    }

    /// Packets dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Default for Dropped {
    fn default() -> Self {
        Self([0; Reason::ALL.len()])
    }
}

impl Index<Reason> for Dropped {
    type Output = u64;

    fn index(&self, reason: Reason) -> &u64 {
        &self.0[reason as usize]
    }
}

impl IndexMut<Reason> for Dropped {
    fn index_mut(&mut self, reason: Reason) -> &mut u64 {
        &mut self.0[reason as usize]
    }
}

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().filter(|(_, n)| *n > 0).map(|(r, n)| (r.name(), n))).finish()
    }
}

/// What a stream has received so far. Names and meanings are those that users of other implementations know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Heaps that arrived whole, and were delivered: chunk streams do not count those that have no place.
    pub heaps: u64,
    /// Heaps of which nothing arrived, by the gaps between heap counts: see
    /// [`StreamConfig::cnt_step`](super::StreamConfig::cnt_step). What is missing in front of the first is not known.
    pub heaps_missing: u64,
    /// Heaps given up because newer ones needed their place.
    pub incomplete_heaps_evicted: u64,
    /// Heaps that were not whole when the stream ended.
    pub incomplete_heaps_flushed: u64,
    /// Packets that arrived, dropped ones included.
    pub packets: u64,
    /// Bytes of these packets, header and payload.
    pub bytes: u64,
    /// Batches in which they came: one for every call of the system.
    pub batches: u64,
    /// Packets in the largest batch.
    pub max_batch: u64,
    /// Heaps that came in one packet.
    pub single_packet_heaps: u64,
    /// Heaps of one packet that were copied, since all receive buffers were still in use.
    pub copied_heaps: u64,
    /// Heaps looked at to find the one of a packet, all packets together.
    pub search_dist: u64,
    /// How often a reader had to wait since the ring was full, or no free chunk was left.
    pub worker_blocked: u64,
    /// Chunk streams: heaps that came after their chunk was handed over.
    pub too_old_heaps: u64,
    /// Chunk streams: heaps that the place function did not want, or put outside the chunk, or without the item that is
    /// to be placed.
    pub rejected_heaps: u64,
    /// Chunk streams: heaps, or items to be placed, that are not as long as their place.
    pub wrong_length_heaps: u64,
    /// Stop heaps that ended the stream: 1 when its sender said that it was done.
    pub stops: u64,
    /// Streams of bytes: bytes skipped in search of the next packet.
    pub skipped_bytes: u64,
    /// Packets dropped, by reason.
    pub dropped: Dropped,
}

impl Statistics {
    /// Every counter with its name, those of [`Dropped`] under `dropped_` and the reason's name.
    pub fn counters(&self) -> impl Iterator<Item = (String, u64)> {
        let own = [
            ("heaps", self.heaps),
            ("heaps_missing", self.heaps_missing),
            ("incomplete_heaps_evicted", self.incomplete_heaps_evicted),
            ("incomplete_heaps_flushed", self.incomplete_heaps_flushed),
            ("packets", self.packets),
            ("bytes", self.bytes),
            ("batches", self.batches),
            ("max_batch", self.max_batch),
            ("single_packet_heaps", self.single_packet_heaps),
            ("copied_heaps", self.copied_heaps),
            ("search_dist", self.search_dist),
            ("worker_blocked", self.worker_blocked),
            ("too_old_heaps", self.too_old_heaps),
            ("rejected_heaps", self.rejected_heaps),
            ("wrong_length_heaps", self.wrong_length_heaps),
            ("stops", self.stops),
            ("skipped_bytes", self.skipped_bytes),
        ];
        let own = own.into_iter().map(|(name, count)| (name.to_owned(), count));
        let dropped = self.dropped;
        own.chain(
            Reason::ALL.iter().map(move |reason| (format!("dropped_{}", reason.name()), dropped[*reason])),
        )
    }
}

impl From<PacketError> for Reason {
    fn from(error: PacketError) -> Self {
        match error {
            PacketError::Header(HeaderError::Short { .. }) => Self::Short,
            PacketError::Header(HeaderError::Magic { .. }) => Self::Magic,
            PacketError::Header(HeaderError::Version { .. }) => Self::Version,
            PacketError::Header(HeaderError::Widths { .. }) => Self::Widths,
            PacketError::NoHeapCnt => Self::NoHeapCnt,
            PacketError::NoPayloadOffset => Self::NoPayloadOffset,
            PacketError::NoPayloadLength => Self::NoPayloadLength,
            PacketError::PayloadCut { .. } => Self::PayloadCut,
            PacketError::BytesBehind { .. } => Self::BytesBehind,
            PacketError::BeyondHeap { .. } => Self::BeyondHeap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_name_of_its_own() {
        let mut names: Vec<String> = Statistics::default().counters().map(|(name, _)| name).collect();
        let all = names.len();
        assert_eq!(all, 17 + Reason::ALL.len());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn reasons_index_their_own_counter() {
        let mut dropped = Dropped::default();
        for reason in Reason::ALL {
            dropped[*reason] += *reason as u64 + 1;
        }
        assert!(dropped.iter().all(|(reason, count)| count == reason as u64 + 1));
    }
}

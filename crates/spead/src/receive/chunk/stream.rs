//! [`ChunkStream`]: packets of its readers into chunks of a ring.

use alloc::sync::Arc;
use core::fmt;
use std::io;

use super::super::assembler::Assembler;
use super::super::intake::{Intake, Outlet};
use super::super::{Reader, Statistics, StreamConfig};
use super::group::Interrupt;
use super::store::{Chunks, PlaceFunction};
use super::{ChunkGroup, ChunkRing, Eviction, Place, PlaceRequest};

/// How a stream fills chunks.
pub struct ChunkOptions {
    place: PlaceFunction,
    max_chunks: usize,
    stream_id: u64,
    packet_payload: Option<usize>,
    item: Option<u64>,
}

impl ChunkOptions {
    /// Heaps go where `place` says, by what their first packet says; those for which it says `None` are not wanted, nor
    /// are those of another length than it says.
    ///
    /// It is called once a heap, on the thread that receives, and should be quick. When it panics the stream ends, and
    /// [`ChunkStream::take_error`] tells. Without [`item`](Self::item) the whole payload of a heap goes to its place: with
    /// descriptors, or several items, it is longer than the samples.
    pub fn new(place: impl FnMut(&mut PlaceRequest<'_>) -> Option<Place> + Send + 'static) -> Self {
        Self { place: Box::new(place), max_chunks: 2, stream_id: 0, packet_payload: None, item: None }
    }

    /// Places only the bytes of this addressed item, whatever else a heap carries: descriptors, other items. Its pointer,
    /// and the one behind it, must be in the heap's first packet, where senders put them.
    #[must_use]
    pub fn item(self, id: u64) -> Self {
        Self { item: Some(id), ..self }
    }

    /// Chunks that may be filled at once: how far heaps may come late. Two by default.
    #[must_use]
    pub fn max_chunks(self, max_chunks: usize) -> Self {
        Self { max_chunks, ..self }
    }

    /// What [`Chunk::stream_id`](super::Chunk::stream_id) tells. A group has its own.
    #[must_use]
    pub fn stream_id(self, stream_id: u64) -> Self {
        Self { stream_id, ..self }
    }

    /// Flags tell which packets arrived instead of which heaps: flag `place.heap + n` stands for the bytes of the place
    /// from `n * payload` on, as long as a packet. For heaps of many equal packets of which some may be missing. Where
    /// packets are cut otherwise, what lies in two of them is flagged when the heap is whole.
    #[must_use]
    pub fn packet_presence(self, payload: usize) -> Self {
        Self { packet_payload: Some(payload.max(1)), ..self }
    }
}

impl fmt::Debug for ChunkOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkOptions {{ max_chunks {}, stream_id {} }}", self.max_chunks, self.stream_id)
    }
}

/// A stream that fills chunks. Dropping it ends it; what is in the ring can still be taken.
pub struct ChunkStream {
    intake: Arc<Intake<Chunks, Leaving>>,
    interrupt: Interrupt,
}

struct Leaving;

impl ChunkStream {
    /// Starts receiving with these readers, each in a thread, into chunks of `ring`.
    ///
    /// # Errors
    /// `InvalidInput` when the ring has fewer chunks than the windows of its streams hold: the stream would wait for
    /// ever. When the system has no thread left.
    pub fn start(
        config: StreamConfig,
        options: ChunkOptions,
        ring: &ChunkRing,
        readers: impl IntoIterator<Item = Box<dyn Reader>>,
    ) -> io::Result<Self> {
        let group = ChunkGroup::new(options.max_chunks, options.stream_id, Eviction::Lossy, ring);
        Self::start_in(&group, config, options, readers)
    }

    /// Starts receiving as one of the streams of `group`. Lossless groups need all streams started before data comes.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_in(
        group: &ChunkGroup,
        config: StreamConfig,
        options: ChunkOptions,
        readers: impl IntoIterator<Item = Box<dyn Reader>>,
    ) -> io::Result<Self> {
        let member = group.join(options.max_chunks)?;
        let interrupt = member.interrupt();
        let ChunkOptions { place, packet_payload, item, .. } = options;
        let store = Chunks::new(place, member, packet_payload, item);
        let stream = Self { intake: Intake::new(Assembler::new(config, store), Leaving), interrupt };
        stream.intake.start(readers.into_iter().collect())?;
        Ok(stream)
    }

    /// One more source of packets. A stream that has ended stays so.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn add_reader(&self, reader: impl Reader + 'static) -> io::Result<()> {
        self.intake.start(vec![Box::new(reader)])
    }

    /// Ends the stream: its chunks go to the ring as they are, as far as there is room.
    pub fn stop(&self) {
        self.interrupt.begin();
        self.intake.stop(|| ());
        self.interrupt.end();
    }

    /// What was received up to the last batch of packets.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.intake.statistics()
    }

    /// Why a reader ended, if one failed, or the place function panicked. Of several the first.
    #[must_use]
    pub fn take_error(&self) -> Option<io::Error> {
        self.intake.take_error()
    }
}

impl Drop for ChunkStream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for ChunkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkStream").field("statistics", &self.statistics()).finish()
    }
}

impl Outlet<Chunks> for Leaving {
    fn hand_over(&mut self, chunks: &mut Chunks) -> u64 {
        core::mem::take(&mut chunks.member.window().blocked)
    }

    fn close(&mut self, chunks: &mut Chunks) {
        chunks.member.leave();
    }
}

//! [`Channel`] and [`Builder`]: from an address and choices to the two ends.

use alloc::sync::Arc;
use core::marker::PhantomData;

#[cfg(target_os = "linux")]
use crate::ipc;
use crate::segment::Segment;
use crate::segment::geometry::{EVICTS, Geometry, OVERWRITES, Wanted};
use crate::segment::layout::{RECORD_CELL, RECORD_HEADER};
use crate::segment::region::Hints;
use crate::typed::{Value, hash_of};
use crate::wait::barrier;
use crate::{
    Adaptive, Address, BackPressure, Mode, ModeName, Observer, OpenError, Wait, memory, record, typed,
};

/// Both ends of a typed channel.
pub type Typed<T, M, W = Adaptive> = (typed::Sender<T, M, W>, typed::Receiver<T, M, W>);

/// Both ends of a record channel.
pub type Records<M, W = Adaptive> = (record::Sender<M, W>, record::Receiver<M, W>);

/// Where channels begin: [`Channel::at`].
#[derive(Debug)]
pub enum Channel {}

impl Channel {
    /// A channel at an address such as `memory://orders` or `ipc://orders`.
    ///
    /// # Errors
    /// [`OpenError::Address`] when the text is no address.
    pub fn at(address: &str) -> Result<Builder, OpenError> {
        Ok(Builder::new(address.parse()?))
    }

    /// A channel of this process without a name: only who is given an end has one.
    #[must_use]
    pub fn anonymous() -> Builder {
        Builder::new(Address::Memory(String::new()))
    }
}

/// Why there is no ipc elsewhere.
#[cfg(not(target_os = "linux"))]
const NO_IPC: &str = "ipc:// needs Linux: sealed memory, futexes and /proc";

/// Choices for a channel. What is chosen here and differs from a channel that is there already is an error.
#[derive(Clone, Debug)]
pub struct Builder<W: Wait = Adaptive> {
    pub(crate) address: Address,
    pub(crate) capacity: Option<usize>,
    pub(crate) policy: BackPressure,
    pub(crate) headroom: usize,
    pub(crate) tailroom: usize,
    pub(crate) peers: usize,
    pub(crate) hints: Hints,
    pub(crate) type_id: Option<u64>,
    wait: PhantomData<fn() -> W>,
}

/// Bytes of messages when nobody says how many.
const CAPACITY: usize = 1 << 20;

/// Most bytes of messages: offsets stay far from overflowing.
const MOST_CAPACITY: usize = 1 << 40;

/// Places for senders and receivers when nobody says how many.
const PEERS: usize = 64;

impl Builder {
    fn new(address: Address) -> Self {
        Self {
            address,
            capacity: None,
            policy: BackPressure::Block,
            headroom: 0,
            tailroom: 0,
            peers: PEERS,
            hints: Hints::default(),
            type_id: None,
            wait: PhantomData,
        }
    }
}

impl<W: Wait> Builder<W> {
    /// Bytes of messages, rounded down to a power of two of slots; 1 MiB unless chosen. Who opens a channel that is
    /// there and chooses none takes it as large as it is.
    #[must_use]
    pub const fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// What a sender does when the channel is full; it waits unless chosen.
    #[must_use]
    pub const fn back_pressure(mut self, policy: BackPressure) -> Self {
        self.policy = policy;
        self
    }

    /// Bytes in front of every record's payload for the headers of a stack, rounded up to 16.
    #[must_use]
    pub const fn headroom(mut self, bytes: usize) -> Self {
        self.headroom = bytes.saturating_add(15) & !15;
        self
    }

    /// Bytes behind every record's payload for the trailers of a stack.
    #[must_use]
    pub const fn tailroom(mut self, bytes: usize) -> Self {
        self.tailroom = bytes;
        self
    }

    /// Most senders and receivers together, rounded up to a power of two; 64 unless chosen.
    #[must_use]
    pub const fn peers(mut self, most: usize) -> Self {
        self.peers = most;
        self
    }

    /// Touch all memory when the channel is made, not when messages first reach it.
    #[must_use]
    pub const fn prefault(mut self) -> Self {
        self.hints.prefault = true;
        self
    }

    /// Ask the system for large pages; it may have none.
    #[must_use]
    pub const fn huge_pages(mut self) -> Self {
        self.hints.huge = true;
        self
    }

    /// The number by which programs agree on the type of a typed channel, instead of the type's name and layout.
    #[must_use]
    pub const fn type_id(mut self, id: u64) -> Self {
        self.type_id = Some(id);
        self
    }

    /// Wait otherwise: see [`Wait`].
    #[must_use]
    pub fn wait<V: Wait>(self) -> Builder<V> {
        let Self { address, capacity, policy, headroom, tailroom, peers, hints, type_id, wait: _ } = self;
        Builder { address, capacity, policy, headroom, tailroom, peers, hints, type_id, wait: PhantomData }
    }

    /// Both ends of a channel of `T`s.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn typed<T: Value, M: Mode>(self) -> Result<Typed<T, M, W>, OpenError> {
        let policy = self.policy;
        let segment = self.typed_segment::<T, M>()?;
        let receiver = typed::Receiver::join(Arc::clone(&segment))?;
        Ok((typed::Sender::join(segment, policy)?, receiver))
    }

    /// A sender of `T`s.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn typed_sender<T: Value, M: Mode>(self) -> Result<typed::Sender<T, M, W>, OpenError> {
        let policy = self.policy;
        typed::Sender::join(self.typed_segment::<T, M>()?, policy)
    }

    /// A receiver of `T`s.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn typed_receiver<T: Value, M: Mode>(self) -> Result<typed::Receiver<T, M, W>, OpenError> {
        typed::Receiver::join(self.typed_segment::<T, M>()?)
    }

    /// Both ends of a channel of records.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn records<M: Mode>(self) -> Result<Records<M, W>, OpenError> {
        let policy = self.policy;
        let segment = self.record_segment::<M>()?;
        let receiver = record::Receiver::join(Arc::clone(&segment))?;
        Ok((record::Sender::join(segment, policy)?, receiver))
    }

    /// A sender of records.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn record_sender<M: Mode>(self) -> Result<record::Sender<M, W>, OpenError> {
        let policy = self.policy;
        record::Sender::join(self.record_segment::<M>()?, policy)
    }

    /// A receiver of records.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn record_receiver<M: Mode>(self) -> Result<record::Receiver<M, W>, OpenError> {
        record::Receiver::join(self.record_segment::<M>()?)
    }

    /// A look at a channel that is there, without taking part.
    ///
    /// # Errors
    /// [`OpenError::Missing`] when there is none; [`OpenError::Unsupported`] on networks, where nothing can be seen
    /// from outside.
    pub fn observe(self) -> Result<Observer, OpenError> {
        let segment = match &self.address {
            Address::Memory(name) => memory::observe(name),
            #[cfg(target_os = "linux")]
            Address::Ipc(name) => ipc::observe(name)?,
            #[cfg(not(target_os = "linux"))]
            Address::Ipc(_) => return Err(OpenError::Unsupported(NO_IPC)),
            Address::Tcp { .. } | Address::Udp { .. } => {
                return Err(OpenError::Unsupported("only channels in memory can be seen from outside"));
            }
        };
        segment.map(Observer::new).ok_or(OpenError::Missing)
    }

    fn typed_segment<T: Value, M: Mode>(self) -> Result<Arc<Segment>, OpenError> {
        const { assert!(size_of::<T>() > 0, "a message has at least one byte") };
        const { assert!(align_of::<T>() <= 128, "a message is aligned to at most 128 bytes") };
        let type_hash = self.type_id.unwrap_or_else(hash_of::<T>);
        self.segment(M::NAME, size_of::<T>(), type_hash, size_of::<T>())
    }

    fn record_segment<M: Mode>(self) -> Result<Arc<Segment>, OpenError> {
        self.segment(M::NAME, RECORD_CELL, 0, 0)
    }

    fn segment(
        self,
        mode: ModeName,
        stride: usize,
        type_hash: u64,
        type_size: usize,
    ) -> Result<Arc<Segment>, OpenError> {
        barrier::prepare();
        let flags = match (self.policy, mode) {
            (BackPressure::DropOldest, ModeName::Broadcast) => OVERWRITES,
            (BackPressure::DropOldest, _) => EVICTS,
            _ => 0,
        };
        // More than there can be stays more than there can be.
        let rooms = self.headroom.min(MOST_CAPACITY) + self.tailroom.min(MOST_CAPACITY);
        let least = match type_size {
            0 => 2 * (RECORD_HEADER + rooms).next_multiple_of(stride),
            _ => 2 * stride,
        };
        let most = MOST_CAPACITY.min(stride << 27);
        let capacity = self.capacity.unwrap_or(CAPACITY.max(least.next_power_of_two()));
        let cells = capacity / stride;
        if capacity < least || capacity > most || cells < 2 {
            return Err(OpenError::Capacity { capacity, least, most });
        }
        let geometry = Geometry {
            mode,
            stride: stride as u64,
            cells: 1 << cells.ilog2(),
            peers: self.peers.clamp(2, 4096).next_power_of_two() as u64,
            type_hash,
            type_size: type_size as u64,
            headroom: self.headroom as u64,
            tailroom: self.tailroom as u64,
            flags,
        };
        let wanted = Wanted { geometry, any_capacity: self.capacity.is_none() };
        match &self.address {
            Address::Memory(name) => memory::open(name, &wanted, self.hints),
            #[cfg(target_os = "linux")]
            Address::Ipc(name) => ipc::open(name, &wanted, self.hints),
            #[cfg(not(target_os = "linux"))]
            Address::Ipc(_) => Err(OpenError::Unsupported(NO_IPC)),
            Address::Tcp { .. } | Address::Udp { .. } => {
                Err(OpenError::Unsupported("a ring is in memory:// or ipc://"))
            }
        }
    }
}

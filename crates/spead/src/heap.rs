//! [`Heap`]: items that travel together, before they are cut into packets.
//!
//! ```text
//!   immediate(0x1600, 5)    -> in the headers
//!   item(0x3300, samples)   -> in the payload, in the order in which items are added, without gaps
//!   descriptor(&samples)    -> likewise, a packet within the payload
//! ```
//! A heap is a plan: [`prebuild`](Heap::prebuild) makes of it what is sent. Not for what was received.

mod layout;
mod prebuilt;

use thiserror::Error;

pub use layout::Split;
pub use prebuilt::{NoSuchImmediate, PrebuiltHeap};

use crate::descriptor::EncodeDescriptorError;
use crate::wire::id;
use crate::{Descriptor, Flavour, Value};

/// Items that travel together.
#[derive(Clone, Debug)]
pub struct Heap {
    flavour: Flavour,
    count: Option<u64>,
    items: Vec<Item>,
    repeat_pointers: bool,
}

#[derive(Clone, Debug)]
struct Item {
    id: u64,
    value: ItemValue,
}

#[derive(Clone, Debug)]
enum ItemValue {
    Immediate(u64),
    Memory { value: Value, may_be_immediate: bool },
}

impl Heap {
    /// A heap without items.
    #[must_use]
    pub const fn new(flavour: Flavour) -> Self {
        Self { flavour, count: None, items: Vec::new(), repeat_pointers: false }
    }

    /// The heap that some receivers want to see first.
    #[must_use]
    pub fn start(flavour: Flavour) -> Self {
        Self::control(flavour, id::START)
    }

    /// The heap that ends the stream. Receivers deliver neither it nor anything behind it.
    #[must_use]
    pub fn stop(flavour: Flavour) -> Self {
        Self::control(flavour, id::STOP)
    }

    fn control(flavour: Flavour, value: u64) -> Self {
        let mut heap = Self::new(flavour);
        heap.immediate(id::STREAM_CTRL, value);
        heap
    }

    /// Adds a small number that travels in the headers.
    pub fn immediate(&mut self, id: u64, value: u64) -> &mut Self {
        self.items.push(Item { id, value: ItemValue::Immediate(value) });
        self
    }

    /// Adds memory. If it is no longer than an address ([`Flavour::address_bytes`]), its bytes travel as an immediate
    /// and are fixed when the heap is prebuilt, but for [`PrebuiltHeap::set`].
    pub fn item(&mut self, id: u64, value: impl Into<Value>) -> &mut Self {
        self.memory(id, value.into(), true)
    }

    /// Adds memory that travels in the payload, however short it is. Items of variable shape have to.
    pub fn addressed(&mut self, id: u64, value: impl Into<Value>) -> &mut Self {
        self.memory(id, value.into(), false)
    }

    fn memory(&mut self, id: u64, value: Value, may_be_immediate: bool) -> &mut Self {
        self.items.push(Item { id, value: ItemValue::Memory { value, may_be_immediate } });
        self
    }

    /// Adds the description of an item.
    ///
    /// # Errors
    /// [`EncodeDescriptorError`] when it does not fit in the flavour.
    pub fn descriptor(&mut self, descriptor: &Descriptor) -> Result<&mut Self, EncodeDescriptorError> {
        let bytes = descriptor.encode(self.flavour)?;
        Ok(self.memory(id::DESCRIPTOR, bytes.into(), false))
    }

    /// Whether every packet carries the pointers of all items, so that each can be understood alone: receivers of
    /// chunks need that, and lossy links are better off. They have to fit in one packet.
    pub fn repeat_pointers(&mut self, repeat: bool) -> &mut Self {
        self.repeat_pointers = repeat;
        self
    }

    /// Asks for a number of its own instead of the stream's next one.
    pub fn with_count(&mut self, count: u64) -> &mut Self {
        self.count = Some(count);
        self
    }

    /// The flavour.
    #[must_use]
    pub const fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Whether it has no items.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Cuts it into packets of at most `packet_size` bytes and writes their headers: [`Split::Even`].
    ///
    /// # Errors
    /// [`HeapError`] when it does not fit in the flavour or in such packets.
    pub fn prebuild(&self, packet_size: usize) -> Result<PrebuiltHeap, HeapError> {
        self.prebuild_with(packet_size, Split::default())
    }

    /// As [`prebuild`](Self::prebuild), with a choice of the packets' lengths.
    ///
    /// # Errors
    /// As [`prebuild`](Self::prebuild).
    pub fn prebuild_with(&self, packet_size: usize, split: Split) -> Result<PrebuiltHeap, HeapError> {
        let (most_id, most) = (self.flavour.max_id(), self.flavour.max_address());
        for item in &self.items {
            if item.id <= id::PAYLOAD_LENGTH || item.id > most_id {
                return Err(HeapError::Id { id: item.id, most: most_id });
            }
            match item.value {
                ItemValue::Immediate(value) if value > most => {
                    return Err(HeapError::Immediate { id: item.id, value, most });
                }
                _ => {}
            }
        }
        PrebuiltHeap::new(self, packet_size, split)
    }
}

/// Why a heap cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeapError {
    /// Packets so short hold no payload.
    #[error("packets of {asked} bytes are too short; the least are {least}")]
    PacketSize {
        /// What was asked for.
        asked: usize,
        /// The least.
        least: usize,
    },
    /// An identifier that is the protocol's own, or larger than the flavour allows.
    #[error("identifier {id:#x} is not between 5 and {most:#x}; choose another or a flavour with more room")]
    Id {
        /// The identifier.
        id: u64,
        /// The largest.
        most: u64,
    },
    /// A number that does not fit in the flavour's address bits.
    #[error(
        "immediate item {id:#x} is {value:#x}, the most in this flavour is {most:#x}; add it as memory instead"
    )]
    Immediate {
        /// The item.
        id: u64,
        /// Its value.
        value: u64,
        /// The largest value.
        most: u64,
    },
    /// More payload than an address can reach.
    #[error("the heap has {len} bytes of payload, the most in this flavour is {most}; send several heaps")]
    TooLong {
        /// Bytes of payload.
        len: u64,
        /// The most.
        most: u64,
    },
    /// The pointers of all items do not fit in one packet.
    #[error(
        "{pointers} item pointers do not fit in one packet, only {most}; do not repeat them, or send longer packets"
    )]
    RepeatedPointers {
        /// How many there are.
        pointers: usize,
        /// How many fit.
        most: usize,
    },
    /// More pointers in a packet, or more packets and items, than can be counted.
    #[error("the heap has too many items or packets; send longer packets or several heaps")]
    TooManyPieces,
    /// A descriptor cannot be written.
    #[error(transparent)]
    Descriptor(#[from] EncodeDescriptorError),
}

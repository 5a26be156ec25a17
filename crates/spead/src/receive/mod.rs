//! Receiving: packets become heaps, or fill chunks.
//!
//! ```text
//!   reader ----> Packet ----> assembler ----> ring of heaps          RingStream: blocking, trying, async
//!   udp, tcp,    checked      in order or     on the caller's thread DirectStream
//!   memory,      where it     not, limits     chunks                 ChunkStream: placed where you say
//!   pcap, ...    lies
//! ```
//! A heap that fits in one packet is a slice of the receive buffer; of longer ones each payload is copied once. What
//! is dropped is counted under its own name: [`Statistics`].

mod assembler;
pub mod chunk;
mod config;
mod descriptions;
mod direct;
mod heap;
mod heaps;
mod intake;
mod items;
mod memory;
mod packet;
mod pool;
mod reader;
pub mod readers;
mod recycling;
mod ring;
mod ring_stream;
mod statistics;

pub use config::StreamConfig;
pub use descriptions::{Described, Descriptions};
pub use direct::DirectStream;
pub use heap::Heap;
pub use items::{HeapItem, Items};
pub use memory::{Allocator, HeapMemory};
pub use packet::{Packet, PacketError};
pub use pool::{MemoryPool, PoolConfig};
pub use reader::{Batch, Reader, Stopper};
pub use recycling::Recycling;
pub use ring_stream::{NoHeap, RingOptions, RingStream};
pub use statistics::{Dropped, Reason, Statistics};

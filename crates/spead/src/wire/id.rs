//! Identifiers that the protocol keeps for itself, and the values of [`STREAM_CTRL`].

/// Padding. As an address it ends the item in front of it.
pub const NULL: u64 = 0x00;
/// Number of the heap. Immediate, in every packet.
pub const HEAP_CNT: u64 = 0x01;
/// Bytes of the whole heap's payload. Immediate.
pub const HEAP_LENGTH: u64 = 0x02;
/// Where in the heap's payload that of this packet begins, in bytes. Immediate, in every packet.
pub const PAYLOAD_OFFSET: u64 = 0x03;
/// Bytes of this packet's payload. Immediate, in every packet.
pub const PAYLOAD_LENGTH: u64 = 0x04;
/// Description of an item: a SPEAD packet in the payload. Addressed.
pub const DESCRIPTOR: u64 = 0x05;
/// One of [`START`], [`REISSUE`], [`STOP`], [`UPDATE`]. Immediate.
pub const STREAM_CTRL: u64 = 0x06;

/// In a descriptor: name of the item, ASCII.
pub const DESCRIPTOR_NAME: u64 = 0x10;
/// In a descriptor: what the item is, for people, ASCII.
pub const DESCRIPTOR_DESCRIPTION: u64 = 0x11;
/// In a descriptor: dimensions of the array.
pub const DESCRIPTOR_SHAPE: u64 = 0x12;
/// In a descriptor: fields of an element.
pub const DESCRIPTOR_FORMAT: u64 = 0x13;
/// In a descriptor: identifier of the item. Immediate.
pub const DESCRIPTOR_ID: u64 = 0x14;
/// In a descriptor: the array as the header of a numpy file, ASCII.
pub const DESCRIPTOR_DTYPE: u64 = 0x15;

/// The first identifier that applications choose by convention.
pub const FIRST_USER: u64 = 0x1000;

/// [`STREAM_CTRL`]: the stream starts.
pub const START: u64 = 0;
/// [`STREAM_CTRL`]: the descriptors in this heap are sent again.
pub const REISSUE: u64 = 1;
/// [`STREAM_CTRL`]: the stream ends; the heap that says so carries no items.
pub const STOP: u64 = 2;
/// [`STREAM_CTRL`]: the descriptors in this heap replace earlier ones.
pub const UPDATE: u64 = 3;

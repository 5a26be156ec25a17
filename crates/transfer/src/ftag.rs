//! The `ftag` profile: block header and control messages of the radio toolkit that it is compatible with.
//!
//! ```text
//!   0              2
//!   | block number | block ...       data packet, big-endian
//!   | 0            | message ...     control packet
//! ```
//! The messages are laid out in [`Codec`].

mod codec;

pub use codec::{BLOCK_SIZE_MAX, Codec, FULL_BLOCKS_MAX, NAME_MAX, NAME_SENT_MAX};

use packhorse_buffer::{DecodeError, Layer, NoRoom, PacketBuf, Side, Storage, TooShort};
use zerocopy::byteorder::{BE, U16};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::BlockHeader;

/// The header as it lies in the packet.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    number: U16<BE>,
}

const LEN: usize = size_of::<Header>();

/// Pushes and pulls the ftag block header, 2 bytes. The tag is not on the wire and pulled as 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockLayer;

impl Layer for BlockLayer {
    const HEADROOM: usize = LEN;
    const TAILROOM: usize = 0;
    type Tx = BlockHeader;
    type Rx = BlockHeader;
    type Error = DecodeError;

    /// A block number above 65,535 needs four bytes where the header has two: [`NoRoom`] at the head says so.
    /// A [`Meta`](crate::Meta) that the [`Codec`] has encoded has no such block.
    #[inline]
    fn push<S: Storage>(&mut self, block: BlockHeader, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let number = u16::try_from(block.number).map_err(|_| NoRoom {
            side: Side::Head,
            needed: 4,
            available: LEN,
        })?;
        buf.push(LEN)?.copy_from_slice(Header { number: number.into() }.as_bytes());
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<BlockHeader, DecodeError> {
        let bytes = buf.pull(LEN).map_err(|short| short.at("transfer", 0))?;
        let header = Header::ref_from_bytes(bytes)
            .map_err(|_| TooShort { needed: LEN, available: bytes.len() }.at("transfer", 0))?;
        Ok(BlockHeader { tag: 0, number: header.number.get().into() })
    }
}

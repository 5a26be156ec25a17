//! The `native` profile: block header and control messages.
//!
//! ```text
//!   0            2                     6
//!   | tag        | block number        | block ...               data packet
//!   | tag        | fragment word       | piece of a message ...  control packet
//! ```
//! All integers are big-endian. The messages are laid out in [`Codec`].

mod codec;
mod options;

pub use codec::Codec;
pub use options::NAME_MAX;

use packhorse_buffer::{DecodeError, Layer, NoRoom, PacketBuf, Storage, TooShort};
use zerocopy::byteorder::{BE, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::BlockHeader;

/// The header as it lies in the packet.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    tag: U16<BE>,
    number: U32<BE>,
}

const LEN: usize = size_of::<Header>();

/// Pushes and pulls the native block header, 6 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockLayer;

impl Layer for BlockLayer {
    const HEADROOM: usize = LEN;
    const TAILROOM: usize = 0;
    type Tx = BlockHeader;
    type Rx = BlockHeader;
    type Error = DecodeError;

    #[inline]
    fn push<S: Storage>(&mut self, block: BlockHeader, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        let header = Header { tag: block.tag.into(), number: block.number.into() };
        buf.push(LEN)?.copy_from_slice(header.as_bytes());
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<BlockHeader, DecodeError> {
        let bytes = buf.pull(LEN).map_err(|short| short.at("transfer", 0))?;
        let header = Header::ref_from_bytes(bytes)
            .map_err(|_| TooShort { needed: LEN, available: bytes.len() }.at("transfer", 0))?;
        Ok(BlockHeader { tag: header.tag.get(), number: header.number.get() })
    }
}

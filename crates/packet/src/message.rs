//! [`MessageLayer`]: the header of packets on message channels such as telemetry.
//!
//! ```text
//!   0         1       2            3   4
//!   | message | index | last index | 0 | piece of the message ...
//! ```
//! Not for transfer channels: their block header carries the same word in control messages.
//!
//! For stacks that end at the packet layer. Profile `native` has a transfer header on every packet, and the same word
//! stands in its number field.

use packhorse_buffer::{DecodeError, Layer, NoRoom, PacketBuf, Storage};

use crate::Fragment;

/// Bytes of the fragment word.
const LEN: usize = 4;

/// Pushes and pulls the fragment word, 4 bytes, of a message channel.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageLayer;

impl Layer for MessageLayer {
    const HEADROOM: usize = LEN;
    const TAILROOM: usize = 0;
    type Tx = Fragment;
    type Rx = Fragment;
    type Error = DecodeError;

    #[inline]
    fn push<S: Storage>(&mut self, fragment: Fragment, buf: &mut PacketBuf<S>) -> Result<(), NoRoom> {
        buf.push(LEN)?.copy_from_slice(&fragment.to_word().to_be_bytes());
        Ok(())
    }

    #[inline]
    fn pull<S: Storage>(&mut self, buf: &mut PacketBuf<S>) -> Result<Fragment, DecodeError> {
        let bytes = buf.pull(LEN).map_err(|short| short.at("packet", 0))?;
        let word = bytes.first_chunk().ok_or_else(|| crate::short(bytes.len(), LEN))?;
        Fragment::from_word(u32::from_be_bytes(*word))
    }
}

//! [`Descriptor`]: the header of a frame.
//!
//! ```text
//!   FLG  | version 01 | independent | block checksum | content size | content checksum | 0 | dictionary id |
//!   bit    7 6          5             4                3              2                  1   0
//!   BD   | 0 | block size code | 0 0 0 0 |
//!   HC   second byte of XXH32 over FLG .. dictionary id
//! ```

use super::{BlockSize, Checksum, FrameErrorKind, MAGIC};

const VERSION: u8 = 0b0100_0000;
const INDEPENDENT: u8 = 0b0010_0000;
const BLOCK_CHECKSUM: u8 = 0b0001_0000;
const CONTENT_SIZE: u8 = 0b0000_1000;
const CONTENT_CHECKSUM: u8 = 0b0000_0100;
const RESERVED_FLG: u8 = 0b0000_0010;
const DICTIONARY_ID: u8 = 0b0000_0001;
const RESERVED_BD: u8 = 0b1000_1111;

/// What a frame's header says.
///
/// ```
/// use packhorse_compress::frame::{BlockSize, Descriptor};
///
/// let header = Descriptor { block_size: BlockSize::Mib1, ..Descriptor::default() };
/// let mut bytes = [0; Descriptor::LONGEST];
/// let len = header.encode(&mut bytes);
/// assert_eq!(&bytes[..len], b"\x04\x22\x4D\x18\x60\x60\x51");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Most content bytes in a block.
    pub block_size: BlockSize,
    /// Blocks refer to those before them.
    pub linked: bool,
    /// Every block is followed by a checksum of its stored bytes.
    pub block_checksum: bool,
    /// The frame ends with a checksum of the content.
    pub content_checksum: bool,
    /// Bytes of content, if told.
    pub content_size: Option<u64>,
    /// The id of the dictionary, if told.
    pub dictionary_id: Option<u32>,
}

impl Default for Descriptor {
    /// Independent blocks of 1 MiB and nothing else.
    fn default() -> Self {
        Self {
            block_size: BlockSize::Mib1,
            linked: false,
            block_checksum: false,
            content_checksum: false,
            content_size: None,
            dictionary_id: None,
        }
    }
}

impl Descriptor {
    /// Bytes of the longest header, magic included.
    pub const LONGEST: usize = 19;

    /// Writes the header, magic included, and returns its length: 7 to 19 bytes.
    pub fn encode(&self, into: &mut [u8; Self::LONGEST]) -> usize {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flg = VERSION
            | flag(!self.linked, INDEPENDENT)
            | flag(self.block_checksum, BLOCK_CHECKSUM)
            | flag(self.content_size.is_some(), CONTENT_SIZE)
            | flag(self.content_checksum, CONTENT_CHECKSUM)
            | flag(self.dictionary_id.is_some(), DICTIONARY_ID);
        let mut len = 0;
        let mut put = |bytes: &[u8]| {
            into[len..len + bytes.len()].copy_from_slice(bytes);
            len += bytes.len();
        };
        put(&MAGIC.to_le_bytes());
        put(&[flg, self.block_size.code() << 4]);
        if let Some(size) = self.content_size {
            put(&size.to_le_bytes());
        }
        if let Some(id) = self.dictionary_id {
            put(&id.to_le_bytes());
        }
        into[len] = header_checksum(&into[4..len]);
        len + 1
    }

    /// Bytes of a header behind the magic, as its flags say: 3 to 15.
    pub(crate) const fn len_behind_magic(flg: u8) -> usize {
        3 + if flg & CONTENT_SIZE == 0 { 0 } else { 8 } + if flg & DICTIONARY_ID == 0 { 0 } else { 4 }
    }

    /// Reads a header from behind its magic; `bytes` has the length that its first byte asks for.
    ///
    /// # Errors
    /// When it is damaged or of another format.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FrameErrorKind> {
        let [flg, bd, ..] = *bytes else { return Err(FrameErrorKind::CutShort) };
        let Some((&found, checked)) = bytes.split_last() else { return Err(FrameErrorKind::CutShort) };
        let version = flg >> 6;
        if version != 1 {
            return Err(FrameErrorKind::Version(version));
        }
        let expected = header_checksum(checked);
        if found != expected {
            return Err(FrameErrorKind::HeaderChecksum { expected, found });
        }
        if flg & RESERVED_FLG != 0 || bd & RESERVED_BD != 0 {
            return Err(FrameErrorKind::Reserved { flg, bd });
        }
        let code = bd >> 4;
        let block_size = BlockSize::from_code(code).map_err(|_| FrameErrorKind::BlockSizeCode(code))?;
        let mut rest = checked.get(2..).unwrap_or_default();
        let mut content_size = None;
        if flg & CONTENT_SIZE != 0 {
            let (size, behind) = rest.split_first_chunk().ok_or(FrameErrorKind::CutShort)?;
            (content_size, rest) = (Some(u64::from_le_bytes(*size)), behind);
        }
        let mut dictionary_id = None;
        if flg & DICTIONARY_ID != 0 {
            let (id, _) = rest.split_first_chunk().ok_or(FrameErrorKind::CutShort)?;
            dictionary_id = Some(u32::from_le_bytes(*id));
        }
        Ok(Self {
            block_size,
            linked: flg & INDEPENDENT == 0,
            block_checksum: flg & BLOCK_CHECKSUM != 0,
            content_checksum: flg & CONTENT_CHECKSUM != 0,
            content_size,
            dictionary_id,
        })
    }
}

fn header_checksum(bytes: &[u8]) -> u8 {
    let [_, second, ..] = Checksum::of(bytes).to_le_bytes();
    second
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_header_is_read_as_it_was_written(
            code in 4_u8..=7, linked: bool, block_checksum: bool, content_checksum: bool,
            content_size: Option<u64>, dictionary_id: Option<u32>,
        ) {
            let block_size = BlockSize::from_code(code).unwrap();
            let header = Descriptor {
                block_size, linked, block_checksum, content_checksum, content_size, dictionary_id,
            };
            let mut bytes = [0xA5; Descriptor::LONGEST];
            let len = header.encode(&mut bytes);
            prop_assert_eq!(Descriptor::len_behind_magic(bytes[4]), len - 4);
            prop_assert_eq!(Descriptor::decode(&bytes[4..len]), Ok(header));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = Descriptor::decode(&bytes);
        }
    }

    #[test]
    fn reserved_bits_are_refused_even_with_a_good_checksum() {
        for (flg, bd) in [(0x62, 0x60), (0x60, 0xE0), (0x60, 0x61)] {
            let bytes = [flg, bd, header_checksum(&[flg, bd])];
            assert_eq!(Descriptor::decode(&bytes), Err(FrameErrorKind::Reserved { flg, bd }));
        }
        let old = [0x20, 0x60, header_checksum(&[0x20, 0x60])];
        assert_eq!(Descriptor::decode(&old), Err(FrameErrorKind::Version(0)));
        let small = [0x60, 0x30, header_checksum(&[0x60, 0x30])];
        assert_eq!(Descriptor::decode(&small), Err(FrameErrorKind::BlockSizeCode(3)));
    }
}

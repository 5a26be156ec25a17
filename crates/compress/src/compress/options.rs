//! [`Options`]: what a frame is to be like.

use crate::codec::Level;
use crate::expansion::Expansion;
use crate::frame::{BlockSize, Descriptor, Dictionary};

/// What a frame is to be like. The default is the smallest header: independent blocks of 1 MiB, fast, no checksums.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Most content bytes in a block.
    pub block_size: BlockSize,
    /// Blocks refer to the 64 KiB before them: smaller, and decoded on one thread only.
    pub linked: bool,
    /// A checksum behind every block.
    pub block_checksum: bool,
    /// A checksum of the content at the end.
    pub content_checksum: bool,
    /// Bytes of content, for the header. A content of another length is an error.
    pub content_size: Option<u64>,
    /// Bytes that the decoder knows before the first block.
    pub dictionary: Option<Dictionary>,
    /// How hard to try.
    pub level: Level,
    /// Blocks are stored as they are where compressing them would make the frame expand further than this: decoders that
    /// have such a limit take the frame whatever is in it.
    pub expansion: Option<Expansion>,
}

impl Options {
    /// The header that says so.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            block_size: self.block_size,
            linked: self.linked,
            block_checksum: self.block_checksum,
            content_checksum: self.content_checksum,
            content_size: self.content_size,
            dictionary_id: self.dictionary.as_ref().and_then(Dictionary::id),
        }
    }
}

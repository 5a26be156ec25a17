//! [`Dictionary`]: bytes that both sides know before the first block.

use alloc::sync::Arc;
use core::fmt;

use crate::codec::WINDOW;

/// Bytes that both sides know before the first block, of which the last 64 KiB count.
///
/// Any bytes serve; best is what the content repeats, the most frequent at the end. A decoder with another dictionary
/// gets an error or, without a content checksum, other bytes: use the id and the checksum.
#[derive(Clone, PartialEq, Eq)]
pub struct Dictionary {
    bytes: Arc<[u8]>,
    id: Option<u32>,
}

impl Dictionary {
    /// A dictionary without an id. More than the last 64 KiB of `bytes` is not kept.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes[bytes.len().saturating_sub(WINDOW)..].into(), id: None }
    }

    /// Gives it the id that headers carry, so that a decoder can tell a wrong dictionary.
    #[must_use]
    pub fn with_id(mut self, id: u32) -> Self {
        self.id = Some(id);
        self
    }

    /// The id, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.id
    }

    /// At most the last 64 KiB.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn shared(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dictionary {{ {} bytes, id {:?} }}", self.bytes.len(), self.id)
    }
}

//! Finished packets as `bytes::Bytes`: shared by several receivers, captured, kept, without a copy of a byte.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::PacketBuf;

impl PacketBuf<BytesMut> {
    /// The data as shared, immutable bytes: nothing is copied, headroom and tailroom are let go.
    #[must_use]
    pub fn freeze(mut self) -> Bytes {
        self.storage.truncate(self.data.end);
        self.storage.advance(self.data.start);
        self.storage.freeze()
    }
}

#[cfg(target_has_atomic = "ptr")]
impl PacketBuf<crate::HeapSlot> {
    /// The data as shared, immutable bytes: nothing is copied. The slot goes back to its pool with the last clone.
    ///
    /// This allocates the few words that count the clones, so it is for packets that have several receivers,
    /// not for every packet.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

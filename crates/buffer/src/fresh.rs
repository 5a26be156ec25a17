//! Fresh buffers in an array: one that is sure to be large enough for its stack, and one for tests.

use crate::{Layer, PacketBuf};

/// What fresh memory is filled with where a test should find code that relies on zeroes.
///
/// Buffers from [`PacketBuf::poisoned`] always hold it; with the feature `poison`, slots taken from a pool and
/// buffers from [`PacketBuf::for_stack`] do too.
pub const POISON: u8 = 0xA5;

/// Whether all fresh memory is poisoned.
pub(crate) const POISONED: bool = cfg!(any(test, feature = "poison"));

impl<const N: usize> PacketBuf<[u8; N]> {
    /// An empty packet in an array, with room for every header and trailer of the protocol stack `L` and for
    /// `PAYLOAD` bytes. An `N` that is too small does not compile.
    ///
    /// ```
    /// use packhorse_buffer::PacketBuf;
    /// let buf = PacketBuf::<[u8; 64]>::for_stack::<(), 50>();
    /// assert_eq!(buf.tailroom(), 64);
    /// ```
    ///
    /// ```compile_fail
    /// use packhorse_buffer::PacketBuf;
    /// let buf = PacketBuf::<[u8; 49]>::for_stack::<(), 50>();
    /// ```
    #[must_use]
    pub fn for_stack<L: Layer, const PAYLOAD: usize>() -> Self {
        const {
            assert!(
                L::HEADROOM + PAYLOAD + L::TAILROOM <= N,
                "the buffer is smaller than the stack's headers and trailers and the payload"
            );
        }
        let fresh = if POISONED { POISON } else { 0 };
        Self { storage: [fresh; N], data: L::HEADROOM..L::HEADROOM }
    }

    /// For tests: an empty packet with `headroom` bytes in front (at most `N`), in an array full of [`POISON`].
    #[must_use]
    pub fn poisoned(headroom: usize) -> Self {
        let start = headroom.min(N);
        Self { storage: [POISON; N], data: start..start }
    }
}

//! [`Words`]: memory for packets whose first byte lies on a multiple of 8, so that numbers in messages can be read where
//! they lie.

use packhorse_buffer::Storage;
use zerocopy::IntoBytes as _;

/// Memory of whole words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(Box<[u64]>);

impl Words {
    /// At least `bytes` bytes, all zero; pages that nobody writes to cost no memory.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(vec![0; bytes.div_ceil(8)].into_boxed_slice())
    }
}

impl Storage for Words {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.0.as_bytes()
    }
    #[inline]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }
}

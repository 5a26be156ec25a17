//! [`Checksum`]: XXH32 with seed 0, over content, blocks and headers.

use core::fmt;
use core::hash::Hasher as _;

use twox_hash::XxHash32;

/// A running XXH32 with seed 0.
#[derive(Clone)]
pub struct Checksum(XxHash32);

impl Checksum {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(XxHash32::with_seed(0))
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// Of all bytes taken.
    #[must_use]
    pub fn value(&self) -> u32 {
        self.0.finish_32()
    }

    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> u32 {
        XxHash32::oneshot(0, bytes)
    }
}

impl Default for Checksum {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({:08x})", self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    #[test]
    fn it_is_xxh32() {
        // From the xxHash specification's sanity values.
        assert_eq!(Checksum::of(b""), 0x02CC_5D05);
        let mut pieces = Checksum::new();
        b"abc".iter().for_each(|byte| pieces.update(&[*byte]));
        assert_eq!(pieces.value(), 0x32D1_53FF);
    }
}

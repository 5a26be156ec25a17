//! [`Expansion`]: how much content may come out of how many bytes, so that a few bytes do not fill a disk.

/// A limit on how much content may come out of a frame: so many bytes anyway, and beyond them so many times the bytes of the
/// frame. It holds at every point of the frame, not only at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// Bytes of content that are always allowed.
    pub free: u64,
    /// Bytes of content for each byte of the frame. LZ4 has at most 255.
    pub ratio: u32,
}

impl Default for Expansion {
    /// 64 MiB, and a hundred times the frame.
    fn default() -> Self {
        Self { free: 64 << 20, ratio: 100 }
    }
}

impl Expansion {
    /// No limit but LZ4's own.
    pub const UNLIMITED: Self = Self { free: u64::MAX, ratio: u32::MAX };

    /// Most bytes of content that so many bytes of frame may become.
    #[must_use]
    pub const fn most(self, coded: u64) -> u64 {
        self.free.saturating_add(coded.saturating_mul(self.ratio as u64))
    }
}

//! Counters by cause: what a link found, and what it threw away and why.

use packhorse_buffer::log_debug;

use crate::Reject;

/// What a [`Framing`](crate::Framing) found on its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStats {
    /// Packets handed on.
    pub frames: u64,
    /// Frames that ended before their least length, or were cut off by the end of the stream or the next frame.
    pub short: u64,
    /// Frames longer than allowed.
    pub long: u64,
    /// Frame headers or codes that contradict themselves.
    pub bad_length: u64,
    /// Bytes that belong to no frame.
    pub junk_bytes: u64,
    /// Frames lost because the collecting buffer was full.
    pub overflow: u64,
    /// Wrong bytes that the frames' own code corrected.
    pub corrected: u64,
    /// Frames with more wrong bytes than their code corrects.
    pub uncorrectable: u64,
}

impl FrameStats {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            frames: 0,
            short: 0,
            long: 0,
            bad_length: 0,
            junk_bytes: 0,
            overflow: 0,
            corrected: 0,
            uncorrectable: 0,
        }
    }

    /// Counts a frame that was given up before it was whole.
    pub(crate) fn cut(&mut self, why: Reject) {
        match why {
            Reject::Overflow => {
                log_debug!("frame given up: the memory is full");
                self.overflow += 1;
            }
            Reject::Ended => {
                log_debug!("frame cut short by the end of the stream");
                self.short += 1;
            }
            Reject::Damaged => {}
        }
    }
}

/// What a checking layer found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckStats {
    /// Packets that were whole.
    pub good: u64,
    /// Packets shorter than header and check.
    pub short: u64,
    /// Packets whose length field disagrees.
    pub bad_length: u64,
    /// Packets whose check disagrees.
    pub bad_check: u64,
}

impl CheckStats {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { good: 0, short: 0, bad_length: 0, bad_check: 0 }
    }
}

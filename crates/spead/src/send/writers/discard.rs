//! [`Discard`]: packets go nowhere. To measure what sending costs without a system.

use std::io;

use super::Writer;
use crate::send::Batch;

/// Throws all packets away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard {
    packets: u64,
}

impl Discard {
    /// How many it got.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }
}

impl Writer for Discard {
    fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        self.packets += core::hint::black_box(batch).len() as u64;
        Ok(())
    }

    fn longest_packet(&self) -> usize {
        usize::MAX
    }
}

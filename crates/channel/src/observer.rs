//! [`Observer`]: looks at a channel from outside, without being one of its ends.

use alloc::sync::Arc;

use crate::segment::Segment;
use crate::{Metrics, ModeName};

/// A look at a channel that other threads or processes use. Takes no place and changes nothing but what the channel
/// itself would: it may find that a process has died, and clean up after it.
#[derive(Debug)]
pub struct Observer {
    segment: Arc<Segment>,
}

impl Observer {
    pub(crate) fn new(segment: Arc<Segment>) -> Self {
        Self { segment }
    }

    /// What the channel has done so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.segment.inspect();
        self.segment.metrics()
    }

    /// The channel's mode.
    #[must_use]
    pub fn mode(&self) -> ModeName {
        self.segment.geometry().mode
    }

    /// Bytes of a message in a typed channel; nothing when it carries records.
    #[must_use]
    pub fn message_size(&self) -> Option<u64> {
        let geometry = self.segment.geometry();
        (!geometry.records()).then_some(geometry.type_size)
    }

    /// Bytes of all cells.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        let geometry = self.segment.geometry();
        geometry.cells * geometry.stride
    }

    /// Whether the channel was stopped and all its ends have left.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.segment.is_over()
    }
}

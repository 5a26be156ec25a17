//! [`Timeline`]: who did what when, of a real run: the picture of what overlaps.
//!
//! ```text
//!   read      ##  ##  ##            lane
//!   compute     ###  ###  ###       span: brick, start, end
//!   write           #    #    #
//! ```

mod svg;

use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Records what every part of a run does. Shared by all its threads.
///
/// Costs some 50 ns for each span; holds at most [`Timeline::MOST`] spans and drops later ones.
#[derive(Debug)]
pub struct Timeline {
    start: Instant,
    spans: Mutex<Vec<Span>>,
}

/// A kind of activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The payload comes into memory.
    Read,
    /// It goes to the device.
    ToDevice,
    /// It is computed, by this worker.
    Compute(usize),
    /// The result comes back from the device.
    FromDevice,
    /// The result is written.
    Write,
}

/// One activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// What kind.
    pub lane: Lane,
    /// For which brick.
    pub brick: u64,
    /// From then on, after the start of the recording.
    pub start: Duration,
    /// Until then.
    pub end: Duration,
}

impl Timeline {
    /// Most spans that are kept: some 6 MiB of them.
    pub const MOST: usize = 100_000;

    /// Begins recording.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now(), spans: Mutex::new(Vec::with_capacity(1024)) }
    }

    /// Records one activity.
    pub fn record(&self, lane: Lane, brick: u64, start: Instant, end: Instant) {
        let since = |at: Instant| at.saturating_duration_since(self.start);
        let span = Span { lane, brick, start: since(start), end: since(end) };
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() < Self::MOST {
            spans.push(span);
        }
    }

    /// What was recorded, by lane and then by time.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone();
        spans.sort_by_key(|span| (span.lane, span.start, span.brick));
        spans
    }

    /// Draws the recording as an SVG picture, `title` above it.
    #[must_use]
    pub fn to_svg(&self, title: &str) -> String {
        svg::draw(&self.spans(), title)
    }

    /// Runs `work` and records how long it took, where there is a timeline.
    pub(crate) fn around<T>(timeline: Option<&Self>, lane: Lane, brick: u64, work: impl FnOnce() -> T) -> T {
        let Some(timeline) = timeline else { return work() };
        let start = Instant::now();
        let result = work();
        timeline.record(lane, brick, start, Instant::now());
        result
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

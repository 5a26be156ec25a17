//! [`LinkMeasure`]: what acknowledgements have told about a link so far, for whoever chooses packet sizes by it.

use core::time::Duration;

/// A link, as measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkMeasure {
    /// Packets that were sent, up to the last one that an answer tells of.
    pub sent: u64,
    /// Of these, packets that arrived.
    pub arrived: u64,
    /// Packets that arrived and whose check failed.
    pub damaged: u64,
    /// Bytes that arrived.
    pub bytes: u64,
    /// The round-trip time, smoothed; zero before the first answer.
    pub round_trip: Duration,
    /// Bytes a second that arrive when the link is busy; 0 before anything is known.
    pub rate: u64,
}

impl LinkMeasure {
    /// Packets lost of a million that were sent; 0 before anything is known.
    #[must_use]
    pub fn loss_ppm(&self) -> u32 {
        let lost = u128::from(self.sent.saturating_sub(self.arrived));
        let ppm = (lost * 1_000_000).checked_div(u128::from(self.sent)).unwrap_or(0);
        u32::try_from(ppm).unwrap_or(1_000_000)
    }
}

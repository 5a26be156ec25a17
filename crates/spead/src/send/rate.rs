//! [`Rate`]: bytes a second, such as can be kept.

use core::fmt;

/// How fast packets leave, in bytes a second: above 0 and finite.
///
/// ```
/// use packhorse_spead::send::Rate;
/// assert_eq!(Rate::new(2e9)?.bytes_per_second(), 2e9);
/// assert!(Rate::new(0.0).is_err() && Rate::new(f64::NAN).is_err());
/// # Ok::<(), packhorse_spead::send::BadRate>(())
/// ```
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// A rate in bytes a second.
    ///
    /// # Errors
    /// [`BadRate`] for 0, less, infinity, and what is no number. As fast as it goes is no rate: leave it out.
    pub fn new(bytes_per_second: f64) -> Result<Self, BadRate> {
        let fits = bytes_per_second.is_finite() && bytes_per_second > 0.0;
        fits.then_some(Self(bytes_per_second)).ok_or(BadRate { bytes_per_second })
    }

    /// Bytes a second.
    #[must_use]
    pub const fn bytes_per_second(self) -> f64 {
        self.0
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B/s", self.0)
    }
}

/// A number that is no rate.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "{bytes_per_second} bytes a second is no rate: it is above 0 and finite; for no limit leave the rate out"
)]
pub struct BadRate {
    /// What was said.
    pub bytes_per_second: f64,
}

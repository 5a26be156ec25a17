//! [`Level`]: how hard to try, in the numbers that users of `lz4` know.

/// How hard the encoder tries: speed against ratio.
///
/// ```text
///   -99999 .. -1   faster than the fastest: the number says how much is skipped (`lz4 --fast=N`)
///        0 ..  1   the default: fast
///        2 .. 12   high compression, slower with every step; decoding stays as fast
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Level(i32);

impl Level {
    /// What `lz4 -1` does.
    pub const FAST: Self = Self(1);
    /// The smallest result: what `lz4 --best` does.
    pub const BEST: Self = Self(12);
    /// From here on the high-compression encoder works.
    const FIRST_HIGH: i32 = 2;
    /// Beyond this the C library skips no more.
    const LEAST: i32 = -99_999;

    /// The level of this number.
    ///
    /// # Errors
    /// When there is none: below -99999 or above 12.
    pub const fn new(number: i32) -> Result<Self, NoSuchLevel> {
        if number < Self::LEAST || number > Self::BEST.0 {
            Err(NoSuchLevel(number))
        } else {
            Ok(Self(number))
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Whether the high-compression encoder does it.
    #[must_use]
    pub const fn is_high(self) -> bool {
        self.0 >= Self::FIRST_HIGH
    }

    /// The C library's factor of skipping, for levels that are not high.
    pub(crate) const fn acceleration(self) -> i32 {
        if self.0 < 0 { 1 - self.0 } else { 1 }
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::FAST
    }
}

/// There is no level of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no level {0}: levels are 1 to 12, or -99999 to -1 for less than fast compression")]
pub struct NoSuchLevel(pub i32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_outside_the_range_are_refused() {
        assert_eq!(Level::new(13), Err(NoSuchLevel(13)));
        assert_eq!(Level::new(-100_000), Err(NoSuchLevel(-100_000)));
        assert!(Level::new(12).is_ok_and(Level::is_high));
        assert_eq!(Level::new(-4).map(Level::acceleration), Ok(5));
        assert_eq!(Level::FAST.acceleration(), 1);
    }
}

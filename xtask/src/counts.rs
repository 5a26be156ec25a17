//! [`Counts`]: how many tests passed, failed and were skipped, read from what test runners print.
//!
//! Knows the closing lines of `cargo test` (libtest) and `cargo nextest`, and no others.

use core::fmt;
use core::ops::AddAssign;

/// Tests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that ran and held.
    pub(crate) passed: u64,
    /// Tests that ran and did not.
    pub(crate) failed: u64,
    /// Tests that did not run.
    pub(crate) skipped: u64,
}

impl Counts {
    /// What one line of a runner's output says, if it is a closing line.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result:") {
            return Some(Self::libtest(rest));
        }
        // nextest: `Summary [   0.123s] 12 tests run: 11 passed (1 slow), 1 failed, 0 skipped`
        let rest = line.strip_prefix("Summary [")?;
        let (_, tally) = rest.split_once(" run: ")?;
        Some(Self::tally(tally, ','))
    }

    /// `ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`
    fn libtest(rest: &str) -> Self {
        let tally = rest.split_once(". ").map_or(rest, |(_verdict, tally)| tally);
        Self::tally(tally, ';')
    }

    fn tally(text: &str, separator: char) -> Self {
        let mut counts = Self::default();
        for part in text.split(separator) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => counts.passed += number,
                "failed" | "timed" | "exec" => counts.failed += number,
                "skipped" | "ignored" => counts.skipped += number,
                _ => {}
            }
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The closing line that any language's CI understands.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Option<Counts> {
        Some(Counts { passed, failed, skipped })
    }

    #[test]
    fn libtest_closing_lines_are_read() {
        let ok =
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(Counts::from_line(ok), counts(5, 0, 1));
        let bad =
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1s";
        assert_eq!(Counts::from_line(bad), counts(4, 2, 0));
    }

    #[test]
    fn nextest_closing_lines_are_read() {
        let ok = "     Summary [   0.123s] 12 tests run: 12 passed (2 slow), 3 skipped";
        assert_eq!(Counts::from_line(ok), counts(12, 0, 3));
        let bad = "Summary [  61.5s] 3/4 tests run: 1 passed, 1 failed, 1 timed out, 0 skipped";
        assert_eq!(Counts::from_line(bad), counts(1, 2, 0));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["", "running 5 tests", "test a_test ... ok", "Summary: 3 passed", "5 passed; 0 failed"] {
            assert_eq!(Counts::from_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_closing_line_names_skipped_tests_only_when_there_are_some() {
        assert_eq!(Counts { passed: 3, failed: 0, skipped: 0 }.to_string(), "3 passed, 0 failed");
        assert_eq!(Counts { passed: 3, failed: 1, skipped: 2 }.to_string(), "3 passed, 1 failed, 2 skipped");
    }
}

//! [`Glances`]: whether it is worth while to ask a socket again and again for a moment before sleeping.
//!
//! Waking a thread whose core sleeps costs more than a whole exchange between two cores that do not. Where answers come
//! within that time, glances catch them; where they do not, glances become rare at once: one wait in 64 is tried.

use core::time::Duration;

/// How long a glance takes at most: about what being woken costs.
pub(crate) const GLANCE: Duration = Duration::from_micros(50);

/// Waits without a glance, at most, after glances that did not help: two to the power of this, less one.
const RAREST: u32 = 6;

/// What became of the last glances.
#[derive(Debug, Default)]
pub(crate) struct Glances {
    failures: u32,
    /// Waits to come without a glance.
    skipped: u32,
}

impl Glances {
    /// Whether to glance this time.
    pub(crate) fn is_worth_it(&mut self) -> bool {
        match self.skipped.checked_sub(1) {
            Some(left) => {
                self.skipped = left;
                false
            }
            None => true,
        }
    }

    pub(crate) fn helped(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn failed(&mut self) {
        self.failures = (self.failures + 1).min(RAREST);
        self.skipped = (1 << self.failures) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Glances;

    #[test]
    fn glances_that_do_not_help_become_rare_and_one_that_helps_brings_them_back() {
        let mut glances = Glances::default();
        let mut count = |waits: u32, helps: bool| {
            let mut tried = 0;
            for _ in 0..waits {
                if glances.is_worth_it() {
                    tried += 1;
                    if helps { glances.helped() } else { glances.failed() }
                }
            }
            tried
        };
        assert_eq!(count(64_000, false), 1005);
        // One of the next 64 is tried, and all after it.
        assert!(count(64, true) >= 1);
        assert_eq!(count(1000, true), 1000);
    }
}

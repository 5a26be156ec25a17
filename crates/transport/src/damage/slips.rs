//! [`Slips`]: bytes that vanish from a stream, and bytes that appear in it, as when the clocks of a serial line run apart or a
//! receiver is too slow to empty its register.

use super::rate::Rate;
use super::{BadFault, Faults};

/// Loses and inserts single bytes, independent of how the stream is cut. Behind [`Noise`](super::Noise), or alone.
///
/// ```
/// use packhorse_transport::damage::Slips;
///
/// let mut slips = Slips::new(7, 0.01, 0.02)?;
/// let mut out = Vec::new();
/// slips.apply(&[0; 100_000], |run| out.extend_from_slice(run));
/// assert_eq!(out.len() as u64, 100_000 - slips.lost() + slips.inserted());
/// assert!((900..1100).contains(&slips.lost()) && (1800..2200).contains(&slips.inserted()));
/// # Ok::<(), packhorse_transport::damage::BadFault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Slips {
    lose: Rate,
    insert: Rate,
    lost: u64,
    inserted: u64,
}

impl Slips {
    /// Each byte is lost with a chance of `lose`, and has a random one in front of it with a chance of `insert`.
    ///
    /// # Errors
    /// [`BadFault`] when a chance is not from 0 to 1.
    pub fn new(seed: u64, lose: f64, insert: f64) -> Result<Self, BadFault> {
        for (name, chance) in [("lose", lose), ("insert", insert)] {
            Faults { drop: chance, ..Faults::NONE }.check().map_err(|fault| BadFault { name, ..fault })?;
        }
        Ok(Self {
            lose: Rate::new(seed, 20, lose),
            insert: Rate::new(seed, 21, insert),
            lost: 0,
            inserted: 0,
        })
    }

    /// Bytes that vanished.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Bytes that appeared.
    #[must_use]
    pub const fn inserted(&self) -> u64 {
        self.inserted
    }

    /// Gives what is left of the next bytes, and what appears between them, to `out`, run by run.
    pub fn apply(&mut self, bytes: &[u8], mut out: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let clear = usize::try_from(self.lose.clear().min(self.insert.clear())).unwrap_or(usize::MAX);
            let (pass, behind) = rest.split_at(clear.min(rest.len()));
            if !pass.is_empty() {
                out(pass);
                let passed = u64::try_from(pass.len()).unwrap_or(u64::MAX);
                self.lose.skip(passed);
                self.insert.skip(passed);
            }
            let Some((byte, behind)) = behind.split_first() else { return };
            if self.insert.hit() {
                let mut appears = [0];
                self.insert.fill(&mut appears);
                out(&appears);
                self.inserted += 1;
            }
            if self.lose.hit() {
                self.lost += 1;
            } else {
                out(&[*byte]);
            }
            rest = behind;
        }
    }
}

//! [`Noise`]: a bad byte link as a filter.
//!
//! ```text
//!   stream  | piece 0 | piece 1 | piece 2 | piece 3 | ...      pieces of 32 bytes from the start of the stream
//!   fate      passes    dropped   twice     loses its end
//!   out     | piece 0 | piece 2 | piece 2 | pie|...
//! ```
//! Byte and bit errors hit first, wherever the pieces lie; then each piece has its fate. Runs of pieces that pass go
//! out as one slice of the caller's own memory: only what comes twice is copied.

use super::{BadFault, Damage, EXTEND_MOST, Errors, Fate, Fates, Faults, PIECE_MOST};

/// Damages a stream of bytes as it passes, independent of how it is cut.
///
/// ```
/// use packhorse_transport::{Faults, Noise};
///
/// let mut noise = Noise::new(7, &Faults { byte_error: 0.01, drop: 0.1, ..Faults::NONE })?;
/// let mut bytes = vec![0; 100_000];
/// let mut out = Vec::new();
/// noise.apply(&mut bytes, |run| out.extend_from_slice(run));
/// noise.finish(|run| out.extend_from_slice(run));
/// assert!((88_000..92_000).contains(&out.len()));
/// assert_eq!(noise.damage().bytes_out, out.len() as u64);
/// # Ok::<(), packhorse_transport::damage::BadFault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Noise {
    errors: Errors,
    fates: Fates,
    damage: Damage,
    size: usize,
    /// Bytes of the current piece that have come; 0 between pieces.
    at: usize,
    fate: Fate,
    /// The current piece, when it is to come twice.
    again: [u8; PIECE_MOST],
}

impl Noise {
    /// Damage of the kinds in `faults`; `reorder` is not for streams and does nothing.
    ///
    /// # Errors
    /// [`BadFault`] when a value is out of range.
    pub fn new(seed: u64, faults: &Faults) -> Result<Self, BadFault> {
        faults.check()?;
        Ok(Self {
            errors: Errors::new(seed, 0, faults),
            fates: Fates::new(seed, 2, faults),
            damage: Damage::default(),
            size: faults.piece,
            at: 0,
            fate: Fate::Dropped,
            again: [0; PIECE_MOST],
        })
    }

    /// What was done so far.
    #[must_use]
    pub const fn damage(&self) -> &Damage {
        &self.damage
    }

    /// The same damage for packets, whose units are told by the transport.
    pub(crate) fn parts(&mut self) -> (&mut Errors, &mut Fates, &mut Damage) {
        (&mut self.errors, &mut self.fates, &mut self.damage)
    }

    /// Damages the next bytes in place and gives what is left of them to `out`, run by run.
    pub fn apply(&mut self, bytes: &mut [u8], mut out: impl FnMut(&[u8])) {
        // An `out` that cannot fail makes this one that cannot.
        let _: Result<(), core::convert::Infallible> = self.try_apply(bytes, |run| {
            out(run);
            Ok(())
        });
    }

    /// As [`apply`](Self::apply), with an `out` that can fail; the bytes behind the failure are then lost.
    ///
    /// # Errors
    /// The first error of `out`.
    pub fn try_apply<E>(
        &mut self,
        bytes: &mut [u8],
        mut out: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.errors.apply(bytes, &mut self.damage);
        self.damage.bytes_in += count(bytes.len());
        let bytes = &*bytes;
        // bytes[run..at] pass and were not given on yet.
        let (mut run, mut at) = (0, 0);
        while at < bytes.len() {
            if self.at == 0 {
                let whole = (bytes.len() - at) / self.size;
                let clear = usize::try_from(self.fates.clear()).unwrap_or(usize::MAX).min(whole);
                self.fates.skip(count(clear));
                self.damage.units += count(clear);
                at += clear * self.size;
                if at == bytes.len() {
                    break;
                }
                self.fate = self.fates.next(self.size, &mut self.damage);
                self.damage.units += 1;
            }
            let here = (self.size - self.at).min(bytes.len() - at);
            let (keep, twice) = match self.fate {
                Fate::Dropped => (0, false),
                Fate::Sent { keep, twice, .. } => (keep, twice),
            };
            let kept = keep.saturating_sub(self.at).min(here);
            let passing = at + kept;
            if twice {
                self.again[self.at..self.at + kept].copy_from_slice(&bytes[at..passing]);
            }
            self.at += here;
            at += here;
            if self.at == self.size || kept < here {
                give(&bytes[run..passing], &mut self.damage, &mut out)?;
                run = at;
            }
            if self.at == self.size {
                self.end_piece(&mut out)?;
            }
        }
        give(&bytes[run..], &mut self.damage, &mut out)
    }

    /// The end of the stream: ends the last piece, and gives what comes behind it.
    pub fn finish(&mut self, mut out: impl FnMut(&[u8])) {
        let _: Result<(), core::convert::Infallible> = self.try_finish(|run| {
            out(run);
            Ok(())
        });
    }

    /// As [`finish`](Self::finish), with an `out` that can fail.
    ///
    /// # Errors
    /// The first error of `out`.
    pub fn try_finish<E>(&mut self, mut out: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.at == 0 {
            return Ok(());
        }
        self.end_piece(&mut out)
    }

    /// What comes behind a piece whose own bytes are out: the bytes added to it, then all of it again.
    fn end_piece<E>(&mut self, out: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let len = core::mem::take(&mut self.at);
        let Fate::Sent { keep, extra, twice, .. } = self.fate else {
            return Ok(());
        };
        let mut added = [0; EXTEND_MOST];
        let added = &mut added[..extra];
        self.fates.fill(added);
        give(added, &mut self.damage, out)?;
        if twice {
            let again = &self.again[..keep.min(len)];
            give(again, &mut self.damage, out)?;
            give(added, &mut self.damage, out)?;
        }
        Ok(())
    }
}

fn give<E>(run: &[u8], damage: &mut Damage, out: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    if !run.is_empty() {
        out(run)?;
        damage.bytes_out += count(run.len());
    }
    Ok(())
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

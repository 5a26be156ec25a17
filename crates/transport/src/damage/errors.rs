//! [`Errors`]: bytes changed and bits flipped where they lie.
//!
//! Positions are counted over everything that passes, so the errors do not depend on how it was cut.

use super::rate::Rate;
use super::{Damage, Faults};

#[derive(Clone, Debug)]
pub(crate) struct Errors {
    /// One trial a byte, outside of bursts.
    bytes: Rate,
    burst: u64,
    /// Bytes of the current burst that are still to come.
    burst_left: u64,
    /// One trial a bit.
    bits: Rate,
}

impl Errors {
    /// `kind` and the one after it are used for sequences.
    pub(super) fn new(seed: u64, kind: u8, faults: &Faults) -> Self {
        // With gaps of mean (1 - e) / e between bursts of n bytes, the share n / (n + gap) that is hit shall be p:
        // e = p / (p + n (1 - p)).
        let (p, n) = (faults.byte_error, f64::from(faults.burst));
        let start = if p > 0.0 { p / (p + n * (1.0 - p)) } else { 0.0 };
        Self {
            bytes: Rate::new(seed, kind, start),
            burst: u64::from(faults.burst),
            burst_left: 0,
            bits: Rate::new(seed, kind + 1, faults.bit_error),
        }
    }

    /// Whether the next `len` bytes pass unchanged.
    pub(crate) fn spare(&self, len: usize) -> bool {
        let len = count(len);
        self.burst_left == 0 && self.bytes.clear() >= len && self.bits.clear() >= len.saturating_mul(8)
    }

    /// Lets `len` bytes pass that [`spare`](Self::spare) allowed.
    pub(crate) fn pass(&mut self, len: usize) {
        self.bytes.skip(count(len));
        self.bits.skip(count(len).saturating_mul(8));
    }

    /// Damages the next bytes.
    pub(crate) fn apply(&mut self, bytes: &mut [u8], damage: &mut Damage) {
        self.change_bytes(bytes, damage);
        self.flip_bits(bytes, damage);
    }

    fn change_bytes(&mut self, bytes: &mut [u8], damage: &mut Damage) {
        let mut rest = bytes;
        loop {
            if self.burst_left == 0 {
                let clear = usize::try_from(self.bytes.clear()).unwrap_or(usize::MAX).min(rest.len());
                self.bytes.skip(count(clear));
                rest = rest.get_mut(clear..).unwrap_or_default();
                if rest.is_empty() {
                    return;
                }
                self.burst_left = if self.bytes.hit() { self.burst } else { continue };
                damage.errors += 1;
            }
            let hit = usize::try_from(self.burst_left).unwrap_or(usize::MAX).min(rest.len());
            let (front, behind) = rest.split_at_mut(hit);
            for byte in front {
                *byte ^= self.bytes.mask();
            }
            damage.bytes_changed += count(hit);
            self.burst_left -= count(hit);
            rest = behind;
            if rest.is_empty() {
                return;
            }
        }
    }

    fn flip_bits(&mut self, bytes: &mut [u8], damage: &mut Damage) {
        let all = count(bytes.len()).saturating_mul(8);
        let mut at = 0_u64;
        loop {
            let clear = self.bits.clear().min(all - at);
            self.bits.skip(clear);
            at += clear;
            if at == all {
                return;
            }
            if self.bits.hit() {
                if let Some(byte) = usize::try_from(at / 8).ok().and_then(|index| bytes.get_mut(index)) {
                    *byte ^= 0x80 >> (at % 8);
                }
                damage.errors += 1;
                damage.bits_flipped += 1;
            }
            at += 1;
        }
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

//! [`Link`]: one direction of a link in virtual time: loss, bursts, damage, repeats, disorder, delay, a rate, a queue.

use alloc::collections::BTreeMap;
use core::time::Duration;

use packhorse_buffer::Instant;

use super::dice::Dice;

/// What a direction of a link does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quality {
    /// Of a million packets, how many are lost.
    pub loss_ppm: u32,
    /// Packets for which the link stays bad, on average (Gilbert-Elliott); 0 and 1: each is lost on its own.
    pub burst: u32,
    /// Of a million bytes, how many are wrong.
    pub byte_errors_ppm: u32,
    /// Bytes that are wrong one after another.
    pub error_burst: u32,
    /// Of a million packets, how many come twice.
    pub repeats_ppm: u32,
    /// Of a million packets, how many are late by up to eight times the delay.
    pub late_ppm: u32,
    /// How long a packet takes.
    pub delay: Duration,
    /// Bytes a second; 0: any.
    pub rate: u64,
    /// Bytes that may wait for the rate; what comes on top is lost.
    pub queue: u64,
}

/// A direction of a link.
pub struct Link {
    quality: Quality,
    dice: Dice,
    /// What is on its way: when it arrives, and in which order it was put there.
    flying: BTreeMap<(Instant, u64), Vec<u8>>,
    count: u64,
    /// When everything that was put there has left.
    free_at: Instant,
    /// The bad one of the two states of a Gilbert-Elliott link.
    bad: bool,
    error_left: u32,
    /// Bytes put on the wire.
    pub bytes: u64,
}

impl Link {
    /// An idle one.
    #[must_use]
    pub fn new(quality: Quality, dice: Dice) -> Self {
        Self {
            quality,
            dice,
            flying: BTreeMap::new(),
            count: 0,
            free_at: Instant::ZERO,
            bad: false,
            error_left: 0,
            bytes: 0,
        }
    }

    /// Whether a writer would have to wait: the line is busy for longer than its queue.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        let queued = self.free_at.since(now).as_micros() * u128::from(self.quality.rate) / 1_000_000;
        self.quality.rate > 0 && queued > u128::from(self.quality.queue)
    }

    /// When a full line takes bytes again.
    #[must_use]
    pub fn takes_at(&self) -> Instant {
        let micros = (self.quality.queue * 1_000_000).checked_div(self.quality.rate).unwrap_or(0);
        Instant::from_micros((self.free_at.as_nanos() / 1000).saturating_sub(micros))
    }

    /// Puts a packet, or a frame of a byte stream, on the wire.
    pub fn put(&mut self, now: Instant, packet: &[u8]) {
        let Quality { rate, delay, .. } = self.quality;
        self.bytes += packet.len() as u64;
        let takes = (packet.len() as u64 * 1_000_000_000).checked_div(rate).unwrap_or(0);
        self.free_at = self.free_at.max(now) + Duration::from_nanos(takes);
        if self.is_lost() {
            return;
        }
        let copies = 1 + u32::from(self.dice.ppm(self.quality.repeats_ppm));
        for _ in 0..copies {
            let mut bytes = packet.to_vec();
            self.damage(&mut bytes);
            let late = if self.dice.ppm(self.quality.late_ppm) {
                Duration::from_micros(
                    self.dice.below(8 * u64::try_from(delay.as_micros()).unwrap_or(u64::MAX / 8).max(1000)),
                )
            } else {
                Duration::ZERO
            };
            self.count += 1;
            self.flying.insert((self.free_at + delay + late, self.count), bytes);
        }
    }

    /// When something arrives next.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.flying.keys().next().map(|(at, _)| *at)
    }

    /// What has arrived, one after another.
    pub fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        let entry = self.flying.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// Whatever is on its way is gone.
    pub fn clear(&mut self) {
        self.flying.clear();
    }

    fn is_lost(&mut self) -> bool {
        let Quality { loss_ppm, burst, .. } = self.quality;
        if burst <= 1 || loss_ppm == 0 {
            return self.dice.ppm(loss_ppm);
        }
        // Bad for `burst` packets on average, of which one in ten gets through all the same; good in between, so that the
        // average loss is what was asked for.
        let leave = 1_000_000 / burst;
        let bad = (u64::from(loss_ppm) * 10 / 9).min(900_000);
        let enter = u64::from(leave) * bad / (1_000_000 - bad);
        let turns = if self.bad { leave } else { u32::try_from(enter).unwrap_or(u32::MAX) };
        self.bad ^= self.dice.ppm(turns);
        self.bad && self.dice.ppm(900_000)
    }

    fn damage(&mut self, bytes: &mut [u8]) {
        let Quality { byte_errors_ppm, error_burst, .. } = self.quality;
        if byte_errors_ppm == 0 {
            return;
        }
        for byte in bytes {
            if self.error_left == 0 && self.dice.ppm(byte_errors_ppm / error_burst.max(1)) {
                self.error_left = error_burst.max(1);
            }
            if self.error_left > 0 {
                self.error_left -= 1;
                *byte ^= u8::try_from(1 + self.dice.below(255)).unwrap_or(1);
            }
        }
    }
}

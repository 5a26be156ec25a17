//! How long messages take from publishing to being read, for a sample of them.
//!
//! ```text
//!   buckets  | 0 ... 7 | 8 ... 15 | 16 ... 23 | ...     eight for every doubling: 12 % wide
//!   nanos      0 ... 7   8 ... 15   16 ... 31   ...     up to 2^42, 73 minutes
//! ```
//! A typed message has no room for a time: those at positions that `interval` divides leave theirs in `stamps`.
//! Records carry it in their header. `interval` follows the rate, so that some thousands a second are timed.

use core::sync::atomic::{AtomicU64, Ordering};

use super::Segment;
use super::layout::{BUCKETS, Front, STAMPS};
use super::peers::Role;

/// Timed twice as often below, half as often above.
const FAST: u64 = 100_000;
const SLOW: u64 = 2_000_000;
const LONGEST_INTERVAL: u64 = 1 << 20;

/// What an end keeps for it.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    last: u64,
}

impl Segment {
    /// Every how many messages one is timed, less one: a mask.
    #[inline]
    pub(crate) fn interval_mask(&self) -> u64 {
        self.front().interval.0.load(Ordering::Relaxed) & (LONGEST_INTERVAL - 1)
    }

    /// The sender's side of a timed message at `position`: its time, which is also kept under its position.
    #[cold]
    pub(crate) fn stamp(&self, timing: &mut Timing, position: u64) -> u64 {
        let front = self.front();
        let now = nanos();
        let mask = self.interval_mask();
        let stamp = self.stamp_at(mask, position);
        stamp.0.store(0, Ordering::Relaxed);
        stamp.1.store(now, Ordering::Release);
        stamp.0.store(position.wrapping_add(1), Ordering::Release);
        let since = now.saturating_sub(timing.last);
        timing.last = now;
        let adapted = if since < FAST {
            (mask << 1 | 1) & (LONGEST_INTERVAL - 1)
        } else if since > SLOW {
            mask >> 1
        } else {
            mask
        };
        if adapted != mask {
            front.interval.0.store(adapted, Ordering::Relaxed);
        }
        self.seen_on(Role::Sender);
        now
    }

    /// The receiver's side of a timed typed message.
    #[cold]
    pub(crate) fn arrived(&self, position: u64) {
        let stamp = self.stamp_at(self.interval_mask(), position);
        let sent = stamp.1.load(Ordering::Acquire);
        if stamp.0.load(Ordering::Acquire) == position.wrapping_add(1) {
            self.record(sent);
        }
        self.seen_on(Role::Receiver);
    }

    /// Counts a message that was sent at `sent` nanoseconds and is read now.
    pub(crate) fn record(&self, sent: u64) {
        let bucket = bucket(nanos().saturating_sub(sent));
        self.front().latency[bucket].fetch_add(1, Ordering::Relaxed);
    }

    fn stamp_at(&self, mask: u64, position: u64) -> (&AtomicU64, &AtomicU64) {
        let number = position >> mask.count_ones();
        let stamp = &self.front().stamps[(number % STAMPS as u64) as usize];
        (&stamp.position, &stamp.nanos)
    }

    /// Remembers which processor this end runs on.
    pub(crate) fn seen_on(&self, role: Role) {
        let word = &self.front().cpus[role as usize - 1].0;
        let cpu = current_cpu();
        if word.load(Ordering::Relaxed) != cpu {
            word.store(cpu, Ordering::Relaxed);
        }
    }

    /// Whether the other end was last seen on another processor than this thread, or never.
    pub(crate) fn is_apart(&self, role: Role) -> bool {
        let other = self.front().cpus[role.other() as usize - 1].0.load(Ordering::Relaxed);
        other == 0 || other != current_cpu()
    }
}

impl Front {
    /// The counts of all buckets.
    pub(crate) fn histogram(&self) -> [u64; BUCKETS] {
        core::array::from_fn(|at| self.latency[at].load(Ordering::Relaxed))
    }
}

/// The bucket of so many nanoseconds.
pub(crate) fn bucket(nanos: u64) -> usize {
    if nanos < 8 {
        return nanos as usize;
    }
    let power = 63 - nanos.leading_zeros();
    let part = (nanos >> (power - 3)) & 7;
    ((power as usize - 2) * 8 + part as usize).min(BUCKETS - 1)
}

/// The most nanoseconds that fall into a bucket.
pub(crate) fn bucket_end(bucket: usize) -> u64 {
    if bucket < 8 {
        return bucket as u64;
    }
    let power = bucket / 8 + 2;
    let part = (bucket % 8) as u64;
    ((8 + part + 1) << (power - 3)) - 1
}

/// The monotonic clock, the same in all processes of a machine.
pub(crate) fn nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// One more than the number of the processor that this thread runs on; 0: the system does not say.
#[cfg(target_os = "linux")]
fn current_cpu() -> u32 {
    u32::try_from(rustix::thread::sched_getcpu()).map_or(0, |cpu| cpu + 1)
}

#[cfg(not(target_os = "linux"))]
fn current_cpu() -> u32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_into_a_bucket_that_ends_at_or_after_it() {
        for power in 0..64 {
            for near in [-1_i64, 0, 1, 3] {
                let nanos = (1_u64 << power).wrapping_add_signed(near);
                let bucket = bucket(nanos);
                assert!(bucket < BUCKETS);
                assert!(bucket == BUCKETS - 1 || bucket_end(bucket) >= nanos, "{nanos}");
                assert!(bucket == 0 || bucket_end(bucket - 1) < nanos, "{nanos}");
            }
        }
    }
}

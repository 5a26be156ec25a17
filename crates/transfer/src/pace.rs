//! [`Pacer`]: keeps a sender to a rate, in bytes and in packets a second, in time that the caller gives.
//!
//! A token bucket, told as time: each packet moves the moment of the next one by exactly what it costs. Nothing is
//! rounded away, so the rate holds over hours. An idle sender saves up at most ten milliseconds.

use packhorse_buffer::Instant;

const SECOND: u64 = 1_000_000_000;
/// Most that a sender may catch up at once, in nanoseconds.
const BURST: u64 = 10_000_000;
/// Faster than any line. Up to here the parts of a nanosecond fit 64 bits, which a microcontroller can divide in 400 bytes of
/// program; 128 bits take 1,400.
const RATE_MAX: u64 = 18_000_000_000;

/// How fast to send. A rate of 0 counts as 1; above 18 GB/s nothing is paced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Bytes on the wire a second.
    pub bytes_per_s: Option<u64>,
    /// Packets a second.
    pub packets_per_s: Option<u32>,
}

impl Pace {
    /// As fast as the caller asks for packets.
    pub const UNLIMITED: Self = Self { bytes_per_s: None, packets_per_s: None };
}

/// Says when the next packet may go. Where several senders share a link, give the link's rate to one `Pacer` of
/// its own.
///
/// ```
/// use packhorse_buffer::Instant;
/// use packhorse_transfer::{Pace, Pacer};
/// let mut pacer = Pacer::new(Pace { bytes_per_s: Some(1_000), packets_per_s: None }, 100);
/// pacer.sent(Instant::ZERO, 1, 100);
/// assert_eq!(pacer.ready_at(), Instant::from_millis(100));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    bytes: Option<Bucket>,
    packets: Option<Bucket>,
}

impl Pacer {
    /// Keeps to `pace`. `packet` is the usual size of a packet on the wire, which a burst is measured against:
    /// at once go as many packets as fit ten milliseconds, or one.
    #[must_use]
    pub fn new(pace: Pace, packet: u32) -> Self {
        Self {
            bytes: pace.bytes_per_s.filter(|rate| *rate <= RATE_MAX).map(|rate| Bucket::new(rate, packet)),
            packets: pace.packets_per_s.map(|rate| Bucket::new(u64::from(rate), 1)),
        }
    }

    /// Packets and their bytes on the wire have gone at `now`.
    pub fn sent(&mut self, now: Instant, packets: u64, bytes: u64) {
        if let Some(bucket) = &mut self.bytes {
            bucket.take(now, bytes);
        }
        if let Some(bucket) = &mut self.packets {
            bucket.take(now, packets);
        }
    }

    /// From when on the next packet may go.
    #[must_use]
    pub fn ready_at(&self) -> Instant {
        let at = |bucket: Option<Bucket>| bucket.map_or(0, |bucket| bucket.next);
        Instant::from_nanos(at(self.bytes).max(at(self.packets)))
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Units a second.
    rate: u64,
    /// Nanoseconds that may be saved up.
    credit: u64,
    /// Nanoseconds, and the part of one that is left over, in 1/rate.
    next: u64,
    left: u64,
}

impl Bucket {
    fn new(rate: u64, packet: u32) -> Self {
        let rate = rate.max(1);
        // What is saved up, and the packet that may go besides, make ten milliseconds.
        let credit = BURST.saturating_sub(u64::from(packet) * SECOND / rate);
        Self { rate, credit, next: 0, left: 0 }
    }

    fn take(&mut self, now: Instant, units: u64) {
        let earliest = now.as_nanos().saturating_sub(self.credit);
        if self.next < earliest {
            (self.next, self.left) = (earliest, 0);
        }
        // Whole seconds apart, the rest is below `rate * SECOND`, and that below 2^64.
        let cost = units % self.rate * SECOND + self.left;
        let nanos = (units / self.rate).saturating_mul(SECOND).saturating_add(cost / self.rate);
        self.next = self.next.saturating_add(nanos);
        self.left = cost % self.rate;
    }
}

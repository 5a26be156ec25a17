//! [`Radio`]: a packet transport that is as small, as slow and as deaf as a radio, by a clock that the caller gives.
//!
//! ```text
//!   time   | packet in the air | turnaround | listening ......... | turnaround | packet in the air |
//!   send     ^ taken             not yet      ^ taken as long as the duty cycle allows
//!   receive  lost                lost         packets come          packets come  lost
//! ```
//! Over a transport that is faster (a loopback, a datagram socket, a simulated link) it shows what a radio would do; over a
//! real one it keeps to the rules of the band. It reads no clock of its own and never waits: what may not be sent now is
//! [`TransportError::WouldBlock`], and [`Radio::ready_at`] says when.

use core::time::Duration;

use packhorse_buffer::{Clock, Instant};
use packhorse_link::{Boundaries, Transport, TransportError};

/// How a radio sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RadioSettings {
    /// Most bytes of a packet.
    pub mtu: usize,
    /// Bits a second in the air; 0 counts as 1.
    pub bits_per_s: u32,
    /// Bytes in the air beside the packet: preamble, marker, length, check.
    pub overhead: u32,
    /// From sending to receiving, and back.
    pub turnaround: Duration,
    /// How much of the time may be spent sending, if there is a limit.
    pub duty_cycle: Option<DutyCycle>,
}

impl RadioSettings {
    /// Packets as long as those of the radio of the `ftag` toolkit, 66 bytes, at 19,200 bits a second and without a limit.
    pub const FTAG: Self = Self {
        mtu: 66,
        bits_per_s: 19_200,
        overhead: 10,
        turnaround: Duration::from_millis(5),
        duty_cycle: None,
    };

    /// How long a packet of `len` bytes is in the air.
    #[must_use]
    pub fn time_on_air(&self, len: usize) -> Duration {
        let bits = (len as u64).saturating_add(self.overhead.into()).saturating_mul(8);
        let nanos = bits.saturating_mul(1_000_000_000).div_ceil(u64::from(self.bits_per_s.max(1)));
        Duration::from_nanos(nanos)
    }
}

/// At most `permille` thousandths of any stretch of time as long as `window` are spent sending. In Europe 10 in an hour
/// between 868.0 and 868.6 MHz (ETSI EN 300 220-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DutyCycle {
    /// Thousandths.
    pub permille: u16,
    /// The stretch of time.
    pub window: Duration,
}

/// What a radio did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RadioStats {
    /// Packets sent.
    pub sent: u64,
    /// Packets received.
    pub received: u64,
    /// Packets that came while it was sending or turning around.
    pub missed: u64,
    /// Time spent sending.
    pub on_air: Duration,
}

/// Parts into which the window is cut; one more is counted, so that they cover every window wherever it begins.
const PARTS: usize = 16;

/// Sends and receives over `T` as a radio would, by the clock `C`.
///
/// ```
/// use packhorse_link::{Transport as _, TransportError};
/// use packhorse_embedded::radio::{Radio, RadioSettings};
/// # struct Nowhere;
/// # impl packhorse_link::Transport for Nowhere {
/// #     type Error = core::convert::Infallible;
/// #     fn mtu(&self) -> usize { 100 }
/// #     fn boundaries(&self) -> packhorse_link::Boundaries { packhorse_link::Boundaries::Packets }
/// #     fn send(&mut self, _: &[u8]) -> Result<(), TransportError<Self::Error>> { Ok(()) }
/// #     fn send_gather(&mut self, _: &[&[u8]]) -> Result<(), TransportError<Self::Error>> { Ok(()) }
/// #     fn receive(&mut self, _: &mut [u8]) -> Result<usize, TransportError<Self::Error>> { Err(TransportError::WouldBlock) }
/// # }
/// # struct Clock;
/// # impl packhorse_buffer::Clock for Clock { fn now(&self) -> packhorse_buffer::Instant { packhorse_buffer::Instant::ZERO } }
/// # let (driver, clock) = (Nowhere, Clock);
///
/// let mut radio = Radio::new(driver, clock, RadioSettings::FTAG);
/// radio.send(b"a reading")?;
/// assert_eq!(radio.send(b"another one"), Err(TransportError::WouldBlock), "8 ms in the air");
/// assert_eq!(radio.send(&[0; 67]), Err(TransportError::TooLong { len: 67, most: 66 }));
/// # Ok::<(), TransportError<core::convert::Infallible>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Radio<T, C> {
    inner: T,
    clock: C,
    settings: RadioSettings,
    /// When the last packet has left the air.
    free_at: Instant,
    /// When it last received something.
    heard_at: Option<Instant>,
    /// Time on air in each part of the window, and the part that the last one is of.
    parts: [Duration; PARTS + 1],
    part: u64,
    stats: RadioStats,
}

impl<T: Transport, C: Clock> Radio<T, C> {
    /// A radio that listens.
    pub const fn new(inner: T, clock: C, settings: RadioSettings) -> Self {
        Self {
            inner,
            clock,
            settings,
            free_at: Instant::ZERO,
            heard_at: None,
            parts: [Duration::ZERO; PARTS + 1],
            part: 0,
            stats: RadioStats { sent: 0, received: 0, missed: 0, on_air: Duration::ZERO },
        }
    }

    /// When a packet of `len` bytes may be sent, if nothing is received meanwhile; `None` when it may never: it takes longer
    /// than the duty cycle allows at all.
    #[must_use]
    pub fn ready_at(&self, len: usize) -> Option<Instant> {
        let turned = self.heard_at.map_or(Instant::ZERO, |heard| heard + self.settings.turnaround);
        let free = self.free_at.max(turned).max(self.clock.now());
        let Some(duty) = self.settings.duty_cycle else {
            return Some(free);
        };
        let takes = self.settings.time_on_air(len);
        let most = duty.window * u32::from(duty.permille) / 1000;
        if takes > most {
            return None;
        }
        // Part by part what was sent falls out of the window.
        let now = self.part_of(free);
        (now..=now + PARTS as u64 + 1).find_map(|part| {
            let at =
                if part == now { free } else { Instant::from_nanos(self.part_nanos().saturating_mul(part)) };
            (self.spent(part) + takes <= most).then_some(at)
        })
    }

    /// What it did.
    pub const fn stats(&self) -> &RadioStats {
        &self.stats
    }

    /// The transport below.
    pub const fn inner(&self) -> &T {
        &self.inner
    }

    /// The transport below, back.
    pub fn into_inner(self) -> T {
        self.inner
    }

    fn part_nanos(&self) -> u64 {
        let window = self.settings.duty_cycle.map_or(Duration::ZERO, |duty| duty.window);
        u64::try_from(window.as_nanos() / PARTS as u128).unwrap_or(u64::MAX).max(1)
    }

    fn part_of(&self, at: Instant) -> u64 {
        at.as_nanos() / self.part_nanos()
    }

    /// Time on air in the parts that a window which ends in `part` touches.
    fn spent(&self, part: u64) -> Duration {
        let oldest = part.saturating_sub(PARTS as u64);
        (oldest..=part.min(self.part))
            .map(|part| self.parts.get(place(part)).copied().unwrap_or_default())
            .sum()
    }

    /// Counts what has just been sent.
    fn spend(&mut self, now: Instant, takes: Duration) {
        let part = self.part_of(now);
        // What lies between was silent.
        for silent in (self.part + 1..=part).rev().take(self.parts.len()) {
            if let Some(place) = self.parts.get_mut(place(silent)) {
                *place = Duration::ZERO;
            }
        }
        self.part = self.part.max(part);
        if let Some(place) = self.parts.get_mut(place(part)) {
            *place += takes;
        }
    }
}

fn place(part: u64) -> usize {
    usize::try_from(part % (PARTS as u64 + 1)).unwrap_or(0)
}

impl<T: Transport, C: Clock> Transport for Radio<T, C> {
    type Error = T::Error;

    fn mtu(&self) -> usize {
        self.settings.mtu.min(self.inner.mtu())
    }

    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<T::Error>> {
        self.send_gather(&[bytes])
    }

    fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<T::Error>> {
        let len = pieces.iter().fold(0, |sum: usize, piece| sum.saturating_add(piece.len()));
        let most = self.mtu();
        if len > most {
            return Err(TransportError::TooLong { len, most });
        }
        let now = self.clock.now();
        if self.ready_at(len).is_none_or(|ready| ready > now) {
            return Err(TransportError::WouldBlock);
        }
        self.inner.send_gather(pieces)?;
        let takes = self.settings.time_on_air(len);
        self.free_at = now + takes;
        self.spend(now, takes);
        self.stats.sent += 1;
        self.stats.on_air += takes;
        Ok(())
    }

    /// As the transport below. What it has while this one is sending or turning around is lost, so call it then, too.
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<T::Error>> {
        loop {
            let len = self.inner.receive(into)?;
            let now = self.clock.now();
            if self.stats.sent > 0 && now < self.free_at + self.settings.turnaround {
                self.stats.missed += 1;
                continue;
            }
            self.heard_at = Some(now);
            self.stats.received += 1;
            return Ok(len);
        }
    }

    fn source(&self) -> u64 {
        self.inner.source()
    }

    fn answer_to(&mut self, source: u64) {
        self.inner.answer_to(source);
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use alloc::collections::VecDeque;
    use alloc::vec::Vec;
    use core::convert::Infallible;

    use super::*;

    /// What is sent comes back.
    #[derive(Default)]
    struct Loopback(VecDeque<Vec<u8>>);

    impl Transport for Loopback {
        type Error = Infallible;

        fn mtu(&self) -> usize {
            100
        }

        fn boundaries(&self) -> Boundaries {
            Boundaries::Packets
        }

        fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError<Infallible>> {
            self.0.push_back(bytes.to_vec());
            Ok(())
        }

        fn send_gather(&mut self, pieces: &[&[u8]]) -> Result<(), TransportError<Infallible>> {
            self.send(&pieces.concat())
        }

        fn receive(&mut self, into: &mut [u8]) -> Result<usize, TransportError<Infallible>> {
            let packet = self.0.pop_front().ok_or(TransportError::WouldBlock)?;
            into[..packet.len()].copy_from_slice(&packet);
            Ok(packet.len())
        }
    }

    /// A clock that is set.
    struct Hand(Cell<u64>);

    impl Hand {
        fn to(&self, at: Instant) {
            self.0.set(at.as_nanos());
        }
    }

    impl Clock for Hand {
        fn now(&self) -> Instant {
            Instant::from_nanos(self.0.get())
        }
    }

    const SETTINGS: RadioSettings = RadioSettings { bits_per_s: 8000, overhead: 0, ..RadioSettings::FTAG };

    #[test]
    fn a_packet_is_in_the_air_as_long_as_its_bits_take() {
        assert_eq!(SETTINGS.time_on_air(66), Duration::from_millis(66));
        assert_eq!(RadioSettings::FTAG.time_on_air(62), Duration::from_millis(30));
        let clock = Hand(Cell::new(0));
        let mut radio = Radio::new(Loopback::default(), &clock, SETTINGS);
        radio.send(&[1; 66]).unwrap();
        assert_eq!(radio.ready_at(1), Some(Instant::from_millis(66)));
        clock.to(Instant::from_micros(65_999));
        assert_eq!(radio.send(&[2]), Err(TransportError::WouldBlock));
        clock.to(Instant::from_millis(66));
        radio.send(&[2]).unwrap();
        assert_eq!(radio.stats().on_air, Duration::from_millis(67));
    }

    #[test]
    fn who_sends_hears_nothing_and_who_hears_turns_around_before_sending() {
        let clock = Hand(Cell::new(0));
        let mut radio = Radio::new(Loopback::default(), &clock, SETTINGS);
        let mut into = [0; 66];
        radio.send(&[1; 10]).unwrap();
        assert_eq!(
            radio.receive(&mut into),
            Err(TransportError::WouldBlock),
            "its own packet, while it sends"
        );
        assert_eq!(radio.stats().missed, 1);
        radio.inner.send(&[2; 10]).unwrap();
        clock.to(Instant::from_millis(14));
        assert_eq!(
            radio.receive(&mut into),
            Err(TransportError::WouldBlock),
            "10 ms in the air, 5 to turn around"
        );
        radio.inner.send(&[3; 10]).unwrap();
        clock.to(Instant::from_millis(15));
        assert_eq!(radio.receive(&mut into), Ok(10));
        assert_eq!(radio.send(&[4]), Err(TransportError::WouldBlock));
        assert_eq!(radio.ready_at(1), Some(Instant::from_millis(20)));
        clock.to(Instant::from_millis(20));
        radio.send(&[4]).unwrap();
    }

    #[test]
    fn no_window_holds_more_time_on_air_than_the_duty_cycle_allows() {
        let window = Duration::from_secs(60);
        let duty = DutyCycle { permille: 10, window };
        let settings = RadioSettings { duty_cycle: Some(duty), ..SETTINGS };
        let clock = Hand(Cell::new(0));
        let mut radio = Radio::new(Loopback::default(), &clock, settings);
        let (mut sent, mut into) = (Vec::new(), [0; 66]);
        while clock.now() < Instant::from_millis(600_000) {
            let len = 1 + sent.len() * 7 % 66;
            let at = radio.ready_at(len).unwrap();
            clock.to(at);
            radio.send(&into[..len]).unwrap();
            radio.inner.receive(&mut into).unwrap();
            sent.push((at, settings.time_on_air(len)));
        }
        for (first, (from, _)) in sent.iter().enumerate() {
            let within = sent[first..].iter().take_while(|(at, _)| at.since(*from) < window);
            let on_air: Duration = within.map(|(_, takes)| *takes).sum();
            assert!(on_air <= Duration::from_millis(600), "{on_air:?} from {from:?} on");
        }
        // And not much less.
        assert!(radio.stats().on_air >= Duration::from_millis(5000), "{:?}", radio.stats());
        let never = RadioSettings { bits_per_s: 10, ..settings };
        assert_eq!(Radio::new(Loopback::default(), &clock, never).ready_at(66), None);
    }
}

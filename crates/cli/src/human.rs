//! Numbers as people read them: 34.7 kB, 1.25 GB/s, 0.21 s.

use core::time::Duration;

/// Bytes, in powers of 1000.
pub(crate) fn bytes(count: u64) -> String {
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = whole(count);
    for unit in ["kB", "MB", "GB", "TB", "PB"] {
        value /= 1000.0;
        if value < 999.5 {
            return format!("{} {unit}", three(value));
        }
    }
    format!("{} EB", three(value / 1000.0))
}

/// Bytes a second.
pub(crate) fn rate(count: u64, time: Duration) -> String {
    format!("{}/s", bytes(per_second(count, time)))
}

/// How many of `count` fall into a second.
pub(crate) fn per_second(count: u64, time: Duration) -> u64 {
    let nanos = time.as_nanos().max(1);
    u64::try_from(u128::from(count) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

/// A duration.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if time.as_millis() < 10 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        0..60 => format!("{:.2} s", time.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A count with its noun in singular or plural.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A hash, as hex digits.
pub(crate) fn hash(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn three(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// A float near `count`: for people, three digits count.
fn whole(count: u64) -> f64 {
    let (high, low) = (count >> 32, count & 0xFFFF_FFFF);
    let part = |half: u64| f64::from(u32::try_from(half).unwrap_or(u32::MAX));
    part(high) * 4_294_967_296.0 + part(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (34_710, "34.7 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (1_250_000_000, "1.25 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn rates_and_times_survive_zero() {
        assert_eq!(rate(1000, Duration::from_millis(500)), "2.00 kB/s");
        assert_eq!(rate(0, Duration::ZERO), "0 B/s");
        assert_eq!(time(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(time(Duration::from_millis(210)), "0.21 s");
        assert_eq!(time(Duration::from_secs(3725)), "1 h 2 min");
    }
}

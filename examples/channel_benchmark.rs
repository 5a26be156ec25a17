//! How long a message takes from the moment it should have been sent until it is read.

use core::error::Error;
use core::time::Duration;
use std::time::Instant;

// ANCHOR: benchmark
use packhorse::channel::{Channel, Spsc};

/// Sends `count` messages of `size` bytes, one every `every`, and returns how long each took, sorted.
///
/// The time in a message is that of the timetable. A sender that is held up is late for all that follow, and those
/// messages count as late: waits are not left out (coordinated omission).
fn latencies(count: u32, size: usize, every: Duration) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(1 << 20).records::<Spsc>()?;
    let begin = Instant::now();
    let sending = std::thread::spawn(move || {
        for number in 0..count {
            let due = every * number;
            while begin.elapsed() < due {
                core::hint::spin_loop();
            }
            let mut message = sender.claim(0, size)?;
            message.fill(number.to_le_bytes()[0]);
            message[..4].copy_from_slice(&number.to_le_bytes());
            message.publish();
        }
        Ok::<(), packhorse::channel::SendError>(())
    });
    let mut latencies = Vec::with_capacity(count as usize);
    while let Ok(message) = receiver.receive() {
        let number = u32::from_le_bytes(message[..4].try_into()?);
        latencies.push(begin.elapsed().saturating_sub(every * number));
    }
    sending.join().map_err(|_| "the sender panicked")??;
    latencies.sort_unstable();
    Ok(latencies)
}
// ANCHOR_END: benchmark

fn main() -> Result<(), Box<dyn Error>> {
    let latencies = latencies(5_000, 1024, Duration::from_micros(20))?;
    assert_eq!(latencies.len(), 5_000, "every message came");
    let at = |share: usize| latencies[latencies.len() * share / 1000];
    println!("p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
    Ok(())
}

//! Watching a channel from inside the program: rates, waits, and what was dropped.

use core::error::Error;
use core::time::Duration;
use std::time::Instant;

// ANCHOR: monitor
use packhorse::channel::{Metrics, SendRecords};

/// A line about what happened since the last one.
fn report(before: &Metrics, now: &Metrics, passed: Duration) -> String {
    let seconds = passed.as_secs_f64();
    let messages = now.messages_sent - before.messages_sent;
    let bytes = now.bytes_sent - before.bytes_sent;
    format!(
        "{:.0} messages/s, {:.2} MiB/s, {} bytes each; senders waited {} times, receivers {}; {} wait to be read",
        messages as f64 / seconds,
        bytes as f64 / seconds / 1_048_576.0,
        bytes.checked_div(messages).unwrap_or(0),
        now.send_blocks - before.send_blocks,
        now.receive_blocks - before.receive_blocks,
        now.depth,
    )
}

/// Prints one every `interval` until the channel is stopped.
fn monitor(channel: &impl SendRecords, interval: Duration) {
    let (mut last, mut before) = (Instant::now(), channel.metrics());
    while !channel.is_stopped() {
        std::thread::sleep(interval);
        let (time, now) = (Instant::now(), channel.metrics());
        println!("{}", report(&before, &now, time - last));
        (last, before) = (time, now);
    }
}
// ANCHOR_END: monitor

fn main() -> Result<(), Box<dyn Error>> {
    use packhorse::channel::{Channel, Mpsc};
    let (sender, mut receiver) = Channel::at("memory://metrics")?.records::<Mpsc>()?;
    let mut busy = sender.try_clone()?;
    let sending = std::thread::spawn(move || {
        for _ in 0..20_000 {
            busy.send(1, &[7; 64])?;
        }
        busy.stop();
        Ok::<(), packhorse::channel::SendError>(())
    });
    let watching = std::thread::spawn(move || {
        monitor(&sender, Duration::from_millis(20));
        sender.metrics()
    });
    let mut received = 0_u64;
    while receiver.receive().is_ok() {
        received += 1;
    }
    sending.join().map_err(|_| "the sender panicked")??;
    let metrics = watching.join().map_err(|_| "the monitor panicked")?;
    assert_eq!((received, metrics.messages_sent, metrics.messages_received), (20_000, 20_000, 20_000));
    assert_eq!(metrics.bytes_sent, 20_000 * 64);
    Ok(())
}

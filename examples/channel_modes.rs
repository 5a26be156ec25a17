//! The same million messages through every mode.

use core::error::Error;
use core::time::Duration;
use std::time::Instant;

// ANCHOR: modes
use packhorse::channel::{Broadcast, Channel, Mode, Mpmc, Mpsc, SendError, Spmc, Spsc};

/// How long one sender and one receiver need for `count` messages of 64 bytes in mode `M`.
fn time<M: Mode>(count: u64) -> Result<Duration, Box<dyn Error>> {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(1 << 20).typed::<[u64; 8], M>()?;
    let begin = Instant::now();
    let sending = std::thread::spawn(move || {
        for number in 0..count {
            let mut message = sender.claim()?;
            message[0] = number;
            message.publish();
        }
        Ok::<(), SendError>(())
    });
    let mut next = 0;
    // The sender is dropped when its thread ends: then the channel ends, and this loop with it.
    while let Ok(message) = receiver.receive() {
        assert_eq!(message[0], next, "nothing lost, nothing doubled, in order");
        next += 1;
    }
    sending.join().map_err(|_| "the sender panicked")??;
    assert_eq!(next, count);
    Ok(begin.elapsed())
}
// ANCHOR_END: modes

fn main() -> Result<(), Box<dyn Error>> {
    let count = 100_000;
    let times = [
        ("spsc", time::<Spsc>(count)?),
        ("mpsc", time::<Mpsc>(count)?),
        ("spmc", time::<Spmc>(count)?),
        ("mpmc", time::<Mpmc>(count)?),
        ("broadcast", time::<Broadcast>(count)?),
    ];
    for (mode, time) in times {
        println!("{mode:>9}: {:.2} million messages/s", count as f64 / time.as_secs_f64() / 1e6);
    }
    Ok(())
}

//! The pitfalls: buffers too large, locks around channels, buffers made anew for every message.

use core::error::Error;

// ANCHOR: capacity
use packhorse::channel::{BackPressure, Channel, SendError, Spsc};

/// A capacity is how much may wait, not how much may pass. When it is used up, what happens is your choice, and counted.
fn sized() -> Result<(), Box<dyn Error>> {
    let channel = Channel::anonymous().capacity(16 * 1024).back_pressure(BackPressure::Error);
    let (mut sender, receiver) = channel.typed::<[u8; 1024], Spsc>()?;
    let refused = (0..1000).find_map(|_| sender.send([0; 1024]).err());
    assert_eq!(refused, Some(SendError::Full));
    let metrics = receiver.metrics();
    assert_eq!((metrics.messages_sent, metrics.refused), (16, 1));
    Ok(())
}
// ANCHOR_END: capacity

// ANCHOR: no_lock
use packhorse::channel::{Mpsc, typed};

/// No mutex around a sender: in the modes with many, each thread has its own.
fn without_locks() -> Result<(), Box<dyn Error>> {
    let (sender, mut receiver) = Channel::anonymous().typed::<u64, Mpsc>()?;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut own: typed::Sender<u64, Mpsc> = sender.try_clone()?;
            scope.spawn(move || (0..1000).try_for_each(|value| own.send(value)));
        }
        drop(sender);
        let mut count = 0;
        while receiver.receive().is_ok() {
            count += 1;
        }
        assert_eq!(count, 3000);
        Ok(())
    })
}
// ANCHOR_END: no_lock

fn main() -> Result<(), Box<dyn Error>> {
    sized()?;
    without_locks()
}

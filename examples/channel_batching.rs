//! One value a message, many values a message, and batches that adapt.

use core::error::Error;
use core::time::Duration;

// ANCHOR: individual
use packhorse::channel::record::{Sender, kind_of};
use packhorse::channel::{Channel, SendError, Spsc};

/// Each value pays for a claim and a release.
fn send_individual(channel: &mut Sender<Spsc>, data: &[f32]) -> Result<(), SendError> {
    for value in data {
        channel.send(kind_of::<f32>(), &value.to_ne_bytes())?;
    }
    Ok(())
}
// ANCHOR_END: individual

// ANCHOR: batched
use zerocopy::IntoBytes as _;

/// A claim and a release a batch, and one copy, straight into the channel.
fn send_batched(channel: &mut Sender<Spsc>, data: &[f32], batch: usize) -> Result<(), SendError> {
    for values in data.chunks(batch) {
        channel.send(kind_of::<f32>(), values.as_bytes())?;
    }
    Ok(())
}
// ANCHOR_END: batched

// ANCHOR: adaptive
use packhorse::channel::batch::Batcher;

/// A value leaves at once while nobody has anything to read, with others while the receiver is busy, and never waits
/// longer than 10 ms, although nothing may follow.
fn send_adaptive(channel: Sender<Spsc>, data: &[f32]) -> Result<(), Box<dyn Error>> {
    let batcher = Batcher::new(channel, 1000, Duration::from_millis(10))?;
    for value in data {
        batcher.add(*value)?;
    }
    Ok(batcher.flush()?)
}
// ANCHOR_END: adaptive

fn main() -> Result<(), Box<dyn Error>> {
    let data: Vec<f32> = (0..10_000_u16).map(f32::from).collect();
    let (mut sender, mut receiver) = Channel::anonymous().capacity(1 << 20).records::<Spsc>()?;
    let receiving = std::thread::spawn(move || {
        let (mut messages, mut values) = (0, Vec::new());
        while let Ok(message) = receiver.receive() {
            messages += 1;
            values.extend_from_slice(message.values::<f32>()?);
        }
        Ok::<_, packhorse::channel::ReceiveError>((messages, values))
    });
    send_individual(&mut sender, &data)?;
    send_batched(&mut sender, &data, 1000)?;
    send_adaptive(sender, &data)?;
    let (messages, values) = receiving.join().map_err(|_| "the receiver panicked")??;
    assert_eq!(values, [data.as_slice(), &data, &data].concat());
    println!("30000 values in {messages} messages");
    Ok(())
}

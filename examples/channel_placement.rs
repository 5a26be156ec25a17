//! Threads that talk to each other on two cores of one node, with the channel's memory near.

use core::error::Error;

// ANCHOR: placement
use packhorse::channel::placement::Cores;
use packhorse::channel::{Channel, Spsc};

fn placed() -> Result<f32, Box<dyn Error>> {
    // What this process may use, not what the machine has; one processor of each core.
    let cores = Cores::read()?.apart();
    let here = *cores.first().ok_or("no processor")?;
    let there = *cores.get(1).unwrap_or(&here);
    println!("{here:?} and {there:?}");

    // First the place, then the memory: pages lie on the node of the thread that touches them first.
    here.pin()?;
    let channel = Channel::anonymous().capacity(1 << 20).prefault();
    let (mut sender, mut receiver) = channel.typed::<[f32; 256], Spsc>()?;
    let consumer = std::thread::spawn(move || {
        there.pin()?;
        let mut sum = 0.0;
        while let Ok(message) = receiver.receive() {
            sum += message[0];
        }
        Ok::<f32, std::io::Error>(sum)
    });
    for number in 0..1000_u16 {
        let mut message = sender.claim()?;
        message[0] = f32::from(number);
        message.publish();
    }
    // Without this the consumer would wait for ever.
    drop(sender);
    Ok(consumer.join().map_err(|_| "the consumer panicked")??)
}
// ANCHOR_END: placement

fn main() -> Result<(), Box<dyn Error>> {
    // In a thread of its own: the pin would stay.
    let sum = std::thread::spawn(|| placed().map_err(|error| error.to_string())).join();
    assert_eq!(sum.map_err(|_| "panicked")??, 499_500.0);
    Ok(())
}

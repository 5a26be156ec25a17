//! Where messages live, and what need not be built beside a channel.

use core::error::Error;

// ANCHOR: in_place
use packhorse::channel::record::kind_of;
use packhorse::channel::{Channel, Spsc};

fn in_place() -> Result<(), Box<dyn Error>> {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(1 << 16).records::<Spsc>()?;
    for round in 0..1000_u16 {
        // The memory is the channel's, used again and again: no allocation, no pool beside it.
        let mut message = sender.claim(kind_of::<f32>(), 4 * 100)?;
        for bytes in message.chunks_exact_mut(4) {
            bytes.copy_from_slice(&f32::from(round).to_ne_bytes());
        }
        message.publish();
        // Read where it was written. The slot is free again when the message is dropped.
        let message = receiver.receive()?;
        assert_eq!(message.values::<f32>()?, [f32::from(round); 100]);
    }
    Ok(())
}
// ANCHOR_END: in_place

// ANCHOR: forward
/// A batch is a slice: read forward, it is fetched ahead by the processor.
fn forward() -> Result<(), Box<dyn Error>> {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(1 << 16).typed::<[f32; 16], Spsc>()?;
    let mut batch = sender.claim_batch(64)?;
    batch.fill([0.5; 16]);
    batch.publish();
    let sum: f32 = receiver.receive_batch(64)?.iter().flatten().sum();
    assert_eq!(sum, 512.0);
    Ok(())
}
// ANCHOR_END: forward

// ANCHOR: padding
use core::sync::atomic::{AtomicU64, Ordering};

/// A word that one thread writes, with two lines of the cache for itself.
#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

fn padded() {
    let counts: [Padded; 2] = Default::default();
    let add = |count: &Padded| {
        for _ in 0..1000 {
            count.0.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| counts.iter().for_each(|count| drop(scope.spawn(move || add(count)))));
    assert!(counts.iter().all(|count| count.0.load(Ordering::Relaxed) == 1000));
}
// ANCHOR_END: padding

// ANCHOR: pool
use packhorse::buffer::{HeapPool, PacketBuf};

/// Buffers outside a channel: a fixed number, taken and given back without a lock. An empty pool is back pressure, not an
/// allocation.
fn pool() -> Result<(), Box<dyn Error>> {
    let pool = HeapPool::new(4, 1500);
    let mut packet = PacketBuf::with_headroom(pool.take().ok_or("the pool is empty")?, 32)?;
    packet.put_slice(b"payload")?;
    let others: Vec<_> = core::iter::from_fn(|| pool.take()).collect();
    assert_eq!(others.len(), 3);
    drop(packet);
    assert!(pool.take().is_some(), "the slot of the packet is free again");
    Ok(())
}
// ANCHOR_END: pool

fn main() -> Result<(), Box<dyn Error>> {
    in_place()?;
    forward()?;
    padded();
    pool()
}

//! What each compressor does to the same floats, with and without shuffling their bytes.

use core::error::Error;
use std::time::Instant;

// ANCHOR: compression
use packhorse::channel::compress::{Compression, Compressor, Decompressor, Method, Shuffle};
use packhorse::channel::{Channel, Spsc};
use zerocopy::IntoBytes as _;

/// Sends `values` through a channel: bytes in the channel, and whether they came back the same.
fn through(compression: Compression, values: &[f32]) -> Result<(usize, bool), Box<dyn Error>> {
    let (mut sender, mut receiver) = Channel::anonymous().capacity(1 << 22).records::<Spsc>()?;
    let mut compressor = Compressor::new(compression)?;
    // Stored as it is where compressing does not help, or below 128 bytes.
    let compressed = compressor.compress(values.as_bytes());
    let mut claim = sender.claim(0, compressed.len())?;
    compressed.write_to(&mut claim);
    claim.publish();

    let message = receiver.receive()?;
    // Never takes more memory than it is allowed, whatever the message says of itself.
    let mut decompressor = Decompressor::new(values.as_bytes().len());
    let same = decompressor.decompress(&message)? == values.as_bytes();
    Ok((message.len(), same))
}
// ANCHOR_END: compression

fn main() -> Result<(), Box<dyn Error>> {
    let sine: Vec<f32> = (0..60_000_u16).map(|n| (f32::from(n) * 0.01).sin()).collect();
    for method in Method::ALL {
        for shuffle in [None, Some(Shuffle::Four)] {
            let compression = Compression::new(method).checksum(true);
            let compression = shuffle.map_or(compression, |shuffle| compression.shuffle(shuffle));
            let begin = Instant::now();
            let (bytes, same) = through(compression, &sine)?;
            assert!(same);
            let share = bytes as f64 / sine.as_bytes().len() as f64;
            let shuffled = if shuffle.is_some() { "shuffled" } else { "" };
            println!("{method:>9} {shuffled:>9} {:5.1} % {:?}", share * 100.0, begin.elapsed());
        }
    }
    Ok(())
}

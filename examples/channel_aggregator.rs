//! Many threads add, one reads the sum: nothing is lost.

use core::error::Error;
use core::time::Duration;

// ANCHOR: aggregator
use packhorse::channel::SendError;
use packhorse::channel::aggregate::Aggregator;

fn aggregate(threads: u64, each: u64) -> Result<u64, Box<dyn Error>> {
    let (adder, mut aggregator) = Aggregator::<u64>::new(1024, usize::try_from(threads)? + 1)?;
    let mut adding = Vec::new();
    for _ in 0..threads {
        let mut adder = adder.try_clone()?;
        adding.push(std::thread::spawn(move || {
            for value in 1..=each {
                adder.add(value)?;
            }
            Ok::<(), SendError>(())
        }));
    }
    // The adders in the threads are the only ones left: when they end, so does the loop.
    drop(adder);
    let mut sum = 0;
    while aggregator.wait_each(Duration::from_secs(10), |value| sum += value).is_ok() {}
    for thread in adding {
        thread.join().map_err(|_| "an adder panicked")??;
    }
    Ok(sum)
}
// ANCHOR_END: aggregator

fn main() -> Result<(), Box<dyn Error>> {
    assert_eq!(aggregate(4, 10_000)?, 4 * 10_000 * 10_001 / 2);
    Ok(())
}

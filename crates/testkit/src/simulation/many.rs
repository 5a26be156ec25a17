//! [`run_seeds`]: many transfers, on as many threads as there are cores.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use std::panic::catch_unwind;
use std::thread;

use super::run_seed;

/// Runs the transfers of all these seeds on `threads` threads, and tells `failed` the seed and what did not hold of each that
/// broke something, at once. A panic breaks a seed as well. Returns how many did.
pub fn run_seeds(seeds: Range<u64>, threads: usize, failed: impl Fn(u64, &str) + Sync) -> u64 {
    let (next, broken) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let what = match catch_unwind(|| run_seed(seed)) {
                        Ok(Ok(_)) => continue,
                        Ok(Err(what)) => what,
                        Err(_) => format!("seed {seed}: it panicked, see above"),
                    };
                    broken.fetch_add(1, Ordering::Relaxed);
                    failed(seed, &what);
                }
            });
        }
    });
    broken.into_inner()
}

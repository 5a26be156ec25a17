//! [`Pace`]: a line's speed and its length. What is written is taken at the speed, and comes out later.
//!
//! ```text
//!   write ----> waits until the line is free ----> queue ----> waits until it is due ----> output
//!               bytes / rate                                   delay
//! ```

use core::time::Duration;
use std::io::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

/// Pieces on the line at a time; whoever writes more waits.
const QUEUE: usize = 4096;
/// Bytes on the line at a time where it has no speed.
const LONG: usize = 64 * 1024;
/// Pieces a second of a line that has one.
const PIECES: u64 = 100;

/// A speed, a length, or both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    rate: Option<u64>,
    delay: Duration,
}

impl Pace {
    /// None when nothing is to be slowed down.
    pub(super) fn wanted(rate: Option<u64>, delay: Option<Duration>) -> Option<Self> {
        (rate.is_some() || delay.is_some()).then_some(Self { rate, delay: delay.unwrap_or_default() })
    }

    /// Bytes that should be written at a time, at most.
    pub(super) fn most(self) -> usize {
        self.rate.map_or(LONG, |rate| usize::try_from((rate / PIECES).max(1)).unwrap_or(LONG).min(LONG))
    }

    /// Does `work` with the line's near end; `output` is its far end.
    pub(super) fn run<W: Write + Send>(
        self,
        mut output: W,
        work: impl FnOnce(NearEnd) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (line, far) = sync_channel::<(Instant, Vec<u8>)>(QUEUE);
        thread::scope(|scope| {
            let end = scope.spawn(move || {
                for (due, bytes) in far {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    output.write_all(&bytes)?;
                }
                Ok::<(), io::Error>(())
            });
            let worked = work(NearEnd { line, pace: self, free: Instant::now() });
            // Whoever reads has gone: that is why the work could not go on.
            match end.join() {
                Ok(Err(error)) => Err(anyhow::Error::from(error).context("cannot write to standard output")),
                _ => worked,
            }
        })
    }
}

/// Where the line begins.
#[derive(Debug)]
pub(super) struct NearEnd {
    line: SyncSender<(Instant, Vec<u8>)>,
    pace: Pace,
    free: Instant,
}

impl Write for NearEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let now = Instant::now();
        if let Some(rate) = self.pace.rate {
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds do not matter")]
            let takes = bytes.len() as f64 / rate as f64;
            self.free = self.free.max(now) + Duration::from_secs_f64(takes);
            thread::sleep(self.free.saturating_duration_since(now));
        }
        let due = Instant::now() + self.pace.delay;
        self.line.send((due, bytes.to_vec())).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_out_in_order_and_not_before_its_time() {
        let pace = Pace::wanted(Some(20_000), Some(Duration::from_millis(30))).unwrap();
        assert_eq!(pace.most(), 200);
        let started = Instant::now();
        let mut out = Vec::new();
        pace.run(&mut out, |mut line| {
            for piece in [[1; 500], [2; 500]] {
                line.write_all(&piece)?;
            }
            Ok(())
        })
        .unwrap();
        assert!(started.elapsed() >= Duration::from_millis(80));
        assert_eq!(out, [[1; 500], [2; 500]].concat());
        assert!(Pace::wanted(None, None).is_none());
    }
}

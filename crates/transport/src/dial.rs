//! Connecting to somebody who may not be there yet: tries again for a while, then says why it did not work.

use core::time::Duration;
use std::io::{ErrorKind, Result};
use std::time::Instant;

/// The first pause; each one is twice the one before, up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_LAST: Duration = Duration::from_millis(500);

/// Makes `attempt`, again and again for `patience` as long as nobody is there. It is told how long it may take.
///
/// # Errors
/// That of the last attempt, or the first that more patience does not mend.
pub(crate) fn retry<C>(patience: Duration, mut attempt: impl FnMut(Duration) -> Result<C>) -> Result<C> {
    let started = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        let left = patience.saturating_sub(started.elapsed());
        match attempt(left) {
            Err(error) if may_pass(error.kind()) && left > pause => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE_LAST);
            }
            result => return result,
        }
    }
}

/// Whether somebody may yet come who listens there.
fn may_pass(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::NotFound
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut
            | ErrorKind::WouldBlock
    )
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn who_comes_late_is_reached_and_a_fault_that_stays_is_told_at_once() {
        let mut attempts = 0;
        let reached = retry(Duration::from_secs(5), |_| {
            attempts += 1;
            if attempts < 3 { Err(Error::from(ErrorKind::ConnectionRefused)) } else { Ok(attempts) }
        });
        assert_eq!(reached.unwrap(), 3);
        let denied = retry::<()>(Duration::MAX, |_| Err(Error::from(ErrorKind::PermissionDenied)));
        assert_eq!(denied.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn without_patience_there_is_one_attempt() {
        let mut attempts = 0;
        let result = retry::<()>(Duration::ZERO, |_| {
            attempts += 1;
            Err(Error::from(ErrorKind::ConnectionRefused))
        });
        assert_eq!((result.unwrap_err().kind(), attempts), (ErrorKind::ConnectionRefused, 1));
    }
}

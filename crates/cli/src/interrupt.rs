//! [`Interruptible`]: standard input that can be left while nothing comes.
//!
//! ```text
//!   read   waits for   standard input: bytes or its end
//!                      the bell: somebody has no use for more       -> an error
//!                      standard output, if it is what is fed: whoever read it has gone   -> a closed pipe
//! ```

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use crate::stdio::Input;

/// Standard input, for a thread that somebody else may have to stop.
pub(crate) struct Interruptible {
    input: Input,
    stdin: OwnedFd,
    /// Ends when its other end is closed.
    bell: PipeReader,
    stdout: Option<OwnedFd>,
}

/// Dropped, it ends a read that waits, and all that follow.
pub(crate) struct Interrupt(#[expect(dead_code, reason = "to be dropped")] PipeWriter);

impl Interruptible {
    /// Standard input. With `feeds_stdout` it ends also when nobody reads standard output any more.
    pub(crate) fn stdin(feeds_stdout: bool) -> anyhow::Result<(Self, Interrupt)> {
        let (bell, rope) = io::pipe()?;
        let stdin = io::stdin().as_fd().try_clone_to_owned()?;
        let stdout = if feeds_stdout { Some(io::stdout().as_fd().try_clone_to_owned()?) } else { None };
        Ok((Self { input: Input::stdin()?, stdin, bell, stdout }, Interrupt(rope)))
    }

    /// Waits until there is something to read.
    fn wait(&self) -> io::Result<()> {
        let mut watched =
            vec![PollFd::new(&self.stdin, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
        // No events asked for: an error is always told.
        watched.extend(self.stdout.as_ref().map(|stdout| PollFd::new(stdout, PollFlags::empty())));
        loop {
            match poll(&mut watched, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let told = |at: usize| watched.get(at).map_or(PollFlags::empty(), PollFd::revents);
        if !told(1).is_empty() {
            return Err(io::Error::other("not wanted any more"));
        }
        if told(2).intersects(PollFlags::ERR) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }
}

impl Read for Interruptible {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.wait()?;
        self.input.read(into)
    }
}

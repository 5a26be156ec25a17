//! [`Interruptible`]: a stream, as standard input, that can be left while nothing comes.
//!
//! ```text
//!   read   waits for   the stream: bytes or its end
//!                      the bell: somebody has no use for more       -> an error
//!                      standard output, if it is what is fed: whoever read it has gone   -> a closed pipe
//! ```

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use crate::stdio::Input;

/// A pipe, socket or device, for a thread that somebody else may have to stop.
pub(crate) struct Interruptible {
    input: Input,
    stream: OwnedFd,
    /// Ends when its other end is closed.
    bell: PipeReader,
    stdout: Option<OwnedFd>,
}

/// Dropped, it ends a read that waits, and all that follow.
pub(crate) struct Interrupt(#[expect(dead_code, reason = "to be dropped")] PipeWriter);

impl Interruptible {
    /// Reads `stream`. With `feeds_stdout` it ends also when nobody reads standard output any more.
    pub(crate) fn new(stream: File, feeds_stdout: bool) -> anyhow::Result<(Self, Interrupt)> {
        let (bell, rope) = io::pipe()?;
        let input = Input::from(stream.try_clone()?);
        let stdout = if feeds_stdout { Some(io::stdout().as_fd().try_clone_to_owned()?) } else { None };
        Ok((Self { input, stream: stream.into(), bell, stdout }, Interrupt(rope)))
    }

    /// Waits until there is something to read.
    fn wait(&self) -> io::Result<()> {
        let mut watched =
            vec![PollFd::new(&self.stream, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
        // No events asked for: that it is closed is always told, by pipes as an error, by sockets as hung up.
        watched.extend(self.stdout.as_ref().map(|stdout| PollFd::new(stdout, PollFlags::empty())));
        loop {
            match poll(&mut watched, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let told = |at: usize| watched.get(at).map_or(PollFlags::empty(), PollFd::revents);
            if !told(1).is_empty() {
                return Err(io::Error::other("not wanted any more"));
            }
            if told(2).intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if !told(0).is_empty() {
                return Ok(());
            }
        }
    }
}

impl Read for Interruptible {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.wait()?;
        self.input.read(into)
    }
}

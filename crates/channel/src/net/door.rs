//! [`Door`]: where a sender that listens lets its receiver in, and waits for nobody who only stands there.
//!
//! ```text
//!   accept -> guests, each with a while to say HELLO -> the first that fits: WELCOME, the line; REFUSE to others
//! ```

use core::time::Duration;
use std::time::Instant;

use packhorse_transport::tcp::Listener;

use super::dial::send;
use super::greeting::{Greeting, Refusal};
use super::line::Line;
use super::stream::{Came, Patience};
use super::tcp_inbox::{GUESTS, Guest, REFUSING, guest};
use super::wire::Kind;
use crate::OpenError;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Door {
    listener: Listener,
    guests: Vec<Guest>,
}

impl Door {
    pub(crate) fn new(listener: Listener) -> Self {
        Self { listener, guests: Vec::new() }
    }

    /// The receiver, if it has greeted by now, and the number of the message that it wants next.
    pub(crate) fn receiver(
        &mut self,
        greeting: &Greeting,
        session: u32,
    ) -> Result<Option<(Line, u64)>, OpenError> {
        while self.guests.len() < GUESTS
            && let Some((connection, _)) = self.listener.accept(Some(Duration::ZERO))?
        {
            self.guests.push(guest(connection));
        }
        let now = Instant::now();
        let mut index = 0;
        while let Some(guest) = self.guests.get_mut(index) {
            match guest.stream.next(Patience::None) {
                Ok(Came::Nothing) if guest.until > now => index += 1,
                Ok(Came::Packet(hello, body)) => {
                    let mut guest = self.guests.swap_remove(index);
                    let fits = match hello.kind {
                        Kind::Hello => greeting.agree(guest.stream.body(body)),
                        _ => Err(Refusal::Foreign),
                    };
                    match fits {
                        Ok(()) => {
                            if send(&mut guest.writer, Kind::Welcome, session, 0, &greeting.encode()).is_ok()
                            {
                                let line = Line::tcp(guest.writer, guest.stream)?;
                                return Ok(Some((line, hello.number)));
                            }
                        }
                        Err(refusal) => {
                            // Whoever does not wait for the answer does not get it.
                            let _ = send(&mut guest.writer, Kind::Refuse, session, 0, &refusal.encode());
                            let _ = guest.writer.finish(REFUSING);
                        }
                    }
                }
                // Silent for too long, gone again, or no end of ours.
                _ => drop(self.guests.swap_remove(index)),
            }
        }
        Ok(None)
    }
}

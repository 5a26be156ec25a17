//! [`Exit`]: how a receiver is stopped, from whatever thread, and how its senders hear of it.
//!
//! Not the end of the stream: what senders had published before they heard of it still comes.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use packhorse_transport::{ConnectionWriter, UdpSender};

use super::dial::{packet, send};
use super::wire::Kind;

/// What receiving and stopping share.
#[derive(Debug)]
pub(crate) struct Exit {
    stopped: AtomicBool,
    waker: UnixStream,
    /// Readable from the moment of stopping.
    pub(crate) wake: UnixStream,
    back: Mutex<Back>,
}

/// The ways back to the senders.
#[derive(Debug, Default)]
pub(crate) struct Back {
    pub(crate) connections: Vec<(u32, ConnectionWriter)>,
    pub(crate) socket: Option<UdpSender>,
    pub(crate) addresses: Vec<(u32, SocketAddr)>,
}

impl Exit {
    pub(crate) fn new() -> io::Result<Self> {
        let (waker, wake) = UnixStream::pair()?;
        Ok(Self { stopped: AtomicBool::new(false), waker, wake, back: Mutex::default() })
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Tells all senders, and whoever receives.
    pub(crate) fn stop(&self) {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        // A full pipe wakes as well.
        let _ = (&self.waker).write(&[0]);
        let mut back = self.back();
        let Back { connections, socket, addresses } = &mut *back;
        for (session, writer) in connections {
            // Who is gone need not be told.
            let _ = send(writer, Kind::Stop, *session, 0, &[]);
        }
        for (session, address) in addresses {
            say(socket, Kind::Stop, *session, 0, &[], *address);
        }
    }

    pub(crate) fn back(&self) -> MutexGuard<'_, Back> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the way to a sender that is gone, and closes it.
    pub(crate) fn forget(&self, session: u32) {
        self.back().connections.retain(|(known, _)| *known != session);
    }

    /// Answers a datagram.
    pub(crate) fn say(&self, kind: Kind, session: u32, number: u64, body: &[u8], to: SocketAddr) {
        say(&mut self.back().socket, kind, session, number, body, to);
    }
}

fn say(socket: &mut Option<UdpSender>, kind: Kind, session: u32, number: u64, body: &[u8], to: SocketAddr) {
    if let Some(socket) = socket {
        // What cannot be sent is as if it had been lost.
        let _ = socket.send_to(packet(kind, session, number, body, false).sealed(), to);
    }
}

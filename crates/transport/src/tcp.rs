//! TCP: [`connect`] and [`Listener`], which make a [`Connection`].
//!
//! Not for what travels on it. A host that is empty stands for all addresses of this machine when listening, and for
//! this machine when connecting.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io::{Error, ErrorKind, Result};
use std::net::ToSocketAddrs as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::ready::wait;
use crate::{Connection, dial};

/// One attempt at one address takes at most so long, so that others get their turn.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// An idle connection is looked at after so long, and given up a few looks later.
const KEEPALIVE: Duration = Duration::from_secs(30);
const BACKLOG: i32 = 128;

/// How a TCP socket is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    /// Small packets leave at once (TCP_NODELAY).
    pub nodelay: bool,
    /// Bytes that the system holds for sending; `None` leaves that to it.
    pub send_buffer: Option<usize>,
    /// Bytes that the system holds for receiving; `None` leaves that to it.
    pub receive_buffer: Option<usize>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self { nodelay: true, send_buffer: None, receive_buffer: None }
    }
}

impl TcpOptions {
    fn apply(&self, socket: &Socket) -> Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
        self.buffers(socket)
    }

    fn buffers(&self, socket: &Socket) -> Result<()> {
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        self.receive_buffer.map_or(Ok(()), |bytes| socket.set_recv_buffer_size(bytes))
    }
}

/// Connects to `host`, a name or an address; tries all its addresses, and all again for `patience` as long as nobody
/// listens there.
///
/// ```
/// use core::time::Duration;
/// use packhorse_link::Transport as _;
/// use packhorse_transport::tcp::{Listener, TcpOptions, connect};
///
/// let options = TcpOptions::default();
/// let listener = Listener::bind("127.0.0.1", 0, &options)?;
/// let port = listener.local_addr()?.port();
/// let mut here = connect("127.0.0.1", port, &options, Duration::from_secs(5))?;
/// let (mut there, _) = listener.accept(None)?.expect("waits as long as it takes");
/// here.send(b"hello")?;
/// let mut into = [0; 16];
/// assert_eq!(there.receive(&mut into)?, 5);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
/// When the name is not known, or that of the last attempt.
pub fn connect(host: &str, port: u16, options: &TcpOptions, patience: Duration) -> Result<Connection> {
    let host = if host.is_empty() { "localhost" } else { host };
    dial::retry(patience, |left| {
        let mut last = None;
        for address in resolve(host, port)? {
            match attempt(address, options, left) {
                Ok(socket) => return Ok(Connection::from_fd(socket)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::InvalidInput, "the name has no address")))
    })
}

fn attempt(address: SocketAddr, options: &TcpOptions, left: Duration) -> Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    options.apply(&socket)?;
    // Zero is no time to wait, and refused as such.
    socket.connect_timeout(&address.into(), left.clamp(Duration::from_millis(500), ATTEMPT_MAX))?;
    Ok(socket.into())
}

/// The addresses of a host.
pub(crate) fn resolve(host: &str, port: u16) -> Result<impl Iterator<Item = SocketAddr>> {
    (host, port).to_socket_addrs().map_err(|error| {
        // What the resolver says has no kind of its own; it is no fault that passes.
        Error::new(ErrorKind::InvalidInput, format!("the host '{host}' is not known ({error})"))
    })
}

/// Waits for connections.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    options: TcpOptions,
}

impl Listener {
    /// Listens at `host`: an address of this machine, a name of it, or nothing for all of them. Port 0 is any that is free.
    ///
    /// # Errors
    /// When the name is not known, or the address is taken or not one of this machine.
    pub fn bind(host: &str, port: u16, options: &TcpOptions) -> Result<Self> {
        let all: [SocketAddr; 2] =
            [(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()];
        let addresses = if host.is_empty() { all.to_vec() } else { resolve(host, port)?.collect() };
        let mut last = None;
        for address in addresses {
            match Self::bind_to(address, options) {
                Ok(listener) => return Ok(listener),
                // A machine without IPv6 listens on the other; one whose port is taken does not.
                Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::InvalidInput, "the name has no address")))
    }

    fn bind_to(address: SocketAddr, options: &TcpOptions) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.ip() == Ipv6Addr::UNSPECIFIED {
            socket.set_only_v6(false)?;
        }
        // Before listening, so that connections inherit what decides their window.
        options.buffers(&socket)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, options: *options })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.socket.local_addr()?.as_socket().ok_or_else(|| Error::from(ErrorKind::Unsupported))
    }

    /// The next connection and whose it is, waiting at most `timeout` (`None`: as long as it takes); `None` when none came.
    ///
    /// # Errors
    /// What the system says; a connection that ended before it was taken is none.
    pub fn accept(&self, timeout: Option<Duration>) -> Result<Option<(Connection, SocketAddr)>> {
        loop {
            if !wait(self.socket.as_fd(), PollFlags::IN, timeout)? {
                return Ok(None);
            }
            match self.socket.accept() {
                Ok((socket, address)) => {
                    socket.set_nonblocking(false)?;
                    self.options.apply(&socket)?;
                    let address = address.as_socket().ok_or_else(|| Error::from(ErrorKind::Unsupported))?;
                    return Ok(Some((Connection::from_fd(socket), address)));
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// For waiting on several descriptors at once: readable when a connection can be accepted.
impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::TcpOptions;

    #[test]
    fn options_of_tcp_reach_the_socket() {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let (tuned, left) = (socket(), socket());
        let options =
            TcpOptions { nodelay: true, send_buffer: Some(96 << 10), receive_buffer: Some(80 << 10) };
        options.apply(&tuned).unwrap();
        TcpOptions { nodelay: false, ..TcpOptions::default() }.apply(&left).unwrap();
        assert_eq!((tuned.tcp_nodelay().unwrap(), left.tcp_nodelay().unwrap()), (true, false));
        // Systems keep their books in these buffers, too, and make them larger than asked for.
        assert!((96 << 10..=192 << 10).contains(&tuned.send_buffer_size().unwrap()));
        assert!((80 << 10..=160 << 10).contains(&tuned.recv_buffer_size().unwrap()));
        assert_ne!(tuned.recv_buffer_size().unwrap(), left.recv_buffer_size().unwrap());
    }
}

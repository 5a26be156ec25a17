//! [`TcpReader`]: packets back to back on one TCP connection, the first that comes, or one that is made.

use alloc::sync::Arc;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use packhorse_transport::PipeReader;
use socket2::SockRef;

use super::super::{Batch, Reader, Stopper};
use super::{Malformed, StreamReader};

/// Reads packets from a TCP connection.
#[derive(Debug)]
pub struct TcpReader {
    stream: StreamReader<Connection>,
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

/// What a stopper has to end.
#[derive(Debug, Default)]
struct State {
    stopped: bool,
    connection: Option<TcpStream>,
}

/// The one connection, once it is there.
#[derive(Debug)]
struct Connection {
    listener: Option<TcpListener>,
    connection: Option<TcpStream>,
    state: Arc<Mutex<State>>,
}

impl TcpReader {
    /// Bytes of the kernel's receive buffer that are asked for.
    pub const BUFFER: usize = 4 << 20;

    /// Listens on `address`, and reads from the first connection. Others are refused once it is there.
    ///
    /// # Errors
    /// What the system says: the address is in use or not this machine's.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::listen(TcpListener::bind(address)?)
    }

    /// Reads from the first connection that `listener` accepts.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        // Connections inherit it, and what their first packets say of the window fits. Less is no reason to refuse.
        let _ = SockRef::from(&listener).set_recv_buffer_size(Self::BUFFER);
        Ok(Self::new(Some(listener), None, address))
    }

    /// Reads from a connection that is there already.
    ///
    /// # Errors
    /// What the system says.
    pub fn connected(connection: TcpStream) -> io::Result<Self> {
        let address = connection.local_addr()?;
        let stopping = connection.try_clone()?;
        let reader = Self::new(None, Some(connection), address);
        lock(&reader.state).connection = Some(stopping);
        Ok(reader)
    }

    fn new(listener: Option<TcpListener>, connection: Option<TcpStream>, address: SocketAddr) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let source = Connection { listener, connection, state: Arc::clone(&state) };
        Self { stream: StreamReader::new(source, Malformed::Skip), state, address }
    }

    /// Where it listens: tells the port when 0 was asked for.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }
}

impl Reader for TcpReader {
    fn read(&mut self, batch: &mut Batch) -> io::Result<bool> {
        match self.stream.read(batch) {
            // A sender that goes away in the middle is an end like any other: what is missing is counted.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            result => result,
        }
    }

    fn stopper(&self) -> Stopper {
        let state = Arc::clone(&self.state);
        Stopper::new(move || {
            let mut state = lock(&state);
            state.stopped = true;
            if let Some(connection) = &state.connection {
                // One that is closed already needs no shutdown.
                let _ = connection.shutdown(Shutdown::Both);
            }
        })
    }

    fn is_lossy(&self) -> bool {
        false
    }
}

impl Connection {
    /// How often is looked whether the stream has been stopped while nobody connects.
    const LOOK: Duration = Duration::from_millis(50);

    /// The first connection; `None` when the stream is stopped before it comes.
    fn accept(&self, listener: &TcpListener) -> io::Result<Option<TcpStream>> {
        let ready = PipeReader::new(listener.try_clone()?);
        loop {
            if lock(&self.state).stopped {
                return Ok(None);
            }
            match listener.accept() {
                Ok((connection, _)) => {
                    connection.set_nonblocking(false)?;
                    let mut state = lock(&self.state);
                    if state.stopped {
                        return Ok(None);
                    }
                    state.connection = Some(connection.try_clone()?);
                    return Ok(Some(connection));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready.wait(Some(Self::LOOK))?;
                }
                // The peer gave up between the system's accepting and ours.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.connection.is_none() {
            let Some(listener) = self.listener.take() else { return Ok(0) };
            self.connection = self.accept(&listener)?;
        }
        self.connection.as_mut().map_or(Ok(0), |connection| connection.read(into))
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

//! [`Serial`]: a serial line. A stream of bytes both ways, of which some may be wrong, lost or doubled.
//!
//! ```text
//!   open   nobody else may open it, raw: no byte means anything to the system; speed and format as asked
//!   end    the adapter is pulled out, the modem or the other side of a pty hangs up: the end of the stream
//! ```
//! Two descriptors of one device: the one by which crate `serialport` sets it up and keeps others out, and ours.

use alloc::sync::Arc;
use core::time::Duration;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use packhorse_link::{Boundaries, Transport, TransportError};
use rustix::fs::OFlags;
use rustix::io::Errno;
use serialport::{DataBits, FlowControl, StopBits, TTYPort};

use crate::{Duplex, PipeReader, PipeWriter};

/// Bytes that a write should have: more only wait in the system.
const CALL_SIZE: usize = 4096;

/// A serial line, both ways. [`Duplex::split`] gives the halves to two threads.
pub type Serial = Duplex<SerialReader, SerialWriter>;

/// How a line is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SerialOptions {
    /// Bits a second, above 0.
    pub baud: u32,
    /// Bits of a byte on the line, 5 to 8; with fewer than 8 only encoded text passes.
    pub data_bits: u8,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
    /// The bit that makes the number of ones even or odd.
    pub parity: Parity,
    /// Who stops whom when it is too much.
    pub flow: Flow,
}

impl Default for SerialOptions {
    /// 115,200 bits a second, 8 data bits, no parity, 1 stop bit, no flow control.
    fn default() -> Self {
        Self { baud: 115_200, data_bits: 8, stop_bits: 1, parity: Parity::None, flow: Flow::None }
    }
}

/// Parity of every byte on the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parity {
    /// No such bit.
    #[default]
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// Flow control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Flow {
    /// None.
    #[default]
    None,
    /// By the lines RTS and CTS.
    Hardware,
    /// By the bytes 11 and 13 (XON, XOFF), which then must not occur in what is sent.
    Software,
}

impl Serial {
    /// Opens the line at `path`, for this process alone.
    ///
    /// # Errors
    /// When it does not exist, is no serial line, is in use, or cannot be set up as asked.
    pub fn open(path: &Path, options: &SerialOptions) -> Result<Self> {
        // Before it is closed to others, and to ourselves.
        let ours = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).unwrap_or(0))
            .open(path)?;
        if !rustix::termios::isatty(&ours) {
            return Err(Error::new(ErrorKind::InvalidInput, "it is not a serial line"));
        }
        let port = Arc::new(set_up(path, options)?);
        let receiver = PipeReader::new(ours.try_clone()?);
        let receiver = SerialReader { inner: receiver, _port: Arc::clone(&port) };
        let drain = ours.try_clone()?;
        Ok(Self::new(receiver, SerialWriter { inner: PipeWriter::new(ours), drain, _port: port }))
    }
}

fn set_up(path: &Path, options: &SerialOptions) -> Result<TTYPort> {
    let unusable = |what| Error::new(ErrorKind::InvalidInput, what);
    let name = path.to_str().ok_or_else(|| unusable("its name is not UTF-8"))?;
    let builder = serialport::new(name, options.baud)
        .data_bits(match options.data_bits {
            5 => DataBits::Five,
            6 => DataBits::Six,
            7 => DataBits::Seven,
            8 => DataBits::Eight,
            _ => return Err(unusable("a byte has 5 to 8 bits")),
        })
        .stop_bits(match options.stop_bits {
            1 => StopBits::One,
            2 => StopBits::Two,
            _ => return Err(unusable("there are 1 or 2 stop bits")),
        })
        .parity(match options.parity {
            Parity::None => serialport::Parity::None,
            Parity::Even => serialport::Parity::Even,
            Parity::Odd => serialport::Parity::Odd,
        })
        .flow_control(match options.flow {
            Flow::None => FlowControl::None,
            Flow::Hardware => FlowControl::Hardware,
            Flow::Software => FlowControl::Software,
        });
    builder.open_native().map_err(|error| match error.kind {
        serialport::ErrorKind::NoDevice => Error::new(ErrorKind::NotFound, error.description),
        _ => Error::from(error),
    })
}

/// The half that receives. Sending on it is [`TransportError::Closed`].
#[derive(Debug)]
pub struct SerialReader {
    inner: PipeReader,
    _port: Arc<TTYPort>,
}

/// The half that sends: everything, however slow the line. Receiving on it is the end of the stream.
#[derive(Debug)]
pub struct SerialWriter {
    inner: PipeWriter,
    drain: File,
    _port: Arc<TTYPort>,
}

impl SerialReader {
    /// Whether receiving waits, or returns [`TransportError::WouldBlock`] when nothing is there.
    pub fn set_blocking(&mut self, blocking: bool) {
        self.inner.set_blocking(blocking);
    }

    /// Receiving waits at most so long, then returns [`TransportError::WouldBlock`]; `None`: as long as it takes.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_timeout(timeout);
    }

    /// Waits until receiving would not, at most `timeout` (`None`: as long as it takes). False when the time is over.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        self.inner.wait(timeout)
    }
}

impl SerialWriter {
    /// Waits until the last bit has left.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(&mut self) -> Result<()> {
        loop {
            match rustix::termios::tcdrain(&self.drain) {
                Err(Errno::INTR) => {}
                // Nothing leaves any more.
                Err(Errno::IO | Errno::NODEV | Errno::NXIO) => return Ok(()),
                result => return Ok(result?),
            }
        }
    }
}

/// What the system says of a line that is gone.
fn hung_up(error: &Error) -> bool {
    let gone = [Errno::IO, Errno::NODEV, Errno::NXIO].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| gone.contains(&code))
}

fn closed(error: TransportError<Error>) -> TransportError<Error> {
    match error {
        TransportError::Io(error) if hung_up(&error) => TransportError::Closed,
        error => error,
    }
}

impl Transport for SerialReader {
    type Error = Error;

    fn mtu(&self) -> usize {
        CALL_SIZE
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }
    fn send(&mut self, _bytes: &[u8]) -> core::result::Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }
    fn send_gather(&mut self, _pieces: &[&[u8]]) -> core::result::Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }

    /// As the trait; a line that hung up is at its end.
    fn receive(&mut self, into: &mut [u8]) -> core::result::Result<usize, TransportError<Error>> {
        match self.inner.receive(into) {
            Err(TransportError::Io(error)) if hung_up(&error) => Ok(0),
            result => result,
        }
    }
}

impl Transport for SerialWriter {
    type Error = Error;

    fn mtu(&self) -> usize {
        CALL_SIZE
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Bytes
    }
    fn send(&mut self, bytes: &[u8]) -> core::result::Result<(), TransportError<Error>> {
        self.inner.send(bytes).map_err(closed)
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> core::result::Result<(), TransportError<Error>> {
        self.inner.send_gather(pieces).map_err(closed)
    }
    fn receive(&mut self, _into: &mut [u8]) -> core::result::Result<usize, TransportError<Error>> {
        Ok(0)
    }
}

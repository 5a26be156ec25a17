//! [`Uri`]: where a link leads, as people write it on a command line.
//!
//! ```text
//!   pipe:                              standard input and output
//!   serial:/dev/ttyUSB0?baud=115200    a serial line
//!       &bits=8&parity=none&stop=1&flow=none   its format; 5 to 8, none|even|odd, 1|2, none|hardware|software
//!   udp://host:port  tcp://host:port   sending connects, receiving listens; an empty host listens on all addresses
//!   udp://239.1.2.3:port?interface=eth0&ttl=4&mtu=1472&loop=off     a multicast group: receiving joins it
//!   unix:PATH                          a socket in the file system
//!   memory://name  ipc://name          inside this process, between processes of this machine
//! ```
//! Any byte can be written as `%` and two hex digits (RFC 3986, section 2.1). Not for resources of the web: no user
//! names, no fragments. Parsing opens nothing.

use core::fmt;
use core::str::FromStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use nom::Parser as _;
use nom::combinator::all_consuming;
use packhorse_transport::{Flow, Parity, SerialOptions, UdpOptions};

mod parse;

/// Where a link leads: see the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Uri {
    /// Standard input and standard output of this process.
    #[default]
    Pipe,
    /// A serial line.
    Serial {
        /// The device, e.g. `/dev/ttyUSB0`.
        path: PathBuf,
        /// Speed and format; what is not given is the default.
        line: SerialOptions,
    },
    /// UDP datagrams.
    Udp {
        /// A name or an address, IPv6 without brackets; empty: all addresses of this machine, to listen on.
        host: String,
        /// The port.
        port: u16,
        /// What follows `?`.
        options: UdpOptions,
    },
    /// A TCP connection.
    Tcp {
        /// A name or an address, IPv6 without brackets; empty: all addresses of this machine, to listen on.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket at this path.
    Unix(PathBuf),
    /// A link inside this process, by name.
    Memory(String),
    /// Shared memory between processes of this machine, by name.
    Ipc(String),
}

impl Uri {
    /// The schemes of links that carry files, as they are written.
    pub const AVAILABLE: &'static [&'static str] = &["pipe:", "serial:", "udp:", "tcp:", "unix:"];

    /// The scheme, with its colon.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Pipe => "pipe:",
            Self::Serial { .. } => "serial:",
            Self::Udp { .. } => "udp:",
            Self::Tcp { .. } => "tcp:",
            Self::Unix(_) => "unix:",
            Self::Memory(_) => "memory:",
            Self::Ipc(_) => "ipc:",
        }
    }

    /// Whether it is a link for files.
    ///
    /// # Errors
    /// [`NotAvailable`], which names the schemes that are.
    pub fn available(&self) -> Result<(), NotAvailable> {
        if Self::AVAILABLE.contains(&self.scheme()) { Ok(()) } else { Err(NotAvailable(self.scheme())) }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        match all_consuming(parse::uri).parse(text) {
            Ok((_, uri)) => Ok(uri),
            Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                let at = text.len().saturating_sub(fault.left);
                let character = text.get(..at).map_or(at, |front| front.chars().count());
                Err(UriError { text: text.to_owned(), character, kind: fault.kind })
            }
            // Only streaming parsers ask for more.
            Err(nom::Err::Incomplete(_)) => {
                let character = text.chars().count();
                Err(UriError { text: text.to_owned(), character, kind: UriErrorKind::Unexpected })
            }
        }
    }
}

/// Writes what parses to the same value again.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())?;
        match self {
            Self::Pipe => Ok(()),
            Self::Serial { path, line } => {
                escape(f, path.as_os_str().as_bytes())?;
                write!(f, "?baud={}", line.baud)?;
                line_format(f, line)
            }
            Self::Udp { host, port, options } => {
                host_and_port(f, host, *port)?;
                udp_options(f, options)
            }
            Self::Tcp { host, port } => host_and_port(f, host, *port),
            Self::Unix(path) => escape(f, path.as_os_str().as_bytes()),
            Self::Memory(name) | Self::Ipc(name) => {
                f.write_str("//")?;
                escape(f, name.as_bytes())
            }
        }
    }
}

/// A URI whose scheme is known but carries no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} links carry no files: available are {list}", list = Uri::AVAILABLE.join(", "))]
pub struct NotAvailable(&'static str);

/// A text that is not a URI: where, why, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{shown}', character {}: {kind}", character + 1, shown = text.escape_debug())]
pub struct UriError {
    /// The whole text.
    pub text: String,
    /// The first character that is wrong, counted from 0; the text's length when it ends too early.
    pub character: usize,
    /// What is wrong there.
    pub kind: UriErrorKind,
}

/// The reasons for a [`UriError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriErrorKind {
    /// No scheme in front.
    #[error("a scheme is missing; write pipe:, serial:, udp:, tcp:, unix:, memory: or ipc: in front")]
    NoScheme,
    /// A scheme that nobody knows.
    #[error("the scheme is not known; there are pipe:, serial:, udp:, tcp:, unix:, memory: and ipc:")]
    UnknownScheme,
    /// `//` is missing.
    #[error("'//' is missing; write e.g. udp://host:port or memory://name")]
    NoSlashes,
    /// A path is missing, or has a zero byte in it.
    #[error("a path is missing or holds a zero byte; write e.g. serial:/dev/ttyUSB0 or unix:/run/link")]
    BadPath,
    /// A host that is no name and no address.
    #[error("not a host; write a name, 192.0.2.1 or [2001:db8::1]")]
    BadHost,
    /// A port is missing or not a number up to 65,535.
    #[error("a port from 0 to 65535 is missing; write e.g. udp://host:9000")]
    BadPort,
    /// An option that this scheme has not.
    #[error(
        "not an option of this scheme; serial: has baud, bits, parity, stop and flow, udp: has ttl, interface, mtu and loop"
    )]
    UnknownOption,
    /// A value that the option has not.
    #[error(
        "not a value of this option; there are bits=5 to 8, parity=none|even|odd, stop=1|2, flow=none|hardware|software, \
         ttl=0 to 255, interface=NAME, mtu=64 to 65507, loop=on|off"
    )]
    BadValue,
    /// A baud rate that is none.
    #[error("a baud rate from 1 to 4294967295 is missing; write e.g. ?baud=115200")]
    BadBaud,
    /// A name that is empty or has a slash or a zero byte in it.
    #[error("a name without '/' is missing; write e.g. memory://demo")]
    BadName,
    /// `%` without two hex digits.
    #[error("'%' needs two hex digits; a percent sign itself is %25")]
    BadEscape,
    /// Something follows where nothing may.
    #[error("nothing may follow here")]
    Unexpected,
}

fn host_and_port(f: &mut fmt::Formatter<'_>, host: &str, port: u16) -> fmt::Result {
    if host.contains(':') {
        return write!(f, "//[{host}]:{port}");
    }
    f.write_str("//")?;
    escape(f, host.as_bytes())?;
    write!(f, ":{port}")
}

/// What differs from the default.
fn line_format(f: &mut fmt::Formatter<'_>, line: &SerialOptions) -> fmt::Result {
    let default = SerialOptions::default();
    if line.data_bits != default.data_bits {
        write!(f, "&bits={}", line.data_bits)?;
    }
    f.write_str(match line.parity {
        Parity::None => "",
        Parity::Even => "&parity=even",
        Parity::Odd => "&parity=odd",
    })?;
    if line.stop_bits != default.stop_bits {
        write!(f, "&stop={}", line.stop_bits)?;
    }
    f.write_str(match line.flow {
        Flow::None => "",
        Flow::Hardware => "&flow=hardware",
        Flow::Software => "&flow=software",
    })
}

fn udp_options(f: &mut fmt::Formatter<'_>, options: &UdpOptions) -> fmt::Result {
    let mut mark = ['?', '&', '&', '&'].into_iter();
    let mut next = |f: &mut fmt::Formatter<'_>, key: &str| write!(f, "{}{key}=", mark.next().unwrap_or('&'));
    if let Some(ttl) = options.ttl {
        next(f, "ttl")?;
        write!(f, "{ttl}")?;
    }
    if let Some(interface) = &options.interface {
        next(f, "interface")?;
        escape(f, interface.to_string().as_bytes())?;
    }
    if let Some(mtu) = options.mtu {
        next(f, "mtu")?;
        write!(f, "{mtu}")?;
    }
    if options.no_loop {
        next(f, "loop")?;
        f.write_str("off")?;
    }
    Ok(())
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                write!(f, "{}", char::from(*byte))?;
            }
            _ => write!(f, "%{byte:02X}")?,
        }
    }
    Ok(())
}

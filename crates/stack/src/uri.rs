//! [`Uri`]: where a link leads, as people write it on a command line.
//!
//! ```text
//!   pipe:                              standard input and output
//!   serial:/dev/ttyUSB0?baud=115200    a serial line
//!   udp://host:port  tcp://host:port   sending connects, receiving listens; an empty host listens on all addresses
//!   unix:PATH                          a socket in the file system
//!   memory://name  ipc://name          inside this process, between processes of this machine
//! ```
//! Any byte can be written as `%` and two hex digits (RFC 3986, section 2.1). Not for resources of the web: no user
//! names, no fragments. Parsing opens nothing.

use core::fmt;
use core::str::FromStr;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use nom::bytes::complete::{tag, take, take_till, take_while, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{all_consuming, map_opt, verify};
use nom::error::{ErrorKind, ParseError};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// Bits a second of a serial line when the URI names none.
const BAUD: u32 = 115_200;

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
        /// Bits a second, above 0; 115,200 when not given.
        baud: u32,
    },
    /// UDP datagrams.
    Udp {
        /// A name or an address, IPv6 without brackets; empty: all addresses of this machine, to listen on.
        host: String,
        /// The port.
        port: u16,
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
    /// The schemes that this version can open, as they are written.
    pub const AVAILABLE: &'static [&'static str] = &["pipe:"];

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

    /// Whether this version can open it.
    ///
    /// # Errors
    /// [`NotAvailable`], which names the schemes that can be opened.
    pub fn available(&self) -> Result<(), NotAvailable> {
        if Self::AVAILABLE.contains(&self.scheme()) { Ok(()) } else { Err(NotAvailable(self.scheme())) }
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        match all_consuming(uri).parse(text) {
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
            Self::Serial { path, baud } => {
                escape(f, path.as_os_str().as_bytes())?;
                write!(f, "?baud={baud}")
            }
            Self::Udp { host, port } | Self::Tcp { host, port } if host.contains(':') => {
                write!(f, "//[{host}]:{port}")
            }
            Self::Udp { host, port } | Self::Tcp { host, port } => {
                f.write_str("//")?;
                escape(f, host.as_bytes())?;
                write!(f, ":{port}")
            }
            Self::Unix(path) => escape(f, path.as_os_str().as_bytes()),
            Self::Memory(name) | Self::Ipc(name) => {
                f.write_str("//")?;
                escape(f, name.as_bytes())
            }
        }
    }
}

/// A URI whose scheme is known but cannot be opened by this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} links are not in this version yet: available are {list}", list = Uri::AVAILABLE.join(", "))]
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
    #[error("not an option of this scheme; serial: has ?baud=N")]
    UnknownOption,
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

/// A parser's error: what is wrong, and how many bytes from the end.
#[derive(Debug)]
struct Fault {
    left: usize,
    kind: UriErrorKind,
}

impl ParseError<&str> for Fault {
    fn from_error_kind(input: &str, _kind: ErrorKind) -> Self {
        Self { left: input.len(), kind: UriErrorKind::Unexpected }
    }
    fn append(_input: &str, _kind: ErrorKind, other: Self) -> Self {
        other
    }
}

type Parsed<'a, T> = IResult<&'a str, T, Fault>;

/// Runs `parser`; when it refuses, the reason is `kind`, at the place where it started.
fn or<'a, T>(
    kind: UriErrorKind,
    mut parser: impl Parser<&'a str, Output = T, Error = Fault>,
) -> impl FnMut(&'a str) -> Parsed<'a, T> {
    move |input| {
        parser.parse(input).map_err(|error| match error {
            nom::Err::Failure(fault) => nom::Err::Failure(fault),
            _ => nom::Err::Failure(Fault { left: input.len(), kind }),
        })
    }
}

fn uri(input: &str) -> Parsed<'_, Uri> {
    let scheme = (take_while1(|c: char| c.is_ascii_alphanumeric()), char(':'));
    let (rest, (scheme, _)) = or(UriErrorKind::NoScheme, scheme).parse(input)?;
    match scheme.to_ascii_lowercase().as_str() {
        "pipe" => Ok((rest, Uri::Pipe)),
        "serial" => serial(rest),
        "udp" => host_and_port(rest).map(|(rest, (host, port))| (rest, Uri::Udp { host, port })),
        "tcp" => host_and_port(rest).map(|(rest, (host, port))| (rest, Uri::Tcp { host, port })),
        "unix" => path(rest).map(|(rest, path)| (rest, Uri::Unix(path))),
        "memory" => name(rest).map(|(rest, name)| (rest, Uri::Memory(name))),
        "ipc" => name(rest).map(|(rest, name)| (rest, Uri::Ipc(name))),
        _ => Err(nom::Err::Failure(Fault { left: input.len(), kind: UriErrorKind::UnknownScheme })),
    }
}

fn serial(input: &str) -> Parsed<'_, Uri> {
    let (rest, path) = path(input)?;
    if !rest.starts_with('?') {
        return Ok((rest, Uri::Serial { path, baud: BAUD }));
    }
    let (rest, _) = or(UriErrorKind::UnknownOption, tag("?baud=")).parse(rest)?;
    let number = map_opt(digit1, |digits: &str| digits.parse().ok().filter(|baud| *baud > 0));
    let (rest, baud) = or(UriErrorKind::BadBaud, number).parse(rest)?;
    Ok((rest, Uri::Serial { path, baud }))
}

fn host_and_port(input: &str) -> Parsed<'_, (String, u16)> {
    let (rest, _) = or(UriErrorKind::NoSlashes, tag("//")).parse(input)?;
    let (rest, host) = if rest.starts_with('[') {
        let address =
            verify(take_till(|c| c == ']'), |text: &str| text.parse::<core::net::Ipv6Addr>().is_ok());
        let bracketed = delimited(char('['), address, char(']'));
        or(UriErrorKind::BadHost, bracketed.map(ToOwned::to_owned)).parse(rest)?
    } else {
        let allowed = |c: char| c.is_alphanumeric() || "-._~%".contains(c);
        let plain = map_opt(escaped(allowed), |bytes: Vec<u8>| {
            let host = String::from_utf8(bytes).ok()?;
            host.chars().all(|c| c.is_alphanumeric() || "-._~".contains(c)).then_some(host)
        });
        or(UriErrorKind::BadHost, plain).parse(rest)?
    };
    // What stops a host early is a wrong host, unless it is where the port begins.
    if !rest.is_empty() && !rest.starts_with(':') {
        return Err(nom::Err::Failure(Fault { left: rest.len(), kind: UriErrorKind::BadHost }));
    }
    let number = map_opt(digit1, |digits: &str| digits.parse().ok());
    let (rest, port) = or(UriErrorKind::BadPort, preceded(char(':'), number)).parse(rest)?;
    Ok((rest, (host, port)))
}

fn path(input: &str) -> Parsed<'_, PathBuf> {
    let good = map_opt(escaped(|c| c != '?'), |bytes: Vec<u8>| {
        (!bytes.is_empty() && !bytes.contains(&0)).then(|| PathBuf::from(OsString::from_vec(bytes)))
    });
    or(UriErrorKind::BadPath, good).parse(input)
}

fn name(input: &str) -> Parsed<'_, String> {
    let (rest, _) = or(UriErrorKind::NoSlashes, tag("//")).parse(input)?;
    let good = map_opt(escaped(|_| true), |bytes: Vec<u8>| {
        let name = String::from_utf8(bytes).ok()?;
        (!name.is_empty() && !name.contains(['/', '\0'])).then_some(name)
    });
    or(UriErrorKind::BadName, good).parse(rest)
}

/// The longest run of `allowed` characters, with its escapes decoded.
fn escaped(allowed: impl Fn(char) -> bool) -> impl FnMut(&str) -> Parsed<'_, Vec<u8>> {
    move |input| {
        let (rest, run) = take_while::<_, _, Fault>(&allowed).parse(input)?;
        let mut decoded = Vec::with_capacity(run.len());
        let mut left = run;
        while !left.is_empty() {
            let (after, plain) = take_till::<_, _, Fault>(|c| c == '%').parse(left)?;
            decoded.extend_from_slice(plain.as_bytes());
            left = after;
            if !left.is_empty() {
                let byte = map_opt(preceded(char('%'), take(2_usize)), |digits: &str| {
                    let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                    hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
                });
                let (after, byte) = or(UriErrorKind::BadEscape, byte)
                    .parse(left)
                    .map_err(|error| error.map(|fault| Fault { left: fault.left + rest.len(), ..fault }))?;
                decoded.push(byte);
                left = after;
            }
        }
        Ok((rest, decoded))
    }
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

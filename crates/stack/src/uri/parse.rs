//! The grammar of a [`Uri`](super::Uri), and where in a text it is broken.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use nom::bytes::complete::{tag, take, take_till, take_while, take_while1};
use nom::character::complete::{char, digit1};
use nom::combinator::{map_opt, verify};
use nom::error::{ErrorKind, ParseError};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use packhorse_transport::{Flow, Interface, Parity, SerialOptions, UdpOptions};

use super::{Uri, UriErrorKind};

/// Bytes of a datagram that a URI may ask for.
const MTU: core::ops::RangeInclusive<usize> = 64..=65_507;

/// A parser's error: what is wrong, and how many bytes from the end.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) left: usize,
    pub(super) kind: UriErrorKind,
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

pub(super) fn uri(input: &str) -> Parsed<'_, Uri> {
    let scheme = (take_while1(|c: char| c.is_ascii_alphanumeric()), char(':'));
    let (rest, (scheme, _)) = or(UriErrorKind::NoScheme, scheme).parse(input)?;
    match scheme.to_ascii_lowercase().as_str() {
        "pipe" => Ok((rest, Uri::Pipe)),
        "serial" => serial(rest),
        "udp" => {
            let (rest, (host, port)) = host_and_port(rest)?;
            let mut options = UdpOptions::default();
            let (rest, ()) = pairs(rest, |key, value| udp_option(&mut options, key, value))?;
            Ok((rest, Uri::Udp { host, port, options }))
        }
        "tcp" => host_and_port(rest).map(|(rest, (host, port))| (rest, Uri::Tcp { host, port })),
        "unix" => path(rest).map(|(rest, path)| (rest, Uri::Unix(path))),
        "memory" => name(rest).map(|(rest, name)| (rest, Uri::Memory(name))),
        "ipc" => name(rest).map(|(rest, name)| (rest, Uri::Ipc(name))),
        _ => Err(nom::Err::Failure(Fault { left: input.len(), kind: UriErrorKind::UnknownScheme })),
    }
}

fn serial(input: &str) -> Parsed<'_, Uri> {
    let (rest, path) = path(input)?;
    let mut line = SerialOptions::default();
    let (rest, ()) = pairs(rest, |key, value| serial_option(&mut line, key, value))?;
    Ok((rest, Uri::Serial { path, line }))
}

/// Takes `?key=value&key=value`, if it is there. `set` gets each and returns what of the value it did not take.
fn pairs<'a>(
    input: &'a str,
    mut set: impl FnMut(&'a str, &'a str) -> Result<&'a str, nom::Err<Fault>>,
) -> Parsed<'a, ()> {
    let mut rest = input;
    let mut mark = "?";
    while rest.starts_with(mark) {
        let key = preceded(tag(mark), take_while(|c: char| c.is_ascii_alphanumeric()));
        let fault = Fault { left: rest.len(), kind: UriErrorKind::UnknownOption };
        let parsed: Parsed<'a, (&str, char)> = (key, char('=')).parse(rest);
        let Ok((after, (key, _))) = parsed else {
            return Err(nom::Err::Failure(fault));
        };
        rest = set(key, after).map_err(|error| match error {
            nom::Err::Error(_) => nom::Err::Failure(fault),
            other => other,
        })?;
        mark = "&";
    }
    Ok((rest, ()))
}

/// A value up to the next option, as `make` understands it.
fn value<'a, T>(
    text: &'a str,
    into: &mut T,
    make: impl Fn(&str) -> Option<T>,
) -> Result<&'a str, nom::Err<Fault>> {
    let end = text.find('&').unwrap_or(text.len());
    let (raw, rest) = text.split_at(end);
    *into = make(raw).ok_or(nom::Err::Failure(Fault { left: text.len(), kind: UriErrorKind::BadValue }))?;
    Ok(rest)
}

/// An option that there is not.
fn unknown<'a>() -> Result<&'a str, nom::Err<Fault>> {
    Err(nom::Err::Error(Fault { left: 0, kind: UriErrorKind::UnknownOption }))
}

fn serial_option<'a>(line: &mut SerialOptions, key: &str, text: &'a str) -> Result<&'a str, nom::Err<Fault>> {
    match key {
        "baud" => {
            let number = map_opt(digit1, |digits: &str| digits.parse().ok().filter(|baud| *baud > 0));
            let (rest, baud) = or(UriErrorKind::BadBaud, number).parse(text)?;
            line.baud = baud;
            Ok(rest)
        }
        "bits" => value(text, &mut line.data_bits, |bits| bits.parse().ok().filter(|n| (5..=8).contains(n))),
        "stop" => value(text, &mut line.stop_bits, |bits| bits.parse().ok().filter(|n| (1..=2).contains(n))),
        "parity" => value(text, &mut line.parity, |parity| match parity {
            "none" => Some(Parity::None),
            "even" => Some(Parity::Even),
            "odd" => Some(Parity::Odd),
            _ => None,
        }),
        "flow" => value(text, &mut line.flow, |flow| match flow {
            "none" => Some(Flow::None),
            "hardware" => Some(Flow::Hardware),
            "software" => Some(Flow::Software),
            _ => None,
        }),
        _ => unknown(),
    }
}

fn udp_option<'a>(options: &mut UdpOptions, key: &str, text: &'a str) -> Result<&'a str, nom::Err<Fault>> {
    match key {
        "ttl" => value(text, &mut options.ttl, |ttl| ttl.parse().ok().map(Some)),
        "mtu" => {
            value(text, &mut options.mtu, |mtu| mtu.parse().ok().filter(|mtu| MTU.contains(mtu)).map(Some))
        }
        "interface" => value(text, &mut options.interface, |name| {
            let (_, bytes) = escaped(|_| true)(name).ok()?;
            let name =
                String::from_utf8(bytes).ok().filter(|name| !name.is_empty() && !name.contains('\0'))?;
            Some(Some(Interface::from(name.as_str())))
        }),
        "loop" => value(text, &mut options.no_loop, |on| match on {
            "on" => Some(false),
            "off" => Some(true),
            _ => None,
        }),
        _ => unknown(),
    }
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

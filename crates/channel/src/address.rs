//! [`Address`]: where a channel is, as people write it.
//!
//! ```text
//!   memory://name       inside this process
//!   ipc://name          between processes of this machine
//!   tcp://host:port     an empty host or a wildcard listens
//!   udp://host:port     the same
//! ```
//! Parsing opens nothing. Files, pipes and serial lines carry byte streams, not channels: they are not here.

use core::fmt;
use core::str::FromStr;

/// Most bytes in the name of a channel.
const MOST_NAME: usize = 128;

/// Where a channel is, as this module describes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// Inside this process, by name.
    Memory(String),
    /// In shared memory of this machine, by name.
    Ipc(String),
    /// A TCP connection.
    Tcp {
        /// A name or an address, IPv6 without brackets; empty: listens on all addresses of this machine.
        host: String,
        /// The port.
        port: u16,
    },
    /// UDP datagrams.
    Udp {
        /// A name or an address, IPv6 without brackets; empty: listens on all addresses of this machine.
        host: String,
        /// The port.
        port: u16,
    },
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        match scheme {
            "memory" => Ok(Self::Memory(name(rest)?)),
            "ipc" => Ok(Self::Ipc(name(rest)?)),
            "tcp" => host_port(rest).map(|(host, port)| Self::Tcp { host, port }),
            "udp" => host_port(rest).map(|(host, port)| Self::Udp { host, port }),
            _ => Err(AddressError::Scheme),
        }
    }
}

/// Writes what parses to the same value again.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(name) => write!(f, "memory://{name}"),
            Self::Ipc(name) => write!(f, "ipc://{name}"),
            Self::Tcp { host, port } | Self::Udp { host, port } => {
                let scheme = if matches!(self, Self::Tcp { .. }) { "tcp" } else { "udp" };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
        }
    }
}

/// Why a text is no address of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme, or none.
    #[error("a channel's address begins with memory://, ipc://, tcp:// or udp://")]
    Scheme,
    /// The name is empty, too long, or would not be the name of a file.
    #[error(
        "a channel's name has 1 to 128 letters, digits, '.', '_', '-'; it begins with a letter or a digit"
    )]
    Name,
    /// Not `host:port`.
    #[error("host and port are written host:port, an IPv6 address in brackets; an empty host listens")]
    Host,
    /// The port is no number from 0 to 65,535.
    #[error("a port is a number from 0 to 65535")]
    Port,
}

/// Names become names of files: nothing in them may lead elsewhere.
fn name(text: &str) -> Result<String, AddressError> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if starts && plain && text.len() <= MOST_NAME { Ok(text.to_owned()) } else { Err(AddressError::Name) }
}

fn host_port(text: &str) -> Result<(String, u16), AddressError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").ok_or(AddressError::Host)?,
        None => text.rsplit_once(':').ok_or(AddressError::Host)?,
    };
    let bare = !text.starts_with('[');
    if (bare && host.contains(':')) || host.contains(['/', '@', ' ']) {
        return Err(AddressError::Host);
    }
    Ok((host.to_owned(), port.parse().map_err(|_| AddressError::Port)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_parses_to_the_same() {
        for text in ["memory://a", "ipc://quotes-1.live", "tcp://:9", "tcp://host:65535", "udp://[::1]:7"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn a_name_cannot_lead_out_of_its_folder() {
        for text in ["ipc://", "ipc://../x", "ipc://a/b", "ipc://.hidden", "ipc://a\0", "memory://a b"] {
            assert_eq!(text.parse::<Address>(), Err(AddressError::Name), "{text}");
        }
        let long = format!("ipc://{}", "a".repeat(MOST_NAME + 1));
        assert_eq!(long.parse::<Address>(), Err(AddressError::Name));
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        assert_eq!("pipe:".parse::<Address>(), Err(AddressError::Scheme));
        assert_eq!("http://x".parse::<Address>(), Err(AddressError::Scheme));
        assert_eq!("tcp://host".parse::<Address>(), Err(AddressError::Host));
        assert_eq!("tcp://::1:7".parse::<Address>(), Err(AddressError::Host));
        assert_eq!("udp://host:70000".parse::<Address>(), Err(AddressError::Port));
    }
}

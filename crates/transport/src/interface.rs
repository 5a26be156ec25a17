//! [`Interface`]: a network interface as a person names it, and its number.

use core::fmt;
use core::net::IpAddr;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::AsFd;

use rustix::net::netdevice::name_to_index;
use socket2::InterfaceIndexOrAddress;

/// A network interface: by name (`eth0`) or by one of its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// By name.
    Name(String),
    /// By an address of it.
    Address(IpAddr),
}

impl From<&str> for Interface {
    /// What is an address is one; everything else is a name.
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Address)
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Interface {
    /// As IPv4 calls want it.
    pub(crate) fn for_v4(&self, socket: impl AsFd) -> Result<InterfaceIndexOrAddress> {
        match self {
            Self::Address(IpAddr::V4(address)) => Ok(InterfaceIndexOrAddress::Address(*address)),
            _ => self.index(socket).map(InterfaceIndexOrAddress::Index),
        }
    }

    /// Its number, as IPv6 calls want it.
    pub(crate) fn index(&self, socket: impl AsFd) -> Result<u32> {
        match self {
            Self::Name(name) => name_to_index(socket, name).map_err(|errno| {
                Error::new(Error::from(errno).kind(), format!("there is no network interface '{name}'"))
            }),
            Self::Address(address) => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("name the interface, not its address {address}, for an IPv6 group"),
            )),
        }
    }
}

//! Joining multicast groups, and the interface over which they are reached.

use core::net::{IpAddr, Ipv4Addr};
use std::io::{Error, Result};

use socket2::{InterfaceIndexOrAddress, Socket};

use crate::{Interface, UdpOptions};

/// Receives what is sent to `group`.
///
/// # Errors
/// When the interface does not exist, or the system has no route for groups and no interface was named.
pub(crate) fn join(socket: &Socket, group: IpAddr, options: &UdpOptions) -> Result<()> {
    let joined = match group {
        IpAddr::V4(group) => {
            let any = InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED);
            let interface = options.interface.as_ref().map_or(Ok(any), |named| named.for_v4(socket))?;
            socket.join_multicast_v4_n(&group, &interface)
        }
        IpAddr::V6(group) => socket.join_multicast_v6(&group, index(socket, options)?),
    };
    joined.map_err(|error| explain(group, options.interface.as_ref(), &error))
}

/// Sends to groups over the interface that was named, and to this machine as well unless told not to.
///
/// # Errors
/// When the interface does not exist.
pub(crate) fn send_over(socket: &Socket, group: IpAddr, options: &UdpOptions) -> Result<()> {
    if group.is_ipv4() {
        socket.set_multicast_loop_v4(!options.no_loop)?;
        match &options.interface {
            None => Ok(()),
            Some(Interface::Address(IpAddr::V4(address))) => socket.set_multicast_if_v4(address),
            Some(named) => Ok(rustix::net::sockopt::set_ip_multicast_if_with_ifindex(
                socket,
                &Ipv4Addr::UNSPECIFIED,
                &Ipv4Addr::UNSPECIFIED,
                named.index(socket)?,
            )?),
        }
    } else {
        socket.set_multicast_loop_v6(!options.no_loop)?;
        match index(socket, options)? {
            0 => Ok(()),
            index => socket.set_multicast_if_v6(index),
        }
    }
}

/// 0 is the system's choice.
fn index(socket: &Socket, options: &UdpOptions) -> Result<u32> {
    options.interface.as_ref().map_or(Ok(0), |named| named.index(socket))
}

fn explain(group: IpAddr, interface: Option<&Interface>, error: &Error) -> Error {
    let text = match interface {
        Some(named) => format!("the group {group} cannot be joined on {named}: {error}"),
        None => format!("the group {group} cannot be joined: {error}; name an interface: ?interface=eth0"),
    };
    Error::new(error.kind(), text)
}

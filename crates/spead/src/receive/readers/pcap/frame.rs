//! [`Content`]: the UDP datagram in a captured frame.
//!
//! ```text
//!   Ethernet (1)                 | 14, with VLAN tags more | IP | UDP | payload |
//!   Linux cooked (113, 276)      | 16 or 20, any interface | IP | ...
//!   BSD loopback (0, 108)        | 4: address family       | IP | ...
//!   raw IP (12, 14, 101, 228, 229)                         | IP | ...
//! ```
//! Headers from IP on are parsed by a crate made for that.

use core::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, NetSlice, SlicedPacket, TransportSlice};
use pcap_parser::Linktype;

use crate::receive::Reason;

/// What is in a frame.
pub(super) enum Content<'a> {
    /// A whole datagram: where it was sent, and its payload.
    Datagram(SocketAddr, &'a [u8]),
    /// A datagram that the capture did not keep whole.
    Cut(SocketAddr),
    /// Nothing that is read.
    Useless(Reason),
}

/// What is in front of IP.
enum Link {
    Ethernet,
    /// So many bytes, with the type of what follows at this byte.
    Typed(usize, usize),
    /// So many bytes.
    Ip(usize),
}

/// BSD loopback, the family big-endian. Plain IP of BSDs.
const LOOP: Linktype = Linktype(108);
const RAW_BSD: [Linktype; 2] = [Linktype(12), Linktype(14)];

impl Link {
    fn of(link: Linktype) -> Option<Self> {
        Some(match link {
            Linktype::ETHERNET => Self::Ethernet,
            Linktype::LINUX_SLL => Self::Typed(16, 14),
            // The newer "cooked" header begins with the protocol.
            Linktype::LINUX_SLL2 => Self::Typed(20, 0),
            Linktype::NULL | LOOP => Self::Ip(4),
            Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => Self::Ip(0),
            link if RAW_BSD.contains(&link) => Self::Ip(0),
            _ => return None,
        })
    }
}

/// Whether frames of this link are read.
pub(super) fn is_read(link: Linktype) -> bool {
    Link::of(link).is_some()
}

impl<'a> Content<'a> {
    /// Of a frame that had `original` bytes.
    pub(super) fn of(link: Linktype, frame: &'a [u8], original: u32) -> Self {
        let Some(link) = Link::of(link) else { return Self::Useless(Reason::UnsupportedLink) };
        let other = Self::Useless(Reason::NotADatagram);
        if (frame.len() as u64) < u64::from(original) {
            return cut(&link, frame).map_or(other, Self::Cut);
        }
        whole(&link, frame).unwrap_or(other)
    }
}

fn whole<'a>(link: &Link, frame: &'a [u8]) -> Option<Content<'a>> {
    let sliced = match *link {
        Link::Ethernet => SlicedPacket::from_ethernet(frame),
        Link::Typed(len, at) => SlicedPacket::from_ether_type(ether_type(frame, at)?, frame.get(len..)?),
        Link::Ip(len) => SlicedPacket::from_ip(frame.get(len..)?),
    };
    let sliced = sliced.ok()?;
    let (to, fragmented): (IpAddr, _) = match &sliced.net? {
        NetSlice::Ipv4(ip) => (
            ip.header().destination_addr().into(),
            ip.is_payload_fragmented().then(|| ip.payload().ip_number),
        ),
        NetSlice::Ipv6(ip) => (
            ip.header().destination_addr().into(),
            ip.is_payload_fragmented().then(|| ip.payload().ip_number),
        ),
        _ => return None,
    };
    if let Some(protocol) = fragmented {
        return (protocol == IpNumber::UDP).then_some(Content::Useless(Reason::Fragment));
    }
    match sliced.transport? {
        TransportSlice::Udp(udp) => {
            Some(Content::Datagram(SocketAddr::new(to, udp.destination_port()), udp.payload()))
        }
        _ => None,
    }
}

/// Where the datagram in a frame was sent of which the end is missing.
fn cut(link: &Link, frame: &[u8]) -> Option<SocketAddr> {
    let sliced = match *link {
        Link::Ethernet => LaxSlicedPacket::from_ethernet(frame).ok()?,
        Link::Typed(len, at) => LaxSlicedPacket::from_ether_type(ether_type(frame, at)?, frame.get(len..)?),
        Link::Ip(len) => LaxSlicedPacket::from_ip(frame.get(len..)?).ok()?,
    };
    let to: IpAddr = match &sliced.net? {
        LaxNetSlice::Ipv4(ip) => ip.header().destination_addr().into(),
        LaxNetSlice::Ipv6(ip) => ip.header().destination_addr().into(),
        _ => return None,
    };
    match sliced.transport? {
        TransportSlice::Udp(udp) => Some(SocketAddr::new(to, udp.destination_port())),
        _ => None,
    }
}

fn ether_type(frame: &[u8], at: usize) -> Option<EtherType> {
    let bytes = frame.get(at..at + 2)?;
    Some(EtherType(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?])))
}

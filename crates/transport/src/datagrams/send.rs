//! [`DatagramSender`]: datagrams out of scattered memory, many in a call.
//!
//! ```text
//!   sendmmsg   message 0: | header | payload | header | payload |      slices of memory that lies anywhere
//!                         |<--- segment ---->|<-- segment or less ->|  datagrams
//!              message 1: ...
//! ```
//! Nothing is copied on the way to the kernel. Where a message with segments is refused (no GSO, or segments longer
//! than the interface's MTU), its datagrams are sent one by one, and segments are tried again later. Not for
//! receiving, and it neither paces nor queues.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::UdpSocket;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use super::receive::index;
#[cfg(target_os = "linux")]
use super::sendmmsg;

/// A UDP socket that sends in batches.
#[derive(Debug)]
pub struct DatagramSender {
    socket: UdpSocket,
    statistics: SendStatistics,
    /// Messages that are still sent without segments before they are tried again.
    without_segments: u32,
    /// How many that will be after the next refusal.
    pause: u32,
}

/// How a socket is made ready for sending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Bytes of the kernel's send buffer; 0 leaves it to the system.
    pub buffer: usize,
    /// Routers that a multicast datagram may pass, and one more; `None` leaves 1: the own network.
    pub ttl: Option<u32>,
    /// Interface on which multicast leaves: its name, number, or IPv4 address.
    pub interface: Option<String>,
    /// Address to send from.
    pub bind: Option<SocketAddr>,
}

/// Where a datagram goes, as the system writes it.
#[derive(Clone, Debug)]
pub struct Destination(pub(super) SockAddr);

/// Memory that leaves as one datagram, or as several equally long ones.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Where to.
    pub to: &'a Destination,
    /// The bytes, at most [`DatagramSender::MOST_BYTES`] in [`DatagramSender::MOST_SLICES`].
    pub slices: &'a [IoSlice<'a>],
    /// Bytes of each datagram, of which the last may be shorter; `None`: all bytes are one.
    pub segment: Option<u16>,
}

/// What a sender did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendStatistics {
    /// System calls that sent something.
    pub calls: u64,
    /// Messages given to the kernel.
    pub messages: u64,
    /// Messages of several datagrams that the kernel refused, so that they went one by one.
    pub segments_refused: u64,
    /// Times that an earlier datagram was reported to have found nobody.
    pub connection_refused: u64,
    /// Times that the kernel had no room.
    pub waited: u64,
}

impl DatagramSender {
    /// The most bytes of a message: an IPv4 packet less its headers.
    pub const MOST_BYTES: usize = 65_507;
    /// The most datagrams of a message (`UDP_MAX_SEGMENTS` of all kernels that have GSO).
    pub const MOST_SEGMENTS: usize = 64;
    /// The most slices of a message (`UIO_MAXIOV`).
    pub const MOST_SLICES: usize = 1024;

    /// A socket that sends to addresses of the family of `to`.
    ///
    /// # Errors
    /// What the system says, and `InvalidInput` for an interface that does not exist.
    pub fn new(to: SocketAddr, options: &SendOptions) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
        if let Some(ttl) = options.ttl {
            if to.is_ipv4() {
                socket.set_multicast_ttl_v4(ttl)?;
            } else {
                socket.set_multicast_hops_v6(ttl)?;
            }
        }
        if let Some(bind) = options.bind {
            socket.bind(&bind.into())?;
        }
        let socket = UdpSocket::from(socket);
        if let Some(interface) = &options.interface {
            leave_by(&socket, to, interface)?;
        }
        if options.buffer > 0 {
            // A smaller one than asked for is no reason to refuse.
            let _ = SockRef::from(&socket).set_send_buffer_size(options.buffer);
        }
        Ok(Self::from_socket(socket))
    }

    /// Sends by a socket that is there already.
    #[must_use]
    pub fn from_socket(socket: UdpSocket) -> Self {
        let statistics = SendStatistics::default();
        Self { socket, statistics, without_segments: 0, pause: FIRST_PAUSE }
    }

    /// Sends all messages, in their order.
    ///
    /// That an earlier datagram found nobody is no error here: it is counted, and the message is sent.
    ///
    /// # Errors
    /// What the system says about a message; those in front of it are sent, those behind it not.
    pub fn send(&mut self, messages: &[Message<'_>]) -> Result<()> {
        let mut rest = messages;
        while let Some(first) = rest.first() {
            if first.segment.is_some() && self.without_segments > 0 {
                self.without_segments -= 1;
                self.send_one_by_one(first)?;
                rest = &rest[1..];
                continue;
            }
            match self.call(rest) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(error) if first.segment.is_some() && refuses_segments(&error) => {
                    self.statistics.segments_refused += 1;
                    self.without_segments = self.pause;
                    self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
            if self.without_segments == 0 && self.pause > FIRST_PAUSE && rest.is_empty() {
                self.pause = FIRST_PAUSE;
            }
        }
        Ok(())
    }

    /// Does without segments for the next `messages`, as after a refusal.
    pub fn pause_segments(&mut self, messages: u32) {
        self.without_segments = messages;
    }

    /// What it did so far.
    #[must_use]
    pub const fn statistics(&self) -> &SendStatistics {
        &self.statistics
    }

    /// The socket.
    #[must_use]
    pub const fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// One system call, made again until it sends something.
    fn call(&mut self, messages: &[Message<'_>]) -> Result<usize> {
        let mut full = 0;
        loop {
            match send_some(&self.socket, messages) {
                Ok(sent) => {
                    self.statistics.calls += 1;
                    self.statistics.messages += sent as u64;
                    return Ok(sent);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::ConnectionRefused => self.statistics.connection_refused += 1,
                    ErrorKind::WouldBlock => {
                        self.statistics.waited += 1;
                        self.wait()?;
                    }
                    _ if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) && full < MOST_WAITS => {
                        full += 1;
                        self.statistics.waited += 1;
                        thread::sleep(WAIT);
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    fn wait(&self) -> Result<()> {
        loop {
            match poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], None) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn send_one_by_one(&mut self, message: &Message<'_>) -> Result<()> {
        let segment = usize::from(message.segment.unwrap_or(u16::MAX));
        let mut slices = Vec::new();
        let mut room = segment;
        for mut bytes in message.slices.iter().map(|slice| &**slice) {
            while !bytes.is_empty() {
                let (now, later) = bytes.split_at(bytes.len().min(room));
                slices.push(IoSlice::new(now));
                (room, bytes) = (room - now.len(), later);
                if room == 0 {
                    self.call(&[Message { segment: None, slices: &slices, ..*message }])?;
                    slices.clear();
                    room = segment;
                }
            }
        }
        if !slices.is_empty() {
            self.call(&[Message { segment: None, slices: &slices, ..*message }])?;
        }
        Ok(())
    }
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        Self(address.into())
    }
}

/// Messages without segments after the first refusal, and the most after many.
const FIRST_PAUSE: u32 = 64;
const LONGEST_PAUSE: u32 = 1 << 16;
/// How often and how long a full queue is waited for: a second in all.
const MOST_WAITS: u32 = 10_000;
const WAIT: Duration = Duration::from_micros(100);

#[cfg(target_os = "linux")]
fn send_some(socket: &UdpSocket, messages: &[Message<'_>]) -> Result<usize> {
    sendmmsg::sendmmsg(socket, messages)
}

#[cfg(not(target_os = "linux"))]
fn send_some(socket: &UdpSocket, messages: &[Message<'_>]) -> Result<usize> {
    let Some(message) = messages.first() else {
        return Ok(0);
    };
    if message.segment.is_some() {
        return Err(Error::from_raw_os_error(Errno::INVAL.raw_os_error()));
    }
    SockRef::from(socket).send_to_vectored(message.slices, &message.to.0).map(|_| 1)
}

/// Whether this is how a kernel or a card says that it makes no segments, or none so long.
fn refuses_segments(error: &Error) -> bool {
    let refusals = [Errno::INVAL, Errno::IO, Errno::MSGSIZE, Errno::OPNOTSUPP, Errno::NOPROTOOPT];
    error.raw_os_error().is_some_and(|code| refusals.iter().any(|refusal| refusal.raw_os_error() == code))
}

fn leave_by(socket: &UdpSocket, to: SocketAddr, interface: &str) -> Result<()> {
    let socket2 = SockRef::from(socket);
    match (to, interface.parse::<Ipv4Addr>()) {
        (SocketAddr::V4(_), Ok(address)) => socket2.set_multicast_if_v4(&address),
        (SocketAddr::V4(_), Err(_)) => by_index_v4(socket, index(socket, interface)?),
        (SocketAddr::V6(_), _) => socket2.set_multicast_if_v6(index(socket, interface)?),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn by_index_v4(socket: &UdpSocket, index: u32) -> Result<()> {
    let any = Ipv4Addr::UNSPECIFIED;
    Ok(rustix::net::sockopt::set_ip_multicast_if_with_ifindex(socket, &any, &any, index)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn by_index_v4(_: &UdpSocket, _: u32) -> Result<()> {
    Err(Error::new(ErrorKind::InvalidInput, "give the interface by its IPv4 address"))
}

#[cfg(test)]
mod tests {
    use core::iter;

    use super::*;

    fn pair() -> (DatagramSender, UdpSocket, Destination) {
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let to = receiver.local_addr().unwrap();
        (DatagramSender::new(to, &SendOptions::default()).unwrap(), receiver, to.into())
    }

    fn receive(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
        let mut memory = [0; 65_536];
        let mut one = || socket.recv(&mut memory).map(|len| memory[..len].to_vec()).unwrap();
        iter::repeat_with(&mut one).take(count).collect()
    }

    /// Two datagrams of five bytes and one of two, of which one slice holds the end of one and the start of another.
    fn send_three(sender: &mut DatagramSender, to: &Destination) {
        let slices = [IoSlice::new(b"01"), IoSlice::new(b"234abcd"), IoSlice::new(b"e"), IoSlice::new(b"xy")];
        let message = Message { to, slices: &slices, segment: Some(5) };
        let alone = Message { slices: &slices[..1], segment: None, ..message };
        sender.send(&[message, alone]).unwrap();
    }

    #[test]
    fn a_message_becomes_datagrams_with_and_without_segments() {
        let (mut sender, receiver, to) = pair();
        for pause in [0, 1] {
            sender.pause_segments(pause);
            send_three(&mut sender, &to);
            assert_eq!(receive(&receiver, 4), [&b"01234"[..], b"abcde", b"xy", b"01"]);
        }
        send_three(&mut sender, &to);
        assert_eq!(receive(&receiver, 4).len(), 4);
        assert!(sender.statistics().segments_refused <= 1);
    }

    #[test]
    fn a_message_with_too_many_segments_goes_one_by_one_and_segments_come_back() {
        let (mut sender, receiver, to) = pair();
        // The kernel refuses segments of one byte when they are more than it allows.
        let bytes = [7; 150];
        let slices = [IoSlice::new(&bytes)];
        sender.send(&[Message { to: &to, slices: &slices, segment: Some(1) }]).unwrap();
        assert_eq!(receive(&receiver, 150), vec![[7]; 150]);
        for _ in 0..FIRST_PAUSE {
            send_three(&mut sender, &to);
            receive(&receiver, 4);
        }
        let messages = sender.statistics().messages;
        send_three(&mut sender, &to);
        assert_eq!(receive(&receiver, 4).len(), 4);
        let expected = if cfg!(target_os = "linux") { 2 } else { 4 };
        assert_eq!(sender.statistics().messages - messages, expected);
    }

    #[test]
    fn nobody_listening_is_counted_and_is_no_error() {
        let to = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(to).unwrap();
        let mut sender = DatagramSender::from_socket(socket);
        let to = Destination::from(to);
        for _ in 0..5 {
            let slices = [IoSlice::new(b"anybody?")];
            sender.send(&[Message { to: &to, slices: &slices, segment: None }]).unwrap();
        }
        assert!(sender.statistics().connection_refused > 0);
    }

    #[test]
    fn a_datagram_that_no_packet_can_hold_is_an_error() {
        let (mut sender, _receiver, to) = pair();
        let bytes = vec![0; DatagramSender::MOST_BYTES + 1];
        let slices = [IoSlice::new(&bytes)];
        assert!(sender.send(&[Message { to: &to, slices: &slices, segment: None }]).is_err());
    }

    #[test]
    fn multicast_leaves_by_the_interface_that_was_named() {
        let group = SocketAddr::from((Ipv4Addr::new(239, 255, 77, 2), 9));
        for interface in ["127.0.0.1", "lo"] {
            let options =
                SendOptions { ttl: Some(2), interface: Some(interface.into()), ..SendOptions::default() };
            let mut sender = DatagramSender::new(group, &options).unwrap();
            let to = Destination::from(group);
            let slices = [IoSlice::new(b"to all")];
            sender.send(&[Message { to: &to, slices: &slices, segment: None }]).unwrap();
        }
        let options = SendOptions { interface: Some("no such".into()), ..SendOptions::default() };
        assert!(DatagramSender::new(group, &options).is_err());
    }
}

//! [`Udp`]: datagrams, to one address or to a multicast group. A send is a datagram, whole or lost.
//!
//! ```text
//!   Udp::connect   one peer: what others send is not seen          a group: sends to it, hears answers from anybody
//!   Udp::bind      everything that comes to the address or group   answers go to whoever sent last
//! ```
//! Everybody who sends is a source with a number, made from the address; answers can be sent to each.
//!
//! One system call a datagram. Not for many at a time: that is what `datagrams` is for.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use packhorse_link::{Boundaries, Transport, TransportError};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recvfrom, sendmsg, sendmsg_addr, sendto};
use socket2::{Domain, Protocol, Socket, Type};

use crate::ready::{closed_or, wait};
use crate::tcp::resolve;
use crate::{Duplex, Interface};

/// Headers of IP and UDP in front of a datagram.
const AROUND_V4: usize = 28;
const AROUND_V6: usize = 48;
/// What Ethernet carries.
const ETHERNET: usize = 1500;
/// The longest datagram there is.
const DATAGRAM_MAX: usize = 65_507;
/// Room for what comes in while nobody receives. The system may give less.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Pieces of a datagram that go to the system as they are; more are joined first.
const PIECES: usize = 16;
/// A full queue of the network card is looked at again after so long.
const QUEUE_PAUSE: Duration = Duration::from_micros(200);

/// Datagrams both ways. [`Duplex::split`] gives the halves to two threads.
pub type Udp = Duplex<UdpReceiver, UdpSender>;

/// How a UDP socket is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UdpOptions {
    /// Bytes of the largest datagram that is sent; `None`: what an Ethernet frame carries, 1472 (IPv6: 1452).
    pub mtu: Option<usize>,
    /// How many routers a datagram passes; `None`: what the system says, and 1 for groups.
    pub ttl: Option<u8>,
    /// The interface over which a group is reached; `None`: the system's choice.
    pub interface: Option<Interface>,
    /// Programs on this machine do not hear what it sends to a group.
    pub no_loop: bool,
    /// Bytes that the system holds for sending; `None` leaves that to it.
    pub send_buffer: Option<usize>,
    /// Bytes that the system holds for receiving; `None`: 4 MiB, or what it allows.
    pub receive_buffer: Option<usize>,
}

impl Udp {
    /// Sends to `host`, a name, an address or a multicast group, and hears what it answers.
    ///
    /// ```
    /// use packhorse_link::Transport as _;
    /// use packhorse_transport::{Udp, UdpOptions};
    ///
    /// let options = UdpOptions::default();
    /// let mut there = Udp::bind("127.0.0.1", 0, &options)?;
    /// let mut here = Udp::connect("127.0.0.1", there.local_addr()?.port(), &options)?;
    /// here.send(b"ping")?;
    /// let mut into = [0; 1472];
    /// assert_eq!(there.receive(&mut into)?, 4);
    /// there.send(b"pong!")?;
    /// assert_eq!(here.receive(&mut into)?, 5);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the name is not known or the system refuses. Whether anybody is there cannot be known.
    pub fn connect(host: &str, port: u16, options: &UdpOptions) -> Result<Self> {
        let host = if host.is_empty() { "localhost" } else { host };
        let unknown = || Error::new(ErrorKind::InvalidInput, "the name has no address");
        let to = resolve(host, port)?.next().ok_or_else(unknown)?;
        let socket = open(to, options)?;
        if to.ip().is_multicast() {
            // Answers come from members, not from the group.
            socket.bind(&any(to).into())?;
            return Ok(Self::over(socket, to, options, Peer::Fixed(to)));
        }
        socket.connect(&to.into())?;
        Ok(Self::over(socket, to, options, Peer::Connected))
    }

    /// Receives what is sent to `host`: an address of this machine, nothing for all of them, or a multicast group, which
    /// is joined. Port 0 is any that is free. Sending answers whoever sent last.
    ///
    /// # Errors
    /// When the name is not known, the address is taken or not one of this machine, or the group cannot be joined.
    pub fn bind(host: &str, port: u16, options: &UdpOptions) -> Result<Self> {
        let all: [SocketAddr; 2] =
            [(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()];
        let addresses = if host.is_empty() { all.to_vec() } else { resolve(host, port)?.collect() };
        let mut last = None;
        for at in addresses {
            match bind_to(at, options) {
                Ok(socket) => {
                    return Ok(Self::over(socket, at, options, Peer::Heard(Arc::default())));
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::InvalidInput, "the name has no address")))
    }

    fn over(socket: Socket, address: SocketAddr, options: &UdpOptions, peer: Peer) -> Self {
        let around = if address.is_ipv4() { AROUND_V4 } else { AROUND_V6 };
        let mtu = options.mtu.unwrap_or(ETHERNET - around).min(DATAGRAM_MAX);
        let socket = Arc::new(OwnedFd::from(socket));
        let heard = if let Peer::Heard(heard) = &peer { Some(Arc::clone(heard)) } else { None };
        Self::new(
            UdpReceiver { socket: Arc::clone(&socket), blocking: true, timeout: None, source: None, heard },
            UdpSender { socket, blocking: true, mtu, peer, refused: Arc::default(), joined: Vec::new() },
        )
    }

    /// Where it receives.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let address = rustix::net::getsockname(&*self.receiver.socket)?;
        SocketAddr::try_from(address).map_err(Error::from)
    }

    /// Whether sending and receiving wait, or return [`TransportError::WouldBlock`].
    pub fn set_blocking(&mut self, blocking: bool) {
        self.receiver.set_blocking(blocking);
        self.sender.set_blocking(blocking);
    }
}

/// Whom a sender sends to.
#[derive(Clone, Debug)]
enum Peer {
    /// The socket knows.
    Connected,
    Fixed(SocketAddr),
    /// Whoever sent last, once somebody has, or who was named.
    Heard(Arc<Mutex<Heard>>),
}

/// Those who have sent, in what order.
#[derive(Debug, Default)]
struct Heard {
    /// Where answers go.
    to: Option<SocketAddr>,
    /// Sources whose number is not their address: the newest behind the oldest, at most [`HEARD_MAX`].
    long: VecDeque<(u64, SocketAddr)>,
}

impl Heard {
    fn hear(&mut self, address: SocketAddr) {
        self.to = Some(address);
        let number = number_of(address);
        if number & LONG != 0 && !self.long.iter().any(|(known, _)| *known == number) {
            if self.long.len() >= HEARD_MAX {
                self.long.pop_front();
            }
            self.long.push_back((number, address));
        }
    }

    fn address(&self, number: u64) -> Option<SocketAddr> {
        if number & LONG != 0 {
            return self.long.iter().find(|(known, _)| *known == number).map(|(_, address)| *address);
        }
        let [_, _, a, b, c, d, high, low] = number.to_be_bytes();
        Some((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
    }
}

/// The bit of numbers that stand for IPv6 addresses, which are too long to be one.
const LONG: u64 = 1 << 63;
/// Most IPv6 sources that can be answered.
const HEARD_MAX: usize = 256;

/// An address as a number. IPv6: a hash of it; who makes one up that is equal gets answers that are of no use.
fn number_of(address: SocketAddr) -> u64 {
    let port = u64::from(address.port());
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => u64::from(u32::from(ip)) << 16 | port,
        // FNV-1a, 64 bits.
        IpAddr::V6(ip) => {
            let bytes = ip.octets().into_iter().chain(address.port().to_be_bytes());
            let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
            });
            hash | LONG
        }
    }
}

/// The half that receives. Sending on it is [`TransportError::Closed`].
#[derive(Debug)]
pub struct UdpReceiver {
    socket: Arc<OwnedFd>,
    blocking: bool,
    timeout: Option<Duration>,
    source: Option<SocketAddr>,
    heard: Option<Arc<Mutex<Heard>>>,
}

/// The half that sends. Receiving on it is [`TransportError::Closed`].
#[derive(Debug)]
pub struct UdpSender {
    socket: Arc<OwnedFd>,
    blocking: bool,
    mtu: usize,
    peer: Peer,
    refused: Arc<AtomicU64>,
    /// A datagram of too many pieces is joined here.
    joined: Vec<u8>,
}

impl UdpReceiver {
    /// Whether receiving waits, or returns [`TransportError::WouldBlock`] when nothing is there.
    pub fn set_blocking(&mut self, blocking: bool) {
        self.blocking = blocking;
    }

    /// Receiving waits at most so long, then returns [`TransportError::WouldBlock`]; `None`: as long as it takes.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// Who sent the datagram that was received last.
    #[must_use]
    pub fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    /// Waits until receiving would not, at most `timeout` (`None`: as long as it takes). False when the time is over.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        wait(self.socket.as_fd(), PollFlags::IN, timeout)
    }
}

impl UdpSender {
    /// Whether sending waits for room, or returns [`TransportError::WouldBlock`] when there is none.
    pub fn set_blocking(&mut self, blocking: bool) {
        self.blocking = blocking;
    }

    /// How often the other machine has said that nobody receives there. The datagrams count as sent.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The same, counted on while the sender is in use elsewhere.
    #[must_use]
    pub fn refusals(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.refused)
    }

    /// Sends one datagram to `to`, whoever the peer is.
    ///
    /// # Errors
    /// As [`Transport::send`].
    pub fn send_to(
        &mut self,
        bytes: &[u8],
        to: SocketAddr,
    ) -> core::result::Result<(), TransportError<Error>> {
        self.check(bytes.len())?;
        let socket = Arc::clone(&self.socket);
        self.insist(|| sendto(&*socket, bytes, FLAGS, &to))
    }

    fn check(&self, len: usize) -> core::result::Result<(), TransportError<Error>> {
        if len > self.mtu { Err(TransportError::TooLong { len, most: self.mtu }) } else { Ok(()) }
    }

    fn datagram(&mut self, slices: &[IoSlice<'_>]) -> core::result::Result<(), TransportError<Error>> {
        let socket = Arc::clone(&self.socket);
        let to = match &self.peer {
            Peer::Connected => None,
            Peer::Fixed(to) => Some(*to),
            Peer::Heard(heard) => {
                // Nobody to answer yet: as if the datagram had been lost.
                let Some(to) = lock(heard).to else { return Ok(()) };
                Some(to)
            }
        };
        let control = &mut SendAncillaryBuffer::default();
        self.insist(|| match to {
            None => sendmsg(&*socket, slices, control, FLAGS),
            Some(to) => sendmsg_addr(&*socket, &to, slices, control, FLAGS),
        })
    }

    fn insist(
        &mut self,
        mut call: impl FnMut() -> rustix::io::Result<usize>,
    ) -> core::result::Result<(), TransportError<Error>> {
        loop {
            match call() {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                // About an earlier datagram; this one was not sent yet.
                Err(Errno::CONNREFUSED) => _ = self.refused.fetch_add(1, Ordering::Relaxed),
                Err(Errno::AGAIN | Errno::NOBUFS) if !self.blocking => {
                    return Err(TransportError::WouldBlock);
                }
                Err(Errno::AGAIN) => {
                    wait(self.socket.as_fd(), PollFlags::OUT, None).map_err(TransportError::Io)?;
                }
                Err(Errno::NOBUFS) => std::thread::sleep(QUEUE_PAUSE),
                Err(errno) => return Err(closed_or(errno.into())),
            }
        }
    }
}

const FLAGS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

impl AsFd for UdpReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsFd for UdpSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Transport for UdpReceiver {
    type Error = Error;

    /// The longest datagram there is: whoever sends may have another MTU.
    fn mtu(&self) -> usize {
        DATAGRAM_MAX
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }
    fn send(&mut self, _bytes: &[u8]) -> core::result::Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }
    fn send_gather(&mut self, _pieces: &[&[u8]]) -> core::result::Result<(), TransportError<Error>> {
        Err(TransportError::Closed)
    }

    fn receive(&mut self, into: &mut [u8]) -> core::result::Result<usize, TransportError<Error>> {
        let waits = self.blocking && self.timeout.is_none();
        let flags = RecvFlags::TRUNC | if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        loop {
            match recvfrom(&*self.socket, &mut *into, flags) {
                Ok((most, len, source)) => {
                    self.source = source.and_then(|source| SocketAddr::try_from(source).ok());
                    if let (Some(heard), Some(source)) = (&self.heard, self.source) {
                        lock(heard).hear(source);
                    }
                    return if len > most { Err(TransportError::TooLong { len, most }) } else { Ok(len) };
                }
                // About something that was sent: receiving goes on.
                Err(Errno::INTR | Errno::CONNREFUSED) => {}
                Err(Errno::AGAIN) if !self.blocking => return Err(TransportError::WouldBlock),
                Err(Errno::AGAIN) => {
                    if !self.wait(self.timeout).map_err(TransportError::Io)? {
                        return Err(TransportError::WouldBlock);
                    }
                }
                Err(errno) => return Err(closed_or(errno.into())),
            }
        }
    }

    fn source(&self) -> u64 {
        self.source.map_or(0, number_of)
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transport for UdpSender {
    type Error = Error;

    fn mtu(&self) -> usize {
        self.mtu
    }
    fn boundaries(&self) -> Boundaries {
        Boundaries::Packets
    }
    fn send(&mut self, bytes: &[u8]) -> core::result::Result<(), TransportError<Error>> {
        self.check(bytes.len())?;
        self.datagram(&[IoSlice::new(bytes)])
    }
    fn send_gather(&mut self, pieces: &[&[u8]]) -> core::result::Result<(), TransportError<Error>> {
        self.check(pieces.iter().fold(0, |sum: usize, piece| sum.saturating_add(piece.len())))?;
        if pieces.len() > PIECES {
            let mut joined = core::mem::take(&mut self.joined);
            joined.clear();
            pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
            let result = self.datagram(&[IoSlice::new(&joined)]);
            self.joined = joined;
            return result;
        }
        let mut slices = [IoSlice::new(&[]); PIECES];
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
        }
        self.datagram(&slices[..pieces.len()])
    }
    fn receive(&mut self, _into: &mut [u8]) -> core::result::Result<usize, TransportError<Error>> {
        Err(TransportError::Closed)
    }

    /// On a socket that was bound; one that was connected has one peer. IPv6: the 256 newest sources.
    fn answer_to(&mut self, source: u64) {
        if let Peer::Heard(heard) = &self.peer {
            let mut heard = lock(heard);
            heard.to = heard.address(source).or(heard.to);
        }
    }
}

/// All addresses of this machine, in the family of `like`, any port.
fn any(like: SocketAddr) -> SocketAddr {
    if like.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() }
}

fn open(address: SocketAddr, options: &UdpOptions) -> Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // The system may give less, or refuse: only losses under load depend on it.
    let _ = socket.set_recv_buffer_size(options.receive_buffer.unwrap_or(RECEIVE_BUFFER));
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(ttl) = options.ttl.map(u32::from) {
        if address.is_ipv4() {
            socket.set_ttl_v4(ttl)?;
            socket.set_multicast_ttl_v4(ttl)?;
        } else {
            socket.set_unicast_hops_v6(ttl)?;
            socket.set_multicast_hops_v6(ttl)?;
        }
    }
    if address.ip().is_multicast() {
        crate::multicast::send_over(&socket, address.ip(), options)?;
    }
    Ok(socket)
}

fn bind_to(address: SocketAddr, options: &UdpOptions) -> Result<Socket> {
    let socket = open(address, options)?;
    if address.ip().is_multicast() {
        // Every receiver on this machine hears the group.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        crate::multicast::join(&socket, address.ip(), options)?;
        return Ok(socket);
    }
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

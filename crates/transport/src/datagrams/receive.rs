//! [`DatagramReceiver`]: datagrams into large buffers, many in a call.
//!
//! ```text
//!   recvmmsg   buffer 0                                 buffer 1            up to BATCH buffers
//!              |datagram|datagram|datagram|last |.....|  |datagram|.......|
//!              |<stride>|<stride>|<stride>|<= s |        GRO put equal datagrams of one sender together
//! ```
//!
//! Buffers of [`DatagramReceiver::BUFFER`] bytes hold whatever the kernel puts together, so no datagram is ever cut.
//! Not for sending, and it keeps no packet: what a buffer holds after a call is the caller's.

use alloc::sync::Arc;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ops::Range;
use core::time::Duration;
use std::io::{Error, ErrorKind, IoSliceMut, Result};
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use quinn_udp::{RecvMeta, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// A UDP socket that receives in batches.
#[derive(Debug)]
pub struct DatagramReceiver {
    socket: UdpSocket,
    state: UdpSocketState,
    meta: [RecvMeta; Self::BATCH],
    woken: OwnedFd,
    waker: ReceiveWaker,
}

/// How a socket is made ready for receiving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// Bytes of the kernel's receive buffer: what may arrive while the receiver is busy. More than the system allows
    /// is asked for with the administrator's rights, and without them cut down to what is allowed.
    pub buffer: usize,
    /// Several sockets may receive on this address; always so for multicast.
    pub share: bool,
    /// The multicast group's interface: an address of it (IPv4) or its name or number (IPv6, also IPv4).
    pub interface: Option<String>,
}

impl Default for ReceiveOptions {
    fn default() -> Self {
        Self { buffer: 8 << 20, share: false, interface: None }
    }
}

/// What one buffer holds after [`DatagramReceiver::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Bytes of all datagrams together.
    pub len: usize,
    /// From the start of one datagram to the start of the next; the last may be shorter.
    pub stride: usize,
    /// Who sent them.
    pub from: SocketAddr,
}

impl Filled {
    /// Where each datagram lies in the buffer. An empty datagram is an empty range.
    pub fn datagrams(self) -> impl Iterator<Item = Range<usize>> + Clone {
        let Self { len, stride, .. } = self;
        let step = stride.max(1);
        (0..len.max(1)).step_by(step).map(move |start| start.min(len)..start.saturating_add(step).min(len))
    }
}

/// Why [`DatagramReceiver::wait`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// There are datagrams.
    Datagrams,
    /// Somebody called [`ReceiveWaker::wake`].
    Woken,
    /// The time is over.
    TimedOut,
}

/// Wakes a [`DatagramReceiver`] that waits, from any thread, once and for all.
#[derive(Clone, Debug)]
pub struct ReceiveWaker(Arc<OwnedFd>);

impl ReceiveWaker {
    /// From now on [`DatagramReceiver::wait`] returns [`Readiness::Woken`].
    pub fn wake(&self) {
        // A pipe that is full has woken already.
        let _ = rustix::io::write(&*self.0, &[1]);
    }
}

impl DatagramReceiver {
    /// Bytes that a buffer should have: no UDP payload, and nothing that GRO puts together, is longer.
    pub const BUFFER: usize = 65_536;
    /// The most buffers that one call fills.
    pub const BATCH: usize = 16;

    /// Receives on `address`; when that is a multicast group, joins it.
    ///
    /// # Errors
    /// What the system says: the address is in use or not this machine's, or the interface does not exist.
    pub fn bind(address: SocketAddr, options: &ReceiveOptions) -> Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        let multicast = address.ip().is_multicast();
        if options.share || multicast {
            socket.set_reuse_address(true)?;
        }
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        if multicast {
            join(&socket, address.ip(), options.interface.as_deref())?;
        }
        Self::from_socket(socket, options.buffer)
    }

    /// Receives on a socket that is bound already. It becomes non-blocking.
    ///
    /// # Errors
    /// What the system says.
    pub fn from_socket(socket: UdpSocket, buffer: usize) -> Result<Self> {
        enlarge(&socket, buffer);
        let state = UdpSocketState::new((&socket).into())?;
        let (woken, waker) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&waker, true)?;
        let meta = [RecvMeta::default(); Self::BATCH];
        Ok(Self { socket, state, meta, woken, waker: ReceiveWaker(Arc::new(waker)) })
    }

    /// Joins one more multicast group.
    ///
    /// # Errors
    /// What the system says, and `InvalidInput` when `interface` is none.
    pub fn join(&self, group: IpAddr, interface: Option<&str>) -> Result<()> {
        join(&self.socket, group, interface)
    }

    /// Fills buffers with what has arrived, and tells how many: never 0. [`filled`](Self::filled) tells what each
    /// holds. At most [`BATCH`](Self::BATCH) are used, in their order.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived, `InvalidInput` for a buffer below [`BUFFER`](Self::BUFFER) bytes, in
    /// which datagrams could be cut, or for no buffer; else what the system says.
    pub fn receive<'a>(&mut self, buffers: impl IntoIterator<Item = &'a mut [u8]>) -> Result<usize> {
        let mut slices: [IoSliceMut<'a>; Self::BATCH] = core::array::from_fn(|_| IoSliceMut::new(&mut []));
        let mut used = 0;
        for (place, buffer) in slices.iter_mut().zip(buffers) {
            if buffer.len() < Self::BUFFER {
                return Err(Error::new(ErrorKind::InvalidInput, "a buffer for datagrams has 65,536 bytes"));
            }
            *place = IoSliceMut::new(buffer);
            used += 1;
        }
        if used == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "no buffer to receive datagrams into"));
        }
        loop {
            let slices = slices.get_mut(..used).unwrap_or_default();
            match self.state.recv((&self.socket).into(), slices, &mut self.meta) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // An earlier datagram of ours found nobody: no news for a receiver.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                result => return result,
            }
        }
    }

    /// What buffer `index` of the last call holds.
    #[must_use]
    pub fn filled(&self, index: usize) -> Filled {
        let meta = self.meta.get(index).copied().unwrap_or_default();
        Filled {
            len: meta.len,
            stride: if meta.stride == 0 { meta.len } else { meta.stride },
            from: meta.addr,
        }
    }

    /// Waits until there are datagrams, somebody wakes this, or `timeout` is over.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Readiness> {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let left = left.map(|left| Timespec::try_from(left).unwrap_or(FOREVER));
            let mut fds = [PollFd::new(&self.woken, PollFlags::IN), PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                Ok(0) => return Ok(Readiness::TimedOut),
                Ok(_) if !fds[0].revents().is_empty() => return Ok(Readiness::Woken),
                Ok(_) => return Ok(Readiness::Datagrams),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What wakes [`wait`](Self::wait) from another thread.
    #[must_use]
    pub fn waker(&self) -> ReceiveWaker {
        self.waker.clone()
    }

    /// Where it receives.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Bytes of the kernel's receive buffer, as the system counts them.
    ///
    /// # Errors
    /// What the system says.
    pub fn buffer_size(&self) -> Result<usize> {
        self.state.recv_buffer_size((&self.socket).into())
    }

    /// Whether the kernel may put several datagrams into one buffer.
    #[must_use]
    pub fn coalesces(&self) -> bool {
        self.state.gro_segments() > 1
    }
}

/// Longer than anybody waits, and within what every system's `poll` takes.
const FOREVER: Timespec = Timespec { tv_sec: 1 << 30, tv_nsec: 0 };

/// Asks for the buffer as an administrator, who may exceed the system's limit; then as anybody.
fn enlarge(socket: &UdpSocket, bytes: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_ok() {
        return;
    }
    // A smaller buffer than asked for is no reason to refuse; `buffer_size` tells.
    let _ = socket2::SockRef::from(socket).set_recv_buffer_size(bytes);
}

fn join(socket: &UdpSocket, group: IpAddr, interface: Option<&str>) -> Result<()> {
    match group {
        IpAddr::V4(group) => match interface.map(str::parse::<Ipv4Addr>) {
            None => socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED),
            Some(Ok(address)) => socket.join_multicast_v4(&group, &address),
            Some(Err(_)) => {
                let index = index(socket, interface.unwrap_or_default())?;
                let by = socket2::InterfaceIndexOrAddress::Index(index);
                socket2::SockRef::from(socket).join_multicast_v4_n(&group, &by)
            }
        },
        IpAddr::V6(group) => {
            let index = interface.map_or(Ok(0), |name| index(socket, name))?;
            socket.join_multicast_v6(&group, index)
        }
    }
}

/// The number of a network interface, from that number or its name.
pub(super) fn index(socket: &UdpSocket, interface: &str) -> Result<u32> {
    if let Ok(number) = interface.parse() {
        return Ok(number);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Ok(number) = rustix::net::netdevice::name_to_index(socket.as_fd(), interface) {
        return Ok(number);
    }
    let _ = socket.as_fd();
    let said = format!("no network interface is called {interface:?}: give its name, number or IPv4 address");
    Err(Error::new(ErrorKind::InvalidInput, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpSocket, DatagramReceiver) {
        let receiver =
            DatagramReceiver::bind((Ipv4Addr::LOCALHOST, 0).into(), &ReceiveOptions::default()).unwrap();
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        sender.connect(receiver.local_address().unwrap()).unwrap();
        (sender, receiver)
    }

    fn all(receiver: &mut DatagramReceiver, wanted: usize) -> Vec<Vec<u8>> {
        let mut memory = vec![vec![0; DatagramReceiver::BUFFER]; 4];
        let mut packets = Vec::new();
        while packets.len() < wanted {
            assert_eq!(receiver.wait(Some(Duration::from_secs(5))).unwrap(), Readiness::Datagrams);
            let used = receiver.receive(memory.iter_mut().map(Vec::as_mut_slice)).unwrap();
            for (index, buffer) in memory.iter().enumerate().take(used) {
                packets.extend(receiver.filled(index).datagrams().map(|range| buffer[range].to_vec()));
            }
        }
        packets
    }

    #[test]
    fn datagrams_of_all_lengths_arrive_whole_and_in_order() {
        let (sender, mut receiver) = pair();
        let lengths = [1, 8, 1472, 9000, 0, 65_507, 3, 40_000];
        for (number, len) in (0_u8..).zip(lengths) {
            sender.send(&vec![number; len]).unwrap();
        }
        let packets = all(&mut receiver, lengths.len());
        for ((number, len), packet) in (0_u8..).zip(lengths).zip(&packets) {
            assert_eq!((packet.len(), packet.iter().all(|byte| *byte == number)), (len, true));
        }
    }

    #[test]
    fn datagrams_put_together_are_taken_apart_and_the_last_may_be_shorter() {
        let from = (Ipv4Addr::LOCALHOST, 1).into();
        let ranges = |len, stride| Filled { len, stride, from }.datagrams().collect::<Vec<_>>();
        assert_eq!(ranges(25, 10), [0..10, 10..20, 20..25]);
        assert_eq!(ranges(20, 10), [0..10, 10..20]);
        assert_eq!(ranges(7, 7), [Range { start: 0, end: 7 }]);
        assert_eq!(ranges(0, 0), [Range { start: 0, end: 0 }]);
    }

    #[test]
    fn waiting_ends_by_time_and_by_being_woken() {
        let (_sender, receiver) = pair();
        assert_eq!(receiver.wait(Some(Duration::from_millis(1))).unwrap(), Readiness::TimedOut);
        let waker = receiver.waker();
        let thread = std::thread::spawn(move || receiver.wait(None).unwrap());
        waker.wake();
        assert_eq!(thread.join().unwrap(), Readiness::Woken);
    }

    #[test]
    fn buffers_that_could_cut_a_datagram_are_refused() {
        let (_sender, mut receiver) = pair();
        let refused = receiver.receive([vec![0; 9200].as_mut_slice()]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert_eq!(receiver.receive([]).unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn a_group_is_joined_by_the_address_and_by_the_name_of_an_interface() {
        let group = Ipv4Addr::new(239, 255, 77, 1);
        for interface in ["127.0.0.1", "lo"] {
            let options =
                ReceiveOptions { interface: Some(interface.to_owned()), ..ReceiveOptions::default() };
            let mut receiver = DatagramReceiver::bind((group, 0).into(), &options).unwrap();
            let sender = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
            sender.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
            let to = receiver.local_address().unwrap();
            sender.send_to(b"to all", &to.into()).unwrap();
            assert_eq!(all(&mut receiver, 1), [b"to all"]);
        }
        let options = ReceiveOptions { interface: Some("no such".to_owned()), ..ReceiveOptions::default() };
        let error = DatagramReceiver::bind((group, 0).into(), &options).unwrap_err();
        assert!(error.to_string().contains("\"no such\""), "{error}");
    }
}

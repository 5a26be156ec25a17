//! Opening the ends of a network channel: who listens, who connects, and what the carrier can have.

use alloc::sync::Arc;
use core::net::IpAddr;

use packhorse_transport::Udp;
use packhorse_transport::tcp::{self, Listener};

use super::dial::{Dial, SILENCE, answer, send, stream, tcp_options, udp_options};
use super::door::Door;
use super::exit::Exit;
use super::greeting::{Greeting, Role};
use super::options::Options;
use super::receiver::{Inbox, Receiver};
use super::sender::Sender;
use super::tcp_inbox::{Limits, TcpInbox};
use super::udp_inbox::UdpInbox;
use super::wire::{AROUND, BODY_MAX, Kind};
use crate::packed::Layout;
use crate::{Address, Mode, ModeName, Mpsc, OpenError, Spsc};

/// The modes that a network can carry.
pub trait Remote: Mode {}
impl Remote for Spsc {}
impl Remote for Mpsc {}

/// What a sender batches on tcp.
const TCP_BATCH: usize = 64 * 1024;
/// What an Ethernet frame carries besides the headers of IPv6 and UDP.
const ETHERNET: usize = 1500 - 48;
/// The longest datagram there is.
const DATAGRAM: usize = 65_507;
/// The longest message on tcp unless said otherwise.
const TCP_MESSAGE: usize = 1 << 20;

/// Opens the sending end. With an empty or wildcard host it listens for the receiver, and what is sent before that
/// waits; otherwise it connects, for [`Options::patience`].
///
/// # Errors
/// [`OpenError`]: nobody is there, or who is there does not fit.
pub fn sender<M: Remote>(address: &Address, options: &Options) -> Result<Sender<M>, OpenError> {
    supports(address, M::NAME)?;
    let (greeting, room) = terms(address, Role::Sender, M::NAME, options)?;
    let (dial, at) = match address {
        Address::Tcp { host, port } if listens(host) => {
            let listener = Listener::bind(host, *port, &tcp_options(options))?;
            let at = listener.local_addr()?;
            (Dial::Listen(Door::new(listener)), Some(at))
        }
        Address::Tcp { host, port } => (Dial::Tcp { host: host.clone(), port: *port }, None),
        Address::Udp { host, port } if !listens(host) => {
            (Dial::Udp { host: host.clone(), port: *port }, None)
        }
        _ => {
            return Err(OpenError::Unsupported(
                "on udp the receiver listens: give the sender a host to send to",
            ));
        }
    };
    Sender::over(dial, greeting, options, room, at)
}

/// Opens the receiving end. With an empty or wildcard host it listens, and senders come while it receives; otherwise
/// it connects to a sender that listens, for [`Options::patience`].
///
/// # Errors
/// [`OpenError`]: nobody is there, or who is there does not fit.
pub fn receiver<M: Remote>(address: &Address, options: &Options) -> Result<Receiver<M>, OpenError> {
    supports(address, M::NAME)?;
    let (greeting, room) = terms(address, Role::Receiver, M::NAME, options)?;
    let exit = Arc::new(Exit::new()?);
    let message = Layout::Aligned.size(greeting.message_max as usize);
    let limits = Limits {
        peers_max: if M::NAME.many_senders() { options.senders_max } else { 1 },
        // The sender may batch more than this end would.
        body_max: message.max(room).max(TCP_BATCH),
        reconnect: options.reconnect,
        keep_open: options.keep_open,
    };
    match address {
        Address::Tcp { host, port } if listens(host) => {
            let listener = Listener::bind(host, *port, &tcp_options(options))?;
            let at = listener.local_addr()?;
            let inbox = TcpInbox::new(Some(listener), greeting, &limits, Arc::clone(&exit));
            Ok(Receiver::over(Inbox::Tcp(Box::new(inbox)), exit, Some(at)))
        }
        Address::Tcp { host, port } => {
            let connection = tcp::connect(host, *port, &tcp_options(options), options.patience)?;
            let (mut stream, mut writer) = stream(connection);
            send(&mut writer, Kind::Hello, 0, 0, &greeting.encode())?;
            let (session, next) = answer(&mut stream, &greeting, options.patience.max(SILENCE))?;
            let mut inbox = TcpInbox::new(None, greeting, &limits, Arc::clone(&exit));
            inbox.join(stream, writer, session, next);
            Ok(Receiver::over(Inbox::Tcp(Box::new(inbox)), exit, None))
        }
        Address::Udp { host, port } if listens(host) => {
            let socket = Udp::bind(host, *port, &udp_options(options))?;
            let at = socket.local_addr()?;
            let (reader, writer) = socket.split();
            exit.back().socket = Some(writer);
            let inbox = UdpInbox::new(reader, greeting, &limits, Arc::clone(&exit));
            Ok(Receiver::over(Inbox::Udp(Box::new(inbox)), exit, Some(at)))
        }
        _ => Err(OpenError::Unsupported(
            "on udp the receiver listens: leave its host empty, as in udp://:9000",
        )),
    }
}

/// Whether the carrier at `address` can have `mode`.
///
/// # Errors
/// [`OpenError::Unsupported`], which says what can.
pub fn supports(address: &Address, mode: ModeName) -> Result<(), OpenError> {
    match address {
        Address::Tcp { .. } | Address::Udp { .. } => match mode {
            ModeName::Spsc | ModeName::Mpsc => Ok(()),
            ModeName::Spmc | ModeName::Mpmc => Err(OpenError::Unsupported(
                "tcp and udp carry spsc and mpsc: many receivers that share messages need memory:// or ipc://",
            )),
            ModeName::Broadcast => Err(OpenError::Unsupported(
                "tcp and udp carry spsc and mpsc: broadcast needs memory:// or ipc://, or one channel a reader",
            )),
        },
        Address::Memory(_) | Address::Ipc(_) => Err(OpenError::Unsupported(
            "net is for tcp:// and udp://: Channel::at opens memory:// and ipc://",
        )),
    }
}

/// Whether a host means "all addresses of this machine".
fn listens(host: &str) -> bool {
    host.is_empty() || host == "*" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

/// What this end says in greeting, and the records that share a packet.
fn terms(
    address: &Address,
    role: Role,
    mode: ModeName,
    options: &Options,
) -> Result<(Greeting, usize), OpenError> {
    let udp = matches!(address, Address::Udp { .. });
    let most = if udp { (DATAGRAM - AROUND) & !7 } else { BODY_MAX } - Layout::Aligned.header();
    let usual = if udp { most } else { TCP_MESSAGE };
    let message_max = options.message_max.unwrap_or(usual);
    if message_max == 0 || message_max > most {
        return Err(OpenError::Capacity { capacity: message_max, least: 1, most });
    }
    let batch = options.batch.unwrap_or(if udp { ETHERNET - AROUND } else { TCP_BATCH });
    // At least one record without bytes, at most what a packet holds.
    let room = batch.clamp(64, if udp { most } else { TCP_BATCH }) & !7;
    let greeting = Greeting {
        role,
        mode,
        kind: options.only,
        message_max: u32::try_from(message_max).unwrap_or(u32::MAX),
        capacity: options.capacity as u64,
        back_pressure: options.back_pressure,
    };
    Ok((greeting, room))
}

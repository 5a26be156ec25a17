//! Datagrams in batches: many packets in one system call, on both ways.
//!
//! A datagram of a few kilobytes costs the kernel more in calls and queues than in copying. Where the system can, a
//! call therefore carries several messages (`sendmmsg`, `recvmmsg`), and a message several datagrams (GSO, GRO);
//! elsewhere the same types work one by one. For streams of samples and messages, which know what their bytes mean;
//! a single link of packets is the `udp` transport.

mod receive;
mod send;
#[cfg(target_os = "linux")]
mod sendmmsg;

pub use receive::{DatagramReceiver, Filled, Readiness, ReceiveOptions, ReceiveWaker};
pub use send::{DatagramSender, Destination, Message, SendOptions, SendStatistics};

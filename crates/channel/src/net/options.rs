//! [`Options`]: how a channel over a network behaves, the same struct for both carriers and both ends.

use core::time::Duration;

use crate::BackPressure;

/// How a channel over tcp or udp behaves. Both ends must agree on [`back_pressure`](Self::back_pressure) and
/// [`only`](Self::only), and the receiver must take messages as long as the sender may send; the greeting sees to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes that wait in a sender at most, besides the batch that is being filled and what the system holds. 1 MiB.
    pub capacity: usize,
    /// Bytes of the longest message. tcp: 1 MiB, at most 16,777,168; udp: what one datagram holds, 65,472.
    pub message_max: Option<usize>,
    /// What happens when a sender finds no room.
    pub back_pressure: BackPressure,
    /// The only type that messages have; `None`: each says its own.
    pub only: Option<u32>,
    /// Bytes of messages that share a packet, rounded to a multiple of 8. tcp: 64 KiB; udp: what one Ethernet frame holds.
    pub batch: Option<usize>,
    /// A message waits for others at most so long, and a little longer where the system's timers are coarse. 100 µs.
    pub max_latency: Duration,
    /// A message that comes so long after the last write does not wait for others at all. 5 µs.
    pub quiet: Duration,
    /// How long opening waits for the other end, where this one connects. 5 s.
    pub patience: Duration,
    /// How long to try again when the connection breaks; `None`: it is an error at once. What was in the system's
    /// hands then is lost, and counted at both ends.
    pub reconnect: Option<Duration>,
    /// How long the last sender, when it goes, waits for what it has sent to be taken. 5 s.
    pub linger: Duration,
    /// The receiver stays when all senders have left, and waits for others. Off.
    pub keep_open: bool,
    /// Senders at most in the modes with many; the others are refused. 64.
    pub senders_max: usize,
    /// tcp: packets leave at once (TCP_NODELAY). On.
    pub nodelay: bool,
    /// Bytes that the system holds for sending; `None` leaves that to it.
    pub send_buffer: Option<usize>,
    /// Bytes that the system holds for receiving; `None` leaves that to it (udp: 4 MiB).
    pub receive_buffer: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            capacity: 1 << 20,
            message_max: None,
            back_pressure: BackPressure::Block,
            only: None,
            batch: None,
            max_latency: Duration::from_micros(100),
            quiet: Duration::from_micros(5),
            patience: Duration::from_secs(5),
            reconnect: None,
            linger: Duration::from_secs(5),
            keep_open: false,
            senders_max: 64,
            nodelay: true,
            send_buffer: None,
            receive_buffer: None,
        }
    }
}

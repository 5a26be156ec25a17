//! A relay for datagrams between two sockets of this machine that loses some of them, the same ones for the same seed.

use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::UdpSocket;
use std::thread::JoinHandle;

/// Datagrams longer than this are cut.
const LONGEST: usize = 65_536;

/// Runs until it is dropped.
pub(super) struct Relay {
    /// Where the sender sends to.
    pub(super) port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Forwards to `receiver` on this machine what comes from elsewhere, and back what comes from there; of both directions
    /// the share `loss` is lost.
    pub(super) fn start(receiver: u16, loss: f64, seed: u64) -> std::io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        let port = socket.local_addr()?.port();
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let thread = std::thread::spawn(move || forward(&socket, receiver, loss, seed, &stop));
        Ok(Self { port, over, thread: Some(thread) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A relay that broke has lost packets, which the transfer tells.
            let _ = thread.join();
        }
    }
}

fn forward(socket: &UdpSocket, receiver: u16, loss: f64, seed: u64, stop: &AtomicBool) {
    let receiver = SocketAddr::from((Ipv4Addr::LOCALHOST, receiver));
    let mut sender = None;
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = vec![0; LONGEST];
    while !stop.load(Ordering::Relaxed) {
        let Ok((len, from)) = socket.recv_from(&mut bytes) else { continue };
        let to = if from == receiver { sender } else { Some(receiver) };
        if from != receiver {
            sender = Some(from);
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let lost = ((state >> 11) as f64) < loss * 9_007_199_254_740_992.0;
        if let (Some(to), false) = (to, lost) {
            // Lost is lost.
            let _ = socket.send_to(bytes.get(..len).unwrap_or_default(), to);
        }
    }
}

//! What a sender does with answers: any bytes as ACKs, in any order, while it sends.
//!
//! ```text
//!   | mode: acknowledged or fountain | then   step   | len | ACK ... |   step   | len | ACK ... |   ...
//!   step   packets that are sent first, and how much time passes
//! ```
//! The session and the receiver of an ACK are put right where bit 7 of its step says so: few random ones fit.
//!
//! Promises: no panic; nothing is done of which no answer said that it is verified; no more is sent than windows and lists, which are
//! bounded, allow for one answer.

use core::time::Duration;
use std::io;

use packhorse::Native;
use packhorse::application::{Growth, ObjectSource, Offer, SendEvent, SendPlan, SendSession};
use packhorse_buffer::Instant;
use packhorse_transfer::{AckState, Control, ControlCodec as _, ObjectKind, SenderConfig, native};

const SESSION: u64 = 9;
/// Packets that one answer can make a sender send, and that go out without any.
const PACKETS_MAX: usize = 20_000;

/// Any bytes as answers.
pub fn answers(data: &[u8]) {
    let Some((&mode, mut rest)) = data.split_first() else { return };
    let config = if mode & 1 == 0 { SenderConfig::arq() } else { SenderConfig::fountain(Some(10)) };
    let mut session = SendSession::<Native, Zeroes>::new(SendPlan {
        config,
        block: 16,
        answers: true,
        session: SESSION,
        objects: 3,
        patience: Duration::from_secs(30),
        loss: None,
        fit: None,
    });
    let mut now = Instant::from_millis(1);
    for (name, size) in [("a", 700_u64), ("b", 0), ("c", 16)] {
        let offer = Offer {
            name: name.to_owned(),
            kind: ObjectKind::File,
            size: Some(size),
            compression: None,
            hash: Some([0; 32]),
            mode: None,
            modified: None,
            source: Zeroes,
        };
        session.offer(now, offer).expect("it can be sent");
    }
    session.finish();
    let mut verified = [false; 3];
    send(&mut session, now, PACKETS_MAX);
    while let Some((&[step, len], after)) = rest.split_first_chunk() {
        let (message, after) = after.split_at(after.len().min(usize::from(len)));
        rest = after;
        now = now + Duration::from_millis(u64::from(step & 0x0F) * 50);
        let mut message = message.to_vec();
        if step & 0x80 != 0 && message.len() >= 16 {
            message[..2].copy_from_slice(&[2, 1]);
            message[4..16].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1]);
        }
        if let Ok(Control::Ack(ack)) = native::Codec::decode(&message) {
            for entry in ack.entries().filter(|entry| entry.state == AckState::Verified) {
                if let Some(known) = usize::try_from(entry.index).ok().and_then(|at| verified.get_mut(at)) {
                    *known = true;
                }
            }
        }
        session.handle_answer(now, &message);
        if !send(&mut session, now, PACKETS_MAX) {
            return;
        }
        while let Some(event) = session.poll_event() {
            if let SendEvent::Done { index, .. } = event {
                let known = usize::try_from(index).ok().and_then(|at| verified.get(at));
                assert_eq!(known, Some(&true), "object {index} is done, and nobody said so");
            }
        }
    }
}

/// Sends what may go. False when the session is over.
fn send(session: &mut SendSession<Native, Zeroes>, now: Instant, most: usize) -> bool {
    let mut memory = Vec::new();
    for _ in 0..most {
        let len = match session.poll_transmit(now, &mut memory, 0) {
            Ok(Some(packet)) => packet.len(),
            Ok(None) => return true,
            // Nobody answered for too long.
            Err(_) => return false,
        };
        session.sent(now, u32::try_from(len).expect("packets are short"));
    }
    panic!("{most} packets at one moment");
}

/// An object of zeroes.
struct Zeroes;

impl ObjectSource for Zeroes {
    fn read_at(&mut self, _offset: u64, into: &mut [u8]) -> io::Result<()> {
        into.fill(0);
        Ok(())
    }

    fn hash(&mut self) -> io::Result<Option<[u8; 32]>> {
        Ok(Some([0; 32]))
    }

    fn grow(&mut self, _keep: u64) -> io::Result<Growth> {
        Ok(Growth { available: 0, whole: true })
    }
}

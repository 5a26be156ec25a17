//! What a sender makes of the answers of several receivers, and a receiver tells that cannot go on.

#![allow(
    clippy::unwrap_used,
    clippy::std_instead_of_alloc,
    reason = "a failed unwrap is the failure of the test"
)]

use core::cell::Cell;
use core::time::Duration;
use std::io;
use std::rc::Rc;

use packhorse::Native;
use packhorse::application::{
    Event, Growth, ObjectSource, Offer, Profile, ReceiveSession, SendEvent, SendPlan, SendSession,
};
use packhorse_buffer::{Instant, Layer as _, PacketBuf};
use packhorse_transfer::{
    Ack, AckState, AckWriter, Control, ControlCodec as _, ObjectKind, SenderConfig, native,
};

const SESSION: u64 = 9;

/// Zeroes; of a stream, so many have come, and from which on they are kept.
#[derive(Clone, Default)]
struct Zeroes {
    come: u64,
    kept: Rc<Cell<u64>>,
}

impl ObjectSource for Zeroes {
    fn read_at(&mut self, _offset: u64, into: &mut [u8]) -> io::Result<()> {
        into.fill(0);
        Ok(())
    }
    fn hash(&mut self) -> io::Result<Option<[u8; 32]>> {
        Ok(Some([0; 32]))
    }
    fn grow(&mut self, keep: u64) -> io::Result<Growth> {
        self.kept.set(keep);
        Ok(Growth { available: self.come, whole: false })
    }
}

/// A session that has sent its only object, of 700 bytes; how many packets; and the packets.
fn sent(config: SenderConfig) -> (SendSession<Native, Zeroes>, u32, Vec<Vec<u8>>) {
    let mut session = session(config, ObjectKind::File, Some(700), Zeroes::default());
    let packets = send_all(&mut session);
    (session, u32::try_from(packets.len()).unwrap(), packets)
}

/// A session with one object.
fn session(
    config: SenderConfig,
    kind: ObjectKind,
    size: Option<u64>,
    source: Zeroes,
) -> SendSession<Native, Zeroes> {
    let mut session = SendSession::new(SendPlan {
        config,
        block: 64,
        answers: true,
        session: SESSION,
        objects: 1,
        patience: Duration::from_secs(30),
        loss: None,
        fit: None,
    });
    let offer = Offer {
        name: "a".to_owned(),
        kind,
        size,
        compression: None,
        hash: Some([0; 32]),
        mode: None,
        modified: None,
        source,
    };
    session.offer(at(1), offer).unwrap();
    session.finish();
    session
}

/// Sends what may go now.
fn send_all(session: &mut SendSession<Native, Zeroes>) -> Vec<Vec<u8>> {
    let (mut memory, mut packets) = (Vec::new(), Vec::new());
    while let Some(packet) = session.poll_transmit(at(1), &mut memory, 0).unwrap() {
        packets.push(packet.as_slice().to_vec());
        let len = u32::try_from(packets.last().unwrap().len()).unwrap();
        session.sent(at(1), len);
    }
    packets
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A receiver says that it has seen packet `sequence`, and how the object stands with it.
fn answer(session: &mut SendSession<Native, Zeroes>, receiver: u32, sequence: u32, state: AckState) {
    let mut list = [0; 64];
    let mut writer = AckWriter::new(&mut list);
    assert!(writer.entry((0, state), false, 0, core::iter::empty()));
    tell(session, receiver, sequence, writer.finish());
}

/// The same of a stream: the blocks before `end` have come, and of the first `lacks` source blocks a symbol each is lacking.
fn symbols(session: &mut SendSession<Native, Zeroes>, receiver: u32, sequence: u32, end: u32, lacks: u32) {
    let mut list = [0; 64];
    let mut writer = AckWriter::new(&mut list);
    assert!(writer.entry(
        (0, AckState::Receiving),
        true,
        end,
        (0..lacks).map(|source_block| (source_block, 1))
    ));
    tell(session, receiver, sequence, writer.finish());
}

fn tell(session: &mut SendSession<Native, Zeroes>, receiver: u32, sequence: u32, list: &[u8]) {
    let ack = Ack {
        session_ended: false,
        session: SESSION,
        receiver,
        sequence,
        held_us: 0,
        clock_us: 1000,
        bytes: 500,
        packets: 5,
        damaged: 0,
        list,
    };
    let mut memory = [0; 256];
    let mut buf = PacketBuf::new(&mut memory[..]);
    native::Codec::encode(&Control::Ack(ack), &mut buf).unwrap();
    session.handle_answer(at(20), buf.as_slice());
}

/// What became of the object, if that is clear.
fn outcome(session: &mut SendSession<Native, Zeroes>) -> Option<bool> {
    session.poll_event().map(|event| matches!(event, SendEvent::Done { .. }))
}

#[test]
fn a_receiver_that_fails_does_not_end_the_object_for_another_one() {
    let (mut session, packets, _) = sent(SenderConfig::fountain(Some(10)));
    answer(&mut session, 1, packets - 1, AckState::Receiving);
    answer(&mut session, 2, packets - 1, AckState::Receiving);
    answer(&mut session, 1, packets - 1, AckState::Failed);
    assert_eq!(outcome(&mut session), None, "the second receiver may still get it");
    answer(&mut session, 2, packets - 1, AckState::Verified);
    assert_eq!(outcome(&mut session), Some(false), "and yet not everybody has it");
}

#[test]
fn the_only_receiver_that_fails_ends_it_at_once() {
    for config in [SenderConfig::fountain(Some(10)), SenderConfig::arq()] {
        let (mut session, packets, _) = sent(config);
        answer(&mut session, 1, packets - 1, AckState::Failed);
        assert_eq!(outcome(&mut session), Some(false));
    }
}

#[test]
fn who_tells_of_packets_that_were_never_sent_takes_nobodys_place() {
    let (mut session, packets, _) = sent(SenderConfig::arq());
    answer(&mut session, 7, packets + 1000, AckState::Verified);
    assert_eq!(outcome(&mut session), None);
    answer(&mut session, 8, packets - 1, AckState::Verified);
    assert_eq!(outcome(&mut session), Some(true));
}

#[test]
fn a_receiver_that_cannot_go_on_says_so() {
    let (mut session, _, packets) = sent(SenderConfig::arq());
    let mut receiver = ReceiveSession::<Native>::new(at(2), Some(5));
    let mut failed = 0;
    let mut watch = |event: Event<'_>| failed += u32::from(matches!(event, Event::Failed { .. }));
    for packet in &packets {
        let mut packet = packet.clone();
        receiver.handle_packet(at(2), 1, &mut packet, 0, &mut watch);
    }
    receiver.give_up(at(30), "no space is left", &mut watch);
    let mut memory = Vec::new();
    let (_, mut told) = receiver.poll_transmit(at(30), &mut memory, 0).unwrap();
    <Native as Profile>::stack().pull(&mut told).unwrap();
    session.handle_answer(at(40), told.as_slice());
    assert_eq!((failed, outcome(&mut session)), (1, Some(false)));
}

#[test]
fn a_stream_keeps_what_some_receiver_may_ask_for_and_no_more() {
    let (come, kept) = (1 << 20, Rc::new(Cell::new(0)));
    let source = Zeroes { come, kept: Rc::clone(&kept) };
    let mut session = session(SenderConfig::fountain(Some(0)), ObjectKind::Stream, None, source);
    // As much is under way as both receivers have told of.
    let group = 4 * 2048_u32;
    let mut sent = 0;
    while sent < group + 100 {
        let more = u32::try_from(send_all(&mut session).len()).unwrap();
        assert!(more > 0, "{sent} packets");
        sent += more;
        symbols(&mut session, 1, sent - 1, 100, 0);
        symbols(&mut session, 2, sent - 1, 100, 0);
    }
    symbols(&mut session, 1, sent - 1, group + 50, 0);
    symbols(&mut session, 2, sent - 1, group + 50, 1);
    send_all(&mut session);
    assert_eq!(kept.get(), 0, "the second receiver lacks something");
    symbols(&mut session, 2, sent - 1, group + 60, 0);
    send_all(&mut session);
    assert_eq!(kept.get(), u64::from(group) * 64, "the first group is not needed any more");
    // Who comes too late does not spoil the stream for the others.
    symbols(&mut session, 3, sent - 1, 100, 1);
    send_all(&mut session);
    assert_eq!(outcome(&mut session), None);
}

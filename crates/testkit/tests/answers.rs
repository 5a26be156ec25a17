//! What a sender makes of the answers of several receivers, and a receiver tells that cannot go on.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the failure of the test")]

use core::time::Duration;
use std::io;

use packhorse::Native;
use packhorse::application::{
    Event, Growth, ObjectSource, Offer, Profile, ReceiveSession, SendEvent, SendPlan, SendSession,
};
use packhorse_buffer::{Instant, Layer as _, PacketBuf};
use packhorse_transfer::{
    Ack, AckState, AckWriter, Control, ControlCodec as _, ObjectKind, SenderConfig, native,
};

const SESSION: u64 = 9;

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

/// A session that has sent its only object, of 700 bytes; how many packets; and the packets.
fn sent(config: SenderConfig) -> (SendSession<Native, Zeroes>, u32, Vec<Vec<u8>>) {
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
        kind: ObjectKind::File,
        size: Some(700),
        compression: None,
        hash: Some([0; 32]),
        mode: None,
        modified: None,
        source: Zeroes,
    };
    session.offer(at(1), offer).unwrap();
    session.finish();
    let (mut memory, mut packets) = (Vec::new(), Vec::new());
    while let Some(packet) = session.poll_transmit(at(1), &mut memory, 0).unwrap() {
        packets.push(packet.as_slice().to_vec());
        let len = u32::try_from(packets.last().unwrap().len()).unwrap();
        session.sent(at(1), len);
    }
    (session, u32::try_from(packets.len()).unwrap(), packets)
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A receiver says that it has seen packet `sequence`, and how the object stands with it.
fn answer(session: &mut SendSession<Native, Zeroes>, receiver: u32, sequence: u32, state: AckState) {
    let mut list = [0; 64];
    let mut writer = AckWriter::new(&mut list);
    assert!(writer.entry((0, state), false, 0, core::iter::empty()));
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
        list: writer.finish(),
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

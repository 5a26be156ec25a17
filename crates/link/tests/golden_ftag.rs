//! Streams recorded from the original radio toolkit: our framing and check take them apart and give the same bytes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

mod common;

use packhorse_buffer::{Layer, PacketBuf};
use packhorse_link::{Crc16SpiFujitsu, FfStuffing, Framing, LengthCheck, StreamBuf};
use packhorse_testkit::golden;

#[test]
fn recorded_streams_come_back_byte_for_byte() {
    for golden in golden::ftag() {
        let (messages, stats) = common::receive(&mut FfStuffing::ftag(), golden.stream, &[32], 600, |_| true);
        assert_eq!(stats.frames, messages.len() as u64);
        assert_eq!(stats.junk_bytes + stats.short + stats.long + stats.bad_length + stats.overflow, 0);

        let mut check = LengthCheck::<Crc16SpiFujitsu>::new();
        let mut again: Vec<u8> = Vec::new();
        for message in messages {
            let mut buf = PacketBuf::filled(message);
            check.pull(&mut buf).unwrap();
            check.push((), &mut buf).unwrap();
            let mut frame = [0; 514];
            let length = FfStuffing::ftag().enframe(buf.as_slice(), &mut frame).unwrap();
            again.extend(&frame[..length]);
        }
        assert_eq!(again, golden.stream, "{}", golden.name);
        assert_eq!(check.stats().good, stats.frames);
    }
}

#[test]
fn the_blocks_of_recorded_streams_are_the_file() {
    for golden in golden::ftag() {
        let mut buf = StreamBuf::new(golden.stream.to_vec());
        let length = buf.capacity();
        buf.commit(length);
        let mut framing = FfStuffing::ftag();
        let mut file: Vec<u8> = Vec::new();
        let mut next = 0;
        while let Some(message) = buf.next(&mut framing) {
            // length, sequence, channel, block number: a data message of channel 0
            let block = u16::from_be_bytes([message[3], message[4]]);
            if message[2] == 0 && block == next {
                file.extend(&message[5..message.len() - 2]);
                next += 1;
            }
        }
        assert_eq!(file, golden.file, "{}", golden.name);
    }
}

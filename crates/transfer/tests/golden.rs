//! The `ftag` profile against the public toolkit: the streams it recorded come out of our layers byte for byte, and
//! go back in.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use packhorse_buffer::{Instant, Layer, Over, PacketBuf};
use packhorse_link::{Crc16SpiFujitsu, FfStuffing, Framing, LengthCheck, Step};
use packhorse_packet::{Channel, ftag::PacketLayer};
use packhorse_testkit::golden::{self, Golden};
use packhorse_transfer::ftag::{BlockLayer, Codec};
use packhorse_transfer::{
    Bitmap, BlockHeader, BlockSet, BlockSink, BlockSource, Control, ControlCodec, End, HashKind, Layout,
    Meta, MetaVerdict, Receiver, ReceiverEvent, Refused, Sender, SenderConfig, Transmit,
};
use sha2::Digest as _;

type Ftag = Over<BlockLayer, Over<PacketLayer, LengthCheck<Crc16SpiFujitsu>>>;

const NOW: Instant = Instant::ZERO;

fn hash(file: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(file).into()
}

fn layout(golden: &Golden) -> Layout {
    Layout::new(golden.file.len().try_into().unwrap(), Golden::FTAG_BLOCK.into()).unwrap()
}

#[test]
fn sending_gives_the_recorded_bytes() {
    for golden in golden::ftag() {
        let mut source = golden.file;
        let name = golden.file_name();
        let meta = Meta {
            objects: 1,
            block_size: Golden::FTAG_BLOCK.into(),
            size: Some(golden.file.len().try_into().unwrap()),
            hash_kind: HashKind::Sha256,
            hash: Some(hash(golden.file)),
            name: name.as_bytes(),
            ..Meta::default()
        };
        let mut sender = Sender::new(layout(golden), SenderConfig::ftag(Golden::FTAG_REPEATS));
        let (mut stack, mut framing) = (Ftag::default(), FfStuffing::ftag());
        let (mut stream, mut frame) = (Vec::new(), [0; 600]);
        while let Some(transmit) = sender.poll_transmit(NOW) {
            let mut buf = PacketBuf::<[u8; 300]>::for_stack::<Ftag, 249>();
            let (number, control) = match transmit {
                Transmit::Block { number, offset, len } => {
                    source.read_at(offset, buf.put(len.try_into().unwrap()).unwrap()).unwrap();
                    (number, false)
                }
                Transmit::Repair { .. } => unreachable!("ftag has no fountain code"),
                Transmit::Meta => {
                    Codec::encode(&Control::Meta(meta), &mut buf).unwrap();
                    (0, true)
                }
                Transmit::End => {
                    Codec::encode(&Control::End(End::default()), &mut buf).unwrap();
                    (0, true)
                }
            };
            let address = if control { Channel::LINK.control() } else { Channel::LINK.data() };
            stack.push((BlockHeader { tag: 0, number }, (address, ())), &mut buf).unwrap();
            let len = framing.enframe(buf.as_slice(), &mut frame).unwrap();
            sender.sent(NOW, len.try_into().unwrap());
            stream.extend_from_slice(&frame[..len]);
        }
        assert!(sender.is_done());
        assert!(stream == golden.stream, "{} differs from what the toolkit sent", golden.name);
        assert_eq!(sender.stats().wire_bytes, u64::try_from(golden.stream.len()).unwrap());
        assert_eq!(sender.stats().bytes, u64::try_from(golden.file.len()).unwrap());
    }
}

#[test]
fn receiving_gives_the_files() {
    for golden in golden::ftag() {
        let (mut stack, mut framing) = (Ftag::default(), FfStuffing::ftag());
        let mut receiver: Option<Receiver<Bitmap<[u8; 64]>>> = None;
        let mut file = vec![0xA5; golden.file.len()];
        let mut stream = golden.stream.to_vec();
        let mut rest: &mut [u8] = &mut stream;
        let mut events = Vec::new();
        while let Step::Frame { packet, consumed } = framing.deframe(rest) {
            let (bytes, behind) = core::mem::take(&mut rest).split_at_mut(consumed);
            rest = behind;
            let mut buf = PacketBuf::filled(&mut bytes[packet]);
            let (block, (arrival, ())) = stack.pull(&mut buf).unwrap();
            assert_eq!(arrival.address.channel, Channel::LINK);
            if !arrival.address.control {
                match receiver.as_mut().unwrap().handle_block(NOW, block.number, buf.len()) {
                    Ok(place) => file.as_mut_slice().write_at(place.offset, buf.as_slice()).unwrap(),
                    Err(refused) => assert_eq!(refused, Refused::Repeat),
                }
            } else {
                match (Codec::decode(buf.as_slice()).unwrap(), &mut receiver) {
                    (Control::Meta(meta), Some(receiver)) => {
                        assert_eq!(receiver.handle_meta(NOW, &meta), MetaVerdict::Same);
                    }
                    (Control::Meta(meta), none) => {
                        assert_eq!(meta.name, golden.file_name().as_bytes());
                        *none = Some(Receiver::new(&meta, Bitmap::new([0; 64]), NOW).unwrap());
                    }
                    (Control::End(end), receiver) => {
                        receiver.as_mut().unwrap().handle_end(NOW, &end);
                    }
                    (other, _) => panic!("{other:?}"),
                }
            }
            while let Some(event) = receiver.as_mut().and_then(Receiver::poll_event) {
                events.push(event);
            }
        }
        assert_eq!(events, [ReceiverEvent::Started, ReceiverEvent::Complete], "{}", golden.name);
        let receiver = receiver.unwrap();
        assert_eq!(file, golden.file);
        assert_eq!(receiver.hash(), Some(hash(golden.file)));
        assert_eq!(receiver.blocks().count(), layout(golden).blocks());
        assert_eq!(receiver.stats().repeats, 3 * u64::from(layout(golden).blocks()));
    }
}

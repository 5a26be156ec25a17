//! Layers composed over an in-memory loopback: first one packet, then a whole object over a link that loses packets.
//!
//! Everything in `packet` runs without std and without an allocator. Not shown here: files and threads (`pipe`).

// ANCHOR: packet
use core::error::Error;

use packhorse::buffer::{Layer as _, Over, PacketBuf};
use packhorse::link::{Check, Crc32c, Transport as _};
use packhorse::packet::{Channel, native::PacketLayer};
use packhorse::transfer::{BlockHeader, native::BlockLayer};
use packhorse::transport::Loopback;

type Stack = Over<BlockLayer, Over<PacketLayer, Check<Crc32c>>>;

fn one_packet() -> Result<(), Box<dyn Error>> {
    let (mut near, mut far) = (Stack::default(), Stack::default());
    let mut link = Loopback::<64, 4>::new();

    // 6 + 6 bytes of headers, 5 of payload, 4 of check: with [u8; 20] this does not compile.
    let mut packet = PacketBuf::<[u8; 21]>::for_stack::<Stack, 5>();
    packet.put_slice(b"hello")?;
    let header = BlockHeader { tag: 7, number: 0 };
    near.push((header, (Channel::TRANSFER.data(), ())), &mut packet)?;
    link.send(packet.as_slice())?;

    let mut memory = [0; 64];
    let length = link.receive(&mut memory)?;
    let mut packet = PacketBuf::filled(&mut memory[..length]);
    let (header, (arrival, ())) = far.pull(&mut packet)?;
    assert_eq!((header.tag, arrival.address), (7, Channel::TRANSFER.data()));
    assert_eq!(packet.as_slice(), b"hello");
    Ok(())
}
// ANCHOR_END: packet

// ANCHOR: object
use packhorse::application::integrity::Hasher;
use packhorse::buffer::Instant;
use packhorse::packet::Fragment;
use packhorse::transfer::native::Codec;
use packhorse::transfer::{
    Bitmap, BlockSink as _, BlockSource as _, Control, ControlCodec as _, End, HashKind, Layout, Meta,
    Receiver, ReceiverEvent, Sender, SenderConfig, Transmit,
};
use packhorse::transport::{Faults, Faulty};

/// Sends `object` in blocks of 64 bytes, each three times, over a link that loses one packet in ten.
fn one_object(mut object: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let (mut near, mut far) = (Stack::default(), Stack::default());
    let faults = Faults { drop: 0.1, ..Faults::NONE };
    let mut link = Faulty::with_memory(Loopback::<256, 4>::new(), 2026, &faults, [0; 512])?;

    let mut hasher = Hasher::new(HashKind::Blake3);
    hasher.update(object);
    let layout = Layout::new(object.len() as u64, 64)?;
    let meta = Meta {
        object_id: 7,
        block_size: layout.block_size(),
        size: Some(layout.size()),
        hash: Some(hasher.finish()),
        name: b"picture.raw",
        ..Meta::default()
    };
    let mut sender = Sender::new(layout, SenderConfig::repeat(2));
    let mut receiver = None;
    let mut received = vec![0; object.len()];

    // Nothing is paced here, so the time does not matter, and the sender pauses only when it is done.
    let now = Instant::ZERO;
    while let Some(transmit) = sender.poll_transmit(now) {
        let mut packet = PacketBuf::<[u8; 256]>::for_stack::<Stack, 200>();
        let whole = Fragment::whole(0).to_word();
        let (address, number) = match transmit {
            Transmit::Block { number, offset, len } => {
                object.read_at(offset, packet.put(len as usize)?)?;
                (Channel::TRANSFER.data(), number)
            }
            // What a fountain code adds; this sender has none.
            Transmit::Repair { .. } => continue,
            Transmit::Meta => {
                Codec::encode(&Control::Meta(meta), &mut packet)?;
                (Channel::TRANSFER.control(), whole)
            }
            Transmit::End => {
                let end = End { object_id: meta.object_id, size: meta.size, hash: meta.hash };
                Codec::encode(&Control::End(end), &mut packet)?;
                (Channel::TRANSFER.control(), whole)
            }
        };
        let header = BlockHeader { tag: meta.tag(), number };
        near.push((header, (address, ())), &mut packet)?;
        link.send(packet.as_slice())?;
        sender.sent(now, u32::try_from(packet.len())?);

        // The other end of the link, in the same thread.
        let mut memory = [0; 256];
        let Ok(length) = link.receive(&mut memory) else { continue };
        let mut packet = PacketBuf::filled(&mut memory[..length]);
        let (header, (arrival, ())) = far.pull(&mut packet)?;
        if arrival.address.control {
            match (Codec::decode(packet.as_slice())?, &mut receiver) {
                (Control::Meta(meta), None) => {
                    receiver = Some(Receiver::new(&meta, Bitmap::new([0; 16]), now)?);
                }
                (Control::Meta(meta), Some(receiver)) => drop(receiver.handle_meta(now, &meta)),
                (Control::End(end), Some(receiver)) => drop(receiver.handle_end(now, &end)),
                _ => {}
            }
        } else if let Some(receiver) = &mut receiver {
            // An error is a repeat, or a block that cannot be: dropped either way.
            if let Ok(place) = receiver.handle_block(now, header.number, packet.len()) {
                (&mut received[..]).write_at(place.offset, packet.as_slice())?;
            }
        }
    }

    let mut receiver = receiver.ok_or("no META arrived")?;
    let mut hasher = Hasher::new(HashKind::Blake3);
    hasher.update(&received);
    assert_eq!(receiver.poll_event(), Some(ReceiverEvent::Started));
    assert_eq!(receiver.poll_event(), Some(ReceiverEvent::Complete));
    assert_eq!(receiver.hash(), Some(hasher.finish()));
    println!(
        "{} packets sent, {} lost, {} blocks received, {} repeats ignored",
        sender.stats().packets,
        link.damage().dropped,
        receiver.stats().blocks,
        receiver.stats().repeats,
    );
    Ok(received)
}
// ANCHOR_END: object

fn main() -> Result<(), Box<dyn Error>> {
    one_packet()?;
    let object: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    assert_eq!(one_object(&object)?, object);
    Ok(())
}

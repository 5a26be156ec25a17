//! One packet walks down the native stack and up again: prints its memory after every step, as the book's tour shows it.
//!
//! `..` is room that no layer has used yet. What is printed is compared with the book, so the two cannot disagree.

use core::error::Error;
use core::fmt::Write as _;

use packhorse::buffer::{Layer as _, PacketBuf};
use packhorse::link::{Check, Crc32c, LengthPrefixed};
use packhorse::packet::{Channel, native::PacketLayer};
use packhorse::transfer::{BlockHeader, native::BlockLayer};

/// 8 + 6 + 6 bytes for headers, 5 for the payload, 4 for the check.
type Packet = PacketBuf<[u8; 29]>;

fn main() -> Result<(), Box<dyn Error>> {
    // ANCHOR: down
    let mut down = String::new();
    let mut packet = Packet::poisoned(20);
    show(&mut down, "room for every header", &packet)?;

    packet.put_slice(b"hello")?;
    show(&mut down, "application: the payload", &packet)?;

    BlockLayer.push(BlockHeader { tag: 0x0007, number: 3 }, &mut packet)?;
    show(&mut down, "transfer: tag 7, block 3", &packet)?;

    PacketLayer::new().push(Channel::TRANSFER.data(), &mut packet)?;
    show(&mut down, "packet: channel 1, sequence number 0", &packet)?;

    Check::<Crc32c>::new().push((), &mut packet)?;
    show(&mut down, "link: CRC-32C behind", &packet)?;

    LengthPrefixed::new(1024).push((), &mut packet)?;
    show(&mut down, "link: PH, version 1, length 21, check", &packet)?;
    // ANCHOR_END: down

    // ANCHOR: up
    let mut up = String::new();
    LengthPrefixed::new(1024).pull(&mut packet)?;
    show(&mut up, "link: the frame header holds", &packet)?;

    Check::<Crc32c>::new().pull(&mut packet)?;
    show(&mut up, "link: the check holds", &packet)?;

    let arrival = PacketLayer::new().pull(&mut packet)?;
    show(&mut up, "packet: whose it is, and in what order", &packet)?;

    let block = BlockLayer.pull(&mut packet)?;
    show(&mut up, "transfer: where it belongs", &packet)?;
    // ANCHOR_END: up

    assert_eq!(arrival.address, Channel::TRANSFER.data());
    assert_eq!((block.tag, block.number), (7, 3));
    assert_eq!(packet.as_slice(), b"hello");
    print!("{down}\n{up}");
    let book = include_str!("../docs/src/tour.md");
    assert!(book.contains(&down) && book.contains(&up), "the tour in the book shows something else");
    Ok(())
}

/// A line for the memory, and one that says what has just happened.
fn show(text: &mut String, what: &str, packet: &Packet) -> core::fmt::Result {
    writeln!(text, "{what}")?;
    let data = packet.range();
    for (at, byte) in packet.storage().iter().enumerate() {
        // The places where one layer's bytes end and the next one's begin.
        let gap = if matches!(at, 0 | 8 | 14 | 20 | 25) { "  " } else { "" };
        match data.contains(&at) {
            true => write!(text, "{gap}{byte:02x}")?,
            false => write!(text, "{gap}..")?,
        }
    }
    writeln!(text)
}

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

// ANCHOR: down
fn down(packet: &mut Packet) -> Result<String, Box<dyn Error>> {
    let mut shown = String::new();
    show(&mut shown, "room for every header", packet)?;

    packet.put_slice(b"hello")?;
    show(&mut shown, "application: the payload", packet)?;

    BlockLayer.push(BlockHeader { tag: 0x0007, number: 3 }, packet)?;
    show(&mut shown, "transfer: tag 7, block 3", packet)?;

    PacketLayer::new().push(Channel::TRANSFER.data(), packet)?;
    show(&mut shown, "packet: channel 1, sequence number 0", packet)?;

    Check::<Crc32c>::new().push((), packet)?;
    show(&mut shown, "link: CRC-32C behind", packet)?;

    LengthPrefixed::new(1024).push((), packet)?;
    show(&mut shown, "link: PH, version 1, length 21, check", packet)?;
    Ok(shown)
}
// ANCHOR_END: down

// ANCHOR: up
fn up(packet: &mut Packet) -> Result<String, Box<dyn Error>> {
    let mut shown = String::new();
    LengthPrefixed::new(1024).pull(packet)?;
    show(&mut shown, "link: the frame header holds", packet)?;

    Check::<Crc32c>::new().pull(packet)?;
    show(&mut shown, "link: the check holds", packet)?;

    let arrival = PacketLayer::new().pull(packet)?;
    assert_eq!(arrival.address, Channel::TRANSFER.data());
    show(&mut shown, "packet: whose it is, and in what order", packet)?;

    let block = BlockLayer.pull(packet)?;
    assert_eq!((block.tag, block.number), (7, 3));
    show(&mut shown, "transfer: where it belongs", packet)?;
    Ok(shown)
}
// ANCHOR_END: up

fn main() -> Result<(), Box<dyn Error>> {
    let mut packet = Packet::poisoned(20);
    let (down, up) = (down(&mut packet)?, up(&mut packet)?);
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
